// Play, stop, loop and place; the cursor moves with the sound.

import { playMidi, stopMidi, midiPort } from "./midiout.js";
import { showCursor } from "./roll.js";
import * as engine from "./sound.js";
import { changed, on, store } from "./store.js";
import { notice } from "./notice.js";

const button = document.getElementById("play");
const loopButton = document.getElementById("loop");
const place = document.getElementById("place");
let isStarting = false;

const isPlaying = () => engine.sound.isPlaying || midiPort.isPlaying;

export async function togglePlay() {
  if (isStarting) return;
  if (isPlaying()) {
    engine.stop();
    stopMidi();
    return;
  }
  isStarting = true;
  button.classList.add("waiting");
  try {
    if (midiPort.output) playMidi();
    else await engine.play();
    requestAnimationFrame(follow);
  } catch (error) {
    notice(error.message);
  } finally {
    isStarting = false;
    button.classList.remove("waiting");
  }
}

export function seek(bar) {
  engine.seek(Math.max(bar, 0));
  show();
}

export function toStart() {
  seek(store.isLooping && store.loop ? store.loop[0] : 0);
}

function follow() {
  if (!isPlaying()) return;
  const bar = midiPort.isPlaying ? store.position : engine.position();
  if (!store.isLooping && store.state && bar >= store.state.piece.n_bars) {
    engine.stop();
    store.position = 0;
  }
  show(true);
  requestAnimationFrame(follow);
}

function show(isFollowing = false) {
  if (!store.state) return;
  showCursor(store.position, isFollowing);
  const beats = store.hello.beats_per_bar;
  const bar = Math.floor(store.position);
  place.textContent = `${bar + 1}.${Math.floor((store.position - bar) * beats) + 1}`;
}

export function toggleLoop() {
  store.isLooping = !store.isLooping;
  changed("transport");
  changed("view");
}

export function useTransport() {
  button.addEventListener("click", togglePlay);
  document.getElementById("to-start").addEventListener("click", toStart);
  loopButton.addEventListener("click", toggleLoop);
  let loop = "";
  on("transport", () => {
    button.classList.toggle("on", isPlaying());
    button.setAttribute("aria-label", isPlaying() ? "Stop" : "Play");
    loopButton.classList.toggle("on", store.isLooping);
    const now = JSON.stringify([store.isLooping, store.loop]);
    if (now !== loop) engine.applyLoop();
    loop = now;
    show();
  });
  document.addEventListener("layout", () => show());
  changed("transport");
}
