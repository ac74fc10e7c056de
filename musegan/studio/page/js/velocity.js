// The velocities of the enlarged track, under the roll: a stem a note. Drag over stems to draw them; where notes are
// selected only these change. By keyboard: arrows up and down on the lane, or Alt with them anywhere.

import { geometry, stepOfX, xOfStep } from "./geometry.js";
import { contextOf } from "./labels.js";
import { send } from "./link.js";
import { announce } from "./notice.js";
import { tint } from "./roll.js";
import { changed, css, keyOf, on, store } from "./store.js";

const canvas = document.getElementById("velocities");
const scroller = document.getElementById("scroller");
const readout = document.getElementById("readout");
const HEIGHT = 64; // pixels
const EDGE = 5; // pixels above 127 and below 0
const NEAR = 6; // pixels from a stem that a press takes hold of it
const STEP = 5; // of an arrow key
const drawn = new Map(); // velocities by note that are being drawn, or sent and not yet answered
let last = null; // where the pointer was, in pixels of the piece, while it draws

const levelAt = (y) => clamp(Math.round((1 - (y - EDGE) / (HEIGHT - 2 * EDGE)) * 127));
const clamp = (level) => Math.min(Math.max(level, 1), 127);
const levelOf = (note) => drawn.get(keyOf(note)) ?? note[4];

/** The notes of the lane that can be changed: of the enlarged track, the selected ones where there are some. */
function notesOfLane() {
  const own = store.state.piece.notes.filter((note) => note[0] === store.focus);
  const selected = own.filter((note) => store.selected.has(keyOf(note)));
  return selected.length ? selected : own;
}

function draw() {
  const isShown = store.state !== null && store.focus !== null;
  if (canvas.hidden === isShown) canvas.hidden = !isShown;
  if (!isShown) return;
  const track = store.hello.tracks[store.focus];
  const width = scroller.clientWidth;
  const g = contextOf(canvas, width, HEIGHT);
  const notes = store.state.piece.notes.filter((note) => note[0] === store.focus);
  g.fillStyle = css("--bar-line");
  for (let bar = 0; bar <= store.state.piece.n_bars; bar += 1) {
    g.fillRect(Math.round(bar * geometry.pxPerBar - scroller.scrollLeft), 0, 1, HEIGHT);
  }
  for (const note of notes) {
    const x = xOfStep(note[1]) - scroller.scrollLeft;
    if (x < -NEAR || x > width + NEAR) continue;
    const top = HEIGHT - EDGE - (levelOf(note) / 127) * (HEIGHT - 2 * EDGE);
    g.fillStyle = store.selected.has(keyOf(note)) ? css("--ink") : tint(track.colour, 0.85);
    g.fillRect(x, top, 3, HEIGHT - top);
    g.beginPath();
    g.arc(x + 1.5, top, 3.5, 0, 2 * Math.PI);
    g.fill();
  }
  const levels = notesOfLane().map(levelOf);
  const mean = levels.length ? Math.round(levels.reduce((sum, level) => sum + level, 0) / levels.length) : 0;
  canvas.setAttribute("aria-valuenow", mean);
  canvas.setAttribute("aria-label", `Velocity of ${track.name}`);
}

/** Draw from where the pointer was to where it is: every stem between gets its height. */
function drawTo(event) {
  const box = canvas.getBoundingClientRect();
  const x = event.clientX - box.left + scroller.scrollLeft;
  const [from, to] = [Math.min(last ?? x, x), Math.max(last ?? x, x)];
  const level = levelAt(event.clientY - box.top);
  const found = notesOfLane().filter((note) => xOfStep(note[1]) >= from - NEAR && xOfStep(note[1]) <= to + NEAR);
  const place = stepOfX(x);
  const nearest = Math.min(...found.map((note) => Math.abs(note[1] - place)));
  // A press takes the nearest stem, and all that begin with it; a drag all that it passes.
  const chosen = last === null ? found.filter((note) => Math.abs(note[1] - place) === nearest) : found;
  for (const note of chosen) drawn.set(keyOf(note), level);
  last = x;
  readout.textContent = `velocity ${level}`;
  draw();
}

/** Send the velocities that were drawn: the same notes with other velocities. */
function commit() {
  last = null;
  readout.textContent = "";
  const notes = store.state.piece.notes.filter((note) => drawn.has(keyOf(note)) && levelOf(note) !== note[4]);
  if (!notes.length) {
    drawn.clear();
    return;
  }
  send("edit", {
    remove: notes.map((note) => [note[0], note[1], note[3]]),
    add: notes.map((note) => [...note.slice(0, 4), levelOf(note)]),
  });
}

/** Make the selected notes, of any track, louder or softer; false where none is selected. */
export function changeVelocity(steps, notes = store.state.piece.notes.filter((note) => store.selected.has(keyOf(note)))) {
  if (!notes.length) return false;
  for (const note of notes) drawn.set(keyOf(note), clamp(note[4] + steps * STEP));
  announce(`velocity ${levelOf(notes[0])}`);
  commit();
  return true;
}

export function useVelocity() {
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    drawTo(event);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => last !== null && drawTo(event));
  canvas.addEventListener("pointerup", () => last !== null && commit());
  canvas.addEventListener("pointercancel", () => {
    last = null;
    drawn.clear();
    draw();
  });
  canvas.addEventListener("wheel", (event) => {
    scroller.scrollLeft += event.deltaX || event.deltaY;
  });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    changeVelocity(way, notesOfLane());
  });
  on("state", () => {
    if (last === null) drawn.clear();
  });
  document.addEventListener("drawn", draw);
  on("song", () => changed("view"));
}
