// Short messages: errors in one sentence, and the state of the connection.

const place = document.getElementById("notices");
const banner = document.getElementById("banner");

export function notice(text, kind = "error") {
  const item = document.createElement("div");
  item.className = `notice ${kind}`;
  item.setAttribute("role", kind === "error" ? "alert" : "status");
  item.textContent = text;
  item.addEventListener("click", () => item.remove());
  place.append(item);
  while (place.children.length > 3) place.firstChild.remove();
  setTimeout(() => item.remove(), 4000 + text.length * 50);
}

const live = document.getElementById("live");

/** Tell who listens to the page rather than looks at it. */
export function announce(text) {
  live.textContent = live.textContent === text ? `${text}\u00a0` : text;
}

/** Show that the server is away, or null when it is back. */
export function showBanner(text) {
  banner.hidden = text === null;
  banner.textContent = text || "";
}
