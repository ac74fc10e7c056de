"""Where the time goes that a musician waits: a cold `musegan generate --bars 8`, stage by stage, and a warm call.

    python benchmarks/latency.py [--model MODEL] [--repeats 5]

Stages are measured inside fresh processes; the shortest of the repeats is shown, and its share of the whole.
Then the same pieces are composed with one thread and with two (`MUSEGAN_THREADS`), on the machine as it is and
with a process on every core beside it, as when a DAW plays. Last, what the installed packages take on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib import metadata

STAGES = """
import json, sys, time
marks = [("start", float(sys.argv[1]), time.time())]
def stage(name, begin):
    marks.append((name, begin, time.time()))
begin = time.time(); import musegan; stage("import musegan", begin)
begin = time.time(); import musegan.cli; stage("import the command line", begin)
begin = time.time(); import torch; stage("import torch", begin)
begin = time.time(); from musegan.composing.model import load_model; stage("import the rest", begin)
begin = time.time(); model = load_model(sys.argv[2] or None, "cpu"); stage("load", begin)
begin = time.time(); piece = model.generate(8, seed=1); stage("compose", begin)
begin = time.time(); musegan.write(piece, sys.argv[3]); stage("write", begin)
warm = []
for seed in range(10):
    begin = time.time(); model.generate(8, seed=seed); warm.append(time.time() - begin)
print(json.dumps({"stages": [[n, e - b] for n, b, e in marks], "warm": min(warm)}))
"""

CLIPS = """
import json, sys, time
from musegan.composing.model import load_model
begin = time.time()
model = load_model(sys.argv[1] or None, "cpu")
loaded = time.time()
model.generate(8, seed=0)
begin_clips, cpu = time.time(), time.process_time()
for seed in range(10):
    model.generate(8, seed=seed)
print(json.dumps([loaded - begin, time.time() - begin_clips, time.process_time() - cpu]))
"""
LOAD = "while True: pass"


def measure_start(model: str, repeats: int) -> tuple[dict[str, float], float, float]:
    """Shortest seconds of each stage, of a warm call, and of the whole command."""
    stages: dict[str, float] = {}
    warm = whole = float("inf")
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeats):
            command = [sys.executable, "-c", STAGES, repr(time.time()), model, f"{folder}/a.mid"]
            found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            for name, seconds in found["stages"]:
                stages[name] = min(stages.get(name, seconds), seconds)
            warm = min(warm, found["warm"])
            begin = time.time()
            command = [sys.executable, "-m", "musegan", "generate", "--bars", "8", "--seed", "1", "--force"]
            command += ["-o", f"{folder}/b.mid", *(["--model", model] if model else [])]
            subprocess.run(command, capture_output=True, check=True)
            whole = min(whole, time.time() - begin)
    return stages, warm, whole


def measure_clips(model: str, n_threads: int, n_beside: int) -> tuple[float, float, float]:
    """Seconds to load, and of the clock and of the processor for 10 pieces, with so many busy processes beside."""
    with ExitStack() as stack:
        for _ in range(n_beside):
            busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", LOAD]))
            stack.callback(busy.kill)
        environment = {**os.environ, "MUSEGAN_THREADS": str(n_threads)}
        environment.pop("OMP_NUM_THREADS", None)
        command = [sys.executable, "-c", CLIPS, model]
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return tuple(json.loads(found.stdout))


def measure_installed_size(package: str, sizes: dict[str, float] | None = None) -> dict[str, float]:
    """Of a package and of all that it needs, extras left out."""
    sizes = {} if sizes is None else sizes
    name = re.sub(r"[-_.]+", "-", package).lower()
    if name in sizes:
        return sizes
    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError:  # of another system or version of Python
        return sizes
    files = [file.locate() for file in found.files or ()]
    sizes[name] = sum(os.path.getsize(file) for file in files if os.path.isfile(file)) / 1e6
    for requirement in found.requires or ():
        if "extra ==" not in requirement:
            measure_installed_size(re.match(r"[\w.-]+", requirement)[0], sizes)
    return sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    stages, warm, whole = measure_start(options.model, options.repeats)
    for name, seconds in stages.items():
        print(f"{name:26} {seconds:7.3f} s  {seconds / whole:5.1%}")
    print(f"{'musegan generate --bars 8':26} {whole:7.3f} s")
    print(f"{'warm model.generate(8)':26} {warm:7.3f} s")
    for n_beside in (0, os.cpu_count() or 1):
        for n_threads in (1, 2):
            load, clock, cpu = measure_clips(options.model, n_threads, n_beside)
            what = f"{n_threads} thread{'s' if n_threads > 1 else ''}, {n_beside} busy processes beside"
            print(f"{what:40} load {load:6.2f} s, 10 pieces {clock:6.2f} s, of the processor {cpu:6.2f} s")
    sizes = measure_installed_size("musegan-band")
    largest = sorted(sizes, key=sizes.get, reverse=True)[:6]
    print(f"installed {sum(sizes.values()):.0f} MB: " + ", ".join(f"{n} {sizes[n]:.0f}" for n in largest))


if __name__ == "__main__":
    main()
