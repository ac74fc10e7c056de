// Where things are: lanes from top to bottom, bars from left to right, in CSS pixels of the scrolled area.

import { store, stepsPerBar } from "./store.js";

export const RULER = 78; // height of chords, sections, bar numbers and the row of whole bars
export const STRIP = 13; // height of the cells at the top of each lane
const GAP = 10; // under each lane, less where there is little room
const LEAST_LANE = 34; // a name and its buttons
const KIT = [36, 38, 42, 46, 49]; // rows that a drum lane always has
const MIN_ROW = 1.2;
const MAX_ROW = 9;
const DRUM_ROW = 9.5; // tall enough for a name; less where there are many
const DRUMS_HEIGHT = 130;

const spans = []; // pitches that each lane had, which it keeps while a knob is turned
let heldRows = null; // heights of rows, likewise
export const geometry = { lanes: [], height: 0, pxPerBar: 100, width: 0 };

/** Lay out the lanes for a viewport. */
export function layOut(viewWidth, viewHeight) {
  const { state, hello } = store;
  const nBars = state.piece.n_bars;
  const fit = Math.max((viewWidth - 8) / nBars, 0);
  const usual = Math.max(fit, nBars > 16 ? (viewWidth - 8) / 16 : 40);
  geometry.pxPerBar = store.isFitting ? Math.max(fit, 2) : store.pxPerBar || usual;
  geometry.width = geometry.pxPerBar * nBars;
  const rows = hello.tracks.map((track, index) => rowsOf(track, index));
  const isDrum = (index) => hello.tracks[index].is_drum;
  const count = (drums) => rows.reduce((sum, list, i) => sum + (isDrum(i) === drums ? list.length : 0), 0);
  const fittingDrums = Math.min(Math.max(DRUMS_HEIGHT / Math.max(count(true), 1), 5), DRUM_ROW);
  const gap = viewHeight < 640 ? GAP / 2 : GAP;
  const fixed = RULER + rows.length * (STRIP + 2 + gap) + count(true) * fittingDrums;
  const wanted = Math.max(count(false), 1);
  const fitting = Math.min(Math.max((viewHeight - fixed - 2) / wanted, MIN_ROW), MAX_ROW);
  const [row, drumRow] = store.holdsLanes && heldRows ? heldRows : [fitting, fittingDrums];
  heldRows = [row, drumRow];
  let top = RULER;
  geometry.lanes = rows.map((pitches, index) => {
    const usual = isDrum(index) ? drumRow : row;
    const height = store.focus === index ? Math.max(usual, 11) : usual;
    const lane = {
      track: index,
      isDrum: isDrum(index),
      pitches, // from the top row down
      rowOf: new Map(pitches.map((pitch, place) => [pitch, place])),
      top,
      rowTop: top + STRIP + 2,
      row: height,
      height: STRIP + 2 + pitches.length * height,
    };
    lane.height = Math.max(lane.height, LEAST_LANE);
    top += lane.height + gap;
    return lane;
  });
  geometry.height = top;
}

/** Pitches that a lane shows, highest first: whole octaves around its notes, or the drums in use. */
function rowsOf(track, index) {
  const used = store.state.piece.notes.filter((note) => note[0] === index).map((note) => note[3]);
  const { lowest_pitch: lowest, n_pitches: count } = store.hello;
  if (track.is_drum) {
    const all = new Set([...used, ...KIT, ...((store.holdsLanes && spans[index]) || [])]);
    spans[index] = [...all];
    if (store.focus === index) Object.keys(store.hello.drum_names).forEach((pitch) => all.add(Number(pitch)));
    return [...all].filter((pitch) => pitch >= lowest && pitch < lowest + count).sort((a, b) => b - a);
  }
  const spare = store.focus === index ? 6 : 1;
  const held = store.holdsLanes && spans[index];
  const low = Math.min(used.length ? Math.min(...used) - spare : held ? Infinity : 55, held ? held[0] : Infinity);
  const high = Math.max(used.length ? Math.max(...used) + spare : held ? -Infinity : 67, held ? held[1] : -Infinity);
  spans[index] = [low, high];
  const from = Math.max(Math.floor(low / 6) * 6, lowest);
  const to = Math.min(Math.ceil((high + 1) / 6) * 6, lowest + count);
  return Array.from({ length: Math.max(to, from + 12) - from }, (_, i) => Math.max(to, from + 12) - 1 - i);
}

export const xOfStep = (step) => (step / stepsPerBar()) * geometry.pxPerBar;
export const stepOfX = (x) => (x / geometry.pxPerBar) * stepsPerBar();
export const barOfX = (x) => Math.min(Math.max(Math.floor(x / geometry.pxPerBar), 0), store.state.piece.n_bars - 1);

/** What is at a point of the scrolled area: part, lane, bar, step and pitch. */
export function at(x, y, scrollTop) {
  const place = { x, y, bar: barOfX(x), step: stepOfX(x), part: "nothing", lane: null, pitch: null };
  if (y - scrollTop < RULER) {
    place.part = y - scrollTop > RULER - STRIP - 4 ? "bars" : "ruler";
    return place;
  }
  place.lane = geometry.lanes.find((lane) => y >= lane.top && y < lane.top + lane.height) || null;
  if (!place.lane) return place;
  place.part = y < place.lane.rowTop ? "cells" : "notes";
  const row = Math.floor((y - place.lane.rowTop) / place.lane.row);
  place.pitch = place.lane.pitches[Math.min(Math.max(row, 0), place.lane.pitches.length - 1)];
  return place;
}

const NAMES = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];

/** What a row of a lane is called. */
export function nameOf(pitch, isDrum) {
  if (isDrum) return store.hello.drum_names[pitch] || `drum ${pitch}`;
  return `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
}

/** The rectangle of a note. Drum hits are drawn a sixteenth wide. */
export function boxOf(note, lane) {
  const length = lane.isDrum ? store.hello.steps_per_beat / 4 : note[2];
  const row = lane.rowOf.get(note[3]);
  const x = xOfStep(note[1]);
  return { x, y: lane.rowTop + (row ?? 0) * lane.row, w: Math.max(xOfStep(length), 2.5), h: lane.row };
}
