// The grid on which notes are drawn, moved and quantised.

import { on, store } from "./store.js";

const menu = document.getElementById("grid");
const PARTS = [
  // of a beat, and what notes of that length are called
  [1, "1/4"],
  [2, "1/8"],
  [3, "1/8 triplets"],
  [4, "1/16"],
  [6, "1/16 triplets"],
  [8, "1/32"],
];

/** Steps of the grid: a sixteenth where nothing else was chosen. */
export const gridSteps = () => store.gridSteps || Math.max(Math.round(store.hello.steps_per_beat / 4), 1);

export function useGrid() {
  on("hello", () => {
    const steps = store.hello.steps_per_beat;
    const fitting = PARTS.filter(([parts]) => steps % parts === 0);
    menu.replaceChildren(...fitting.map(([parts, name]) => new Option(name, steps / parts)));
    store.gridSteps = fitting.some(([parts]) => steps / parts === store.gridSteps) ? store.gridSteps : 0;
    menu.value = gridSteps();
  });
  menu.addEventListener("change", () => {
    store.gridSteps = Number(menu.value);
  });
}
