// Cells and notes by keyboard: while the roll has the focus, a cell is chosen, told and changed.

import { geometry, nameOf } from "./geometry.js";
import { send } from "./link.js";
import { announce } from "./notice.js";
import { commit, select } from "./notes.js";
import { redraw } from "./roll.js";
import { changed, keyOf, on, stepsPerBar, store } from "./store.js";

const scroller = document.getElementById("scroller");

/** Take a key; returns whether it was one of the cells'. */
export function cellKey(event, key) {
  if (event.ctrlKey || event.metaKey || !store.cell) return false;
  const isMove = key.startsWith("Arrow") && !store.selected.size;
  const action = isMove ? move : { k: lock, r: rest, n: nextNote, i: insertNote }[key];
  if (!action) return false;
  event.preventDefault();
  action(event);
  return true;
}

function move(event) {
  const [across, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const { n_bars: nBars } = store.state.piece;
  store.cell.bar = Math.min(Math.max(store.cell.bar + across, 0), nBars - 1);
  store.cell.track = Math.min(Math.max(store.cell.track + down, 0), store.hello.tracks.length - 1);
  reveal();
  announce(cellText());
  redraw();
}

/** Scroll to the chosen cell. */
function reveal() {
  const [left, lane] = [store.cell.bar * geometry.pxPerBar, geometry.lanes[store.cell.track]];
  if (left < scroller.scrollLeft) scroller.scrollLeft = left;
  const over = left + geometry.pxPerBar - scroller.scrollLeft - scroller.clientWidth;
  if (over > 0) scroller.scrollLeft += over;
  if (lane.top + lane.height > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = lane.top - 60;
  if (lane.top < scroller.scrollTop + 60) scroller.scrollTop = lane.top - 60;
}

const trackOf = () => store.hello.tracks[store.cell.track];
const isResting = () => (store.state.asked.rests[trackOf().name] || []).includes(store.cell.bar);
const isLocked = () => store.state.kept[store.cell.track]?.[store.cell.bar];

function notesOfCell() {
  const { track, bar } = store.cell;
  return store.state.piece.notes.filter((note) => note[0] === track && Math.floor(note[1] / stepsPerBar()) === bar);
}

function cellText() {
  const count = notesOfCell().length;
  const kind = isLocked() ? ", locked" : isResting() ? ", rests" : "";
  return `${trackOf().name}, bar ${store.cell.bar + 1}${kind}, ${count} ${count === 1 ? "note" : "notes"}`;
}

const mark = (kind) => send("cells", { kind, cells: [[store.cell.track, store.cell.bar]] });

function lock() {
  announce(`${trackOf().name}, bar ${store.cell.bar + 1}, ${isLocked() ? "free" : "locked"}`);
  mark(isLocked() ? "free" : "keep");
}

function rest() {
  announce(`${trackOf().name}, bar ${store.cell.bar + 1}, ${isResting() ? "free" : "rests"}`);
  mark(isResting() ? "free" : "rest");
}

/** Select the next note of the cell; with Shift the one before. */
function nextNote(event) {
  const notes = notesOfCell();
  if (!notes.length) {
    announce("no notes in this cell");
    return;
  }
  const now = notes.findIndex((note) => store.selected.has(keyOf(note)));
  const next = notes[(now + (event.shiftKey ? -1 : 1) + notes.length) % notes.length];
  select([keyOf(next)]);
  const beat = (next[1] % stepsPerBar()) / store.hello.steps_per_beat + 1;
  announce(`${nameOf(next[3], trackOf().is_drum)}, beat ${Number(beat.toFixed(2))}`);
}

/** Put a beat's note at the start of the cell, at the pitch in the middle of the lane. */
function insertNote() {
  const { track, bar } = store.cell;
  const { pitches, isDrum } = geometry.lanes[track];
  const pitch = isDrum ? pitches.at(-1) : pitches[Math.floor(pitches.length / 2)];
  commit([], [[track, bar * stepsPerBar(), isDrum ? 1 : store.hello.steps_per_beat, pitch, 90]]);
  announce(`${nameOf(pitch, isDrum)} put in; arrow keys move it`);
}

export function useCellCursor() {
  scroller.addEventListener("focus", () => {
    if (!scroller.matches(":focus-visible") || !store.state) return;
    store.cell ??= { track: 0, bar: 0 };
    announce(cellText());
    redraw();
  });
  scroller.addEventListener("blur", () => {
    store.cell = null;
    redraw();
  });
  on("state", () => {
    if (store.cell) store.cell.bar = Math.min(store.cell.bar, store.state.piece.n_bars - 1);
  });
  on("song", () => changed("selection"));
}
