"""A standing attack on the command line: damaged files, bombs, archives, flipped bits, kills, hostile names.

    python tests/attack/standing.py [--prepared 2000] [--each 20] [--seed 0] [--corpus FOLDER]
        [--notation 500] [--structures 50] [--archives 200] [--only WORD] [--minutes M]

Every command line runs in a process of its own with limits of the operating system, and must end well or with one
clear sentence: no traceback, no signal, no more than 5 seconds of the processor (more where a whole file is
composed anew) or 500 MB, and no file that other programs refuse. Prints a table, and what went wrong. `--minutes`
ends it earlier, with the table of what was done.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

import bombs
from attack import ON_A_FILE, Attack, TimeIsUp, table
from cage import Cage
from midireader import File, read_file
from mutations import base_files, mutate
from outside import notated, structured, tarred


def mutations(seed: int, corpus: Path | None) -> Iterator[bytes]:
    """Mutated files without end."""
    rng = random.Random(seed)
    files: list[File] = base_files(rng)
    for path in sorted(corpus.rglob("*.mid"))[:500] if corpus else ():
        try:
            files.append(read_file(path.read_bytes()))
        except (AssertionError, IndexError):
            continue
    while True:
        yield mutate(rng, rng.choice(files))


def mutated(attack: Attack, source: Iterator[bytes], n_prepared: int, each: int) -> None:
    folder = attack.folder / "many"
    for first in range(0, n_prepared, 2000):
        folder.mkdir()
        n = min(2000, n_prepared - first)
        for index in range(n):
            (folder / f"{index}.mid").write_bytes(next(source))
        arguments = ["prepare", str(folder), "-o", "many.npz", "--json", "--workers", "1", "--force"]
        outcome = attack.run("mutated files: prepare", f"files {first} ...", arguments, seconds=60)
        if outcome.status == 0:
            attack.rows["mutated files: prepare"].attacks += n - 1
            skipped = json.loads(outcome.output)["skipped"]
            for reason in skipped:
                if "unexpected" in reason or "crashed" in reason or "too long" in reason:
                    log = (attack.folder / "many.npz.log").read_text()
                    lines = [line for line in log.splitlines() if reason in line]
                    attack.rows["mutated files: prepare"].problems.append(lines[0])
        shutil.rmtree(folder)
    path = attack.folder / "mutated.mid"
    for index in range(each):
        path.write_bytes(next(source))
        before = sum(len(row.problems) for row in attack.rows.values())
        attack.on_file("mutated files", f"file {index}", path, ON_A_FILE)
        if sum(len(row.problems) for row in attack.rows.values()) > before:
            shutil.copy(path, Path(tempfile.gettempdir()) / f"attack-{index}.mid")


def bombed(attack: Attack) -> None:
    path = attack.folder / "bomb.mid"
    for name, data in bombs.midi_bombs():
        path.write_bytes(data)
        attack.on_file("bombs", name, path, ON_A_FILE)
        attack.run("bombs: prepare", name, ["prepare", str(path), "-o", "bomb.npz", "--workers", "1", "--force"])


def archived(attack: Attack) -> None:
    folder = attack.folder / "archives"
    folder.mkdir()
    before = set(attack.folder.iterdir())
    for name, path in bombs.archives(folder):
        arguments = ["prepare", str(path), "-o", "archive.npz", "--workers", "1", "--force"]
        attack.run("archives: prepare", name, arguments, seconds=40)
        path.unlink()
    left = {path.name for path in set(attack.folder.iterdir()) - before} - {"archive.npz", "archive.npz.log"}
    if left:
        attack.rows["archives: prepare"].problems.append(f"left behind: {left}")


def flipped(attack: Attack, n: int, seed: int) -> None:
    """Flip bits of a dataset and of a model, in their heads more often than elsewhere."""
    rng = random.Random(seed)
    song = attack.folder / "song.mid"
    song.write_bytes(next(name_and_data for name, name_and_data in bombs.midi_bombs() if name == "name 8"))
    attack.run("flips: prepare", "dataset", ["prepare", str(song), "-o", "flip.npz", "--workers", "1", "--force"])
    model = Path(__file__).parents[2] / "musegan" / "assets" / "band.safetensors"
    commands: dict[Path, list[list[str]]] = {
        attack.folder / "flip.npz": [["info", "{}"], ["info", "{}", "--verify"]],
        model: [["info", "{}"], ["generate", "--model", "{}", "--bars", "2", "-o", "{}.mid", "--force"]],
    }
    for source, lines in commands.items():
        data = source.read_bytes()
        target = attack.folder / f"flipped{source.suffix}"
        for index in range(n):
            out = bytearray(data)
            for _ in range(rng.choice([1, 1, 3, 30])):
                place = rng.randrange(min(len(out), 20_000) if rng.random() < 0.8 else len(out))
                out[place] = rng.choice([out[place] ^ 1 << rng.randrange(8), rng.randrange(256), 0x22, 0x30])
            target.write_bytes(out[: rng.randrange(len(out))] if rng.random() < 0.1 else out)
            for line in lines:
                attack.run(f"flips: {line[0]} {source.suffix}", f"flip {index}", [i.format(target) for i in line])


def killed(attack: Attack, n: int, seed: int) -> None:
    """Kill commands at any moment: there is either the old file or the new one, and nothing else stays."""
    rng = random.Random(seed)
    song = attack.folder / "song.mid"
    song.write_bytes(next(data for name, data in bombs.midi_bombs() if name == "name 8"))
    folder = attack.folder / "kills"
    folder.mkdir()
    lines = {
        "a.npz": ["prepare", str(song), "-o", str(folder / "a.npz"), "--workers", "1", "--force"],
        "a.mid": ["generate", "--bars", "4", "--seed", "1", "-o", str(folder / "a.mid"), "--force"],
        "a.png": ["render", str(song), "-o", str(folder / "a.png"), "--force"],
    }
    for name, line in lines.items():
        row = attack.rows[f"kills: {line[0]}"]
        command = [sys.executable, "-m", "musegan", *line]
        begin = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        whole = time.monotonic() - begin
        good = (folder / name).read_bytes()
        for _ in range(n):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(rng.uniform(0.2, 1.0) * whole)
            process.send_signal(signal.SIGKILL)
            process.wait()
            row.attacks += 1
            row.done += 1
            if (folder / name).read_bytes() != good:
                row.problems.append(f"{name} is neither the old file nor the new one")
        time.sleep(3)
        subprocess.run(command, check=True, capture_output=True)
        left = {path.name for path in folder.iterdir() if path.name.startswith(".")}
        if left and name == "a.npz":
            row.problems.append(f"left behind: {left}")


def killed_studio(attack: Attack, n: int, seed: int) -> None:
    """Kill a studio while it saves its project: what is loaded next is whole and has all that was saved before."""
    from musegan.composing.model import load_model
    from musegan.studio.project import Project

    rng, row = random.Random(seed), attack.rows["kills: studio"]
    model, folder = load_model("chorale"), attack.folder / "killed"
    Project.load(folder, model).save()
    for index in range(n):
        n_before = len(Project.load(folder, model).packed)
        child = os.fork()
        if not child:
            project = Project.load(folder, model)
            while True:
                project.push(project.state)
                project.save()
        time.sleep(rng.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        project = Project.load(folder, model)
        row.attacks += 1
        row.done += 1
        if len(project.packed) < n_before:
            row.problems.append(f"kill {index}: states are lost")
        project.packed, project.parents, project.position = project.packed[:2], project.parents[:2], 0
        project.save()
    for left in folder.glob(".*.part"):
        os.utime(left, (0, 0))
    project.save()
    if left := [path.name for path in folder.iterdir() if path != project.path]:
        row.problems.append(f"left behind: {left}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prepared", type=int, default=2000, help="mutated files through prepare")
    parser.add_argument("--notation", type=int, default=500, help="odd notation files to read")
    parser.add_argument("--structures", type=int, default=50, help="changed files of every kind that is read")
    parser.add_argument("--archives", type=int, default=200, help="archives whose heads are not true")
    parser.add_argument("--each", type=int, default=20, help="mutated files through the other commands")
    parser.add_argument("--kills", type=int, default=4, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", type=Path, help="folder of MIDI files to mutate, besides made ones")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="end after so many")
    parser.add_argument(
        "--only", default="", help="mutated, notated, structured, tarred, bombed, archived, flipped or killed"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Cage(seconds=45) as cage:
        attack = Attack(cage, Path(folder), options.minutes)
        source = mutations(options.seed, options.corpus)
        attacks: dict[str, Callable[[], None]] = {
            "mutated": lambda: mutated(attack, source, options.prepared, options.each),
            "notated": lambda: notated(
                attack, options.notation, options.notation // 5, options.each, options.seed
            ),
            "structured": lambda: structured(attack, options.structures, options.seed),
            "tarred": lambda: tarred(attack, options.archives, options.seed),
            "bombed": lambda: bombed(attack),
            "archived": lambda: archived(attack),
            "flipped": lambda: flipped(attack, options.each, options.seed),
            "killed": lambda: killed(attack, options.kills, options.seed),
            "studio killed": lambda: killed_studio(attack, 10 * options.kills, options.seed),
        }
        for name, run in attacks.items():
            if options.only in name:
                with suppress(TimeIsUp):
                    run()
    print(table(attack.rows))
    sys.exit(any(row.problems for row in attack.rows.values()))


if __name__ == "__main__":
    main()
