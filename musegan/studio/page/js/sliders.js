// The knobs: a slider each, from two steps down to two steps up; a double click brings it back to 0.

import { newGesture, on, store } from "./store.js";
import { turn } from "./turning.js";

const list = document.querySelector("#sliders > div");
const STEPS = 2; // to either side
const REST = 400; // ms after which a slider shows what the server says
let gesture = newGesture();
let movedAt = 0;

const inputs = () => [...list.querySelectorAll("input")];

function build() {
  list.replaceChildren(...store.hello.knobs.map(slider));
}

function slider({ name, effect }) {
  const label = document.createElement("label");
  label.innerHTML = `<span></span><input type="range" min="${-STEPS}" max="${STEPS}" step="0.05"><output></output>`;
  label.firstChild.textContent = name;
  label.title = `Up: ${effect}. Double click: 0`;
  const input = label.querySelector("input");
  input.name = name;
  input.setAttribute("aria-label", name);
  put(input, 0);
  input.addEventListener("input", () => move(input, Number(input.value)));
  input.addEventListener("change", () => {
    gesture = newGesture();
  });
  input.addEventListener("dblclick", () => move(input, 0));
  input.addEventListener("keydown", (event) => {
    if (event.key.startsWith("Arrow")) event.stopPropagation(); // the slider's, not those of the roll
  });
  return label;
}

function put(input, value) {
  input.value = value;
  const [from, to] = [Math.min(value, 0), Math.max(value, 0)].map((step) => 50 + (50 * step) / STEPS);
  input.style.setProperty("--from", `${from}%`);
  input.style.setProperty("--to", `${to}%`);
  input.nextElementSibling.textContent = `${value > 0 ? "+" : ""}${Number(value.toFixed(2))}`;
}

function move(input, value) {
  put(input, value);
  movedAt = Date.now();
  const knobs = Object.fromEntries(inputs().map((each) => [each.name, Number(each.value)]));
  turn({ knobs }, gesture);
}

function show() {
  for (const input of inputs()) {
    const isTurned = input.matches(":active") || Date.now() - movedAt < REST; // the answer is an older one
    if (!isTurned) put(input, store.state.asked.knobs[input.name] ?? 0);
  }
}

export function useSliders() {
  on("hello", build);
  on("state", show);
}
