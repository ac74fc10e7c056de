// The names at the left: what a track is, how loud, how dense, whether it is kept, and what is alone or silent.

import { markTracks } from "./cells.js";
import { geometry } from "./geometry.js";
import { send } from "./link.js";
import { changed, newGesture, on, store } from "./store.js";
import { turn } from "./turning.js";

const list = document.getElementById("tracks");
const inner = document.getElementById("tracks-inner");
const scroller = document.getElementById("scroller");

function build() {
  inner.replaceChildren(...store.hello.tracks.map((track, index) => head(track, index)));
}

function head(track, index) {
  const item = document.createElement("section");
  item.className = "track";
  item.dataset.track = track.name;
  item.style.setProperty("--colour", track.colour);
  item.innerHTML = `
    <div class="line">
      <button class="name" title="Draw this track larger"></button>
      <button class="small keep" title="Lock the whole track, or free it">lock</button>
      <button class="small mute" title="Mute">M</button><button class="small solo" title="Solo">S</button>
    </div>
    <div class="line low">
      <label class="volume" title="Volume"><input type="range" min="0" max="1.5" step="0.01"></label>
      <x-knob class="density" min="0.25" max="4" step="0.05" usual="1" log centred></x-knob>
    </div>`;
  item.style.setProperty("--on-colour", inkOn(track.colour));
  item.setAttribute("role", "group");
  item.setAttribute("aria-label", track.name);
  item.querySelector(".name").textContent = track.name;
  const labels = { name: "Enlarge", keep: "Lock", mute: "Mute", solo: "Solo" };
  for (const [kind, verb] of Object.entries(labels)) {
    item.querySelector(`.${kind}`).setAttribute("aria-label", `${verb} ${track.name}`);
  }
  wire(item, track, index);
  return item;
}

/** Black or white, whichever is read better on a colour. */
function inkOn(colour) {
  const [r, g, b] = [1, 3, 5].map((place) => (parseInt(colour.slice(place, place + 2), 16) / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#000000" : "#ffffff";
}

function press(button, isOn) {
  button.classList.toggle("on", isOn);
  button.setAttribute("aria-pressed", isOn);
}

function wire(item, track, index) {
  const find = (name) => item.querySelector(name);
  find(".name").addEventListener("click", () => {
    store.focus = store.focus === index ? null : index;
    changed("view");
  });
  find(".name").addEventListener("dblclick", () => toggleOut(track.name));
  find(".keep").addEventListener("click", () => {
    const isKept = store.state.kept[index].every(Boolean);
    markTracks(isKept ? "free" : "keep", [index]);
  });
  for (const kind of ["mute", "solo"]) {
    find(`.${kind}`).addEventListener("click", () => {
      send("mixer", { track: track.name, [kind]: !(store.state.mixer[track.name] || {})[kind] });
    });
  }
  let gesture = newGesture();
  find("input").addEventListener("input", (event) => {
    send("mixer", { track: track.name, volume: Number(event.target.value), gesture });
  });
  find("input").addEventListener("change", () => {
    gesture = newGesture();
  });
  find("input").setAttribute("aria-label", `Volume of ${track.name}`);
  find(".density").setAttribute("aria-label", `Density of ${track.name}`);
  find(".density").title = "Times the usual number of notes. Double click: as usual";
  find(".density").format = (value) => `×${value.toFixed(value < 1 ? 2 : 1)}`;
  find(".density").addEventListener("turn", (event) => {
    const density = { ...store.state.asked.density, [track.name]: event.detail.value };
    turn({ density }, event.detail.gesture);
  });
}

/** Take a track out of the band, or back into it. */
export function toggleOut(name) {
  const { out } = store.state.asked;
  send("wishes", { changes: { out: out.includes(name) ? out.filter((other) => other !== name) : [...out, name] } });
}

function place() {
  inner.style.height = `${geometry.height}px`;
  [...inner.children].forEach((item, index) => {
    const lane = geometry.lanes[index];
    item.style.top = `${lane.top}px`;
    item.style.height = `${lane.height}px`;
    item.classList.toggle("narrow", lane.height < 58);
    item.classList.toggle("tight", lane.height < 76);
  });
}

function show() {
  const { kept, mixer, asked } = store.state;
  [...inner.children].forEach((item, index) => {
    const track = store.hello.tracks[index];
    const own = mixer[track.name] || {};
    const isKept = kept[index].every(Boolean);
    press(item.querySelector(".keep"), isKept);
    item.querySelector(".keep").textContent = isKept ? "locked" : "lock";
    press(item.querySelector(".mute"), Boolean(own.mute));
    press(item.querySelector(".solo"), Boolean(own.solo));
    press(item.querySelector(".name"), store.focus === index);
    item.classList.toggle("out", asked.out.includes(track.name));
    item.classList.toggle("focus", store.focus === index);
    const volume = item.querySelector("input");
    if (document.activeElement !== volume || !volume.matches(":active")) volume.value = own.volume ?? 1;
    const knob = item.querySelector(".density");
    if (!knob.isHeld) knob.value = asked.density[track.name] ?? 1;
  });
}

export function useTracks() {
  on("hello", build);
  on("state", show);
  document.addEventListener("layout", () => {
    if (inner.children.length) {
      place();
      show();
    }
  });
  scroller.addEventListener("scroll", () => {
    list.scrollTop = scroller.scrollTop;
  });
  list.addEventListener("wheel", (event) => {
    scroller.scrollTop += event.deltaY;
  });
}
