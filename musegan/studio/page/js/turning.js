// A knob that moves is answered with a sketch, made in few passes; when it rests or is let go, with the music itself.

import { send } from "./link.js";
import { store } from "./store.js";

const REST = 200; // ms without another turn
let last = null; // the turn that has only a sketch
let timer = 0;

/** Ask for a sketch with changed wishes. */
export function turn(changes, gesture) {
  last = { changes, gesture };
  store.holdsLanes = true;
  send("wishes", { ...last, sketch: true });
  clearTimeout(timer);
  timer = setTimeout(rest, REST);
}

/** Ask for the music of the last turn, before anything else is done. */
function rest() {
  clearTimeout(timer);
  if (last) send("wishes", last);
  last = null;
}

for (const kind of ["pointerdown", "pointerup", "keydown"]) document.addEventListener(kind, rest, true);
