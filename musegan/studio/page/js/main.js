// The page: connects to the server, and hands every event to the parts that show it.

import "./knob.js";
import { useCellCursor } from "./cellcursor.js";
import { useFiles } from "./files.js";
import { geometry } from "./geometry.js";
import { useGlow } from "./glow.js";
import { useGrid } from "./grid.js";
import { useHeat } from "./heat.js";
import { useJam } from "./jam.js";
import { useKeys } from "./keys.js";
import { useLanes } from "./lanes.js";
import { connect, listen, request, send } from "./link.js";
import { useMidiMenu } from "./midimenu.js";
import { announce, notice, showBanner } from "./notice.js";
import { useOverview } from "./overview.js";
import { usePanel } from "./panel.js";
import { toggleFit, usePointer, zoom } from "./pointer.js";
import { useShell } from "./shell.js";
import { useSliders } from "./sliders.js";
import { sound } from "./sound.js";
import { on, store, take } from "./store.js";
import { useSongs } from "./songs.js";
import { useStrip } from "./strip.js";
import { useTracks } from "./tracks.js";
import { seek, useTransport } from "./transport.js";
import { useVelocity } from "./velocity.js";

usePointer(seek);
useTracks();
usePanel();
useSliders();
useStrip();
useSongs();
useFiles();
useKeys();
useTransport();
useMidiMenu();
useJam();
useHeat();
useGlow();
useGrid();
useOverview();
useVelocity();
useLanes();
useCellCursor();
useShell();

for (const kind of ["undo", "redo"]) document.getElementById(kind).addEventListener("click", () => send(kind));
document.getElementById("zoom-in").addEventListener("click", () => zoom(1.4));
document.getElementById("zoom-out").addEventListener("click", () => zoom(1 / 1.4));
const fit = document.getElementById("zoom-fit");
fit.addEventListener("click", toggleFit);
on("view", () => {
  fit.classList.toggle("on", store.isFitting);
  fit.setAttribute("aria-pressed", store.isFitting);
});

on("state", () => {
  for (const kind of ["undo", "redo"]) {
    const button = document.getElementById(kind);
    button.disabled = store.state[kind] === null;
    button.title = store.state[kind] === null ? `Nothing to ${kind}` : `${kind}: ${store.state[kind]}`;
  }
  tellResult();
  document.body.classList.toggle("empty", !store.state.piece.notes.length);
  document.body.classList.add("ready");
});

let told = null; // the revision that was told last

/** Say what became of what was asked for. */
function tellResult() {
  const { revision, label, piece } = store.state;
  if (told !== null && told !== revision) {
    announce(`${label}: ${piece.n_bars} bars, ${piece.notes.length} notes${piece.key ? `, ${piece.key}` : ""}`);
  }
  told = revision;
}

listen((event) => {
  if (event.type === "error") notice(event.text);
  else if (event.type === "open") showBanner(null);
  else if (event.type === "closed") showBanner(event.reason || "The studio is not running. This page goes on when it is back.");
  else take(event);
});

connect();

// For scripts in the browser's console, and for tests.
globalThis.studio = { store, send, request, sound, geometry };
