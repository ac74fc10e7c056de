"""How long a musician waits in the studio: from a turned knob to drawn notes, and from Compose to the first sound.

    python benchmarks/studio.py [--model MODEL] [--bars 8] [--repeats 10] [--chromium /usr/bin/chromium]

Starts the studio and a headless Chromium on this machine and turns a knob of the real page. Medians in
milliseconds, split into their parts; the limit for a knob, warm, with eight bars on two cores, is 100 ms.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--autoplay-policy=no-user-gesture-required"]
LIMIT = 100.0  # ms

TURN = """async (value) => {
    const begin = performance.now();
    const drawn = new Promise((done) => {
        const look = () => {
            if (studio.store.state.asked.temperature !== value) return;
            document.removeEventListener("drawn", look);
            done(performance.now());
        };
        document.addEventListener("drawn", look);
    });
    studio.send("wishes", { changes: { temperature: value } });
    const seen = (await drawn) - begin;
    return { work: studio.store.state.milliseconds, seen };
}"""

PLAY = """async (seed) => {
    const begin = performance.now();
    const before = studio.store.state.revision;
    studio.send("compose", { changes: { seed } });
    while (studio.store.state.revision === before) await new Promise((done) => setTimeout(done, 1));
    const composed = performance.now();
    document.getElementById("play").click();
    const samples = new Float32Array(2048);
    let loudest = 0;
    while (loudest < 0.002 && performance.now() - begin < 30000) {
        await new Promise((done) => setTimeout(done, 2));
        if (!studio.sound.analyser) continue;
        studio.sound.analyser.getFloatTimeDomainData(samples);
        loudest = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    }
    const heard = performance.now();
    document.getElementById("play").click();
    return { composed: composed - begin, heard: heard - begin };
}"""


def measure(address: str, chromium: str, bars: int, repeats: int) -> tuple[list[dict], list[dict]]:
    """Milliseconds of each turn of the knob and of each start of the sound."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_context(bypass_csp=True).new_page()
        page.goto(address)
        page.wait_for_selector("body.ready")
        page.evaluate("(bars) => studio.send('new', { bars })", bars)
        page.evaluate("(bars) => studio.send('compose', { changes: { n_bars: bars } })", bars)
        page.wait_for_function("studio.store.state.piece.notes.length > 0")
        turns = [page.evaluate(TURN, round(0.8 + number / 100, 2)) for number in range(repeats + 2)][2:]
        starts = [page.evaluate(PLAY, 100 + number) for number in range(max(repeats // 2, 2) + 1)][1:]
        browser.close()
    return turns, starts


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
            turns, starts = measure(address, options.chromium, options.bars, options.repeats)
        finally:
            server.terminate()
            server.wait()

    def median(rows: list[dict], name: str) -> float:
        return statistics.median(row[name] for row in rows)

    work, seen = median(turns, "work"), median(turns, "seen")
    print(f"knob to drawn notes, {options.bars:3} bars   {seen:7.1f} ms  {seen / LIMIT:5.0%} of {LIMIT:g} ms")
    print(f"  composing                     {work:7.1f} ms")
    print(f"  to the server, back, drawing  {seen - work:7.1f} ms")
    composed, heard = median(starts, "composed"), median(starts, "heard")
    print(f"Compose to first sound          {heard:7.1f} ms")
    print(f"  composing                     {composed:7.1f} ms")
    print(f"  stems, decoding, start        {heard - composed:7.1f} ms")


if __name__ == "__main__":
    main()
