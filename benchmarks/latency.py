"""Where the time goes that a musician waits: a cold `musegan generate --bars 8`, stage by stage, and a warm call.

    python benchmarks/latency.py [--model MODEL] [--repeats 5]

Stages are measured inside fresh processes; the shortest of the repeats is shown, and its share of the whole.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time

STAGES = """
import json, sys, time
marks = [("start", float(sys.argv[1]), time.time())]
def stage(name, begin):
    marks.append((name, begin, time.time()))
begin = time.time(); import musegan.cli; stage("import the command line", begin)
begin = time.time(); import torch; stage("import torch", begin)
begin = time.time(); from musegan.composing.model import load_model; stage("import the rest", begin)
begin = time.time(); model = load_model(sys.argv[2] or None, "cpu"); stage("load", begin)
begin = time.time(); piece = model.generate(8, seed=1); stage("compose", begin)
begin = time.time(); piece.write(sys.argv[3]); stage("write", begin)
warm = []
for seed in range(10):
    begin = time.time(); model.generate(8, seed=seed); warm.append(time.time() - begin)
print(json.dumps({"stages": [[n, e - b] for n, b, e in marks], "warm": min(warm)}))
"""


def measure(model: str, repeats: int) -> tuple[dict[str, float], float, float]:
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    stages, warm, whole = measure(options.model, options.repeats)
    for name, seconds in stages.items():
        print(f"{name:26} {seconds:7.3f} s  {seconds / whole:5.1%}")
    print(f"{'musegan generate --bars 8':26} {whole:7.3f} s")
    print(f"{'warm model.generate(8)':26} {warm:7.3f} s")


if __name__ == "__main__":
    main()
