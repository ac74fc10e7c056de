// Which gesture a press on the roll begins, and the cursor's shape.

import { barDrag, cellDrag, clearLoop, loopDrag } from "./cells.js";
import { at, geometry, nameOf } from "./geometry.js";
import { heatText } from "./heat.js";
import { clearGhost, deleteSelected, isAtEdge, noteAt, noteDrag, select } from "./notes.js";
import { changed, keyOf, on, store } from "./store.js";

const scroller = document.getElementById("scroller");
const readout = document.getElementById("readout");
let drag = null;

function placeOf(event) {
  const box = scroller.getBoundingClientRect();
  const x = event.clientX - box.left + scroller.scrollLeft;
  return at(x, event.clientY - box.top + scroller.scrollTop, scroller.scrollTop);
}

function begin(place, event, seek) {
  if (place.x > geometry.width) return null;
  if (place.part === "bars") return barDrag(place, event);
  if (place.part === "ruler") return loopDrag(place, seek);
  if (place.part === "cells") return cellDrag(place, event);
  if (place.part === "notes" && event.button === 0) return noteDrag(place, event);
  return null;
}

/** Listen to the mouse. `seek(bar)` moves the cursor of the transport. */
export function usePointer(seek) {
  scroller.addEventListener("pointerdown", (event) => {
    if (!store.state || event.target === scroller) return;
    const place = placeOf(event);
    drag = begin(place, event, seek);
    if (!drag) return;
    scroller.setPointerCapture(event.pointerId);
    drag.move(place, event);
    event.preventDefault();
  });
  scroller.addEventListener("pointermove", (event) => {
    if (!store.state) return;
    const place = placeOf(event);
    if (drag) drag.move(place, event);
    else scroller.style.cursor = shapeAt(place);
    readout.textContent = place.part === "notes" ? readoutOf(place) : "";
  });
  const finish = () => {
    const finished = drag;
    drag = null;
    if (finished) finished.end();
  };
  scroller.addEventListener("pointerup", finish);
  scroller.addEventListener("pointercancel", () => {
    drag = null;
    clearGhost();
  });
  scroller.addEventListener("contextmenu", (event) => event.preventDefault());
  scroller.addEventListener("dblclick", (event) => {
    const place = placeOf(event);
    if (place.part === "ruler") clearLoop();
    const note = place.part === "notes" && noteAt(place);
    if (note) {
      select([keyOf(note)]);
      deleteSelected();
    }
  });
  scroller.addEventListener("wheel", zoomByWheel, { passive: false });
  on("state", () => drag || clearGhost());
}

function readoutOf(place) {
  const beat = Math.floor((place.step / store.hello.steps_per_beat) % store.hello.beats_per_bar) + 1;
  return `${nameOf(place.pitch, place.lane.isDrum)} · ${place.bar + 1}.${beat}${heatText(place)}`;
}

function shapeAt(place) {
  if (place.part === "notes" && place.x <= geometry.width) {
    const note = noteAt(place);
    if (!note) return "crosshair";
    return isAtEdge(place, note) ? "ew-resize" : "grab";
  }
  return place.part === "nothing" ? "default" : "pointer";
}

function zoomByWheel(event) {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  const box = scroller.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY / 300), event.clientX - box.left);
}

/** Make bars wider or narrower about a point of the view. */
export function zoom(factor, x = scroller.clientWidth / 2) {
  const bar = (scroller.scrollLeft + x) / geometry.pxPerBar;
  const narrowest = Math.min(scroller.clientWidth / store.state.piece.n_bars, 40);
  store.pxPerBar = Math.min(Math.max(geometry.pxPerBar * factor, narrowest), 900);
  store.isFitting = false;
  changed("view");
  scroller.scrollLeft = bar * geometry.pxPerBar - x;
}

/** Show all bars, however many there will be; or the usual width again. */
export function toggleFit() {
  store.isFitting = !store.isFitting;
  store.pxPerBar = 0;
  changed("view");
}
