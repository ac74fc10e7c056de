// What is asked for: every control tells the server at once, and the answer is the music.

import { geometry } from "./geometry.js";
import { send } from "./link.js";
import { markTracks } from "./cells.js";
import { askUser } from "./question.js";
import { newGesture, on, stepsPerBar, store } from "./store.js";
import { turn } from "./turning.js";

const panel = document.getElementById("panel");
const find = (name) => document.querySelector(`:is(#panel, header) [name="${name}"]`);
const TONICS = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];

let revealed = 0; // the bar from which on new ones are waited for

const ask = (changes, gesture) => send("wishes", { changes, gesture });

function fillKeys() {
  const options = ["", ...TONICS.map((name) => `${name} major`), ...TONICS.map((name) => `${name} minor`)];
  find("key").replaceChildren(
    ...options.map((name) => new Option(name || "as it comes", name)),
  );
}

function fillStyles() {
  const { styles } = store.hello;
  find("style").closest("label").hidden = !styles.length;
  find("style").replaceChildren(...["", ...styles].map((name) => new Option(name || "any", name)));
}

/** Say of every control what it does and between which numbers it lies. */
function describe() {
  for (const [name, { help, low, high }] of Object.entries(store.hello.options)) {
    const control = find(name);
    if (!control) continue;
    (control.closest("label") || control).title = help;
    if (control.type === "number") [control.min, control.max] = [low, high];
  }
}

function show() {
  const { asked, piece, kept } = store.state;
  for (const knob of panel.querySelectorAll("x-knob")) {
    const value = asked[knob.getAttribute("name")];
    if (!knob.isBusy && value !== undefined) knob.value = value;
  }
  for (const name of ["key", "style", "form", "progression", "n_bars", "seed", "passes", "best_of"]) {
    if (document.activeElement !== find(name)) find(name).value = asked[name] ?? "";
  }
  if (document.activeElement !== find("tempo_qpm")) find("tempo_qpm").value = Math.round(piece.tempo);
  find("key").options[0].textContent = piece.key ? `${piece.key} (free)` : "any key";
  for (const name of ["snap", "loop"]) find(name).checked = asked[name];
  const isFresh = !kept.flat().some(Boolean);
  find("form").disabled = !isFresh;
  find("loop").disabled = !isFresh;
  document.getElementById("found").textContent = piece.key ? `sounds in ${piece.key}` : "";
  const free = kept.flat().filter((cell) => !cell).length;
  document.getElementById("scope").textContent = scopeText(free, kept.flat().length);
  document.getElementById("compose").disabled = free === 0;
  document.getElementById("another").disabled = free === 0;
}

function scopeText(free, all) {
  if (free === all) return "everything will be redone: click the cells over a lane to lock them";
  return free ? `${free} of ${all} cells will be redone` : "everything is locked: free something to redo it";
}

/** Scroll to the new bars once they are there. */
function reveal() {
  if (!revealed || store.state.piece.n_bars <= revealed) return;
  const from = revealed;
  revealed = 0;
  requestAnimationFrame(() => {
    const scroller = document.getElementById("scroller");
    scroller.scrollLeft = Math.max(geometry.width - scroller.clientWidth, (from - 1) * geometry.pxPerBar);
  });
}

/** Another length; asks before bars with notes of the user's own, or of a file, are cut. */
async function resize(count) {
  const { own, piece, file } = store.state;
  const isOwn = ([track, start]) => file || own[track][Math.floor(start / stepsPerBar())];
  const lost = piece.notes.filter((note) => note[1] >= count * stepsPerBar() && isOwn(note)).length;
  const cuts = count > 0 && count < piece.n_bars && (lost > 0 || file);
  if (cuts) {
    const what = file ? `“${file.name}” has ${lost} notes` : `There are ${lost} notes of your own`;
    if (!(await askUser(`${what} in bars ${count + 1} to ${piece.n_bars}. Cut them off?`, "Cut them off"))) {
      find("n_bars").value = piece.n_bars;
      return;
    }
  }
  send("wishes", { changes: { n_bars: count }, may_cut: cuts, gesture: newGesture() });
}

export const compose = () => send("compose");
export const another = () => send("another");

export function usePanel() {
  panel.addEventListener("submit", (event) => event.preventDefault());
  fillKeys();
  on("hello", fillStyles);
  on("hello", describe);
  on("hello", () => {
    document.getElementById("meter").textContent = `${store.hello.beats_per_bar}/4`;
  });
  on("state", show);
  const format = { temperature: (v) => v.toFixed(2), humanize: (v) => `${Math.round(v * 100)} %` };
  for (const knob of panel.querySelectorAll("x-knob")) {
    const name = knob.getAttribute("name");
    knob.format = format[name] || knob.format;
    const act = name === "humanize" ? ask : turn; // that composes nothing
    knob.addEventListener("turn", (event) => act({ [name]: event.detail.value }, event.detail.gesture));
  }
  for (const name of ["key", "style"]) find(name).addEventListener("change", (e) => ask({ [name]: e.target.value }));
  for (const name of ["snap", "loop"]) find(name).addEventListener("change", (e) => ask({ [name]: e.target.checked }));
  for (const name of ["form", "progression"]) {
    find(name).addEventListener("change", (e) => ask({ [name]: e.target.value.trim() }));
  }
  for (const name of ["seed", "passes", "best_of", "tempo_qpm"]) {
    find(name).addEventListener("change", (e) => ask({ [name]: Math.round(Number(e.target.value)) }, newGesture()));
  }
  find("n_bars").addEventListener("change", (e) => resize(Math.round(Number(e.target.value))));
  const click = (id, action) => document.getElementById(id).addEventListener("click", action);
  click("compose", compose);
  click("another", another);
  click("surprise", () => send("surprise"));
  click("vary", () => send("vary", { amount: Number(document.getElementById("amount").value) }));
  click("continue", () => {
    revealed = store.state.piece.n_bars;
    send("continue", { bars: 4 });
  });
  on("state", reveal);
  const all = () => store.hello.tracks.map((_, index) => index);
  click("keep-all", () => markTracks("keep", all()));
  click("free-all", () => markTracks("free", all()));
}
