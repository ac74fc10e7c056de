// The sound: one stem a track from the server, mixed here. What changes while it plays is heard from the next bar.

import { request } from "./link.js";
import { changed, on, store } from "./store.js";

const FADE = 0.012; // seconds, so that no change clicks
const SOON = 0.06; // seconds until what is started sounds
const buffers = new Map(); // sound by key
let context = null;
let master = null;
let listing = null; // stems and bar times of the state that is heard
let voices = new Map(); // playing source and gain by name of the track
let clock = null; // {at: context time, seconds: place in the piece} where playing began
let asked = 0;
let newest = null; // the promise of the newest stems
let applied = null; // the loop that the playing sources have
let begun = 0; // counts starts and stops, so that one that still loads knows that another came

export const sound = {
  get isPlaying() {
    return clock !== null;
  },
  get context() {
    return context;
  },
  get analyser() {
    return master && master.analyser;
  },
};

function wake() {
  if (!context) {
    context = new AudioContext({ latencyHint: "interactive" });
    const compressor = new DynamicsCompressorNode(context, { threshold: -9, ratio: 6, attack: 0.004 });
    const gain = new GainNode(context, { gain: 1.6 });
    const analyser = new AnalyserNode(context, { fftSize: 2048 });
    gain.connect(compressor).connect(analyser).connect(context.destination);
    master = { input: gain, analyser };
  }
  return context.state === "suspended" ? context.resume() : Promise.resolve();
}

/** Seconds of a place in bars, and back: the file's own tempo map. */
function secondsOf(bar, times = listing.bar_seconds) {
  const whole = Math.min(Math.floor(bar), times.length - 2);
  return times[whole] + (bar - whole) * (times[whole + 1] - times[whole]);
}

function barOf(seconds, times = listing.bar_seconds) {
  let bar = times.findIndex((time) => time > seconds + 1e-9) - 1;
  if (bar < 0) bar = seconds < times[0] ? 0 : times.length - 2;
  const share = (seconds - times[bar]) / Math.max(times[bar + 1] - times[bar], 1e-9);
  return Math.min(Math.max(bar + share, 0), times.length - 1);
}

/** First and last second of what is repeated, null when nothing is. */
function loopSeconds() {
  if (!store.isLooping) return null;
  const [from, to] = store.loop || [0, listing.bar_seconds.length - 1];
  return [Math.max(secondsOf(from), 0), secondsOf(to)];
}

/** The place of the piece, in seconds, that sounds at a time of the context. */
function placeAt(time, loop = loopSeconds()) {
  let seconds = clock.seconds + Math.max(time - clock.at, 0);
  if (loop && clock.seconds < loop[1] && seconds >= loop[1]) {
    seconds = loop[0] + ((seconds - loop[0]) % (loop[1] - loop[0]));
  }
  return seconds;
}

/** Take over a loop that was changed while it plays. */
export function applyLoop() {
  if (!clock || !listing) return;
  const seconds = placeAt(context.currentTime, applied);
  const loop = loopSeconds();
  const isInside = !loop || (seconds >= loop[0] && seconds < loop[1]);
  restart(context.currentTime + 0.02, isInside ? seconds : loop[0]);
}

/** The cursor, in bars. */
export function position() {
  if (clock && listing) store.position = barOf(placeAt(context.currentTime));
  return store.position;
}

/** Fetch the stems of the state that is shown; resolves when the newest list is there, while it plays with its sound. */
export function load() {
  asked += 1;
  newest = fetchStems(asked);
  return newest;
}

async function fetchStems(mine) {
  const next = await (await request("stems")).json();
  if (mine !== asked) return newest;
  const sounds = next.stems.map((stem) => (context ? bufferOf(stem.key) : request(`sound/${stem.key}.wav`)));
  const ready = Promise.all(sounds);
  if (clock) await ready;
  else ready.catch(warn);
  if (mine !== asked) return newest;
  listing = next;
  store.parts = next.stems.filter((stem) => stem.track === null).map((stem) => stem.name);
  changed("mixer");
  return next;
}

export function bufferOf(key) {
  if (!buffers.has(key)) {
    const loading = request(`sound/${key}.wav`)
      .then((response) => response.arrayBuffer())
      .then((data) => context.decodeAudioData(data));
    buffers.set(key, loading);
    loading.catch(() => buffers.delete(key));
    if (buffers.size > 64) buffers.delete(buffers.keys().next().value);
  }
  return buffers.get(key);
}

export async function play() {
  await wake();
  await load();
  if (store.position >= listing.bar_seconds.length - 1.01) store.position = store.loop ? store.loop[0] : 0;
  await begin(context.currentTime, Math.max(secondsOf(store.position), 0));
  changed("transport");
}

export function stop() {
  begun += 1;
  if (clock) position();
  clock = null;
  for (const voice of voices.values()) end(voice, context.currentTime);
  voices = new Map();
  changed("transport");
}

export function seek(bar) {
  store.position = bar;
  if (clock && listing) restart(context.currentTime + 0.02, Math.max(secondsOf(bar), 0));
  else changed("transport");
}

/** Play on from a place with the newest state, as soon as the first of its stems is there; the others join in. */
async function begin(time, seconds) {
  begun += 1;
  const mine = begun;
  const { stems } = listing;
  const loading = stems.map((stem) => bufferOf(stem.key));
  if (stems.length) await Promise.any(loading).catch((error) => Promise.reject(error.errors[0]));
  if (mine !== begun) return;
  clock = { at: Math.max(time, context.currentTime + SOON), seconds };
  applied = loopSeconds();
  stems.forEach((stem, index) => loading[index].then((buffer) => join(stem, buffer, mine)).catch(warn));
}

/** Begin a stem at the place where the others are, unless it is not wanted any more. */
function join(stem, buffer, mine) {
  const isWanted = listing.stems.some(({ name, key }) => name === stem.name && key === stem.key);
  if (mine !== begun || !isWanted || voices.has(stem.name)) return;
  const time = Math.max(clock.at, context.currentTime + 0.02);
  start(stem.name, { ...stem, buffer }, time, placeAt(time));
}

const warn = (error) => console.warn(error.message);

function restart(time, seconds) {
  for (const voice of voices.values()) end(voice, time);
  voices = new Map();
  begin(time, seconds).catch(warn);
}

function start(name, stem, time, seconds) {
  const loop = loopSeconds();
  const source = new AudioBufferSourceNode(context, { buffer: stem.buffer });
  if (loop && seconds < loop[1]) Object.assign(source, { loop: true, loopStart: loop[0], loopEnd: loop[1] });
  const gain = new GainNode(context, { gain: 0 });
  source.connect(gain).connect(master.input);
  gain.gain.setValueAtTime(0, time);
  gain.gain.linearRampToValueAtTime(levelOf(name, stem.track), time + FADE / 2);
  if (seconds < stem.buffer.duration) source.start(time, seconds);
  voices.set(name, { source, gain, key: stem.key, track: stem.track, time });
}

function end(voice, time) {
  if (voice.time > context.currentTime) {
    voice.gain.disconnect(); // it did not begin yet
    return;
  }
  voice.gain.gain.cancelScheduledValues(time);
  voice.gain.gain.setValueAtTime(voice.gain.gain.value, time);
  voice.gain.gain.linearRampToValueAtTime(0, time + FADE);
  try {
    voice.source.stop(time + FADE * 2);
  } catch {
    // it never began
  }
}

/** Loudness of a track in the mix: its volume, silent when it is muted or another one is alone. */
export function levelOf(name, track) {
  const { mixer } = store.state;
  const own = mixer[track === null ? name : store.hello.tracks[track].name] || {};
  const someAlone = Object.values(mixer).some((values) => values.solo);
  return own.mute || (someAlone && !own.solo) ? 0 : own.volume ?? 1;
}

function mix() {
  for (const [name, voice] of voices) {
    voice.gain.gain.setTargetAtTime(levelOf(name, voice.track), context.currentTime, FADE);
  }
}

/** Put the newest state into what plays, at the next bar line. */
async function renew() {
  const before = listing && listing.bar_seconds;
  await load();
  if (!clock) return;
  const now = context.currentTime + SOON;
  const bar = barOf(placeAt(now), before);
  const next = Math.min(Math.floor(bar) + 1, before.length - 1);
  const time = now + secondsOf(next, before) - secondsOf(bar, before);
  const loop = store.isLooping ? store.loop || [0, listing.bar_seconds.length - 1] : null;
  const from = loop && next >= loop[1] ? loop[0] : Math.min(next, listing.bar_seconds.length - 1);
  const sameTimes = JSON.stringify(before) === JSON.stringify(listing.bar_seconds);
  if (!sameTimes) {
    setTimeout(() => clock && restart(context.currentTime + 0.02, secondsOf(from)), (time - context.currentTime - 0.02) * 1000);
    return;
  }
  const wanted = new Map(listing.stems.map((stem) => [stem.name, stem]));
  for (const [name, voice] of voices) {
    if (wanted.get(name)?.key !== voice.key) {
      end(voice, time);
      voices.delete(name);
    }
  }
  for (const [name, stem] of wanted) {
    if (!voices.has(name)) start(name, { ...stem, buffer: await bufferOf(stem.key) }, time, secondsOf(from));
  }
}

let heard = null; // what the state sounds like: changes of cells or of the mix alone render nothing
let waiting = 0;
on("state", () => {
  if (store.jam.is_playing) return; // the band plays elsewhere
  mix();
  const { piece, asked: wishes, file } = store.state;
  const now = JSON.stringify([piece.notes, piece.tempo, wishes.humanize, file && file.parts, store.state.own]);
  if (now === heard) return;
  heard = now;
  clearTimeout(waiting);
  waiting = setTimeout(() => refresh(), clock ? 60 : 350);
});
on("mixer", mix);

/** Bring the sound up to the state: at the next bar while it plays, otherwise so that play begins at once. */
function refresh() {
  (clock ? renew() : load()).catch(warn);
}

/** Play one sound over everything else, such as a variation; returns a function that ends it. */
export async function preview(key) {
  await wake();
  const source = new AudioBufferSourceNode(context, { buffer: await bufferOf(key), loop: false });
  const gain = new GainNode(context, { gain: 1 });
  source.connect(gain).connect(master.input);
  source.start();
  return () => end({ source, gain }, context.currentTime);
}

