// Two lanes over the roll: sections, with names that can be changed and that come back, and the chords of the bars.

import { geometry, xOfStep } from "./geometry.js";
import { send } from "./link.js";
import { on, store } from "./store.js";

const lane = document.getElementById("lanes");
const editor = document.getElementById("lane-editor");
const field = editor.querySelector("input");
const choices = editor.querySelector(".choices");
const scroller = document.getElementById("scroller");
let apply = () => {}; // what Enter does with the text

function place() {
  lane.firstElementChild.style.transform = `translateX(${-scroller.scrollLeft}px)`;
}

function build() {
  if (!store.state || !geometry.lanes.length) return;
  const hadFocus = lane.contains(document.activeElement) && document.activeElement.dataset.key;
  lane.firstElementChild.replaceChildren(...sectionButtons(), ...chordButtons());
  if (hadFocus) lane.querySelector(`[data-key="${hadFocus}"]`)?.focus();
  place();
}

function button(kind, key, text, left, right, label, action) {
  const item = document.createElement("button");
  item.className = `lane-item ${kind}`;
  item.dataset.key = key;
  item.textContent = text;
  item.setAttribute("aria-label", label);
  item.title = label;
  item.style.left = `${left + 1}px`;
  item.style.width = `${Math.max(right - left - 2, 8)}px`;
  item.addEventListener("click", () => action(item));
  return item;
}

function sectionButtons() {
  const { sections, n_bars: nBars } = store.state.piece;
  return sections.map(([bar, name], index) => {
    const end = sections[index + 1]?.[0] ?? nBars;
    const [left, right] = [bar * geometry.pxPerBar, end * geometry.pxPerBar];
    return button("section", `s${bar}`, name, left, right, `Section ${name}, bar ${bar + 1}: name it, repeat it`, (item) =>
      editSection(item, bar, name),
    );
  });
}

/** One button for each bar, with the chords that begin in it, or the one that goes on. */
function chordButtons() {
  const { chords, n_bars: nBars } = store.state.piece;
  const beats = store.hello.beats_per_bar;
  const bars = Array.from({ length: nBars }, () => []);
  for (const [beat, symbol] of chords) bars[Math.floor(beat / beats)].push([beat % beats, symbol]);
  let last = "N.C.";
  const steps = beats * store.hello.steps_per_beat;
  return bars.map((found, bar) => {
    if (!found.length || found[0][0] > 0) found.unshift([0, last]);
    last = found.at(-1)[1];
    const symbols = found.map(([, symbol]) => symbol);
    const shown = bar && symbols.length === 1 && !chords.some(([beat]) => beat === bar * beats) ? "" : symbols.join(" ");
    const [left, right] = [xOfStep(bar * steps), xOfStep((bar + 1) * steps)];
    const label = `Chord of bar ${bar + 1}: ${symbols.join(", ")}`;
    return button("chord", `c${bar}`, shown.replaceAll("N.C.", "–"), left, right, label, (item) =>
      editChord(item, bar, symbols.join(" ")),
    );
  });
}

function open(item, label, value, options) {
  field.setAttribute("aria-label", label);
  field.value = value;
  choices.replaceChildren(
    ...options.map(([text, action, title]) => {
      const choice = document.createElement("button");
      choice.className = "small";
      choice.textContent = text;
      if (title) choice.title = title;
      choice.addEventListener("click", () => {
        editor.hidePopover();
        action();
      });
      return choice;
    }),
  );
  const box = item.getBoundingClientRect();
  editor.style.left = `${Math.min(box.left, innerWidth - 300)}px`;
  editor.style.top = `${box.bottom + 4}px`;
  editor.showPopover();
  field.focus();
  field.select();
}

function editChord(item, bar, text) {
  const ask = (symbols) => symbols.trim() && send("chord", { bar, symbols: symbols.trim() });
  apply = ask;
  const options = store.state.piece.suggestions.map((symbol) => [symbol, () => ask(symbol)]);
  if (store.state.asked.progression) {
    options.push(["as it comes", () => send("wishes", { changes: { progression: "" } }), "Ask for no chords"]);
  }
  open(item, `Chords of bar ${bar + 1}`, text, options);
}

function editSection(item, bar, name) {
  const { sections } = store.state.piece;
  const rename = (next) => send("sections", { sections: sections.map((pair) => (pair[0] === bar ? [bar, next] : pair)) });
  apply = rename;
  open(item, `Name of the section of bar ${bar + 1}`, name, [
    ...store.hello.section_names.map((next) => [next, () => rename(next)]),
    ["return at the end", () => send("repeat_section", { bar }), "The same bars once more after the last"],
    ["varied return", () => send("repeat_section", { bar, varied: true }), "The same bars, some of them anew"],
    ["begin one at the cursor", () => divide()],
    ["remove", () => send("sections", { sections: sections.filter(([first]) => first !== bar) })],
  ]);
}

/** A new section from the bar of the cursor on. */
function divide() {
  const bar = Math.floor(store.position);
  const others = store.state.piece.sections.filter(([first]) => first !== bar);
  send("sections", { sections: [...others, [bar, "section"]] });
}

export function useLanes() {
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Enter") return;
    editor.hidePopover();
    apply(field.value);
  });
  lane.addEventListener("focusin", ({ target }) => {
    lane.scrollLeft = 0; // the roll scrolls, not the lanes
    if (target.offsetLeft < scroller.scrollLeft) scroller.scrollLeft = target.offsetLeft;
    const over = target.offsetLeft + target.offsetWidth - scroller.scrollLeft - scroller.clientWidth;
    if (over > 0) scroller.scrollLeft += over;
  });
  document.addEventListener("layout", build);
  scroller.addEventListener("scroll", place);
}
