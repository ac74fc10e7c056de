// The names of rows beside the lanes: drums by kit name, every C.

import { geometry, nameOf, RULER } from "./geometry.js";
import { css, store } from "./store.js";

const canvas = document.getElementById("labels");

/** A canvas of a size in CSS pixels, cleared, ready to draw on at the density of the screen. */
export function contextOf(element, width, height) {
  const scale = devicePixelRatio || 1;
  if (element.width !== Math.round(width * scale) || element.height !== Math.round(height * scale)) {
    element.width = Math.round(width * scale);
    element.height = Math.round(height * scale);
    element.style.width = `${width}px`;
    element.style.height = `${height}px`;
  }
  const g = element.getContext("2d");
  g.setTransform(scale, 0, 0, scale, 0, 0);
  g.clearRect(0, 0, width, height);
  return g;
}

export function drawLabels(view) {
  const width = 48;
  const g = contextOf(canvas, width, view.height);
  g.textAlign = "right";
  g.textBaseline = "middle";
  for (const lane of geometry.lanes) {
    const isLarge = store.focus === lane.track;
    g.font = `${isLarge ? 10 : 8.5}px system-ui, sans-serif`;
    g.fillStyle = css("--faint");
    let last = -Infinity; // no name on top of another
    lane.pitches.forEach((pitch, row) => {
      const y = lane.rowTop + (row + 0.5) * lane.row - view.top;
      const isNamed = lane.isDrum || pitch % 12 === 0 || (isLarge && pitch % 12 === 7);
      if (!isNamed || y < RULER || y > view.height || y - last < 8.5) return;
      g.fillText(nameOf(pitch, lane.isDrum), width - 5, y, width - 6);
      last = y;
    });
  }
}
