"""The whole table, its sources, the report page and the command."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from songs import TRIO, make_song, pieces, write_dataset
from typer.testing import CliRunner

from musegan.cli import app
from musegan.corpus.dataset import Dataset
from musegan.corpus.packing import DatasetWriter
from musegan.errors import ConfigError, DatasetError, MissingToolError
from musegan.evaluation import Evaluation, Settings, distances, evaluate
from musegan.evaluation.candidates import (
    ArrayCandidate,
    DatasetCandidate,
    FolderCandidate,
    ModelCandidate,
    PhraseSet,
)
from musegan.evaluation.captions import SECTION_TITLES, write_caption, write_summary
from musegan.evaluation.distances import FEATURES, INDEPENDENT, Deviation
from musegan.evaluation.report import write_report
from musegan.evaluation.scores import MIXED, REAL, REFERENCE, Measure, Value, score_custom
from musegan.evaluation.table import SECTIONS
from musegan.metrics import two_sample
from musegan.music.piece import Piece
from musegan.music.spec import BAND
from musegan.render import write

SETTINGS = Settings(n_phrases=24, n_pieces=10, piece_bars=16, n_contexts=6, n_draws=2, n_originality=10)


@pytest.fixture(scope="module", autouse=True)
def few_trees() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(two_sample, "N_TREES", 10)
        patch.setattr(distances, "N_RESAMPLES", 10)
        yield


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """48 songs of 6 to 53 bars: 24 to train on, 12 to validate on, 12 to test on."""
    path = tmp_path_factory.mktemp("songs") / "songs.npz"
    with DatasetWriter(path, TRIO) as writer:
        for seed in range(48):
            split = ("train", "valid", "test", "train")[seed % 4]
            writer.add(replace(make_song(seed, 6 + seed), split=split))
    return Dataset(path)


def copier(songs: Dataset, name: str = "copier") -> ModelCandidate:
    """A model that plays phrases of the training songs and completes with them, 8 bars at once."""

    def compose(n: int, n_bars: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return songs.rolls(rng.choice(songs.windows(n_bars, "train"), n), n_bars)

    def fill(given: np.ndarray, mask: np.ndarray, seed: int) -> np.ndarray:
        return np.where(mask[..., None, None], given, compose(len(given), given.shape[2], seed))

    return ModelCandidate(name, songs.spec, compose, fill, window_bars=8)


@pytest.fixture(scope="module")
def noise(songs: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("noise") / "noise.npy"
    np.save(path, (2 * (rng.random((30, *songs.spec.shape(4))) < 0.03)).astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def found(songs: Dataset, noise: Path) -> Evaluation:
    return evaluate([copier(songs), ArrayCandidate(noise, songs.spec)], songs, SETTINGS)


def test_rows(found: Evaluation) -> None:
    assert list(found.rows) == [REFERENCE, REAL, MIXED, "copier", "noise"]
    assert found.candidates == ["copier", "noise"]
    assert (found.facts["n_phrases"], found.facts["split"]) == (24, "test")
    assert found.notes == []
    assert {measure.section for measure in found.list_measures()} == set(SECTIONS) - {"performance"}


def test_values(found: Evaluation) -> None:
    rows = found.rows
    assert rows[REFERENCE][Measure("phrases", "EB", "drums")].estimate == 0
    assert rows[REAL][Measure("phrases", "notes", "drums")].estimate == 4
    assert rows["copier"][Measure("phrases", "QN", "keys")].estimate == 1
    for kind in (FEATURES, INDEPENDENT):
        frechet, auc = Measure("distance", "Frechet distance", kind), Measure("distance", "AUC", kind)
        assert rows["noise"][frechet].estimate > rows["copier"][frechet].estimate
        assert rows["noise"][frechet].low > 2 * rows[REAL][frechet].high
        assert rows["noise"][auc].estimate > 0.9 > rows[REAL][auc].estimate
        assert rows["noise"][Measure("distance", "recall", kind)].estimate < 0.5
    assert (
        rows[MIXED][Measure("phrases", "TD", "all")].estimate
        > rows[REAL][Measure("phrases", "TD", "all")].estimate
    )
    assert Measure("phrases", "EB", "drums") not in rows[MIXED]
    assert rows["copier"][Measure("originality", "similarity, median")].estimate == 1
    assert rows["copier"][Measure("tasks", "infill: given cells exact")].estimate == 1


def test_structure(found: Evaluation) -> None:
    """The drums of the songs are the same in every bar; nothing is held over a bar line."""
    for row in (REFERENCE, REAL, "copier"):
        scores = found.rows[row]
        assert scores[Measure("structure", "bars equal to one before", "drums")].estimate == 1
        assert scores[Measure("structure", "held over", "keys")].estimate == 0
        assert scores[Measure("structure", "drum instruments")].estimate == 2
        assert scores[Measure("structure", "fills")].estimate == 0
    assert found.rows[REFERENCE][Measure("structure", "similarity error")].estimate == 0
    assert 0 < found.rows[REAL][Measure("structure", "similarity error")].estimate < 0.1
    for row in (REFERENCE, "copier"):
        assert 0 < found.rows[row][Measure("structure", "continuation likeness", "keys")].estimate < 1
        assert found.rows[row][Measure("structure", "continuation likeness", "drums")].estimate == 1


def test_rows_without_what_was_measured_apart(songs: Dataset, noise: Path, found: Evaluation) -> None:
    sections = {row: {measure.section for measure in scores} for row, scores in found.rows.items()}
    assert {"seams", "structure", "tasks"} <= sections["copier"]
    assert not {"seams", "structure", "tasks"} & sections["noise"]
    assert sections[REAL] == {"phrases", "distance", "structure", "seams", "drift", "overlapped area", "KLD"}
    assert "distance" not in sections[REFERENCE]
    array = ArrayCandidate(noise, songs.spec)
    with pytest.raises(NotImplementedError, match="noise cannot complete"):
        array.fill(np.zeros((1, *songs.spec.shape(4)), np.uint8), np.zeros((1, 3, 4), bool))


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


def test_deviations_are_of_all_features_worst_first(found: Evaluation) -> None:
    worst = found.deviations["noise"]
    spreads = [abs(deviation.spreads) for deviation in worst]
    assert spreads == sorted(spreads, reverse=True)
    n_features = sum(map(len, found.feature_names.values()))
    assert len(worst) == n_features
    assert {deviation.features for deviation in worst} == {FEATURES, INDEPENDENT}
    drums = next(each for each in worst if each[:2] == (FEATURES, "drums notes"))
    assert drums.reference == pytest.approx(np.log2(1 + 4))
    assert drums.mean == pytest.approx(np.log2(1 + 0.03 * 16 * 40), rel=0.05)
    assert set(found.deviations) == {REAL, "copier", "noise"}
    assert found.to_dict()["deviations"]["noise"][0]["name"] == worst[0].name


def test_measures_of_ones_own() -> None:
    """Means over phrases, of each track or of all; what is nowhere defined is no row."""

    class Notes:
        name = "all notes"

        def measure(self, rolls: np.ndarray, spec: object) -> np.ndarray:
            counts = (rolls == 2).sum((2, 3, 4)).astype(float)
            counts[:, 2] = np.nan
            return counts

    class Loudest:
        name = "loudest"

        def measure(self, rolls: np.ndarray, spec: object) -> np.ndarray:
            return rolls[:, 1].any((1, 2, 3)) * 3.0

    rolls = pieces([(0, 0, 0, 1, 6), (0, 1, 3, 1, 6), (1, 0, 0, 4, 12)], [(0, 0, 0, 1, 6)], [(0, 0, 2, 1, 9)])
    scores = score_custom([Notes(), Loudest()], PhraseSet(rolls, np.array([0, 1, 2])), TRIO, 0)
    found = {measure.label: value.estimate for measure, value in scores.items()}
    assert found == pytest.approx({"all notes, drums": 4 / 3, "all notes, keys": 1 / 3, "loudest": 1.0})
    assert scores[Measure("phrases", "loudest")].low < 1 < scores[Measure("phrases", "loudest")].high


def test_every_measure_has_a_meaning(found: Evaluation) -> None:
    assert [measure for measure in found.list_measures() if not write_caption(measure)] == []
    assert set(SECTIONS) == set(SECTION_TITLES)


def test_the_summary_says_what_the_table_does(found: Evaluation) -> None:
    """By hand: of two measures one interval meets that of held-out songs, and of other real songs both do."""
    phrases = [Measure("phrases", "QN", "bass"), Measure("phrases", "QN", "keys")]
    independent, others = (Measure("distance", "AUC", kind) for kind in (INDEPENDENT, FEATURES))
    frechet, recall = (Measure("distance", name, INDEPENDENT) for name in ("Frechet distance", "recall"))
    table = Evaluation(
        candidates=["x"],
        rows={
            REFERENCE: {phrases[0]: Value(0.9, 0.8, 1.0), phrases[1]: Value(0.9, 0.8, 1.0)},
            REAL: {
                phrases[0]: Value(0.9, 0.8, 1.0),
                phrases[1]: Value(0.8, 0.7, 0.9),
                independent: Value(0.53, 0.5, 0.56),
                others: Value(0.52, 0.49, 0.55),
                frechet: Value(4.0),
                recall: Value(0.8),
            },
            MIXED: {frechet: Value(16.0), recall: Value(0.5)},
            "x": {
                phrases[0]: Value(0.85, 0.8, 0.9),
                phrases[1]: Value(0.3, 0.2, 0.4),
                independent: Value(0.74, 0.7, 0.78),
                others: Value(0.61, 0.6, 0.62),
                frechet: Value(10.0),
                recall: Value(0.7),
            },
        },
        deviations={"x": [Deviation(INDEPENDENT, "drums a bar", 4.64, 5.86, 0.9)]},
    )
    classifier, way, inside, worst = write_summary(table, "x")
    assert "a phrase of x from one of held-out songs 74% of the time (70% to 78%)" in classifier
    assert "other real songs 53% of the time (50% to 56%)" in classifier
    assert classifier.endswith("By the other features it is 61% and 52%.")
    assert "Frechet distance 10, other real songs 4, their tracks mixed 16; recall 0.7," in way
    assert inside.startswith("In 1 of 2 measures")
    assert inside.endswith("does in 2.")
    assert worst == "Of 1 features these are farthest off on average: drums a bar 5.86, held out 4.64."
    assert len(write_summary(found, "copier")) == 6


def test_mixed_tracks_are_never_marked() -> None:
    near, far = Measure("phrases", "TD", "all"), Measure("phrases", "TD", "keys and bass")
    table = Evaluation(
        candidates=["x"],
        rows={
            REFERENCE: {near: Value(1.0), far: Value(1.0)},
            MIXED: {near: Value(1.5), far: Value(1.5)},
            "x": {near: Value(1.1), far: Value(1.9)},
        },
    )
    assert (table.find_nearest_row(near), table.find_nearest_row(far)) == ("x", None)


def test_nearest(found: Evaluation) -> None:
    frechet = Measure("distance", "Frechet distance", INDEPENDENT)
    assert found.find_nearest_row(frechet) == "copier"
    assert found.find_nearest_row(Measure("seams", "AUC")) is None  # nothing to choose from
    table = Evaluation(
        candidates=["x", "y"],
        rows={REAL: {frechet: Value(4.0)}, "x": {frechet: Value(3.0)}, "y": {frechet: Value(4.5)}},
    )
    assert table.find_nearest_row(frechet) == "y"  # nearer to what real songs have


def test_is_deterministic(songs: Dataset, noise: Path, found: Evaluation) -> None:
    again = evaluate([copier(songs), ArrayCandidate(noise, songs.spec)], songs, SETTINGS)
    assert again.to_dict() == found.to_dict()


def test_plain_json(found: Evaluation) -> None:
    text = json.dumps(found.to_dict(), allow_nan=False)
    values = json.loads(text)["rows"]["copier"]["phrases"]["notes, keys"]
    assert len(values) == 3
    assert values[1] <= values[0] <= values[2]


def test_table(found: Evaluation) -> None:
    out = io.StringIO()
    Console(file=out, width=150).print(found.make_table())
    text = out.getvalue()
    assert re.search(r"Frechet distance, independent features +- .*\*", text)
    assert "QN, drums" not in text
    assert text.count("\n") > 80


def test_progress_is_told(songs: Dataset, noise: Path) -> None:
    stages: dict[str, float] = {}
    small = Settings(n_phrases=10, n_pieces=4, piece_bars=16, n_originality=2)
    evaluate([ArrayCandidate(noise, songs.spec)], songs, small, progress=stages.__setitem__)
    assert all(0 <= share <= 1 for share in stages.values())
    assert stages["searching for copies"] == 1


def test_fewer_phrases_are_noted(songs: Dataset, noise: Path) -> None:
    short = evaluate([ArrayCandidate(noise, songs.spec)], songs, Settings(n_phrases=500, n_originality=2))
    assert short.facts["n_phrases"] == 30
    assert "every row has 30 phrases" in short.notes[0]
    assert "real phrases are of 24 songs" in short.notes[1]


def test_what_is_held_out(songs: Dataset, noise: Path, tmp_path: Path) -> None:
    """Songs to validate on where there are none to test on; too few for a classifier."""
    smaller = write_dataset(tmp_path / "few.npz", 20)
    assert not len(smaller.windows(4, "test"))
    small = Settings(n_phrases=12, n_pieces=4, piece_bars=8, n_originality=2)
    short = evaluate([ArrayCandidate(noise, songs.spec)], smaller, small)
    assert short.facts["split"] == "valid"
    assert "no test part" in short.notes[0]
    assert any("no AUC" in note for note in short.notes)
    assert Measure("distance", "AUC", INDEPENDENT) not in short.rows["noise"]
    assert Measure("distance", "recall", INDEPENDENT) in short.rows["noise"]


def test_too_little_music_is_an_error(songs: Dataset, tmp_path: Path) -> None:
    np.save(tmp_path / "few.npy", np.zeros((3, *songs.spec.shape(4)), np.uint8))
    with pytest.raises(DatasetError, match="only 3 phrases"):
        evaluate([ArrayCandidate(tmp_path / "few.npy", songs.spec)], songs, SETTINGS)


def test_another_ensemble_is_an_error(songs: Dataset) -> None:
    stranger = copier(songs)
    stranger.spec = BAND
    with pytest.raises(ConfigError, match="do not fit"):
        evaluate([stranger], songs, SETTINGS)


def test_without_scikit_learn_nothing_is_composed(songs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def compose(n: int, n_bars: int, seed: int) -> np.ndarray:
        raise AssertionError("composed in vain")

    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(MissingToolError, match=r"pip install 'musegan-band\[evaluate\]'"):
        evaluate([ModelCandidate("x", songs.spec, compose, lambda given, mask, seed: given)], songs, SETTINGS)


def test_array_of_another_shape_is_an_error(songs: Dataset, tmp_path: Path) -> None:
    np.save(tmp_path / "odd.npy", np.zeros((3, 2, 4, 16, 40), np.uint8))
    with pytest.raises(DatasetError, match="3 tracks"):
        ArrayCandidate(tmp_path / "odd.npy", songs.spec)
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(DatasetError, match="cannot be read"):
        ArrayCandidate(tmp_path / "text.npy", songs.spec)


def test_dataset_phrases_know_their_song(songs: Dataset) -> None:
    candidate = DatasetCandidate(songs, "valid", REFERENCE)
    phrases = candidate.sample(1000, 5, seed=0)
    assert len(phrases) == len(songs.windows(5, "valid"))
    assert set(phrases.songs) == set(range(1, 48, 4))
    one_each = candidate.sample(12, 5, seed=1).songs
    assert sorted(one_each) == list(range(1, 48, 4))
    assert sorted(candidate.sample(12, 5, seed=2).songs) == sorted(one_each)
    counts = np.unique_counts(candidate.sample(30, 5, seed=2).songs).counts
    assert set(counts) == {2, 3}


def test_joins_of_windows(songs: Dataset) -> None:
    """Windows of 8 bars keep 6, then 2 each after 4 that are known, the last one all."""
    assert copier(songs).join_bars(16).tolist() == [6, 8, 10, 12]
    assert copier(songs).join_bars(8).tolist() == []


def write_folder(songs: Dataset, folder: Path, lengths: list[int]) -> np.ndarray:
    """MIDI files of whole songs from bar 1, `lengths` bars long."""
    for index, n_bars in enumerate(lengths):
        roll = songs.rolls(songs.song_starts[index + 10 : index + 11], n_bars)[0]
        write(Piece(roll=roll, spec=songs.spec), folder / f"{index}.mid", humanize=0)
    return songs.rolls(songs.song_starts[10 : 10 + len(lengths)], 4)


def test_a_folder_of_midi_files(songs: Dataset, tmp_path: Path) -> None:
    first = write_folder(songs, tmp_path, [4, 10, 3])
    (tmp_path / "broken.mid").write_bytes(b"MThd nothing")
    phrases = FolderCandidate(tmp_path, songs.spec).sample(100, 4, seed=0)
    assert sorted(-1 - phrases.songs) == [0, 1, 1, 2]
    np.testing.assert_array_equal(phrases.rolls[phrases.songs == -1][0], first[0])
    short = phrases.rolls[phrases.songs == -3][0]
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
    assert page.counts["svg"] == 3 + 3 * 6 + len(found.feature_names[FEATURES]) + 1 + 2 * 8
    assert page.counts["tr"] > 80 + sum(map(len, found.feature_names.values()))
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_command_with_an_array(songs: Dataset, noise: Path, tmp_path: Path) -> None:
    arguments = [noise, "--dataset", songs.path, "--n-phrases", 12, "--min-tracks", 1]
    code, out, err = run(*arguments, "--json", "--originality-midi", tmp_path / "pairs")
    assert code == 0, err
    assert set(json.loads(out)["rows"]) == {REFERENCE, REAL, MIXED, "noise"}
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


def test_command_with_a_ladder(songs: Dataset, model_path: Path, noise: Path) -> None:
    arguments = [model_path, "--dataset", songs.path, "--n-phrases", 12, "--ladder"]
    code, out, err = run(*arguments, "--json")
    assert code == 0, err
    rows = json.loads(out)["rows"]
    assert list(rows) == [REAL, MIXED, "1 pass", "2 passes", "4 passes", "16 passes", "48 passes"]
    assert rows["1 pass"]["distance"] != rows["2 passes"]["distance"]
    assert set(rows["1 pass"]) == {"distance", "overlapped area", "KLD"}
    assert run(*arguments, "--against", noise)[0] == 2


def test_command_names_what_is_missing(songs: Dataset, tmp_path: Path) -> None:
    code, _, err = run(tmp_path / "none.safetensors", "--dataset", songs.path)
    assert code == 1
    assert "none" in err
