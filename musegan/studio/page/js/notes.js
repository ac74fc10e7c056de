// Notes under the mouse: draw, move, lengthen, select, delete. What a gesture changes is sent once, when it ends.

import { boxOf, geometry, stepOfX } from "./geometry.js";
import { gridSteps } from "./grid.js";
import { send } from "./link.js";
import { ghost, redraw } from "./roll.js";
import { hearNote } from "./touch.js";
import { changed, keyOf, stepsPerBar, store } from "./store.js";

const EDGE = 6; // pixels at the end of a note that lengthen it

/** The grid that notes are drawn on, or with Shift every step. */
const unit = (event) => (event.shiftKey ? 1 : gridSteps());
const toGrid = (step, event) => Math.floor(step / unit(event)) * unit(event);

/** The note at a point, or null. */
export function noteAt(place) {
  const { lane } = place;
  let found = null;
  for (const note of store.state.piece.notes) {
    if (note[0] !== lane.track || note[3] !== place.pitch) continue;
    const box = boxOf(note, lane);
    if (place.x >= box.x - 1 && place.x <= box.x + Math.max(box.w, 5)) found = note;
  }
  return found;
}

export function isAtEdge(place, note) {
  const box = boxOf(note, place.lane);
  return !place.lane.isDrum && place.x > box.x + Math.max(box.w - EDGE, box.w / 2);
}

/** The drag that a press on the notes of a lane begins. */
export function noteDrag(place, event) {
  const note = noteAt(place);
  if (!note) return event.shiftKey ? boxDrag(place) : drawDrag(place, event);
  const key = keyOf(note);
  if (event.shiftKey) return toggle(key);
  if (!store.selected.has(key)) select([key]);
  return isAtEdge(place, note) ? lengthDrag(place) : moveDrag(place, note);
}

export function select(keys) {
  store.selected = new Set(keys);
  changed("selection");
}

function toggle(key) {
  const keys = new Set(store.selected);
  if (!keys.delete(key)) keys.add(key);
  select(keys);
  return null;
}

export const selectedNotes = () => store.state.piece.notes.filter((note) => store.selected.has(keyOf(note)));

function drawDrag(place, event) {
  const begin = Math.max(toGrid(place.step, event), 0);
  const note = [place.lane.track, begin, place.lane.isDrum ? 1 : unit(event), place.pitch];
  select([]);
  return {
    move(now, moved) {
      if (!place.lane.isDrum) note[2] = Math.max(toGrid(now.step, moved) + unit(moved) - begin, unit(moved));
      note[3] = now.lane === place.lane && place.lane.isDrum ? now.pitch : note[3];
      show([note]);
    },
    end() {
      hearNote(note[0], note[3]);
      commit([], [note]);
    },
  };
}

function moveDrag(place, origin) {
  const notes = selectedNotes();
  let changedNotes = null;
  let heard = 0; // rows away from where it began
  return {
    move(now, event) {
      const steps = Math.round((now.step - place.step) / unit(event)) * unit(event);
      const rows = now.lane === place.lane ? rowsBetween(place, now.pitch) : 0;
      if (rows && rows !== heard) hearNote(origin[0], shifted(origin, steps, rows, origin)[3]);
      heard = rows;
      changedNotes = steps || rows ? notes.map((note) => shifted(note, steps, rows, origin)) : null;
      show(changedNotes || notes, notes);
    },
    end: () => (changedNotes ? commit(notes, changedNotes.filter(isInside)) : clearGhost()),
  };
}

const rowsBetween = (place, pitch) => place.lane.rowOf.get(pitch) - place.lane.rowOf.get(place.pitch);

/** A note moved by steps and by rows of its lane (semitones, or drums). */
function shifted(note, steps, rows, origin) {
  const lane = geometry.lanes[note[0]];
  const row = lane.rowOf.get(note[3]) + (note[0] === origin[0] ? rows : 0);
  const pitch = lane.pitches[Math.min(Math.max(row, 0), lane.pitches.length - 1)];
  return [note[0], note[1] + steps, note[2], pitch, note[4]];
}

function lengthDrag(place) {
  const notes = selectedNotes();
  let longer = null;
  return {
    move(now, event) {
      const steps = Math.round((stepOfX(now.x) - place.step) / unit(event)) * unit(event);
      longer = steps ? notes.map((n) => [n[0], n[1], Math.max(n[2] + steps, 1), n[3], n[4]]) : null;
      show(longer || notes, notes);
    },
    end: () => (longer ? commit(notes, longer) : clearGhost()),
  };
}

/** Shift and drag: select what lies in a rectangle, in all lanes. */
function boxDrag(place) {
  return {
    move(now) {
      ghost.box = {
        x: Math.min(place.x, now.x),
        y: Math.min(place.y, now.y),
        w: Math.abs(now.x - place.x),
        h: Math.abs(now.y - place.y),
      };
      redraw();
    },
    end() {
      const area = ghost.box;
      ghost.box = null;
      if (!area) return;
      const inside = (note) => {
        const box = boxOf(note, geometry.lanes[note[0]]);
        return box.x < area.x + area.w && box.x + box.w > area.x && box.y < area.y + area.h && box.y + box.h > area.y;
      };
      select(store.state.piece.notes.filter(inside).map(keyOf));
    },
  };
}

const isInside = (note) => note[1] >= 0 && note[1] < store.state.piece.n_bars * stepsPerBar();

function show(notes, hidden = []) {
  ghost.notes = notes.map((note) => ({ note, lane: geometry.lanes[note[0]] }));
  ghost.hidden = new Set(hidden.map(keyOf));
  redraw();
}

export function clearGhost() {
  ghost.notes = [];
  ghost.hidden = null;
  ghost.box = null;
  redraw();
}

/** Send an edit. The ghost stays until the server has answered, so that nothing flickers. */
export function commit(removed, added) {
  store.selected = new Set(added.map(keyOf));
  send("edit", {
    remove: removed.map((note) => [note[0], note[1], note[3]]),
    add: added.map((note) => note.slice(0, 5)), // a note that was there takes its velocity along
  });
}

export function deleteSelected() {
  const notes = selectedNotes();
  if (notes.length) commit(notes, []);
}

/** Arrow keys: move the selected notes along the grid or by a semitone; with Shift by a bar or an octave. */
export function nudge(steps, semitones) {
  const notes = selectedNotes();
  if (!notes.length) return false;
  const moved = notes.map((n) => [n[0], n[1] + steps, n[2], n[3] + semitones, n[4]]);
  if (!moved.every(isInside)) return true;
  if (semitones) hearNote(moved[0][0], moved[0][3]);
  commit(notes, moved);
  return true;
}

export function selectAll() {
  select(store.state.piece.notes.map(keyOf));
}
