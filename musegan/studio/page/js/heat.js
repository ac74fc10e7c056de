// How surprising the bars are to the model, as a layer of the roll: asked for while it is shown, and anew when notes change.

import { send } from "./link.js";
import { changed, on, store } from "./store.js";

const button = document.getElementById("explain");
const legend = document.getElementById("legend");
const WAIT = 400; // ms without another change until it is asked for
let timer = 0;

export function toggleHeat() {
  store.isExplaining = !store.isExplaining;
  changed("heat");
  if (!store.heat.is_done) ask();
}

/** Ask for it when nothing has changed for a while. */
function ask() {
  clearTimeout(timer);
  if (!store.isExplaining || store.jam.is_playing || !store.state.piece.notes.length) return;
  timer = setTimeout(() => send("explain"), WAIT);
}

function show() {
  button.classList.toggle("on", store.isExplaining);
  button.setAttribute("aria-pressed", store.isExplaining);
  legend.hidden = !store.isExplaining;
  legend.classList.toggle("waiting", !store.heat.is_done);
}

/** What the readout says of a cell: nats for each of its notes and beats. */
export function heatText(place) {
  const surprise = store.isExplaining && store.heat.surprise?.[place.lane.track][place.bar];
  return typeof surprise === "number" ? ` · surprise ${surprise.toFixed(2)} nats` : "";
}

export function useHeat() {
  button.addEventListener("click", toggleHeat);
  on("heat", show);
  on("state", () => store.heat.surprise || ask()); // what is begun goes on by itself
}
