// What the page knows: what the server said last, and what is chosen here. Everything else is drawn from it.

export const store = {
  hello: null, // what does not change: tracks, grid, options, knobs
  state: null, // the piece and what is asked for, as the server shows it
  variations: [],
  selected: new Set(), // notes, as "track,start,pitch"
  focus: null, // track that is drawn large
  showsBefore: false, // whether the notes before the last change are outlined
  holdsLanes: false, // whether lanes keep their height, as while a knob is turned
  cell: null, // {track, bar} that the keyboard is at
  gridSteps: 0, // of the grid of notes; 0: a sixteenth
  loop: null, // [first bar, end bar] that is repeated
  isLooping: true,
  pxPerBar: 0, // 0: as wide as is usual
  isFitting: false, // whether all bars are shown, however many there are
  position: 0, // of the cursor, in bars
  jam: { is_playing: false }, // the band that plays along, and `at`, when that was told
  heat: { surprise: null }, // how surprising each cell is
  isExplaining: false, // whether that is shown
  parts: [], // other parts of the user's file, which only sound
};

const listeners = new Map();

/** Call `listener()` whenever `name` changes: state, hello, variations, view, selection, transport, mixer, jam, heat, song. */
export function on(name, listener) {
  if (!listeners.has(name)) listeners.set(name, []);
  listeners.get(name).push(listener);
}

export function changed(name) {
  for (const listener of listeners.get(name) || []) listener();
}

export const stepsPerBar = () => store.hello.steps_per_beat * store.hello.beats_per_bar;

export const keyOf = (note) => `${note[0]},${note[1]},${note[3]}`;

const colours = new Map();
const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => {
  colours.clear();
  if (!store.hello) return;
  lift(store.hello.tracks);
  changed("hello");
  if (store.state) changed("state");
});

/** The colours of tracks, a little lighter on a dark ground. */
function lift(tracks) {
  for (const track of tracks) {
    track.plain ??= track.colour;
    const parts = [1, 3, 5].map((place) => parseInt(track.plain.slice(place, place + 2), 16));
    const lifted = parts.map((part) => Math.round(part + (255 - part) * (dark.matches ? 0.2 : 0)));
    track.colour = `#${lifted.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
  }
}

/** A colour of the style sheet in the scheme that is shown, by the name of its variable. */
export function css(name) {
  if (!colours.has(name)) {
    colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  }
  return colours.get(name);
}

/** Take an event of the server. */
export function take(event) {
  if (event.type === "hello") {
    store.hello = event;
    lift(event.tracks);
    changed("hello");
  } else if (event.type === "state") {
    const isOther = store.state && store.state.song !== event.song;
    store.state = event;
    if (isOther) forgetSong();
    const present = new Set(event.piece.notes.map(keyOf));
    store.selected = new Set([...store.selected].filter((key) => present.has(key)));
    if (store.loop && store.loop[1] > event.piece.n_bars) store.loop = null;
    changed("state");
  } else if (event.type === "variations") {
    store.variations = event.items;
    changed("variations");
  } else if (event.type === "explain") {
    store.heat = event;
    changed("heat");
  } else if (event.type === "jam") {
    store.jam = { ...event, at: performance.now() };
    changed("jam");
  }
}

/** Another song: nothing that was chosen for the last one stays. */
function forgetSong() {
  Object.assign(store, { focus: null, loop: null, pxPerBar: 0, position: 0, isExplaining: false });
  store.selected = new Set();
  changed("song");
}

/** A gesture has one entry in the history, however many messages it takes. */
export const newGesture = () => `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`;
