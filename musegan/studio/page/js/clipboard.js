// Copy, cut, paste and quantise the selected notes.

import { gridSteps } from "./grid.js";
import { announce } from "./notice.js";
import { commit, selectedNotes } from "./notes.js";
import { stepsPerBar, store } from "./store.js";

let copied = []; // notes, their times from the beat at which the first begins

export function copyNotes() {
  const notes = selectedNotes();
  if (!notes.length) return;
  const beat = store.hello.steps_per_beat;
  const from = Math.floor(Math.min(...notes.map((note) => note[1])) / beat) * beat;
  copied = notes.map((note) => [note[0], note[1] - from, note[2], note[3], note[4]]);
  announce(`${notes.length} notes copied`);
}

export function cutNotes() {
  copyNotes();
  const notes = selectedNotes();
  if (notes.length) commit(notes, []);
}

/** Put the copied notes in at the beat of the cursor; the next ones go after them. */
export function pasteNotes(seek) {
  if (!copied.length) return;
  const beat = store.hello.steps_per_beat;
  const at = Math.round((store.position * stepsPerBar()) / beat) * beat;
  const end = store.state.piece.n_bars * stepsPerBar();
  const notes = copied.map((note) => [note[0], note[1] + at, ...note.slice(2)]).filter((note) => note[1] < end);
  if (!notes.length) return;
  commit([], notes);
  const length = Math.ceil(Math.max(...copied.map((note) => note[1] + note[2])) / beat) * beat;
  seek(Math.min((at + length) / stepsPerBar(), store.state.piece.n_bars - 1 / store.hello.beats_per_bar));
}

/** The selected notes once more, right after them. */
export function duplicateNotes() {
  const notes = selectedNotes();
  if (!notes.length) return;
  const beat = store.hello.steps_per_beat;
  const from = Math.floor(Math.min(...notes.map((note) => note[1])) / beat) * beat;
  const length = Math.ceil((Math.max(...notes.map((note) => note[1] + note[2])) - from) / beat) * beat;
  const end = store.state.piece.n_bars * stepsPerBar();
  const again = notes.map((note) => [note[0], note[1] + length, ...note.slice(2)]).filter((note) => note[1] < end);
  if (again.length) commit([], again);
  announce(`${again.length} notes duplicated`);
}

/** Move the selected notes to the nearest place of the grid; where none is selected, those of the enlarged track. */
export function quantise() {
  const unit = gridSteps();
  const chosen = selectedNotes();
  const notes = chosen.length ? chosen : store.state.piece.notes.filter((note) => note[0] === store.focus);
  const off = notes.filter((note) => note[1] % unit);
  const last = store.state.piece.n_bars * stepsPerBar() - unit;
  if (off.length) {
    commit(off, off.map((note) => [note[0], Math.min(Math.round(note[1] / unit) * unit, last), ...note.slice(2)]));
  }
  announce(`${off.length} notes moved to the grid`);
}
