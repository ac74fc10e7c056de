"""How steadily `musegan jam` plays, through the ports of a JACK server without a sound card.

    python benchmarks/jam.py [--bars 500] [--tempo 120] [--load] [--play SONG.mid]

Needs jackd (Debian: jackd2) and python-rtmidi. A second process, this one, plays a MIDI file into the jam and
records what comes back; every note in the file that the jam writes is looked for in the recording. Printed are
bars that miss a note, distances of the onsets from their times (a constant delay does not count) and how long
composing took. `--load` keeps all cores busy beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import mido
import numpy as np
import rtmidi

SONG = Path(__file__).parents[1] / "data" / "sample" / "01-rock-in-c-major.mid"
QUEUE = 1 << 18  # messages that may wait
PERIOD = 64  # samples that JACK delivers together at 48 kHz: 1.3 ms


@contextmanager
def run_process(command, **options):
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def run_jack_server():
    """A server of its own, which everything started within the block talks to."""
    name = f"musegan-{os.getpid()}"
    os.environ |= {"JACK_DEFAULT_SERVER": name, "JACK_NO_AUDIO_RESERVATION": "1", "RTMIDI_API": "UNIX_JACK"}
    command = ["jackd", "-R", "--sync", "-n", name, "-d", "dummy", "-r", "48000", "-p", str(PERIOD)]
    with run_process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        for _ in range(300):
            time.sleep(0.1)
            with suppress(rtmidi.RtMidiError):
                rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="knock")
                break
        else:
            sys.exit("jackd does not start here; try `jackd -d dummy`")
        yield


def find_port(device, ending: str, jam: subprocess.Popen) -> int:
    """Number of the port of the jam whose name ends so, once it is there."""
    while jam.poll() is None:
        names = device.get_ports()
        for number, name in enumerate(names):
            if name.startswith("musegan") and name.endswith(ending):
                return number
        time.sleep(0.1)
    sys.exit("the jam opened no ports")


def play_forever(song: Path, device, stop: threading.Event) -> None:
    while not stop.is_set():
        for message in mido.MidiFile(song):
            if stop.wait(message.time):
                return
            if message.type in ("note_on", "note_off") and message.channel != 9:
                device.send_message(message.bytes())


def read_wanted_onsets(path: Path, kept: str) -> dict[tuple[int, int], list[float]]:
    """Seconds from the first beat of the composed notes in the written file, by channel and pitch."""
    midi = mido.MidiFile(path)
    tempo = next(message.tempo for message in midi.tracks[0] if message.type == "set_tempo")
    onsets = defaultdict(list)
    for track in midi.tracks[1:]:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity and track.name != kept:
                seconds = tick * tempo / 1e6 / midi.ticks_per_beat
                onsets[message.channel, message.note].append(seconds)
    return onsets


def read_heard_onsets(ears) -> tuple[dict[tuple[int, int], list[float]], float]:
    """Seconds, by JACK's clock, of the notes that arrived, by channel and pitch, and of the start of the music."""
    onsets, now, start = defaultdict(list), 0.0, 0.0
    while event := ears.get_message():
        message, delta = event
        now += delta
        if message[0] == 0xFA:
            start = now
        elif message[0] & 0xF0 == 0x90:
            onsets[message[0] & 15, message[1]].append(now)
    return onsets, start


def compare_onsets(wanted, heard, start: float, tempo: float) -> tuple[int, np.ndarray]:
    """Bars that miss a note, and the distance of every onset from its time, in milliseconds, less the median."""
    bar = 4 * 60 / tempo
    distances, missing = [], set()
    for place, times in wanted.items():
        arrived = np.array(heard.get(place, [])) - start
        for moment in times:
            nearest = np.abs(arrived - moment).argmin() if len(arrived) else None
            if nearest is None or abs(arrived[nearest] - moment) > 0.05:
                missing.add(int(moment / bar))
            else:
                distances.append(arrived[nearest] - moment)
    distances = 1000 * np.array(distances)
    return len(missing), distances - np.median(distances)


def run_session(options, folder: Path) -> None:
    recording = folder / "jam.mid"
    with ExitStack() as stack:
        stack.enter_context(run_jack_server())
        for _ in range(os.cpu_count() if options.load else 0):
            stack.enter_context(run_process([sys.executable, "-c", "while True: pass"]))
        command = [sys.executable, "-m", "musegan", "jam", "--keep", "piano", "--tempo", str(options.tempo)]
        command += ["--bars", str(options.bars), "--seed", "1", "--json", "-o", str(recording)]
        jam = stack.enter_context(run_process(command, stdout=subprocess.PIPE, text=True))
        # Messages wait in a queue, with their times, until all is over: nothing of Python runs when one arrives.
        ears = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="ears", queue_size_limit=QUEUE)
        ears.ignore_types(timing=False)  # or the times would not add up
        ears.open_port(find_port(ears, ":out", jam))
        hands = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="hands")
        hands.open_port(find_port(hands, ":in", jam))
        stop = threading.Event()
        player = threading.Thread(target=play_forever, args=(options.play, hands, stop))
        player.start()
        facts = json.loads(jam.communicate()[0])
        stop.set()
        player.join()
        heard, start = read_heard_onsets(ears)
        ears.close_port()
    n_missing, distances = compare_onsets(read_wanted_onsets(recording, "piano"), heard, start, options.tempo)
    late, composing = np.abs(distances), facts["composing_ms"]
    bar = 4 * 60_000 / options.tempo
    print(f"{facts['bars']} bars at {options.tempo:g}{', all cores busy beside it' if options.load else ''}")
    print(f"bars composed too late: {facts['late_bars']}; bars that miss a note: {n_missing}")
    print(
        f"{len(late)} onsets off by p50 {np.median(late):.2f} ms, p99 {np.quantile(late, 0.99):.2f} ms, "
        f"at most {late.max():.2f} ms (JACK delivers every {PERIOD / 48:.2f} ms)"
    )
    print(
        f"composing a bar: median {composing['median']:g} ms ({composing['median'] / bar:.1%} of the bar), "
        f"slowest {composing['slowest']:g} ms ({composing['slowest'] / bar:.1%})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", type=int, default=500)
    parser.add_argument("--tempo", type=float, default=120)
    parser.add_argument("--load", action="store_true", help="keep all cores busy beside it")
    parser.add_argument("--play", type=Path, default=SONG, help="MIDI file that is played into the jam")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run_session(options, Path(folder))


if __name__ == "__main__":
    main()
