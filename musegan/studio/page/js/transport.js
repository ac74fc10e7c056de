// Play, stop, loop and place; the cursor moves with the sound.

import { midiPort, playMidi, seekMidi, stopMidi } from "./midiout.js";
import { clearLoop } from "./cells.js";
import { showCursor } from "./roll.js";
import * as engine from "./sound.js";
import { send } from "./link.js";
import { changed, on, store } from "./store.js";
import { notice } from "./notice.js";

const button = document.getElementById("play");
const loopButton = document.getElementById("loop");
const clear = document.getElementById("clear-loop");
const place = document.getElementById("place");
let isStarting = false;

const isPlaying = () => engine.sound.isPlaying || midiPort.isPlaying || store.jam.is_playing;

/** Stop the sound of the page and of the MIDI port. */
export function stopAll() {
  engine.stop();
  stopMidi();
}

export async function togglePlay() {
  if (isStarting) return;
  if (store.jam.is_playing) {
    send("jam_stop");
    return;
  }
  if (isPlaying()) {
    stopAll();
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
  if (midiPort.isPlaying) seekMidi(Math.max(bar, 0));
  show();
}

export function toStart() {
  seek(store.isLooping && store.loop ? store.loop[0] : 0);
}

/** Where the band is that plays along: the page goes round and round. */
function jamPosition() {
  const { beat, tempo, at } = store.jam;
  const bar = ((beat ?? 0) + ((performance.now() - at) * tempo) / 60_000) / store.hello.beats_per_bar;
  store.position = beat === null ? 0 : Math.max(bar, 0) % store.state.piece.n_bars;
}

export function follow() {
  if (!isPlaying()) return;
  if (store.jam.is_playing) {
    jamPosition();
    show(true);
    requestAnimationFrame(follow);
    return;
  }
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
  clear.addEventListener("click", clearLoop);
  on("song", stopAll);
  let loop = "";
  on("transport", () => {
    button.classList.toggle("on", isPlaying());
    if (document.body.classList.toggle("sounding", engine.sound.isPlaying)) {
      document.dispatchEvent(new CustomEvent("sounding"));
    }
    button.setAttribute("aria-label", isPlaying() ? "Stop" : "Play");
    loopButton.classList.toggle("on", store.isLooping);
    loopButton.setAttribute("aria-pressed", store.isLooping);
    clear.hidden = !store.loop;
    if (store.loop) clear.textContent = `bars ${store.loop[0] + 1}–${store.loop[1]} ×`;
    const now = JSON.stringify([store.isLooping, store.loop]);
    if (now !== loop) engine.applyLoop();
    loop = now;
    show();
  });
  document.addEventListener("layout", () => show());
  changed("transport");
}
