"""The whole table, its sources, the report page and the command."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from songs import write_dataset
from typer.testing import CliRunner

from musegan.cli import app
from musegan.corpus.dataset import Dataset
from musegan.errors import ConfigError, DatasetError
from musegan.evaluation import Evaluation, Settings, evaluate
from musegan.evaluation.candidates import ArrayCandidate, DatasetCandidate, FolderCandidate, ModelCandidate
from musegan.evaluation.captions import SECTION_TITLES, write_caption, write_summary
from musegan.evaluation.evaluate import SECTIONS
from musegan.evaluation.report import write_report
from musegan.evaluation.scores import MIXED, REAL, REAL_REAL, Measure, Value
from musegan.music.piece import Piece
from musegan.music.spec import BAND

SETTINGS = Settings(n_phrases=24, n_pieces=6, piece_bars=16, n_contexts=6, n_draws=2, n_originality=10)


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """30 songs of 6 to 35 bars, 7 of them held out."""
    return write_dataset(tmp_path_factory.mktemp("songs") / "songs.npz", 30)


def copier(songs: Dataset, name: str = "copier") -> ModelCandidate:
    """A model that plays phrases of the training songs and completes with them."""

    def compose(n: int, n_bars: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return songs.rolls(rng.choice(songs.windows(n_bars, "train"), n), n_bars)

    def fill(given: np.ndarray, mask: np.ndarray, seed: int) -> np.ndarray:
        return np.where(mask[..., None, None], given, compose(len(given), given.shape[2], seed))

    return ModelCandidate(name, songs.spec, compose, fill)


@pytest.fixture(scope="module")
def noise(songs: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("noise") / "noise.npy"
    np.save(path, (2 * (rng.random((30, *songs.spec.shape(4))) < 0.03)).astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def found(songs: Dataset, noise: Path) -> Evaluation:
    return evaluate(copier(songs), songs, SETTINGS, ArrayCandidate(noise, songs.spec))


def test_rows(found: Evaluation) -> None:
    assert list(found.rows) == [REAL, REAL_REAL, MIXED, "copier", "noise"]
    assert found.candidates == ["copier", "noise"]
    assert found.facts["n_phrases"] == 24
    assert {measure.section for measure in found.measures()} == {
        "phrases", "distance", "originality", "seams", "drift", "tasks"
    }  # fmt: skip


def test_values(found: Evaluation) -> None:
    rows = found.rows
    assert rows[REAL][Measure("phrases", "EB", "drums")].estimate == 0
    assert rows[REAL][Measure("phrases", "notes", "drums")].estimate == 4
    assert rows["copier"][Measure("phrases", "QN", "keys")].estimate == 1
    assert (
        rows["noise"][Measure("distance", "Frechet distance")].estimate
        > rows["copier"][Measure("distance", "Frechet distance")].estimate
    )
    assert rows["noise"][Measure("distance", "two-sample AUC")].estimate > 0.9
    assert (
        rows[MIXED][Measure("phrases", "TD", "all")].estimate
        > rows[REAL][Measure("phrases", "TD", "all")].estimate
    )
    assert Measure("phrases", "EB", "drums") not in rows[MIXED]
    assert rows["copier"][Measure("originality", "similarity, median")].estimate == 1
    assert rows["copier"][Measure("tasks", "infill: given cells exact")].estimate == 1
    assert Measure("seams", "AUC") in rows["copier"]
    assert Measure("seams", "AUC") not in rows["noise"]


def test_rows_of_mixed_tracks_have_only_what_is_between_tracks(found: Evaluation) -> None:
    shown = {measure for measure in found.rows[MIXED] if measure.section == "phrases"}
    assert shown == {
        Measure("phrases", "TD", "all"),
        Measure("phrases", "TD", "keys and bass"),
        Measure("phrases", "moves with the others", "keys"),
        Measure("phrases", "moves with the others", "bass"),
        Measure("phrases", "on chord tones", "all"),
    }
    assert {measure.label for measure in shown} == set(found.to_dict()["rows"][MIXED]["phrases"])


def test_only_what_a_candidate_can_do_is_measured(songs: Dataset, noise: Path, found: Evaluation) -> None:
    sections = {row: {measure.section for measure in scores} for row, scores in found.rows.items()}
    assert {"seams", "tasks"} <= sections["copier"]
    assert not {"seams", "tasks"} & sections["noise"]
    array = ArrayCandidate(noise, songs.spec)
    with pytest.raises(NotImplementedError, match="noise cannot complete"):
        array.fill(np.zeros((1, *songs.spec.shape(4)), np.uint8), np.zeros((1, 3, 4), bool))


def test_every_measure_has_a_meaning(found: Evaluation) -> None:
    assert [measure for measure in found.measures() if not write_caption(measure)] == []
    assert set(SECTIONS) == set(SECTION_TITLES)


def test_the_summary_says_what_the_table_does(found: Evaluation) -> None:
    """By hand: 10 is half of the way from 16 to 4; of two measures one is inside its interval."""
    phrases = [Measure("phrases", "QN", "bass"), Measure("phrases", "QN", "keys")]
    frechet = Measure("distance", "Frechet distance")
    table = Evaluation(
        candidates=["x"],
        rows={
            REAL: {phrases[0]: Value(0.9, 0.8, 1.0), phrases[1]: Value(0.9, 0.8, 1.0)},
            REAL_REAL: {frechet: Value(4.0)},
            MIXED: {frechet: Value(16.0)},
            "x": {phrases[0]: Value(0.85, 0.8, 0.9), phrases[1]: Value(0.3, 0.2, 0.4), frechet: Value(10.0)},
        },
    )
    way, inside = write_summary(table, "x")
    assert "50% of the way" in way
    assert inside.startswith("1 of 2 measures")
    assert "Least so: QN, keys 0.3, real 0.9; QN, bass" in inside
    table.rows["x"][frechet] = Value(17.0)
    assert "farther from real music" in write_summary(table, "x")[0]
    assert len(write_summary(found, "copier")) == 5


def test_mixed_tracks_are_never_marked() -> None:
    near, far = Measure("phrases", "TD", "all"), Measure("phrases", "TD", "keys and bass")
    table = Evaluation(
        candidates=["x"],
        rows={
            REAL: {near: Value(1.0), far: Value(1.0)},
            MIXED: {near: Value(1.5), far: Value(1.5)},
            "x": {near: Value(1.1), far: Value(1.9)},
        },
    )
    assert (table.nearest(near), table.nearest(far)) == ("x", None)


def test_nearest(found: Evaluation) -> None:
    assert found.nearest(Measure("distance", "Frechet distance")) == "copier"
    assert found.nearest(Measure("seams", "AUC")) is None  # nothing to choose from


def test_is_deterministic(songs: Dataset, noise: Path, found: Evaluation) -> None:
    again = evaluate(copier(songs), songs, SETTINGS, ArrayCandidate(noise, songs.spec))
    assert again.to_dict() == found.to_dict()


def test_plain_json(found: Evaluation) -> None:
    text = json.dumps(found.to_dict(), allow_nan=False)
    values = json.loads(text)["rows"]["copier"]["phrases"]["notes, keys"]
    assert len(values) == 3
    assert values[1] <= values[0] <= values[2]


def test_table(found: Evaluation) -> None:
    out = io.StringIO()
    Console(file=out, width=150).print(found.table())
    text = out.getvalue()
    assert re.search(r"Frechet distance +- .*\*", text)
    assert "QN, drums" not in text
    assert text.count("\n") > 80


def test_progress_is_told(songs: Dataset, noise: Path) -> None:
    stages: dict[str, float] = {}
    small = Settings(n_phrases=10, n_pieces=4, piece_bars=16, n_originality=2)
    evaluate(ArrayCandidate(noise, songs.spec), songs, small, progress=stages.__setitem__)
    assert all(0 <= share <= 1 for share in stages.values())
    assert stages["searching for copies"] == 1


def test_fewer_phrases_are_noted(songs: Dataset, noise: Path) -> None:
    short = evaluate(ArrayCandidate(noise, songs.spec), songs, Settings(n_phrases=500, n_originality=2))
    assert short.facts["n_phrases"] == 30
    assert "every row has 30 phrases" in short.notes[0]


def test_too_little_music_is_an_error(dataset: Dataset, songs: Dataset, tmp_path: Path) -> None:
    np.save(tmp_path / "few.npy", np.zeros((3, *songs.spec.shape(4)), np.uint8))
    with pytest.raises(DatasetError, match="only 3 phrases"):
        evaluate(ArrayCandidate(tmp_path / "few.npy", songs.spec), songs, SETTINGS)


def test_another_ensemble_is_an_error(songs: Dataset) -> None:
    stranger = copier(songs)
    stranger.spec = BAND
    with pytest.raises(ConfigError, match="do not fit"):
        evaluate(stranger, songs, SETTINGS)


def test_array_of_another_shape_is_an_error(songs: Dataset, tmp_path: Path) -> None:
    np.save(tmp_path / "odd.npy", np.zeros((3, 2, 4, 16, 40), np.uint8))
    with pytest.raises(DatasetError, match="3 tracks"):
        ArrayCandidate(tmp_path / "odd.npy", songs.spec)
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(DatasetError, match="cannot be read"):
        ArrayCandidate(tmp_path / "text.npy", songs.spec)


def test_dataset_phrases_know_their_song(songs: Dataset) -> None:
    phrases = DatasetCandidate(songs, "valid").sample(1000, 5, seed=0)
    assert len(phrases) == len(songs.windows(5, "valid"))
    assert set(phrases.groups) == {3, 7, 11, 15, 19, 23, 27}


def write_folder(songs: Dataset, folder: Path, lengths: list[int]) -> np.ndarray:
    """MIDI files of whole songs from bar 1, `lengths` bars long."""
    for index, n_bars in enumerate(lengths):
        roll = songs.rolls(songs.song_starts[index + 10 : index + 11], n_bars)[0]
        Piece(roll=roll, spec=songs.spec).write(folder / f"{index}.mid", humanize=0)
    return songs.rolls(songs.song_starts[10 : 10 + len(lengths)], 4)


def test_a_folder_of_midi_files(songs: Dataset, tmp_path: Path) -> None:
    first = write_folder(songs, tmp_path, [4, 10, 3])
    (tmp_path / "broken.mid").write_bytes(b"MThd nothing")
    phrases = FolderCandidate(tmp_path, songs.spec).sample(100, 4, seed=0)
    assert sorted(phrases.groups) == [0, 1, 1, 2]
    np.testing.assert_array_equal(phrases.rolls[phrases.groups == 0][0], first[0])
    short = phrases.rolls[phrases.groups == 2][0]
    np.testing.assert_array_equal(short[:, :3], first[2][:, :3])
    assert not short[:, 3].any()
    assert len(FolderCandidate(tmp_path, songs.spec).sample(100, 10, seed=0)) == 1


def test_a_folder_without_midi_files_is_an_error(songs: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no MIDI files"):
        FolderCandidate(tmp_path, songs.spec)


class Page(HTMLParser):
    """Collects what a page loads, and checks that its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []
        self.counts: dict[str, int] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_report_stands_alone(found: Evaluation, tmp_path: Path) -> None:
    text = write_report(found, tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page(text)
    assert [address[:21] for address in page.loads] == ["data:audio/ogg;base64"] * 2
    text = re.sub(r"base64,[^']*", "", text)
    assert "://" not in text
    assert "nan" not in text
    assert not [tag for tag in page.open if tag not in ("path",)]
    assert text.index("<ul class='summary'>") < text.index("<svg") < text.index("<table>")
    assert page.counts["svg"] == 3 + 3 * 6 + len(found.feature_names) + 1 + 2 * 8
    assert page.counts["tr"] > 80
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_command_with_an_array(songs: Dataset, noise: Path, tmp_path: Path) -> None:
    arguments = [noise, "--dataset", songs.path, "--n-phrases", 12, "--min-tracks", 1]
    code, out, err = run(*arguments, "--json", "--originality-midi", tmp_path / "pairs")
    assert code == 0, err
    assert set(json.loads(out)["rows"]) == {REAL, REAL_REAL, MIXED, "noise"}
    assert len(list((tmp_path / "pairs").glob("noise-*.mid"))) == 16
    code, _, err = run(*arguments, "--originality-midi", tmp_path / "pairs")
    assert code == 1
    assert "--force" in err


def test_command_with_a_model(songs: Dataset, model_path: Path, tmp_path: Path) -> None:
    report = tmp_path / "page.html"
    sizes = ["--n-phrases", 12, "--n-pieces", 4, "--piece-bars", 8, "--n-contexts", 2]
    code, out, err = run(model_path, "--dataset", songs.path, *sizes, "--report", report)
    assert code == 0, err
    assert "Frechet distance" in out
    assert "continue: given cells exact" in out
    assert report.stat().st_size > 20_000


def test_command_names_what_is_missing(songs: Dataset, tmp_path: Path) -> None:
    code, _, err = run(tmp_path / "none.safetensors", "--dataset", songs.path)
    assert code == 1
    assert "none" in err
