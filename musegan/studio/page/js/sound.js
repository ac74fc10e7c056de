// The sound: pieces of a few bars of each track come from the server, are played one after another a little ahead of
// their time and forgotten. What changes while it plays is heard from the next bar on.

import { request } from "./link.js";
import { analyser, audio, busOf, playOnce, wake } from "./mixer.js";
import { changed, on, store } from "./store.js";

const FADE = 0.012; // seconds, so that no change clicks
const SOON = 0.06; // seconds until what is started sounds
const AHEAD = 0.6; // seconds ahead of their time in which pieces are put on the clock
const EARLY = 4; // seconds ahead in which they are fetched
const MOST_SECONDS = 420; // of sound kept, 160 MB
const buffers = new Map(); // promised sound by key, those used last at the end
let listing = null; // stems and bar times of the state that is heard
let voices = new Set(); // pieces on the clock: {name, key, begin, at, until, source, fader}
let head = null; // what is put on the clock next: {at: time of the context, seconds: place in the piece}
let marks = []; // [{at, seconds}]: the places that sound at some times, rising, so that the cursor is known
let timer = 0;
let asked = 0;
let newest = null; // the promise of the newest stems

export const sound = {
  get isPlaying() {
    return head !== null;
  },
  get context() {
    return audio();
  },
  get analyser() {
    return analyser();
  },
};

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
function placeAt(time) {
  const mark = marks.findLast(({ at }) => at <= time) || marks[0];
  return mark.seconds + Math.max(time - mark.at, 0);
}

/** The cursor, in bars. */
export function position() {
  if (head && listing) {
    const now = audio().currentTime;
    while (marks.length > 1 && marks[1].at <= now) marks.shift();
    store.position = barOf(placeAt(now));
  }
  return store.position;
}

/** Fetch the stems of the state that is shown; resolves when the newest list is there. */
export function load() {
  asked += 1;
  newest = fetchStems(asked);
  return newest;
}

async function fetchStems(mine) {
  const next = await (await request("stems")).json();
  if (mine !== asked) return newest;
  if (!head) listing = next;
  store.parts = next.stems.filter((stem) => stem.track === null).map((stem) => stem.name);
  changed("mixer");
  return next;
}

/** The promise of a piece of sound. */
export function bufferOf(key) {
  const known = buffers.get(key);
  buffers.delete(key);
  const loading =
    known ||
    request(`sound/${key}.wav`)
      .then((response) => response.arrayBuffer())
      .then((data) => audio().decodeAudioData(data))
      .then((buffer) => {
        loading.seconds = buffer.duration;
        makeRoom();
        return buffer;
      });
  if (!known) loading.catch(() => buffers.delete(key));
  buffers.set(key, loading);
  return loading;
}

/** Forget the sounds that were not used for longest. */
function makeRoom() {
  let total = [...buffers.values()].reduce((sum, { seconds = 0 }) => sum + seconds, 0);
  for (const [key, { seconds }] of buffers) {
    if (total <= MOST_SECONDS) break;
    if (seconds === undefined) continue;
    buffers.delete(key);
    total -= seconds;
  }
}

/** The pieces of a listing that begin, or still sound, between two places in seconds. */
function piecesBetween(from, to, { stems } = listing) {
  return stems.flatMap((stem) =>
    stem.parts
      .filter((part) => part.begin < to && Math.max(part.end, part.begin + 0.01) > from)
      .map((part) => ({ ...part, name: stem.name, track: stem.track, gain: stem.gain })),
  );
}

export async function play() {
  await wake();
  await load();
  if (store.position >= listing.bar_seconds.length - 1.01) store.position = store.loop ? store.loop[0] : 0;
  const seconds = Math.max(secondsOf(store.position), 0);
  // It begins when the first piece is there; the others join in.
  const first = piecesBetween(seconds, seconds + 0.5).map(({ key }) => bufferOf(key));
  if (first.length) await Promise.any(first).catch((error) => Promise.reject(error.errors[0]));
  go(audio().currentTime + SOON, seconds);
  changed("transport");
}

/** Play from a place, from a time on. */
function go(at, seconds) {
  const loop = loopSeconds();
  head = { at, seconds, isFirst: true };
  if (loop && seconds >= loop[1]) head.seconds = loop[0];
  marks = [{ at, seconds: head.seconds }];
  clearInterval(timer);
  timer = setInterval(schedule, 60);
  schedule();
}

export function stop() {
  if (head) position();
  head = null;
  clearInterval(timer);
  endVoices(() => true);
  changed("transport");
}

export function seek(bar) {
  store.position = bar;
  if (head && listing) restart(secondsOf(bar));
  else changed("transport");
}

/** Take over a loop that was changed while it plays. */
export function applyLoop() {
  if (!head || !listing) return;
  const seconds = placeAt(audio().currentTime);
  const loop = loopSeconds();
  const isInside = !loop || (seconds >= loop[0] && seconds < loop[1]);
  restart(isInside ? seconds : loop[0]);
}

function restart(seconds) {
  endVoices(() => true);
  go(audio().currentTime + 0.02, Math.max(seconds, 0));
}

/** Put on the clock what begins soon, stretch by stretch: to the next begin of a piece, or to the end of the loop. */
function schedule() {
  if (!head) return;
  const now = audio().currentTime;
  const last = listing.bar_seconds.at(-1);
  while (!head.isDone && head.at < now + AHEAD) {
    const loop = loopSeconds();
    const end = loop && head.seconds < loop[1] ? loop[1] : last;
    const begins = listing.stems.flatMap((stem) => stem.parts.map((part) => part.begin));
    const next = Math.min(end, ...begins.filter((begin) => begin > head.seconds + 1e-6));
    // At a start, what began before rings on; later only what begins here is new.
    const pieces = piecesBetween(head.seconds - (head.isFirst ? 0 : 1e-6), head.seconds + 1e-6);
    for (const piece of pieces) {
      if (isBegun(piece)) putOn(piece, head.at, head.seconds);
    }
    const at = head.at + next - head.seconds;
    if (next < end) head = { at, seconds: next, isFirst: false };
    else if (loop && end === loop[1]) wrap(at, loop);
    else head = { ...head, isDone: true }; // at its end the page stops it
  }
  prefetch();
}

/** Whether a piece is to be put on the clock where the head is: it begins here or, at a start, sounds here. */
function isBegun(piece) {
  if (Math.abs(piece.begin - head.seconds) < 1e-6) return !head.going?.has(idOf(piece));
  const isOver = head.isWrap && piece.stop <= head.seconds + 1e-6; // what rings on from before the loop
  return head.isFirst && !isOver && !head.going?.has(idOf(piece));
}

const idOf = ({ name, key, begin }) => `${name} ${key} ${begin}`;

/** Go on at the begin of the loop: what would go on beyond its end is faded. */
function wrap(at, loop) {
  const isWhole = listing.bar_seconds.at(-1) - loop[1] < 1e-6;
  for (const voice of voices) if (!isWhole && voice.until > at) fadeOut(voice, at);
  head = { at, seconds: loop[0], isFirst: true, isWrap: true };
  marks.push({ at, seconds: loop[0] });
}

/** Put a piece on the clock so that the place `seconds` sounds at `at`; one that is not there yet joins in later. */
function putOn(piece, at, seconds) {
  const voice = { name: piece.name, key: piece.key, begin: piece.begin, at, source: null, fader: null };
  voice.until = at + piece.stop - seconds; // when the next piece takes over
  voices.add(voice);
  bufferOf(piece.key)
    .then((buffer) => voices.has(voice) && start(voice, piece, buffer, at, seconds - piece.begin))
    .catch((error) => {
      voices.delete(voice);
      console.warn(error.message);
    });
}

function start(voice, piece, buffer, at, offset) {
  const context = audio();
  const time = Math.max(at, context.currentTime + 0.01);
  const from = offset + time - at;
  if (from >= buffer.duration) {
    voices.delete(voice);
    return;
  }
  voice.source = new AudioBufferSourceNode(context, { buffer });
  voice.fader = new GainNode(context, { gain: from > 0.01 ? 0 : 1 });
  voice.source.connect(voice.fader).connect(busOf(piece.name, piece.track, piece.gain).fader);
  voice.source.start(time, from);
  voice.source.onended = () => voices.delete(voice);
  if (from > 0.01) {
    voice.fader.gain.setValueAtTime(0, time);
    voice.fader.gain.linearRampToValueAtTime(1, time + FADE / 2);
  }
  if (voice.endsAt !== undefined) fadeOut(voice, voice.endsAt);
}

/** End a voice at a time, without a click. */
function fadeOut(voice, time) {
  voice.endsAt = time;
  if (!voice.source) return;
  const { gain } = voice.fader;
  gain.cancelScheduledValues(time);
  gain.setValueAtTime(1, Math.max(time, audio().currentTime));
  gain.linearRampToValueAtTime(0, Math.max(time, audio().currentTime) + FADE);
  voice.source.stop(Math.max(time, audio().currentTime) + FADE * 2);
}

/** End some voices now, and those that have not begun. */
function endVoices(isChosen, time = audio()?.currentTime) {
  for (const voice of voices) {
    if (!isChosen(voice)) continue;
    fadeOut(voice, time);
    voices.delete(voice);
  }
}

/** Fetch what is played in the next seconds, so that it is there in time. */
function prefetch() {
  if (!head) return;
  const loop = loopSeconds();
  const until = head.seconds + EARLY;
  for (const { key } of piecesBetween(head.seconds, until)) bufferOf(key).catch(() => {});
  if (loop && until > loop[1]) for (const { key } of piecesBetween(loop[0], loop[0] + 1)) bufferOf(key).catch(() => {});
}

/** Put the newest state into what plays, at the next bar line. */
async function renew() {
  const before = listing;
  const next = await load();
  if (!head || next !== (await newest)) return;
  const now = audio().currentTime + SOON;
  const times = before.bar_seconds;
  const bar = Math.min(Math.floor(barOf(placeAt(now), times)) + 1, times.length - 1);
  const time = now + secondsOf(bar, times) - placeAt(now);
  const isSame = JSON.stringify(times) === JSON.stringify(next.bar_seconds);
  const loop = store.isLooping ? store.loop || [0, next.bar_seconds.length - 1] : null;
  const from = loop && bar >= Math.min(loop[1], times.length - 1) ? loop[0] : Math.min(bar, next.bar_seconds.length - 1);
  const seconds = secondsOf(from, next.bar_seconds);
  const wanted = piecesBetween(seconds, seconds + 0.1, next);
  await Promise.race([
    Promise.allSettled(wanted.map(({ key }) => bufferOf(key))),
    new Promise((done) => setTimeout(done, Math.max(time - audio().currentTime - 0.05, 0) * 1000)),
  ]);
  if (!head) return;
  change(next, Math.max(time, audio().currentTime + 0.02), seconds, isSame && from === bar);
}

/** From a time on another listing is heard; where it goes straight on, what is the same in both does too. */
function change(next, time, seconds, isStraight) {
  const stays = new Set(next.stems.flatMap((stem) => stem.parts.map((part) => idOf({ ...part, name: stem.name }))));
  const going = new Set();
  for (const voice of voices) {
    const isTail = voice.until <= time + 1e-3; // its notes are over, or ring on
    if (voice.at >= time) endVoices((other) => other === voice);
    else if (stays.has(idOf(voice)) && (isTail || isStraight)) isTail || going.add(idOf(voice));
    else fadeOut(voice, Math.min(time, voice.endsAt ?? time));
  }
  listing = next;
  head = { at: time, seconds, isFirst: true, going };
  marks = [...marks.filter(({ at }) => at < time), { at: time, seconds }];
  schedule();
}

let heard = null; // what the state sounds like: changes of cells or of the mix alone render nothing
let waiting = 0;
on("state", () => {
  if (store.jam.is_playing) return; // the band plays elsewhere
  const { piece, asked: wishes, file, mixer } = store.state;
  const programs = Object.entries(mixer).map(([name, { program }]) => [name, program]);
  const now = JSON.stringify([piece.notes, piece.tempo, wishes.humanize, file && file.parts, store.state.own, programs]);
  if (now === heard) return;
  heard = now;
  clearTimeout(waiting);
  waiting = setTimeout(() => refresh().catch((error) => console.warn(error.message)), head ? 60 : 350);
});

/** Bring the sound up to the state: at the next bar while it plays, otherwise so that play begins at once. */
async function refresh() {
  if (head) {
    await renew();
    return;
  }
  const next = await load();
  const seconds = Math.max(secondsOf(Math.min(store.position, next.bar_seconds.length - 1)), 0);
  for (const { key } of piecesBetween(seconds, seconds + 0.5, next)) {
    if (audio()) bufferOf(key).catch(() => {});
    else request(`sound/${key}.wav`).catch(() => {}); // rendered, though not decoded yet
  }
}

/** Play one sound over everything else, such as a variation; returns a function that ends it. */
export async function preview(key, gain = 2) {
  await wake();
  return playOnce(await bufferOf(key), gain);
}
