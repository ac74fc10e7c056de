// Cells under the mouse: drag over them to keep, free or rest; whole bars in the ruler, whole tracks at their name.

import { geometry } from "./geometry.js";
import { send } from "./link.js";
import { ghost, redraw } from "./roll.js";
import { changed, store } from "./store.js";

/** What a click makes of a cell: the other of keep and free, or rest with Alt. */
function nextKind(isKept, isResting, event) {
  if (event.altKey || event.button === 2) return isResting ? "free" : "rest";
  return isKept ? "free" : "keep";
}

/** A drag over the cells of lanes, from the place where it began. */
export function cellDrag(place, event) {
  const { track } = place.lane;
  const name = store.hello.tracks[track].name;
  const isResting = (store.state.asked.rests[name] || []).includes(place.bar);
  const kind = nextKind(store.state.kept[track][place.bar], isResting, event);
  return {
    move(now) {
      const lanes = lanesBetween(place.y, now.y);
      paint(kind, lanes, place.bar, now.bar);
    },
    end: () => commit(kind),
  };
}

/** A drag over the row of whole bars. */
export function barDrag(place, event) {
  const isKept = store.state.kept.every((row) => row[place.bar]);
  const kind = nextKind(isKept, false, event);
  const all = geometry.lanes.map((lane) => lane.track);
  return {
    move: (now) => paint(kind, all, place.bar, now.bar),
    end: () => commit(kind),
  };
}

function lanesBetween(a, b) {
  const [top, bottom] = [Math.min(a, b), Math.max(a, b)];
  return geometry.lanes
    .filter((lane) => lane.top <= bottom && lane.top + lane.height >= top)
    .map((lane) => lane.track);
}

function paint(kind, tracks, a, b) {
  ghost.cells = new Map();
  for (const track of tracks) {
    for (let bar = Math.min(a, b); bar <= Math.max(a, b); bar += 1) ghost.cells.set(`${track},${bar}`, kind);
  }
  redraw();
}

function commit(kind) {
  const cells = [...ghost.cells.keys()].map((key) => key.split(",").map(Number));
  ghost.cells = null;
  send("cells", { kind, cells });
}

/** Keep or free all bars of some tracks, or of all. */
export function markTracks(kind, tracks) {
  const cells = [];
  for (const track of tracks) {
    for (let bar = 0; bar < store.state.piece.n_bars; bar += 1) cells.push([track, bar]);
  }
  send("cells", { kind, cells });
}

/** Repeat the whole piece again. Says whether there was something to clear. */
export function clearLoop() {
  if (!store.loop) return false;
  store.loop = null;
  changed("transport");
  redraw();
  return true;
}

/** A drag over the bar numbers: the loop; a click moves the cursor. */
export function loopDrag(place, onClick) {
  let moved = false;
  return {
    move(now) {
      if (now.bar === place.bar && !moved && Math.abs(now.x - place.x) < 6) return;
      moved = true;
      store.isLooping = true;
      store.loop = [Math.min(place.bar, now.bar), Math.max(place.bar, now.bar) + 1];
      changed("transport");
      redraw();
    },
    end() {
      if (!moved) onClick(place.x / geometry.pxPerBar);
    },
  };
}

