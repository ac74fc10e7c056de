// The parts around the roll, which can be put away; what is chosen is kept for the next time.

const SMALL = matchMedia("(max-width: 960px)");

function remember(name, isAway) {
  document.body.classList.toggle(name, isAway);
  localStorage.setItem(`musegan-${name}`, isAway ? "1" : "");
}

export function useShell() {
  const [panel, strip] = ["panel-button", "strip-button"].map((id) => document.getElementById(id));
  const { classList } = document.body;
  const show = () => {
    const isOpen = SMALL.matches ? classList.contains("panel-open") : !classList.contains("no-panel");
    panel.setAttribute("aria-expanded", isOpen);
    panel.classList.toggle("on", isOpen);
    strip.setAttribute("aria-expanded", !classList.contains("no-strip"));
  };
  for (const name of ["no-panel", "no-strip"]) {
    classList.toggle(name, Boolean(localStorage.getItem(`musegan-${name}`)));
  }
  panel.addEventListener("click", () => {
    if (SMALL.matches) classList.toggle("panel-open");
    else remember("no-panel", !classList.contains("no-panel"));
    show();
  });
  strip.addEventListener("click", () => {
    remember("no-strip", !classList.contains("no-strip"));
    show();
  });
  // The drawer of a small window goes when the roll is touched, or with Esc.
  const close = () => {
    classList.remove("panel-open");
    show();
  };
  document.querySelector(".stage").addEventListener("pointerdown", close);
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
  SMALL.addEventListener("change", close);
  // The drawer of a small window lies between the header and the buttons under the roll.
  const [header, verbs, footer] = ["header", ".verbs", "footer"].map((name) => document.querySelector(name));
  const fitDrawer = () => {
    document.body.style.setProperty("--above", `${header.offsetHeight}px`);
    document.body.style.setProperty("--below", `${verbs.offsetHeight + footer.offsetHeight}px`);
  };
  const observer = new ResizeObserver(fitDrawer);
  for (const element of [header, verbs, footer]) observer.observe(element);
  show();
}
