// The keyboard, and the sheet that lists its keys.

import { clearLoop } from "./cells.js";
import { cellKey } from "./cellcursor.js";
import { copyNotes, cutNotes, duplicateNotes, pasteNotes, quantise } from "./clipboard.js";
import { toggleBefore } from "./glow.js";
import { gridSteps } from "./grid.js";
import { toggleHeat } from "./heat.js";
import { send } from "./link.js";
import { deleteSelected, nudge, select, selectAll } from "./notes.js";
import { another, compose } from "./panel.js";
import { stepsPerBar, store } from "./store.js";
import { changeVelocity } from "./velocity.js";
import { seek, togglePlay, toggleLoop, toStart } from "./transport.js";
import { toggleFit, zoom } from "./pointer.js";

const help = document.getElementById("help");

const KEYS = [
  ["Space", "play and stop"],
  ["Enter", "compose what is not locked"],
  ["A", "the next idea"],
  ["V", "eight variations"],
  ["E", "how surprising every bar is to the model"],
  ["← → ↑ ↓", "move the selected notes, or the cursor; with Shift by a bar or an octave"],
  ["In the roll: ← → ↑ ↓", "go from cell to cell, where no note is selected; K locks, R lets it rest"],
  ["In the roll: N, I", "go from note to note of the cell, put a note in"],
  ["Alt ↑ ↓", "make the selected notes louder or softer"],
  ["Ctrl C, X, V", "copy, cut, paste notes at the cursor"],
  ["Ctrl D", "the selected notes once more, right after them"],
  ["Q", "move the selected notes, or those of the enlarged track, to the grid"],
  ["B", "the notes before the last change"],
  ["Delete", "delete the selected notes"],
  ["Ctrl Z, Ctrl Y", "undo, redo"],
  ["Ctrl A, Esc", "select all notes, none; Esc again clears the loop"],
  ["L, Home", "loop on or off, back to the start"],
  ["+ − 0", "zoom in, out; always all bars"],
  ["?", "this sheet"],
  ["Drag on a lane", "draw a note; with Shift select"],
  ["Drag a note", "move it; at its end lengthen it; with Shift off the grid"],
  ["Double click on a note", "delete it"],
  ["Click on the name of a track", "enlarge it, with its velocities under the roll: drag over them"],
  ["Drag on the cells above a lane", "lock or free; with Alt or the right button let it rest"],
  ["Drag on the bar numbers", "choose what is looped; a double click clears it"],
  ["Ctrl and the wheel", "zoom"],
];

function arrow(event) {
  const [across, up] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (event.altKey) {
    if (up) changeVelocity(up);
    return;
  }
  const step = event.shiftKey ? stepsPerBar() : gridSteps();
  if (nudge(across * step, up * (event.shiftKey ? 12 : 1)) || !across) return;
  const bar = store.position + across * (event.shiftKey ? 1 : 1 / store.hello.beats_per_bar);
  const beats = store.hello.beats_per_bar;
  seek(Math.min(Math.max(Math.round(bar * beats) / beats, 0), store.state.piece.n_bars - 1 / beats));
}

const ACTIONS = {
  " ": togglePlay,
  Enter: compose,
  a: another,
  v: () => send("variations"),
  e: toggleHeat,
  b: toggleBefore,
  q: quantise,
  l: toggleLoop,
  Home: toStart,
  Delete: deleteSelected,
  Backspace: deleteSelected,
  Escape: () => (store.selected.size ? select([]) : clearLoop()),
  "+": () => zoom(1.4),
  "=": () => zoom(1.4),
  "-": () => zoom(1 / 1.4),
  0: toggleFit,
  "?": showHelp,
};

const WITH_CONTROL = {
  z: (event) => send(event.shiftKey ? "redo" : "undo"),
  y: () => send("redo"),
  a: selectAll,
  c: copyNotes,
  x: cutNotes,
  v: () => pasteNotes(seek),
  d: duplicateNotes,
};

function press(event) {
  if (!store.state || event.target.closest("input:not([type=range]), select, textarea, dialog[open]")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const isControl = event.ctrlKey || event.metaKey;
  // Space and Enter are the button's that has the focus, arrows the slider's.
  if ((key === " " || key === "Enter") && event.target.closest("button, a, summary")) return;
  if (key.startsWith("Arrow") && event.target.closest("input, [role=slider]")) return;
  if (event.target.closest("#scroller") && cellKey(event, key)) return;
  const action = isControl ? WITH_CONTROL[key] : key.startsWith("Arrow") ? arrow : ACTIONS[key];
  if (!action) return;
  event.preventDefault();
  action(event);
}

export function showHelp() {
  if (!help.open) help.showModal();
}

export function useKeys() {
  const rows = KEYS.map(([key, text]) => {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    const what = document.createElement("td");
    name.textContent = key;
    what.textContent = text;
    row.append(name, what);
    return row;
  });
  help.querySelector("tbody").replaceChildren(...rows);
  help.querySelector("button").addEventListener("click", () => help.close());
  document.getElementById("help-button").addEventListener("click", showHelp);
  document.addEventListener("keydown", press);
  document.addEventListener("click", (event) => {
    // After a click of the mouse the keys are the page's again; from the keyboard the focus stays.
    const button = event.detail > 0 && event.target.closest("button, summary");
    if (button && !button.closest("dialog")) button.blur();
  });
}
