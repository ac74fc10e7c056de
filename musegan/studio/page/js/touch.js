// A note that is put in or moved is heard.

import { request } from "./link.js";
import { preview } from "./sound.js";
import { store } from "./store.js";

const SHORT = 40; // ms between notes that are heard
let last = 0;

/** Hear one note of a track, where nothing plays. */
export async function hearNote(track, pitch) {
  const now = performance.now();
  if (document.body.classList.contains("sounding") || now - last < SHORT || !navigator.userActivation?.hasBeenActive) return;
  last = now;
  try {
    const { key, gain } = await (await request("note.json", { values: { track, pitch } })).json();
    await preview(key, gain * (store.state.mixer[store.hello.tracks[track].name]?.volume ?? 1));
  } catch (error) {
    console.warn(error.message);
  }
}
