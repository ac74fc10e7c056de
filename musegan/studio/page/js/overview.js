// The whole piece in one strip, with the part that is seen: a click or a drag goes there. Shown when not all fits.

import { geometry } from "./geometry.js";
import { contextOf } from "./labels.js";
import { css, on, stepsPerBar, store } from "./store.js";

const canvas = document.getElementById("overview");
const scroller = document.getElementById("scroller");

function draw() {
  const isNeeded = Boolean(store.state) && geometry.width > scroller.clientWidth + 1;
  if (canvas.hidden === isNeeded) canvas.hidden = !isNeeded;
  if (!isNeeded) return;
  const [width, height] = [canvas.parentElement.clientWidth, 26];
  const g = contextOf(canvas, width, height);
  const scale = width / (store.state.piece.n_bars * stepsPerBar());
  g.fillStyle = css("--panel");
  g.fillRect(0, 0, width, height);
  const band = (height - 4) / store.hello.tracks.length;
  for (const [track, start, length] of store.state.piece.notes) {
    g.fillStyle = store.hello.tracks[track].colour;
    g.fillRect(start * scale, 2 + track * band, Math.max(length * scale, 1), Math.max(band - 1, 1.5));
  }
  const [left, seen] = [scroller.scrollLeft, scroller.clientWidth].map((x) => (x / geometry.width) * width);
  g.strokeStyle = css("--ink");
  g.lineWidth = 1.5;
  g.strokeRect(left + 1, 1, Math.max(seen - 2, 6), height - 2);
  const bar = Math.min(Math.floor(((left + seen / 2) / width) * store.state.piece.n_bars), store.state.piece.n_bars - 1);
  canvas.setAttribute("aria-valuenow", bar + 1);
  canvas.setAttribute("aria-valuemax", store.state.piece.n_bars);
}

function goTo(event) {
  const box = canvas.getBoundingClientRect();
  scroller.scrollLeft = ((event.clientX - box.left) / box.width) * geometry.width - scroller.clientWidth / 2;
}

export function useOverview() {
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    goTo(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && goTo(event));
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    scroller.scrollLeft += way * geometry.pxPerBar;
  });
  scroller.addEventListener("scroll", draw);
  document.addEventListener("layout", draw);
  on("hello", draw);
}
