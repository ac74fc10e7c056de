// An output port of Web MIDI instead of the sound of this page: notes are sent a little ahead of their time.

import { levelOf } from "./mixer.js";
import { changed, store, stepsPerBar } from "./store.js";

const AHEAD = 150; // ms
export const midiPort = { output: null, isPlaying: false };
let timer = 0;
let head = null; // what is sent next: {bar, time: ms at which it sounds, hasWrapped: whether the loop came round}
let piece = null; // that is heard: the newest at each bar line

export const hasMidi = () => "requestMIDIAccess" in navigator;

/** The names of the output ports; the browser asks the user for permission. */
export async function outputs() {
  const access = await navigator.requestMIDIAccess();
  return [...access.outputs.values()];
}

export function playMidi() {
  piece = store.state.piece;
  head = { bar: store.position < piece.n_bars ? store.position : 0, time: performance.now() + 50, hasWrapped: false };
  midiPort.isPlaying = true;
  store.hello.tracks.forEach((track, index) => {
    const program = store.state.mixer[track.name]?.program ?? track.program;
    if (!track.is_drum) midiPort.output.send([0xc0 | channelOf(index), program]);
  });
  timer = setInterval(advance, 40);
  advance();
  changed("transport");
}

export function stopMidi() {
  if (!midiPort.isPlaying) return;
  clearInterval(timer);
  midiPort.isPlaying = false;
  midiPort.output.clear?.();
  for (let channel = 0; channel < 16; channel += 1) midiPort.output.send([0xb0 | channel, 123, 0]);
  changed("transport");
}

/** Go on from another place. */
export function seekMidi(bar) {
  head = { bar, time: performance.now() + 20, hasWrapped: false };
}

function channelOf(track) {
  if (store.hello.tracks[track].is_drum) return 9;
  const pitched = store.hello.tracks.slice(0, track).filter((item) => !item.is_drum).length;
  return pitched < 9 ? pitched : (pitched + 1) % 16;
}

const msPerBar = () => (store.hello.beats_per_bar * 60_000) / piece.tempo;

/** Send what begins until `AHEAD` from now, bar by bar; what was changed is sent from the next bar on. */
function advance() {
  const now = performance.now();
  while (head.time < now + AHEAD) {
    const [first, last] = loopNow();
    if (store.isLooping && head.bar >= last) head = { ...head, bar: first, hasWrapped: true };
    if (head.bar >= piece.n_bars) break;
    const wanted = head.bar + (now + AHEAD - head.time) / msPerBar();
    const until = Math.min(wanted, Math.floor(head.bar + 1e-9) + 1);
    sendNotes(head.bar, until);
    head = { ...head, bar: until, time: head.time + (until - head.bar) * msPerBar() };
    if (until < wanted) piece = store.state.piece;
  }
  store.position = positionAt(now);
  if (!store.isLooping && head.bar >= piece.n_bars && head.time <= now) {
    stopMidi();
    store.position = 0;
  }
}

const loopNow = () => (store.isLooping && store.loop) || [0, piece.n_bars];

/** The cursor: what is sent sounds later, maybe after the loop came round. */
function positionAt(now) {
  const [first, last] = loopNow();
  const bar = head.bar - Math.max(head.time - now, 0) / msPerBar();
  return Math.max(head.hasWrapped && bar < first ? bar + last - first : bar, 0);
}

function sendNotes(from, until) {
  const steps = stepsPerBar();
  for (const [track, start, duration, pitch, velocity] of piece.notes) {
    const bar = start / steps;
    if (bar < from - 1e-9 || bar >= until - 1e-9) continue;
    const loudness = Math.round(velocity * levelOf(store.hello.tracks[track].name, track));
    if (loudness < 1) continue;
    const time = head.time + (bar - from) * msPerBar();
    const channel = channelOf(track);
    midiPort.output.send([0x90 | channel, pitch, Math.min(loudness, 127)], time);
    midiPort.output.send([0x80 | channel, pitch, 0], time + Math.max((duration / steps) * msPerBar() - 2, 10));
  }
}
