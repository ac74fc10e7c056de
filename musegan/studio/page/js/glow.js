// Over the roll: notes that changed glow and fade, those under the playhead light up, and the notes before the last
// change are shown as outlines where that is asked for.

import { boxOf, geometry, RULER } from "./geometry.js";
import { contextOf } from "./labels.js";
import { css, keyOf, on, stepsPerBar, store } from "./store.js";

const canvas = document.getElementById("glow");
const scroller = document.getElementById("scroller");
const FADING = 1800; // ms
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
let shown = null; // the piece that was drawn last
let song = null;
let before = []; // the notes that it had before
let fresh = []; // notes that are new in it
let changedAt = -Infinity;
let byBar = []; // notes by the bars in which they sound
let frame = 0;
let isLit = false;

export const wholeKey = (note) => `${keyOf(note)},${note[2]}`;

function compare() {
  const { piece } = store.state;
  if (piece === shown || (shown && JSON.stringify(piece.notes) === JSON.stringify(shown.notes))) {
    shown = piece;
    return;
  }
  const isOther = song !== store.state.song || !shown?.notes.length;
  const known = new Set((shown?.notes || []).map(wholeKey));
  before = isOther ? [] : shown.notes;
  fresh = isOther ? [] : piece.notes.filter((note) => !known.has(wholeKey(note)));
  [shown, song, changedAt] = [piece, store.state.song, performance.now()];
  byBar = Array.from({ length: piece.n_bars }, () => []);
  for (const note of piece.notes) {
    const last = Math.min(Math.floor((note[1] + note[2] - 1) / stepsPerBar()), piece.n_bars - 1);
    for (let bar = Math.floor(note[1] / stepsPerBar()); bar <= last; bar += 1) byBar[bar].push(note);
  }
  glow();
}

/** Draw the layer now, and again while something fades or sounds. */
export function glow() {
  if (!frame) frame = requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  if (!store.state || !geometry.lanes.length) return;
  const age = performance.now() - changedAt;
  const isFading = age < FADING && fresh.length > 0;
  const isSounding = document.body.classList.contains("sounding");
  const isEmpty = !isFading && !isSounding && !store.showsBefore;
  if (isEmpty && !isLit) return;
  isLit = !isEmpty;
  const g = contextOf(canvas, scroller.clientWidth, scroller.clientHeight);
  g.beginPath();
  g.rect(0, RULER, scroller.clientWidth, scroller.clientHeight);
  g.save();
  g.clip();
  g.translate(-scroller.scrollLeft, -scroller.scrollTop);
  if (store.showsBefore) drawBefore(g);
  if (isFading) drawFresh(g, STILL.matches ? 0.5 : 1 - age / FADING);
  if (isSounding) drawSounding(g);
  g.restore();
  if (isFading || isSounding) glow();
}

function eachBox(notes, act) {
  for (const note of notes) {
    const lane = geometry.lanes[note[0]];
    const box = boxOf(note, lane);
    const isSeen = box.x + box.w > scroller.scrollLeft && box.x < scroller.scrollLeft + scroller.clientWidth;
    if (isSeen && lane.rowOf.has(note[3])) act(box, note);
  }
}

function drawFresh(g, strength) {
  g.strokeStyle = css("--accent");
  g.globalAlpha = strength;
  g.lineWidth = 2;
  eachBox(fresh, ({ x, y, w, h }) => g.strokeRect(x - 1, y - 1, w + 2, Math.max(h, 2) + 2));
  g.globalAlpha = 1;
}

function drawBefore(g) {
  g.strokeStyle = css("--ink-soft");
  g.setLineDash([3, 2]);
  g.lineWidth = 1;
  eachBox(before, ({ x, y, w, h }) => g.strokeRect(x + 0.5, y + 0.5, Math.max(w - 1, 2), Math.max(h - 1, 2)));
  g.setLineDash([]);
}

function drawSounding(g) {
  const step = store.position * stepsPerBar();
  const notes = (byBar[Math.floor(store.position)] || []).filter(
    ([track, start, length]) => start <= step && step < start + (geometry.lanes[track].isDrum ? 3 : length),
  );
  g.fillStyle = css("--ink");
  g.globalAlpha = 0.75;
  eachBox(notes, ({ x, y, w, h }) => g.fillRect(x, y, w, Math.max(h, 2)));
  g.globalAlpha = 1;
}

/** Show or hide what was there before the last change. */
export function toggleBefore() {
  store.showsBefore = !store.showsBefore;
  const button = document.getElementById("before");
  button.classList.toggle("on", store.showsBefore);
  button.setAttribute("aria-pressed", store.showsBefore);
  glow();
}

export function useGlow() {
  on("state", compare);
  document.addEventListener("sounding", glow);
  document.addEventListener("drawn", () => isLit && glow());
  document.getElementById("before").addEventListener("click", toggleBefore);
}
