// Draws the piece: ruler, lanes, cells, notes. Only what is in view is drawn, and the lanes only when they change.

import { contextOf, drawLabels } from "./labels.js";
import { RULER, STRIP, boxOf, geometry, layOut } from "./geometry.js";
import { levelOf } from "./mixer.js";
import { css, keyOf, on, stepsPerBar, store } from "./store.js";
import { clearTiles, drawTiles } from "./tiles.js";

const scroller = document.getElementById("scroller");
const stage = document.querySelector(".stage");
const spacer = document.getElementById("spacer");
const canvas = document.getElementById("roll");
const cursor = document.getElementById("cursor");
const BLACK = new Set([1, 3, 6, 8, 10]);
let frame = 0;
let labelled = null; // how far down the labels were when they were drawn
export const ghost = { notes: [], box: null, cells: null }; // what a gesture would do, drawn over the rest

/** Draw anew in the next frame. */
export function redraw() {
  clearTiles();
  labelled = null;
  drawSoon();
}

function drawSoon() {
  if (!frame) frame = requestAnimationFrame(draw);
}

export function relayout() {
  if (!store.state) return;
  layOut(scroller.clientWidth, scroller.clientHeight);
  const foot = stage.clientHeight - stage.firstElementChild.clientHeight;
  stage.parentElement.style.setProperty("--foot", `${foot}px`);
  spacer.style.width = `${Math.ceil(geometry.width + 8)}px`;
  spacer.style.height = `${Math.ceil(geometry.height)}px`;
  document.dispatchEvent(new CustomEvent("layout"));
  redraw();
}

function draw() {
  frame = 0;
  if (!store.state) return;
  const [width, height] = [scroller.clientWidth, scroller.clientHeight];
  const g = contextOf(canvas, width, height);
  const view = { left: scroller.scrollLeft, top: scroller.scrollTop, width, height };
  drawTiles(g, view, geometry.height, (tile, left, right) => {
    for (const lane of geometry.lanes) drawLane(tile, lane, barsBetween(left, right));
  });
  g.save();
  g.translate(-view.left, -view.top);
  drawGhost(g);
  g.restore();
  drawRuler(g, view, barsBetween(view.left, view.left + width));
  if (labelled !== view.top) drawLabels(view);
  labelled = view.top;
  document.dispatchEvent(new CustomEvent("drawn"));
}

/** First and end of the bars that are seen between two places. */
function barsBetween(left, right) {
  const [first, end] = [Math.floor(left / geometry.pxPerBar), Math.ceil(right / geometry.pxPerBar)];
  return [Math.max(first, 0), Math.min(end, store.state.piece.n_bars)];
}

function drawLane(g, lane, [first, end]) {
  const { state, hello } = store;
  const track = hello.tracks[lane.track];
  const isOut = state.asked.out.includes(track.name);
  const [left, right] = [first * geometry.pxPerBar, end * geometry.pxPerBar];
  const bottom = lane.rowTop + lane.pitches.length * lane.row;
  g.fillStyle = css("--lane");
  g.fillRect(left, lane.rowTop, right - left, bottom - lane.rowTop);
  g.fillStyle = css("--lane-dark");
  lane.pitches.forEach((pitch, row) => {
    const isDark = lane.isDrum ? row % 2 : BLACK.has(pitch % 12);
    if (isDark) g.fillRect(left, lane.rowTop + row * lane.row, right - left, lane.row);
  });
  for (let bar = first; bar < end; bar += 1) {
    if (state.kept[lane.track][bar]) {
      g.fillStyle = tint(track.colour, 0.07);
      g.fillRect(bar * geometry.pxPerBar, lane.rowTop, geometry.pxPerBar, bottom - lane.rowTop);
    }
  }
  drawHeat(g, lane, [first, end], bottom);
  drawGridLines(g, lane, [first, end], bottom);
  g.globalAlpha = isOut ? 0.35 : 1;
  const isSilent = levelOf(track.name, lane.track) === 0;
  drawCells(g, lane, track, [first, end]);
  drawNotes(g, lane, isSilent ? { ...track, colour: css("--edge") } : track, [first, end]);
  g.globalAlpha = 1;
}

/** How surprising the bars are, behind the notes: the redder, the more. */
function drawHeat(g, lane, [first, end], bottom) {
  const { surprise, heat } = store.heat;
  if (!store.isExplaining || !surprise || surprise[0].length !== store.state.piece.n_bars) return;
  for (let bar = first; bar < end; bar += 1) {
    g.fillStyle = tint(css("--surprising"), heat[lane.track][bar]);
    g.fillRect(bar * geometry.pxPerBar, lane.rowTop, geometry.pxPerBar, bottom - lane.rowTop);
  }
}

function drawGridLines(g, lane, [first, end], bottom) {
  const beats = store.hello.beats_per_bar;
  const perBeat = geometry.pxPerBar / beats;
  for (let bar = first; bar <= end; bar += 1) {
    for (let beat = 0; beat < (bar < end ? beats : 1); beat += 1) {
      if (beat && perBeat < 7) continue;
      g.fillStyle = css(beat ? "--beat-line" : "--bar-line");
      g.fillRect(Math.round(bar * geometry.pxPerBar + beat * perBeat), lane.rowTop, 1, bottom - lane.rowTop);
    }
  }
}

/** The row of cells of a lane: kept is full, free is a line, rest is a dot. */
function drawCells(g, lane, track, [first, end]) {
  const { state } = store;
  const rests = new Set(state.asked.rests[track.name] || []);
  for (let bar = first; bar < end; bar += 1) {
    const shown = ghost.cells?.get(`${lane.track},${bar}`);
    const kind = shown || (state.kept[lane.track][bar] ? "keep" : rests.has(bar) ? "rest" : "free");
    drawCell(g, bar * geometry.pxPerBar + 1.5, lane.top + 2, geometry.pxPerBar - 3, STRIP - 5, kind, track.colour);
  }
}

function drawCell(g, x, y, w, h, kind, colour) {
  g.beginPath();
  g.roundRect(x, y, Math.max(w, 1), h, 3);
  if (kind === "keep") {
    g.fillStyle = tint(colour, 0.85);
    g.fill();
    return;
  }
  g.fillStyle = css("--cell");
  g.fill();
  if (kind === "rest") {
    g.fillStyle = css("--faint");
    g.fillRect(x + w / 2 - Math.min(8, w / 3), y + h / 2 - 1, Math.min(16, (2 * w) / 3), 2);
  }
}

function drawNotes(g, lane, track, [first, end]) {
  const { state } = store;
  const steps = stepsPerBar();
  const radius = Math.min(lane.row * 0.35, 3);
  for (const note of state.piece.notes) {
    if (note[0] !== lane.track || note[1] >= end * steps || note[1] + note[2] < first * steps) continue;
    if (!lane.rowOf.has(note[3])) continue;
    const box = boxOf(note, lane);
    const isOwn = state.own[lane.track][Math.floor(note[1] / steps)];
    const key = keyOf(note);
    if (ghost.hidden?.has(key)) continue;
    drawNote(g, box, radius, track.colour, isOwn, store.selected.has(key), note[4]);
  }
}

/** The user's own notes are outlined and pale, composed ones are full; quiet notes are lighter. */
function drawNote(g, box, radius, colour, isOwn, isSelected, velocity) {
  g.beginPath();
  g.roundRect(box.x + 0.5, box.y + 0.5, Math.max(box.w - 1, 2), Math.max(box.h - 1, 2), radius);
  g.fillStyle = isOwn ? tint(colour, 0.3) : tint(colour, 0.62 + 0.38 * Math.min(velocity / 110, 1));
  g.fill();
  if (isOwn || isSelected) {
    g.lineWidth = isSelected ? 1.6 : 1;
    g.strokeStyle = isSelected ? css("--ink") : tint(colour, 0.9);
    g.stroke();
  }
}

function drawGhost(g) {
  for (const { note, lane } of ghost.notes) {
    if (lane.rowOf.has(note[3])) {
      drawNote(g, boxOf(note, lane), Math.min(lane.row * 0.35, 3), store.hello.tracks[lane.track].colour, true, true, 90);
    }
  }
  if (store.cell) {
    const lane = geometry.lanes[store.cell.track];
    g.strokeStyle = css("--accent");
    g.lineWidth = 2;
    g.strokeRect(store.cell.bar * geometry.pxPerBar + 1, lane.top, geometry.pxPerBar - 2, lane.height);
  }
  if (ghost.box) {
    g.strokeStyle = css("--ink");
    g.setLineDash([4, 3]);
    g.lineWidth = 1;
    g.strokeRect(ghost.box.x, ghost.box.y, ghost.box.w, ghost.box.h);
    g.setLineDash([]);
  }
}

/** Bar numbers, the loop and the row of whole bars; stays at the top. */
function drawRuler(g, view, [first, end]) {
  g.fillStyle = css("--paper");
  g.fillRect(0, 0, view.width, RULER - 2);
  g.save();
  g.translate(-view.left, 0);
  drawLoop(g);
  const every = geometry.pxPerBar < 22 ? 4 : geometry.pxPerBar < 36 ? 2 : 1;
  g.textBaseline = "alphabetic";
  for (let bar = first; bar < end; bar += 1) {
    const x = bar * geometry.pxPerBar;
    if (bar % every === 0) {
      g.font = "11px system-ui, sans-serif";
      g.fillStyle = css("--faint");
      g.fillText(String(bar + 1), x + 4, 55);
    }
    drawCell(g, x + 1.5, RULER - STRIP + 1, geometry.pxPerBar - 3, STRIP - 6, kindOfBar(bar), css("--ink-soft"));
  }
  g.restore();
}

function kindOfBar(bar) {
  return store.state.kept.every((row) => row[bar]) ? "keep" : "free";
}

function drawLoop(g) {
  if (!store.isLooping || !store.loop) return;
  const [a, b] = store.loop.map((bar) => bar * geometry.pxPerBar);
  g.fillStyle = css("--loop");
  g.beginPath();
  g.roundRect(a + 1, 42, b - a - 2, 18, 4);
  g.fill();
}

/** A colour with some of the ground showing through. */
export function tint(colour, alpha) {
  return `${colour}${Math.round(alpha * 255).toString(16).padStart(2, "0")}`;
}

/** Put the cursor at a place in bars, and follow it. */
export function showCursor(bar, follow) {
  const x = bar * geometry.pxPerBar - scroller.scrollLeft;
  cursor.style.transform = `translateX(${x}px)`;
  cursor.hidden = x < -1 || x > scroller.clientWidth;
  if (follow && (x > scroller.clientWidth - 20 || x < 0)) {
    scroller.scrollLeft = Math.max(bar * geometry.pxPerBar - 40, 0);
  }
}

new ResizeObserver(relayout).observe(scroller);
scroller.addEventListener("scroll", () => {
  drawSoon();
  showCursor(store.position, false);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
on("state", relayout);
on("view", relayout);
on("heat", redraw);
on("selection", redraw);
