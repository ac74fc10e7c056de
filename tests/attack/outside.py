"""Attacks with notation, and with data that has the right syntax and the wrong shape."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import midibytes
import numpy as np
from attack import Attack
from notation import notation_files
from safetensors.numpy import save
from structures import mutate_archive, mutate_csv, mutate_json, mutate_safetensors, mutate_toml, mutate_value

PARSE_SECONDS = 8.0  # of the processor: the start of the process that parses, and its limit
VERBS = ("info", "continue", "render musicxml")
_CHECKPOINT = save({"adam.0.step": np.ones((), np.float32)}, {"musegan": "{}"})
ASSETS = Path(__file__).parents[2] / "musegan" / "assets"


def notated(attack: Attack, n_read: int, n_prepared: int, each: int, seed: int) -> None:
    """Odd notation: read here, prepared together, and given to verbs one by one."""
    from musegan.midi.read import read_score

    files = notation_files(seed)
    for index in range(n_read):
        suffix, data = next(files)
        attack.call(
            "notation: read", f"file {index}{suffix}", lambda d=data, s=suffix: _check(read_score(d, f"a{s}"))
        )
    folder = attack.folder / "notation"
    folder.mkdir()
    for index in range(n_prepared):
        suffix, data = next(files)
        (folder / f"{index}{suffix}").write_bytes(data)
    if n_prepared:
        arguments = ["prepare", str(folder), "-o", "notation.npz", "--workers", "1", "--force", "--json"]
        limit = PARSE_SECONDS + 0.5 * n_prepared
        outcome = attack.run("notation: prepare", "all", arguments, seconds=limit, kill_after=60 + 6 * n_prepared)
        attack.rows["notation: prepare"].attacks += n_prepared - 1
        log = attack.folder / "notation.npz.log"
        lines = log.read_text().splitlines() if outcome.status == 0 else []
        odd = [line for line in lines if "unexpected" in line or "crashed" in line]
        attack.rows["notation: prepare"].problems += odd
    for index in range(each):
        suffix, data = next(files)
        path = attack.folder / f"odd{suffix}"
        path.write_bytes(data)
        attack.on_file("notation", f"file {index}", path, VERBS, more_seconds=PARSE_SECONDS)


def _check(score: Any) -> None:
    """The promises of a `Score`."""
    for part in score.parts:
        assert part.start.min() >= 0
        assert (part.end >= part.start).all()
        assert part.velocity.min() >= 1
        assert part.pitch.max() < 128
        assert 0 <= part.program < 128
    assert (score.meters > 0).all()
    assert (np.diff(score.tempo_ticks) >= 0).all()
    assert np.isfinite(score.tempo_qpm).all()


def structured(attack: Attack, n: int, seed: int) -> None:
    """`n` changed files of every kind that is read."""
    rng = Random(seed)
    for index in range(n):
        for kind, write, use in _kinds(attack):
            path, data = write(rng)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            if callable(use):
                attack.call(f"structures: {kind}", f"file {index}", lambda use=use, path=path: use(path))
            else:
                arguments = [item.format(path=path, folder=path.parent) for item in use]
                attack.run(f"structures: {kind}", f"file {index}", arguments)


Kind = tuple[str, Callable[[Random], tuple[Path, bytes]], Any]


def _kinds(attack: Attack) -> Iterator[Kind]:
    """Name of a kind of file, what makes a changed one, and what reads it: a command line or a function."""
    from musegan.config import preset
    from musegan.corpus.labels import Labels
    from musegan.models.model_file import FORMAT
    from musegan.music.spec import CHORALE, load_ensemble
    from musegan.synthesis.drafts import Settings
    from musegan.synthesis.manifest import COLUMNS

    folder = attack.folder / "outside"
    folder.mkdir(exist_ok=True)
    tables = json.loads(json.dumps(preset("tiny").to_dict()))
    spec = json.loads(json.dumps(CHORALE.to_dict()))
    train = ["train", "a.npz", "--run", str(folder / "run"), "--dry-run"]
    row = ["000000.mid", "train", "3", "C", "97", "C", "drums=01 bass=11", "drums=1.00 bass=2.00", "pop"]
    yield "settings", lambda r: (folder / "a.toml", mutate_toml(r, tables)), [*train, "--config", "{path}"]
    yield "run", lambda r: (folder / "run" / "config.json", mutate_json(r, tables)), [*train, "--resume"]
    yield "ensemble", lambda r: (folder / "e.toml", mutate_toml(r, spec)), lambda path: load_ensemble(str(path))
    labels = [["file", "split", "genre", "licence"], ["a.mid", "train", "pop", "CC0"], ["b.mid", "", "", ""]]
    yield "labels", lambda r: (folder / "labels.csv", mutate_csv(r, labels)), Labels.load
    (folder / "made").mkdir(exist_ok=True)
    (folder / "made" / "000000.mid").write_bytes(midibytes.band(n_bars=1))
    made = folder / "made" / "manifest.csv"
    yield "manifest", lambda r: (made, mutate_csv(r, [list(COLUMNS), row, row])), ["info", "{folder}"]
    settings = asdict(Settings(model="other"))
    begun = folder / "begun" / "settings.json"
    line = ["synthesize", "-o", "{folder}", "--count", "1", "--bars", "2", "--workers", "1"]
    yield "begun folder", lambda r: (begun, mutate_json(r, settings)), line
    model = (ASSETS / "chorale.safetensors").read_bytes()
    described = {"format": FORMAT, "spec": spec, "config": tables, "facts": {"songs": 3}}
    change = lambda r: (folder / "m.safetensors", mutate_safetensors(r, model, described))  # noqa: E731
    yield "model", change, ["info", "{path}"]
    for verify in ([], ["--verify"]):
        yield (
            f"dataset {' '.join(verify)}",
            lambda r: _change_dataset(r, attack, folder),
            ["info", "{path}", *verify],
        )
    yield "notes", lambda r: _change_notes(r, attack, folder), _read_notes
    yield "checkpoint", lambda r: _change_checkpoint(r, folder), _read_checkpoint
    yield "project", lambda r: _change_project(r, folder), _load_project


def _change_dataset(rng: Random, attack: Attack, folder: Path) -> tuple[Path, bytes]:
    source = _make_dataset(attack)
    names = ["bar_offsets", "songs", "bar_tracks", "names", "notes", "feel"]
    return folder / "d.npz", _change_arrays(rng, source, names)


def _change_notes(rng: Random, attack: Attack, folder: Path) -> tuple[Path, bytes]:
    """A list of notes, as a run keeps it."""
    from musegan.corpus.dataset import Dataset
    from musegan.corpus.note_list import NoteList

    source = attack.folder / "notes.npz"
    if not source.is_file():
        NoteList.from_dataset(Dataset(_make_dataset(attack))).save(source)
    names = ["track", "pitch", "start", "duration", "bar_offsets", "bar_end", "tones", "split", "style", "tempo"]
    return folder / "n.npz", _change_arrays(rng, source, names)


def _read_notes(path: Path) -> None:
    """Load a list of notes and read all windows of it."""
    from musegan.corpus.note_list import NoteList

    notes = NoteList.load(path)
    for split in ("train", "valid"):
        starts = notes.windows(2, split)
        if len(starts):
            notes.read(starts, 2, np.arange(len(starts)) % 12 - 6)


def _make_dataset(attack: Attack) -> Path:
    path = attack.folder / "outside.npz"
    if not path.is_file():
        song = attack.folder / "song.mid"
        song.write_bytes(midibytes.band(n_bars=6))
        arguments = ["prepare", str(song), "-o", str(path), "--workers", "1"]
        attack.run("structures: prepare", "dataset", arguments)
    return path


def _change_arrays(rng: Random, source: Path, names: list[str]) -> bytes:
    """An archive of arrays with another header, or with other numbers in one of `names`."""
    with np.load(source) as archive:
        members = dict(archive)
    if rng.random() < 0.5:
        header = mutate_value(rng, json.loads(bytes(members["header"])))
        members["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    else:
        name = rng.choice(names)
        raw = bytearray(members[name].tobytes())
        for _ in range(rng.choice([1, 2, 8])):
            raw[rng.randrange(len(raw))] = rng.choice([0, 1, 127, 128, 255])
        members[name] = np.frombuffer(bytes(raw), members[name].dtype).reshape(members[name].shape)
        if rng.random() < 0.3:
            members[name] = rng.choice([members[name][:-1], members[name][:0], members[name][None]])
    file = io.BytesIO()
    np.savez(file, **members)
    return file.getvalue()


def _change_checkpoint(rng: Random, folder: Path) -> tuple[Path, bytes]:
    """A checkpoint with other facts."""
    from musegan.training.trainer import Trainer

    facts = {"format": Trainer.checkpoint_format, "windows_seen": 8, "best_score": 1.5}
    return folder / "c.safetensors", mutate_safetensors(rng, _CHECKPOINT, facts)


def _read_checkpoint(path: Path) -> None:
    from musegan.training.checkpoint import read_facts
    from musegan.training.trainer import Trainer

    facts = read_facts(path, Trainer.checkpoint_format)
    assert facts["windows_seen"] >= 0
    assert facts["best_score"] is None or abs(facts["best_score"]) < 1e300


def _stand_in() -> Any:
    """As much of a model as a project needs."""
    from musegan.music.spec import CHORALE

    return SimpleNamespace(spec=CHORALE, feel=None)


def _change_project(rng: Random, folder: Path) -> tuple[Path, bytes]:
    """A project, or a state in it, that says something else."""
    import base64
    import zlib

    from musegan.studio.project import Project

    project = Project.load(folder / "empty", _stand_in())
    plain = project.state.to_dict()
    if rng.random() < 0.7:
        text = json.dumps(mutate_value(rng, json.loads(json.dumps(plain)))).encode()
        states = [base64.b64encode(zlib.compress(text)).decode()]
        values = {"format": "musegan studio 1", "position": 0, "states": states}
        return folder / "studio" / project.path.name, json.dumps(values).encode()
    values = {"format": "musegan studio 1", "position": 0, "states": project.packed}
    return folder / "studio" / project.path.name, mutate_json(rng, values)


def _load_project(path: Path) -> None:
    from musegan.studio.project import Project

    Project.load(path.parent, _stand_in()).save()


def tarred(attack: Attack, n: int, seed: int) -> None:
    """Archives whose heads are not true: walked through here, and prepared together."""
    from musegan.corpus.sources import find_files, read_items

    rng, folder = Random(seed), attack.folder / "odd archives"
    folder.mkdir()
    for index in range(n):
        path = mutate_archive(rng, attack.folder)
        attack.call("archives: read", f"archive {index}", lambda path=path: list(read_items(find_files([path]))))
        path.rename(folder / f"{index}{path.name}")
    arguments = ["prepare", str(folder), "-o", "o.npz", "--workers", "1", "--force", "--json"]
    outcome = attack.run("archives: prepare", "all", arguments, seconds=PARSE_SECONDS + 0.05 * n, kill_after=600)
    row = attack.rows["archives: prepare"]
    row.attacks += n - 1
    skipped = json.loads(outcome.output)["skipped"] if outcome.status == 0 else {}
    row.problems += [reason for reason in skipped if "unexpected" in reason or "crashed" in reason]
