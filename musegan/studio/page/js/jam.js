// Playing along: the band listens to a MIDI keyboard; the roll runs along, and what is kept and asked for here acts
// from the next bar on.

import { request, send } from "./link.js";
import { notice } from "./notice.js";
import { changed, on, store } from "./store.js";
import { follow, stopAll } from "./transport.js";

const button = document.getElementById("jam");
const dialog = document.getElementById("jam-setting");
const find = (name) => dialog.querySelector(`[name="${name}"]`);
let wasPlaying = false;

async function openDialog() {
  try {
    const { inputs, outputs } = await (await request("ports")).json();
    const own = () => new Option("a new port, for others to connect to", "");
    find("in").replaceChildren(...inputs.map((name) => new Option(name, name)), own());
    find("out").replaceChildren(...outputs.map((name) => new Option(name, name)), own());
    const pitched = store.hello.tracks.filter((track) => !track.is_drum);
    find("keep").replaceChildren(...pitched.map(({ name }) => new Option(name, name)));
    dialog.showModal();
  } catch (error) {
    notice(error.message);
  }
}

function start() {
  dialog.close();
  stopAll();
  send("jam", {
    in: find("in").value,
    out: find("out").value,
    keep: find("keep").value,
    follow_clock: find("follow_clock").checked,
  });
}

function show() {
  const { jam } = store;
  button.textContent = jam.is_playing ? "Stop the band" : "Play along";
  button.classList.toggle("on", jam.is_playing);
  document.body.classList.toggle("jamming", jam.is_playing);
  if (jam.problem) notice(jam.problem);
  else if (wasPlaying && jam.bars) notice(`${jam.bars} bars; the whole of it is in Export.`, "hint");
  if (jam.is_playing && !wasPlaying) requestAnimationFrame(follow);
  if (jam.is_playing && jam.beat === null) setTimeout(() => store.jam.is_playing && send("jam_where"), 500);
  const ended = wasPlaying && !jam.is_playing;
  wasPlaying = jam.is_playing;
  changed("transport");
  if (ended) changed("state");
}

export function useJam() {
  button.addEventListener("click", () => (store.jam.is_playing ? send("jam_stop") : openDialog()));
  dialog.querySelector(".primary").addEventListener("click", start);
  dialog.querySelector(".quiet").addEventListener("click", () => dialog.close());
  on("jam", show);
}
