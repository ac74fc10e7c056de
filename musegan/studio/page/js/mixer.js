// The way of the sound: a bus for each track, with its volume and a meter, then a room, a limiter and the speakers.

import { request } from "./link.js";
import { on, store } from "./store.js";

const FADE = 0.012; // seconds, so that no change clicks
const LOUDNESS = 0.5; // of all tracks together, before the limiter
const ROOM_SHARE = 0.1;
const buses = new Map(); // by name of the stem
let context = null;
let master = null;
const samples = new Float32Array(512);

/** The audio context, awake: browsers want a gesture of the user first. */
export async function wake() {
  if (!context) build();
  if (context.state === "suspended") await context.resume();
  return context;
}

export const audio = () => context;
export const analyser = () => master && master.analyser;

function build() {
  context = new AudioContext({ latencyHint: "interactive" });
  const input = new GainNode(context, { gain: LOUDNESS });
  const limiter = new DynamicsCompressorNode(context, { threshold: -3, knee: 0, ratio: 20, attack: 0.002, release: 0.1 });
  const analyserNode = new AnalyserNode(context, { fftSize: 2048 });
  input.connect(limiter).connect(analyserNode).connect(context.destination);
  master = { input, analyser: analyserNode };
  addRoom(limiter).catch((error) => console.warn(error.message));
}

async function addRoom(limiter) {
  const data = await (await request("room.wav")).arrayBuffer();
  const room = new ConvolverNode(context, { buffer: await context.decodeAudioData(data), disableNormalization: true });
  master.input.connect(room).connect(new GainNode(context, { gain: ROOM_SHARE })).connect(limiter);
}

/** Where the sound of a stem goes; `gain` balances its instrument. */
export function busOf(name, track, gain) {
  if (!buses.has(name)) {
    const bus = { fader: new GainNode(context, { gain: 0 }), meter: new AnalyserNode(context, { fftSize: 512 }) };
    bus.fader.connect(bus.meter).connect(master.input);
    buses.set(name, bus);
    Object.assign(bus, { track, gain });
    bus.fader.gain.value = gain * levelOf(name, track);
  }
  return Object.assign(buses.get(name), { track, gain });
}

/** Loudness of a track in the mix: its volume, silent when it is muted or another one is alone. */
export function levelOf(name, track) {
  const { mixer } = store.state;
  const own = mixer[track === null ? name : store.hello.tracks[track].name] || {};
  const someAlone = Object.values(mixer).some((values) => values.solo);
  return own.mute || (someAlone && !own.solo) ? 0 : own.volume ?? 1;
}

function mix() {
  for (const [name, { fader, track, gain }] of buses) {
    fader.gain.setTargetAtTime(gain * levelOf(name, track), context.currentTime, FADE);
  }
}

/** Peak of each track of the ensemble now, 0 to 1. */
export function peaks() {
  const found = store.hello.tracks.map(() => 0);
  for (const { meter, track } of buses.values()) {
    if (track === null) continue;
    meter.getFloatTimeDomainData(samples);
    found[track] = Math.max(found[track], samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
  }
  return found;
}

/** Play a buffer once over everything else; returns a function that ends it. */
export function playOnce(buffer, gain = 1) {
  const source = new AudioBufferSourceNode(context, { buffer });
  const fader = new GainNode(context, { gain });
  source.connect(fader).connect(master.input);
  source.start();
  return () => {
    fader.gain.setTargetAtTime(0, context.currentTime, FADE);
    source.stop(context.currentTime + 10 * FADE);
  };
}

on("state", mix);
on("mixer", mix);
