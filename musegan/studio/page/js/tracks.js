// The names at the left: what a track is, how loud, how dense, whether it is kept, and what is alone or silent.

import { markTracks } from "./cells.js";
import { geometry } from "./geometry.js";
import { send } from "./link.js";
import { levelOf, peaks } from "./mixer.js";
import { changed, newGesture, on, store } from "./store.js";
import { turn } from "./turning.js";

const list = document.getElementById("tracks");
const inner = document.getElementById("tracks-inner");
const STACKED = matchMedia("(min-width: 641px) and (max-width: 960px)"); // the name has a line of its own
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
    </div>
    <select class="instrument quiet" title="Instrument"></select>
    <i class="meter" aria-hidden="true"></i>`;
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

/** The instruments that can play a track, its own first. */
function fillInstruments(select, track) {
  select.hidden = track.is_drum;
  select.setAttribute("aria-label", `Instrument of ${track.name}`);
  const names = store.hello.instruments;
  select.append(new Option(names[track.program], ""));
  for (let family = 0; family < 16; family += 1) {
    const group = document.createElement("optgroup");
    group.label = store.hello.families[family];
    names.slice(8 * family, 8 * family + 8).forEach((name, place) => group.append(new Option(name, 8 * family + place)));
    select.append(group);
  }
  select.addEventListener("change", () => {
    const program = select.value === "" ? track.program : Number(select.value);
    send("mixer", { track: track.name, program });
    select.blur();
  });
}

function wire(item, track, index) {
  const find = (name) => item.querySelector(name);
  fillInstruments(find(".instrument"), track);
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
    item.classList.toggle("low", lane.height < (STACKED.matches ? 106 : 84));
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
    const isSilent = levelOf(track.name, index) === 0;
    item.classList.toggle("silent", isSilent);
    const program = own.program ?? track.program;
    item.querySelector(".instrument").value = program === track.program ? "" : program;
    const volume = item.querySelector("input");
    if (document.activeElement !== volume || !volume.matches(":active")) volume.value = own.volume ?? 1;
    const knob = item.querySelector(".density");
    if (!knob.isBusy) knob.value = asked.density[track.name] ?? 1;
  });
}

/** The meters, while something sounds. */
function meter() {
  if (!document.body.classList.contains("sounding")) {
    for (const item of inner.children) item.querySelector(".meter").style.transform = "scaleY(0)";
    return;
  }
  peaks().forEach((peak, index) => {
    const bar = inner.children[index].querySelector(".meter");
    const level = Math.max(1 + Math.log10(Math.max(peak, 1e-4)) / 2, 0); // 40 dB
    bar.level = Math.max(level, (bar.level || 0) - 0.03);
    bar.style.transform = `scaleY(${bar.level.toFixed(3)})`;
  });
  requestAnimationFrame(meter);
}

export function useTracks() {
  document.addEventListener("sounding", meter);
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
