// The connection to the server: one WebSocket for messages and events, and the address of files and sound.

import { store } from "./store.js";

const KEEPS_LANES = new Set(["wishes", "mixer", "cells", "edit", "explain", "variations"]);
const token = takeToken();
const NO_ANSWER = "The studio does not answer. Start it again with `musegan studio`; this page goes on then.";
const listeners = new Set();
let socket = null;
let wait = 250; // ms until the next try
let lastId = 0;

/** The token of the address, kept for reloads; it is taken out of the address bar. */
function takeToken() {
  const given = new URLSearchParams(location.search).get("token");
  if (given) {
    localStorage.setItem("musegan-token", given);
    history.replaceState(null, "", location.pathname);
  }
  return given || localStorage.getItem("musegan-token") || "";
}

/** The address of a route of the API, token included. */
export function api(path, values = {}) {
  const query = new URLSearchParams({ ...values, token });
  return `${location.origin}/api/${path}?${query}`;
}

/** Fetch a route; rejects with the server's sentence. */
export async function request(path, options = {}) {
  const { values, ...rest } = options;
  let response;
  try {
    response = await fetch(api(path, values), rest);
  } catch {
    throw new Error(NO_ANSWER);
  }
  if (!response.ok) throw new Error((await response.text()) || response.statusText);
  return response;
}

/** Call `listener(event)` for every event of the server, and for `open` and `closed`. */
export function listen(listener) {
  listeners.add(listener);
}

function tell(event) {
  for (const listener of listeners) listener(event);
}

/** Send a message; returns its id, or null when there is no connection. */
export function send(type, values = {}) {
  if (!socket || socket.readyState !== WebSocket.OPEN) {
    tell({ type: "error", text: NO_ANSWER });
    return null;
  }
  if (!KEEPS_LANES.has(type)) store.holdsLanes = false;
  lastId += 1;
  socket.send(JSON.stringify({ type, id: lastId, ...values }));
  return lastId;
}

export function connect() {
  socket = new WebSocket(api("socket").replace(/^http/, "ws"));
  socket.onopen = () => {
    wait = 250;
    tell({ type: "open" });
  };
  socket.onmessage = (message) => tell(JSON.parse(message.data));
  socket.onclose = async () => {
    tell({ type: "closed", reason: await whyClosed() });
    setTimeout(connect, wait);
    wait = Math.min(wait * 1.6, 4000);
  };
}

/** What is wrong: the sentence of a server that refuses, or null when there is none. */
async function whyClosed() {
  try {
    const response = await fetch(api("hello"));
    return response.ok ? null : await response.text();
  } catch {
    return null;
  }
}
