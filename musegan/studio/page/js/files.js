// Files in and out: drop a music file on the page, correct how its parts are understood, take files away.

import { api, request, send } from "./link.js";
import { notice } from "./notice.js";
import { on, store } from "./store.js";

const dialog = document.getElementById("parts");
const menu = document.getElementById("export-menu");
const KINDS = [
  // extension, words, type, values of the request
  ["mid", "MIDI file", "audio/midi", {}],
  ["zip", "MIDI, a file a track (zip)", "application/zip", {}],
  ["wav", "Sound as heard: mute, solo, volume (WAV)", "audio/wav", {}],
  ["zip", "Sound, a file a track, as heard (zip)", "application/zip", { audio: "1" }],
  ["png", "Picture (PNG)", "image/png", {}],
  ["musicxml", "Score (MusicXML)", "application/vnd.recordare.musicxml+xml", {}],
];
let opensNow = false;

const baseName = () => store.state?.title || store.state?.file?.name.replace(/\.\w+$/, "") || "song";

async function open(file) {
  const most = store.hello.most_bytes;
  if (file.size > most) {
    notice(`${file.name} has ${Math.ceil(file.size / 1048576)} MB; up to ${most >> 20} can be opened. Is it music?`);
    return;
  }
  try {
    opensNow = true;
    await request("open", { method: "POST", body: await file.arrayBuffer(), values: { name: file.name } });
    if (store.state.file?.parts.some((part) => part.track === null)) showParts();
  } catch (error) {
    notice(error.message);
  } finally {
    opensNow = false;
  }
}

/** The parts of the file and the track that each was taken for. */
export function showParts() {
  const { file } = store.state;
  if (!file) return;
  document.getElementById("parts-title").textContent = file.name;
  document.getElementById("file-hints").replaceChildren(
    ...file.hints.map((text) => {
      const line = document.createElement("p");
      line.className = "hint";
      line.textContent = text;
      return line;
    }),
  );
  const rows = file.parts.map((part) => {
    const row = document.createElement("tr");
    const choice = document.createElement("select");
    choice.setAttribute("aria-label", `Track of ${part.name}`);
    choice.append(new Option("only kept as it is", "", part.track === null, part.track === null));
    for (const track of store.hello.tracks) {
      choice.append(new Option(track.name, track.name, false, track.name === part.track));
    }
    choice.addEventListener("change", () => send("map", { part: part.number, track: choice.value }));
    for (const text of [part.number, part.name, part.is_drum ? "drums" : part.program, part.n_notes]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    const last = document.createElement("td");
    last.append(choice);
    row.append(last);
    return row;
  });
  dialog.querySelector("tbody").replaceChildren(...rows);
  if (!dialog.open) dialog.showModal();
}

let told = null; // the revision that was told last

/** Say of a file that was just opened what becomes of its odd bars, and that it is played freely. */
function tellHints() {
  const { file, label, revision } = store.state;
  const isNew = file && revision !== told && label === `open ${file.name}`;
  if (isNew) for (const text of file.hints) notice(text, "news");
  told = revision;
}

function buildMenu() {
  menu.replaceChildren(
    ...KINDS.map(([kind, label, type, values]) => {
      const link = document.createElement("a");
      link.textContent = label;
      link.draggable = true;
      link.dataset.kind = values.audio ? "stems" : kind;
      const name = () => `${baseName()}${values.audio ? " sound" : ""}.${kind}`;
      link.addEventListener("pointerenter", () => {
        link.href = api(`export/${encodeURIComponent(name())}`, values);
        link.download = name();
      });
      link.addEventListener("focus", () => link.dispatchEvent(new Event("pointerenter")));
      link.addEventListener("click", () => {
        link.dispatchEvent(new Event("pointerenter"));
        menu.hidePopover();
      });
      // In Chromium a drag into another window makes a file there.
      link.addEventListener("dragstart", (event) => {
        const url = api(`export/${encodeURIComponent(name())}`, values);
        event.dataTransfer.setData("DownloadURL", `${type}:${name()}:${url}`);
        event.dataTransfer.setData("text/uri-list", url);
      });
      link.href = "#";
      return link;
    }),
    jamLink(),
  );
}

/** All that was played along, once there is something. */
function jamLink() {
  const link = document.createElement("a");
  link.textContent = "All that was played along (MIDI)";
  link.download = "jam.mid";
  link.hidden = true;
  on("jam", () => {
    if (!store.jam.is_playing) link.hidden = !store.jam.file;
    link.href = api("jam.mid");
  });
  return link;
}

function useDrop() {
  const shade = document.getElementById("drop");
  let depth = 0;
  const hasFile = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  window.addEventListener("dragenter", (event) => {
    if (!hasFile(event)) return;
    depth += 1;
    shade.hidden = false;
  });
  window.addEventListener("dragleave", () => {
    depth = Math.max(depth - 1, 0);
    if (!depth) shade.hidden = true;
  });
  window.addEventListener("dragover", (event) => hasFile(event) && event.preventDefault());
  window.addEventListener("drop", (event) => {
    depth = 0;
    shade.hidden = true;
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });
}

export function useFiles() {
  buildMenu();
  useDrop();
  const input = document.getElementById("file");
  document.getElementById("open").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files.length) open(input.files[0]);
    input.value = "";
  });
  document.getElementById("new").addEventListener("click", () => send("new"));
  document.getElementById("file-name").addEventListener("click", showParts);
  dialog.querySelector("button").addEventListener("click", () => dialog.close());
  on("state", () => {
    const { file } = store.state;
    const label = document.getElementById("file-name");
    label.textContent = file ? file.name : "";
    label.hidden = !file;
    document.title = `${baseName() === "song" ? "" : `${baseName()} · `}musegan studio`;
    tellHints();
    if (dialog.open && file && !opensNow) showParts();
    if (!file && dialog.open) dialog.close();
  });
}
