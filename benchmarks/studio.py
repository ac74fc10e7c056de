"""How long a musician waits in the studio: from a turned knob to drawn notes, from Compose to the first sound, and
from one frame to the next in a long piece.

    python benchmarks/studio.py [--model MODEL] [--bars 8] [--repeats 10] [--chromium /usr/bin/chromium]

Starts the studio and a headless Chromium on this machine and turns a knob of the real page. Medians in
milliseconds, split into their parts; the limit for a knob, warm, with eight bars on two cores, is 100 ms.
While a knob moves, its answer is a sketch; once it rests, the music. Then 64 bars are played and scrolled
through: the time between frames, 16.7 ms where the page never misses one of 60 a second. Last a file of 150 bars
and 15 parts is opened and played, with no sound of it rendered before; the limit from Play to sound is 2 s.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--autoplay-policy=no-user-gesture-required"]
LIMIT = 100.0  # ms

LONG = 64  # bars
FILE_BARS, FILE_PARTS = 150, 15
SOUND_LIMIT = 2000.0  # ms from Play to sound in that file
SMOOTH = 1000 / 60  # ms

TURN = """async ([value, sketch]) => {
    const begin = performance.now();
    const drawn = new Promise((done) => {
        const look = () => {
            if (studio.store.state.asked.temperature !== value) return;
            document.removeEventListener("drawn", look);
            done(performance.now());
        };
        document.addEventListener("drawn", look);
    });
    studio.send("wishes", { changes: { temperature: value }, sketch });
    const seen = (await drawn) - begin;
    return { work: studio.store.state.milliseconds, seen };
}"""

HEAR = """async () => {
    const begin = performance.now();
    document.getElementById("play").click();
    const samples = new Float32Array(2048);
    let loudest = 0;
    while (loudest < 0.002 && performance.now() - begin < 60000) {
        await new Promise((done) => setTimeout(done, 2));
        if (!studio.sound.analyser) continue;
        studio.sound.analyser.getFloatTimeDomainData(samples);
        loudest = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    }
    const heard = performance.now() - begin;
    document.getElementById("play").click();
    return heard;
}"""

SILENCE = """() => {
    const samples = new Float32Array(2048);
    studio.sound.analyser.getFloatTimeDomainData(samples);
    return !studio.sound.isPlaying && samples.every((value) => Math.abs(value) < 0.0005);
}"""

COMPOSE = """async (seed) => {
    const begin = performance.now();
    const before = studio.store.state.revision;
    studio.send("compose", { changes: { seed } });
    while (studio.store.state.revision === before) await new Promise((done) => setTimeout(done, 1));
    return performance.now() - begin;
}"""

OPEN = """async (bytes) => {
    const begin = performance.now();
    const before = studio.store.state.revision;
    await studio.request("open", { method: "POST", body: new Uint8Array(bytes), values: { name: "long.mid" } });
    while (studio.store.state.revision === before) await new Promise((done) => setTimeout(done, 1));
    return performance.now() - begin;
}"""

FRAMES = """async (scrolls) => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const scroller = document.getElementById("scroller");
    const widest = scroller.scrollWidth - scroller.clientWidth;
    const times = [await frame()];
    while (times.at(-1) - times[0] < 4000) {
        if (scrolls) scroller.scrollLeft = widest * Math.abs(Math.sin((times.at(-1) - times[0]) / 800));
        times.push(await frame());
    }
    return times.slice(1).map((time, index) => time - times[index]);
}"""


def measure_frame_times(page: Page, scrolls: bool) -> dict[str, float]:
    """Milliseconds between frames, and of work of the page's thread for each."""
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable", {"timeDomain": "threadTicks"})  # of the processor, not of the clock

    def busy() -> float:
        metrics = client.send("Performance.getMetrics")["metrics"]
        return 1000 * next(item["value"] for item in metrics if item["name"] == "TaskDuration")

    before = busy()
    times = sorted(page.evaluate(FRAMES, scrolls))
    work = (busy() - before) / len(times)
    return {"p95": times[int(0.95 * len(times))], "rate": 1000 * len(times) / sum(times), "work": work}


def measure_frames(page: Page) -> dict[str, dict[str, float]]:
    """`measure_frame_times` of a long piece that is looked at, scrolled and played."""
    page.evaluate("(bars) => studio.send('compose', { changes: { n_bars: bars } })", LONG)
    page.wait_for_function(f"studio.store.state.piece.n_bars === {LONG}")
    page.wait_for_timeout(2000)
    found = {"scrolling": measure_frame_times(page, True)}
    page.click("#play")
    page.wait_for_function("studio.sound.isPlaying", timeout=120_000)
    page.wait_for_timeout(1000)
    return {
        **found,
        "playing": measure_frame_times(page, False),
        "scrolling while playing": measure_frame_times(page, True),
    }


def make_long_file() -> bytes:
    """A MIDI file of `FILE_BARS` bars with notes in every beat of `FILE_PARTS` parts."""
    import numpy as np

    from musegan.midi.tracks import make_note_events, make_track, merge_events, tempo_event, tracks_to_bytes

    beat, rng = 480, np.random.default_rng(0)
    end = FILE_BARS * 4 * beat
    tracks = [merge_events([tempo_event(0, 110)], [], end)]
    for number in range(FILE_PARTS):
        channel = (9, *range(9), *range(10, 16))[number]
        start = np.arange(0, end, beat // 2 if number % 2 else beat)
        scale = [36, 38, 42] if channel == 9 else [60, 62, 64, 67, 69]
        pitch, velocity = rng.choice(scale, len(start)), rng.integers(60, 110, len(start))
        notes = make_note_events(start, start + beat // 2 - 20, pitch, velocity, channel=channel)
        head = make_track(f"part {number + 1}", 8 * number, (0, channel))
        tracks.append(merge_events(head, notes, end))
    return tracks_to_bytes(tracks, beat)


def measure_page(
    address: str, chromium: str, bars: int, repeats: int
) -> tuple[dict[str, list[dict]], dict[str, dict]]:
    """Milliseconds of each turn of the knob and each start of the sound; frames."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_context(bypass_csp=True).new_page()
        page.goto(address)
        page.wait_for_selector("body.ready")
        page.evaluate("(bars) => studio.send('new', { bars })", bars)
        page.evaluate("(bars) => studio.send('compose', { changes: { n_bars: bars } })", bars)
        page.wait_for_function("studio.store.state.piece.notes.length > 0")
        found = {}
        for kind, first in (("sketch", 0.8), ("music", 1.0)):
            values = [[round(first + number / 100, 2), kind == "sketch"] for number in range(repeats + 2)]
            found[kind] = [page.evaluate(TURN, value) for value in values][2:]
        starts = [
            {"composed": page.evaluate(COMPOSE, 100 + number), "sound": page.evaluate(HEAR)}
            for number in range(max(repeats // 2, 2) + 1)
        ]
        found["starts"] = starts[1:]
        smoothness = measure_frames(page)
        page.click("#play")
        page.wait_for_function(SILENCE)
        opened = page.evaluate(OPEN, list(make_long_file()))
        found["long file"] = [{"opened": opened, "sound": page.evaluate(HEAR)}]
        browser.close()
    return found, smoothness


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="")
    parser.add_argument("--bars", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-u", "-m", "musegan", "studio", "--no-browser", "--project", folder]
        command += ["--model", options.model] if options.model else []
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[-1]
            found, smoothness = measure_page(address, options.chromium, options.bars, options.repeats)
        finally:
            server.terminate()
            server.wait()

    def median(kind: str, name: str) -> float:
        return statistics.median(row[name] for row in found[kind])

    for kind in ("sketch", "music"):
        work, seen = median(kind, "work"), median(kind, "seen")
        print(f"knob to drawn {kind}, {options.bars:3} bars  {seen:7.1f} ms  {seen / LIMIT:5.0%} of {LIMIT:g} ms")
        print(f"  composing                     {work:7.1f} ms")
        print(f"  to the server, back, drawing  {seen - work:7.1f} ms")
    composed, sound = median("starts", "composed"), median("starts", "sound")
    print(f"Compose to first sound          {composed + sound:7.1f} ms")
    print(f"  composing                     {composed:7.1f} ms")
    print(f"  stems, decoding, start        {sound:7.1f} ms")
    for name, row in smoothness.items():
        gap = row["p95"]
        print(f"{LONG} bars, {name:24} {gap:6.1f} ms between frames (95th percentile)  {gap / SMOOTH:5.0%}")
        print(f"  {row['rate']:.0f} frames a second, {row['work']:.1f} ms of work each")
    opened, sound = median("long file", "opened"), median("long file", "sound")
    print(f"{FILE_BARS} bars of {FILE_PARTS} parts, opened {opened:9.1f} ms")
    print(f"  Play to first sound           {sound:7.1f} ms  {sound / SOUND_LIMIT:5.0%} of {SOUND_LIMIT:g} ms")


if __name__ == "__main__":
    main()
