// <x-knob>: a dial that is dragged or moved by arrow keys; a double click brings its usual value back.
// It fires "turn" while it moves, with the value and a gesture that all values of one movement share.

import { newGesture } from "./store.js";

const SWEEP = 270; // degrees from the lowest to the highest value

class Knob extends HTMLElement {
  connectedCallback() {
    if (this.firstChild) return;
    const number = (name, usual) => Number(this.getAttribute(name) ?? usual);
    [this.min, this.max, this.step] = [number("min", 0), number("max", 1), number("step", 0.01)];
    this.usual = number("usual", this.min);
    this.isLog = this.hasAttribute("log"); // the middle is the geometric mean of the ends
    this.innerHTML = `<svg viewBox="0 0 40 40" aria-hidden="true"><path class="track"/><path class="arc"/>
      <line class="hand" x1="20" y1="20" x2="20" y2="9"/></svg><output></output>`;
    this.tabIndex = 0;
    this.setAttribute("role", "slider");
    this.setAttribute("aria-valuemin", this.min);
    this.setAttribute("aria-valuemax", this.max);
    this.querySelector(".track").setAttribute("d", arc(0, 1));
    this.value = number("value", this.usual);
    this.addEventListener("pointerdown", (event) => this.grab(event));
    this.addEventListener("dblclick", () => this.turn(this.usual, newGesture()));
    this.addEventListener("keydown", (event) => this.key(event));
  }

  /** Whether a hand is on it: what the server says meanwhile is older. */
  get isBusy() {
    return this.isHeld || Date.now() - (this.turnedAt || 0) < 400;
  }

  get value() {
    return this.current;
  }

  set value(value) {
    this.current = Math.min(Math.max(Math.round(value / this.step) * this.step, this.min), this.max);
    const share = this.shareOf(this.current);
    const middle = this.hasAttribute("centred") ? this.shareOf(this.usual) : 0;
    this.querySelector(".arc").setAttribute("d", arc(Math.min(middle, share), Math.max(middle, share)));
    this.querySelector(".hand").setAttribute("transform", `rotate(${(share - 0.5) * SWEEP} 20 20)`);
    const text = this.format ? this.format(this.current) : String(Number(this.current.toFixed(2)));
    this.querySelector("output").textContent = text;
    this.setAttribute("aria-valuenow", this.current);
    this.setAttribute("aria-valuetext", text);
  }

  shareOf(value) {
    if (!this.isLog) return (value - this.min) / (this.max - this.min);
    return Math.log(Math.max(value, this.min) / this.min) / Math.log(this.max / this.min);
  }

  valueOf(share) {
    if (!this.isLog) return this.min + share * (this.max - this.min);
    return this.min * (this.max / this.min) ** share;
  }

  /** Move to a value as a user does. */
  turn(value, gesture) {
    const before = this.current;
    this.value = value;
    if (this.current !== before) {
      this.turnedAt = Date.now();
      this.dispatchEvent(new CustomEvent("turn", { detail: { value: this.current, gesture }, bubbles: true }));
    }
  }

  grab(event) {
    const gesture = newGesture();
    const [from, y, x] = [this.shareOf(this.current), event.clientY, event.clientX];
    this.setPointerCapture(event.pointerId);
    this.isHeld = true;
    const move = (now) => {
      const way = (y - now.clientY + (now.clientX - x)) / (now.shiftKey ? 800 : 160);
      this.turn(this.valueOf(Math.min(Math.max(from + way, 0), 1)), gesture);
    };
    const release = () => {
      this.isHeld = false;
      this.removeEventListener("pointermove", move);
    };
    this.addEventListener("pointermove", move);
    this.addEventListener("pointerup", release, { once: true });
    this.addEventListener("pointercancel", release, { once: true });
    this.focus();
    event.preventDefault();
  }

  key(event) {
    const way = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    const step = Math.max(this.step, (this.max - this.min) / 40);
    this.turn(this.current + way * step, newGesture());
  }
}

/** The path of an arc between two shares of the sweep. */
function arc(from, to) {
  const point = (share) => {
    const angle = ((share - 0.5) * SWEEP * Math.PI) / 180;
    return `${(20 + 15 * Math.sin(angle)).toFixed(2)} ${(20 - 15 * Math.cos(angle)).toFixed(2)}`;
  };
  return `M${point(from)} A15 15 0 ${(to - from) * SWEEP > 180 ? 1 : 0} 1 ${point(to)}`;
}

customElements.define("x-knob", Knob);
