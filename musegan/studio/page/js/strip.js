// Eight variations: a picture each, heard while the pointer rests on it, taken by a click.

import { request, send } from "./link.js";
import { contextOf } from "./labels.js";
import { tint } from "./roll.js";
import { on, stepsPerBar, store } from "./store.js";
import { preview, sound } from "./sound.js";
import { notice } from "./notice.js";

const strip = document.getElementById("variations");
const hint = document.getElementById("strip-hint");
const HOVER = 350; // ms until a variation is heard
let timer = 0;
let silence = null;

function show() {
  const { variations } = store;
  hint.hidden = variations.length > 0;
  while (strip.children.length > variations.length) strip.lastChild.remove();
  while (strip.children.length < variations.length) strip.append(card(strip.children.length));
  variations.forEach((item, index) => {
    draw(strip.children[index].querySelector("canvas"), item);
    strip.children[index].querySelector("span").textContent = item.key || "";
  });
}

function card(index) {
  const item = document.createElement("div");
  item.className = "variation";
  item.innerHTML = `<button class="take" title="Rest here to listen, click to take it">
      <canvas></canvas><b>${index + 1}</b><span></span></button><div class="chips"></div>`;
  const whole = item.querySelector(".take");
  whole.setAttribute("aria-label", `Take variation ${index + 1}`);
  whole.addEventListener("click", () => take(index));
  item.querySelector(".chips").append(...store.hello.tracks.map((track) => chip(track, index)));
  item.addEventListener("pointerenter", () => {
    timer = setTimeout(() => listen(index, item), HOVER);
  });
  item.addEventListener("pointerleave", hush);
  return item;
}

/** Takes one track of a variation. */
function chip(track, index) {
  const button = document.createElement("button");
  button.className = "chip";
  button.style.setProperty("--colour", track.colour);
  button.title = `Take only the ${track.name}`;
  button.setAttribute("aria-label", `Take only the ${track.name} of variation ${index + 1}`);
  button.addEventListener("click", () => take(index, [track.name]));
  return button;
}

function take(index, tracks) {
  hush();
  send("take", tracks ? { index, tracks } : { index });
}

async function listen(index, item) {
  if (sound.isPlaying || !navigator.userActivation?.hasBeenActive) return;
  item.classList.add("heard");
  try {
    const { sound: key } = await (await request(`variations/${index}.json`)).json();
    if (!item.classList.contains("heard")) return;
    const end = await preview(key);
    if (item.classList.contains("heard")) silence = end;
    else end();
  } catch (error) {
    notice(error.message);
  }
}

function hush() {
  clearTimeout(timer);
  for (const item of strip.children) item.classList.remove("heard");
  if (silence) silence();
  silence = null;
}

/** All tracks in one small picture, one band each. */
export function draw(canvas, item, size = null) {
  const box = canvas.parentElement;
  const [width, height] = size || [box.clientWidth, box.clientHeight];
  const g = contextOf(canvas, width, height);
  const steps = item.n_bars * stepsPerBar();
  const { tracks } = store.hello;
  const band = height / tracks.length;
  tracks.forEach((track, index) => {
    const notes = item.notes.filter((note) => note[0] === index);
    if (!notes.length) return;
    const pitches = notes.map((note) => note[3]);
    const low = Math.min(...pitches);
    const spread = Math.max(Math.max(...pitches) - low, 6);
    g.fillStyle = tint(track.colour, 0.9);
    for (const [, start, duration, pitch] of notes) {
      const y = index * band + (1 - (pitch - low) / spread) * (band - 3) + 0.5;
      g.fillRect((start / steps) * width, y, Math.max((duration / steps) * width - 0.3, 1.2), 1.8);
    }
  });
}

export function useStrip() {
  on("variations", show);
  on("hello", show); // colours of the scheme
  const click = (id, action) => document.getElementById(id).addEventListener("click", action);
  click("make-variations", () => send("variations"));
  click("interpolate", () => {
    const last = store.variations.length - 1;
    if (last < 1) notice("Make variations first; then this leads from the first to the last of them.", "hint");
    else send("interpolate", { from: 0, to: last });
  });
  new ResizeObserver(() => store.hello && show()).observe(strip);
}
