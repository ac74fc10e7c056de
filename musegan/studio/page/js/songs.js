// The names of songs, the list of them, the card of a new one, and the tree of the ideas of the one that is shown.

import { request, send } from "./link.js";
import { notice } from "./notice.js";
import { draw } from "./strip.js";
import { on, store } from "./store.js";

const list = document.getElementById("songs");
const tree = document.getElementById("ideas");
const title = document.getElementById("title");
const card = document.querySelector(".welcome");
const [WIDE, HIGH] = [118, 62]; // from one idea to the next, and from one branch to the next

async function fetchIdeas() {
  try {
    return await (await request("ideas")).json();
  } catch (error) {
    notice(error.message);
    return { songs: [], ideas: [] };
  }
}

async function showSongs() {
  const { songs } = await fetchIdeas();
  list.replaceChildren(
    ...songs.map((song) => {
      const item = document.createElement("button");
      const about = document.createElement("span");
      item.append(song.title, about);
      about.textContent = [song.key, `${song.n_bars} bars`].filter(Boolean).join(", ");
      item.setAttribute("aria-current", song.is_shown);
      item.addEventListener("click", () => {
        list.hidePopover();
        if (!song.is_shown) send("idea", { index: song.index });
      });
      return item;
    }),
  );
}

/** Where each idea stands: a step to the right of the one that it was made from, a branch lower for each other one. */
function arrange(ideas) {
  const places = new Map();
  let lowest = -1;
  const put = (idea, column, row) => {
    places.set(idea.index, [column, row]);
    lowest = Math.max(lowest, row);
    ideas.filter(({ parent }) => parent === idea.index).forEach((child, place) => put(child, column + 1, place ? lowest + 1 : row));
  };
  for (const idea of ideas.filter(({ parent }) => parent === null)) put(idea, 0, lowest + 1);
  return places;
}

async function showTree() {
  const { ideas } = await fetchIdeas();
  const places = arrange(ideas);
  const board = document.createElement("div");
  const spots = [...places.values()];
  board.style.width = `${(Math.max(0, ...spots.map(([column]) => column)) + 1) * WIDE}px`;
  board.style.height = `${(Math.max(0, ...spots.map(([, row]) => row)) + 1) * HIGH}px`;
  const lines = ideas.filter(({ parent }) => parent !== null).map(({ index, parent }) => {
    const [from, to] = [places.get(parent), places.get(index)];
    return `<path d="M${from[0] * WIDE + 104} ${from[1] * HIGH + 26} L${to[0] * WIDE} ${to[1] * HIGH + 26}"/>`;
  });
  board.innerHTML = `<svg aria-hidden="true">${lines.join("")}</svg>`;
  for (const idea of ideas) board.append(ideaButton(idea, places.get(idea.index)));
  tree.replaceChildren(board);
  for (const idea of ideas) draw(board.querySelector(`[data-index="${idea.index}"] canvas`), idea, [96, 32]);
  tree.querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest", inline: "center" });
}

function ideaButton(idea, [column, row]) {
  const item = document.createElement("button");
  item.className = "idea";
  item.dataset.index = idea.index;
  item.style.left = `${column * WIDE}px`;
  item.style.top = `${row * HIGH}px`;
  item.setAttribute("aria-current", idea.is_shown);
  item.title = `Go on from here: ${idea.label}`;
  const label = document.createElement("span");
  label.textContent = idea.label;
  item.append(document.createElement("canvas"), label);
  item.addEventListener("click", () => {
    tree.hidePopover();
    send("idea", { index: idea.index });
  });
  return item;
}

function composeFirst(event) {
  event.preventDefault();
  const value = (name) => card.querySelector(`[name=first_${name}]`).value;
  const changes = { key: value("key"), n_bars: Number(value("bars")) || 8 };
  if (value("style")) changes.style = value("style");
  if (value("tempo")) changes.tempo_qpm = Number(value("tempo"));
  send("compose", { changes });
}

export function useSongs() {
  list.addEventListener("toggle", (event) => event.newState === "open" && showSongs());
  tree.addEventListener("toggle", (event) => event.newState === "open" && showTree());
  title.addEventListener("change", () => send("rename", { title: title.value }));
  title.addEventListener("keydown", (event) => event.key === "Enter" && title.blur());
  card.addEventListener("submit", composeFirst);
  on("hello", () => {
    const copy = (name) => [...document.querySelector(`:is(#panel, header) [name=${name}]`).options].map((o) => o.cloneNode(true));
    card.querySelector("[name=first_key]").replaceChildren(...copy("key"));
    card.querySelector("[name=first_key]").options[0].textContent = "any key";
    card.querySelector("[name=first_style]").replaceChildren(...copy("style"));
    card.querySelector("[data-field=style]").hidden = !store.hello.styles.length;
  });
  on("state", () => {
    if (document.activeElement !== title) title.value = store.state.title;
    if (!store.state.piece.notes.length) card.querySelector("[name=first_bars]").value = store.state.piece.n_bars;
  });
}
