// How surprising the bars are to the model, as a layer of the roll: asked for while it is shown, and anew when notes change.

import { send } from "./link.js";
import { changed, on, store } from "./store.js";

const button = document.getElementById("explain");
const legend = document.getElementById("legend");
const list = document.getElementById("surprises");
const WAIT = 200; // ms without another change until it is asked for
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
  const named = store.isExplaining ? store.heat.named || [] : [];
  list.hidden = !named.length;
  list.replaceChildren(...named.map(line));
}

/** A surprising bar in words, and what can be done about it. */
function line({ track, bar, reason }) {
  const item = document.createElement("li");
  const text = document.createElement("span");
  const redo = document.createElement("button");
  const { name } = store.hello.tracks[track];
  text.textContent = `bar ${bar + 1}: the ${name} ${reason}`;
  redo.className = "small";
  redo.textContent = "redo this";
  redo.setAttribute("aria-label", `Redo bar ${bar + 1} of the ${name}`);
  redo.title = "Compose this bar of this track anew, and nothing else";
  redo.disabled = Boolean(store.state.kept[track]?.[bar]);
  redo.addEventListener("click", () => send("redo_cells", { cells: [[track, bar]] }));
  item.append(text, redo);
  return item;
}

/** What the readout says of a cell: nats for each of its notes and beats. */
export function heatText(place) {
  const surprise = store.isExplaining && store.heat.surprise?.[place.lane.track][place.bar];
  const copied = store.isExplaining ? store.heat.copies?.[place.lane.track][place.bar] ?? -1 : -1;
  const source = copied >= 0 ? ` · as bar ${copied + 1}` : "";
  return (typeof surprise === "number" ? ` · surprise ${surprise.toFixed(2)} nats` : "") + source;
}

export function useHeat() {
  button.addEventListener("click", toggleHeat);
  on("heat", show);
  on("state", show);
  on("state", () => store.heat.surprise || ask()); // what is begun goes on by itself
}
