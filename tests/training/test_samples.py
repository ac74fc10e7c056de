"""Plans of real songs and sample pieces."""

from dataclasses import replace

import numpy as np
import pytest
from songs import TRIO, WALTZ, make_song
from typer.testing import CliRunner

from musegan.cli import app
from musegan.composing.model import load_model
from musegan.config import preset
from musegan.corpus.dataset import Dataset
from musegan.corpus.note_list import NoteList
from musegan.corpus.packing import DatasetWriter
from musegan.errors import ConfigError, DatasetError
from musegan.music.key import key_scores
from musegan.training.samples import change_prior, sample_prior, write_samples

TINY = preset("tiny")


@pytest.mark.parametrize(("n_short", "n_bars"), [(5, 16), (6, 8)])
def test_sections_of_the_prior_are_as_long_as_half_of_the_songs_allow(tmp_path, n_short, n_bars):
    """Of ten songs five may be shorter than 16 bars, not six."""
    seeds = [seed for seed in range(14) if seed % 4 != 3][:10]
    with DatasetWriter(tmp_path / "songs.npz", TRIO) as writer:
        for index, seed in enumerate(seeds):
            writer.add(make_song(seed, 10 if index < n_short else 17))
    notes = NoteList.from_dataset(Dataset(tmp_path / "songs.npz"))
    prior = sample_prior(notes, TINY, 1000)
    n_sections = 2 * (10 - n_short) if n_bars == 16 else 10 * (10 - n_short) + 3 * n_short
    assert prior["play"].shape == (n_sections, TRIO.n_tracks, n_bars)
    keys = set(key_scores(prior["key"]).argmax(-1).tolist())
    assert keys <= set(key_scores(notes.pitch_classes).argmax(-1).tolist())  # those of the songs
    assert keys - {0, 12 + 9}
    some = sample_prior(notes, TINY, 3)
    assert some.n_pieces == 3
    assert (some["density"] == prior["density"][:3]).all()


def test_every_song_has_a_section_before_any_has_two_and_three_tracks_play(tmp_path):
    """Of four songs one is long and one has two tracks."""
    with DatasetWriter(tmp_path / "songs.npz", TRIO) as writer:
        for seed, n_bars in enumerate((60, 17, 18, 19)):
            song = make_song(seed + (seed == 3), n_bars)
            writer.add(replace(song, notes=song.notes[song.notes["track"] < 2]) if seed == 1 else song)
    notes = NoteList.from_dataset(Dataset(tmp_path / "songs.npz"))
    notes = replace(notes, split=np.zeros_like(notes.split), tempo=np.arange(4, dtype=np.float32) + 60)
    prior = sample_prior(notes, TINY, 1000)
    assert (prior["play"].max(2) == 1).all()
    tempos = prior["tempo"].tolist()
    assert sorted(tempos[:3]) == [60, 62, 63]
    assert set(tempos[3:]) == {60, 62, 63}
    assert tempos.count(60) == 45


def test_sample_pieces_are_files_of_the_prior(model, tmp_path):
    write_samples(model, tmp_path / "samples", 1234)
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert names == [*(f"000001234-{index}.mid" for index in (1, 2, 3, 4)), "000001234.png"]
    write_samples(model, tmp_path / "again", 1234)
    for name in names[:4]:
        assert (tmp_path / "samples" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    few = replace(model, prior=model.prior.pieces(np.array([2])))
    write_samples(few, tmp_path / "few", 5)
    assert len(list((tmp_path / "few").iterdir())) == 2


@pytest.fixture
def high_songs(tmp_path):
    """Two long songs a fourth higher than those of the model, drums and keys only, of a style that it has not."""
    path = tmp_path / "high.npz"
    with DatasetWriter(path, TRIO) as writer:
        for seed in (1, 2):
            song = make_song(seed, 17)
            notes = song.notes[song.notes["track"] < 2]
            notes["pitch"][notes["track"] == 1] += 5
            writer.add(replace(song, notes=notes, style="new"))
    return path


def test_a_model_takes_the_sections_of_other_songs_and_keeps_its_network(model, high_songs):
    changed = change_prior(model, NoteList.open(high_songs), "songs/high.npz")
    assert changed.composer is model.composer
    assert changed.facts == {**model.facts, "sections": "high.npz"}
    assert changed.prior["play"].shape == (4, 3, 16)
    assert (changed.prior["play"] == [[[1], [1], [-1]]]).all()
    assert (changed.prior["density"] == [[[4], [3], [0]]]).all()
    assert (changed.prior["style"] == -1).all()
    assert changed.usual_densities.tolist() == [4, 3, 0]


def test_what_cannot_give_sections_is_refused(model, tmp_path, high_songs):
    notes = NoteList.open(high_songs)
    with pytest.raises(DatasetError, match="no training song with a bar in which 1 tracks sound"):
        change_prior(model, replace(notes, split=np.full_like(notes.split, 1)), "high.npz")
    with pytest.raises(ConfigError, match="waltz"):
        change_prior(model, replace(notes, spec=WALTZ), "waltz")


def test_the_command_writes_a_model_that_composes(model, model_path, high_songs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["models", "sections", str(model_path), "--of", str(high_songs)]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (0, "tiny-of-high.safetensors\n"), result.stderr
    assert "4 sections of 16 bars" in result.stderr
    changed = load_model("tiny-of-high.safetensors", "cpu")
    for name, value in model.composer.state_dict().items():
        assert (changed.composer.state_dict()[name] == value).all(), name
    assert not changed.generate(4, arrangement="song", seed=1).roll[2].any()  # no song has a bass
    assert "exists" in CliRunner().invoke(app, arguments).stderr
