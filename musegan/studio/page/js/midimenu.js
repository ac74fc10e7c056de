// Where the browser has Web MIDI: the choice between the sound of this page and an output port.

import { hasMidi, midiPort, outputs, stopMidi } from "./midiout.js";
import { notice } from "./notice.js";

export function useMidiMenu() {
  const choice = document.getElementById("output");
  if (!hasMidi()) {
    choice.hidden = true;
    return;
  }
  let ports = [];
  choice.addEventListener("change", async () => {
    choice.blur(); // the keys are the page's again
    stopMidi();
    if (choice.value === "ask") {
      try {
        ports = await outputs();
        choice.replaceChildren(
          new Option("page sound", ""),
          ...ports.map((port) => new Option(port.name, port.id)),
          new Option("MIDI port…", "ask"),
        );
        if (!ports.length) notice("There are no MIDI output ports.", "hint");
      } catch (error) {
        notice(`The browser does not allow MIDI: ${error.message}`);
      }
      choice.value = ports[0]?.id || "";
    }
    midiPort.output = ports.find((port) => port.id === choice.value) || null;
  });
}
