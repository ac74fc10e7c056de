// An output port of Web MIDI instead of the sound of this page: notes are sent a little ahead of their time.

import { levelOf } from "./sound.js";
import { changed, store, stepsPerBar } from "./store.js";

const AHEAD = 150; // ms
export const midiPort = { output: null, isPlaying: false };
let timer = 0;
let from = null; // {time: ms, bar}
let sentUntil = 0; // bars since the start

export const hasMidi = () => "requestMIDIAccess" in navigator;

/** The names of the output ports; the browser asks the user for permission. */
export async function outputs() {
  const access = await navigator.requestMIDIAccess();
  return [...access.outputs.values()];
}

export function playMidi() {
  from = { time: performance.now() + 50, bar: store.position };
  sentUntil = 0;
  midiPort.isPlaying = true;
  store.hello.tracks.forEach((track, index) => {
    if (!track.is_drum) midiPort.output.send([0xc0 | channelOf(index), track.program]);
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

function channelOf(track) {
  if (store.hello.tracks[track].is_drum) return 9;
  const pitched = store.hello.tracks.slice(0, track).filter((item) => !item.is_drum).length;
  return pitched < 9 ? pitched : (pitched + 1) % 16;
}

/** Send what begins until `AHEAD` from now; read from the newest state, so changes are heard at once. */
function advance() {
  const { piece } = store.state;
  const msPerBar = (store.hello.beats_per_bar * 60_000) / piece.tempo;
  const [first, last] = store.isLooping ? store.loop || [0, piece.n_bars] : [0, piece.n_bars];
  const elapsed = (performance.now() - from.time) / msPerBar;
  const until = elapsed + AHEAD / msPerBar;
  const wrap = (bar) => (store.isLooping && bar >= last ? first + ((bar - first) % (last - first)) : bar);
  store.position = wrap(from.bar + Math.max(elapsed, 0));
  if (!store.isLooping && from.bar + elapsed > piece.n_bars) return stopMidi();
  const steps = stepsPerBar();
  for (const [track, start, duration, pitch, velocity] of piece.notes) {
    const bar = start / steps;
    const rounds = store.isLooping ? [0, 1] : [0];
    for (const round of rounds) {
      const passes = Math.floor((from.bar + sentUntil - first) / (last - first)) + round;
      const since = bar - from.bar + (store.isLooping ? Math.max(passes, 0) * (last - first) : 0);
      if (since < sentUntil || since >= until || (store.isLooping && (bar < first || bar >= last))) continue;
      sendNote(track, pitch, velocity, from.time + since * msPerBar, (duration / steps) * msPerBar);
    }
  }
  sentUntil = until;
}

function sendNote(track, pitch, velocity, time, length) {
  const loudness = Math.round(velocity * Math.min(levelOf(store.hello.tracks[track].name, track), 1.4));
  if (loudness < 1) return;
  const channel = channelOf(track);
  midiPort.output.send([0x90 | channel, pitch, Math.min(loudness, 127)], time);
  midiPort.output.send([0x80 | channel, pitch, 0], time + Math.max(length - 2, 10));
}
