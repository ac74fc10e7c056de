"""One iteration of training, its schedules, its measures, its share of a batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from songs import TRIO, pieces

from musegan.config import preset
from musegan.corpus.note_list import NoteList
from musegan.corpus.packing import DatasetWriter, Song
from musegan.errors import ConfigError, DatasetError
from musegan.midi.performance import FEEL_SUMS
from musegan.models.model_file import load_model_file
from musegan.music.pianoroll import roll_to_notes
from musegan.training.distributed import Distributed
from musegan.training.trainer import Trainer

CPU = torch.device("cpu")
EXACT = ["train.precision=float32", "model.dropout=0"]


@pytest.fixture(scope="module")
def notes(dataset):
    return NoteList.from_dataset(dataset)


def make_trainer(notes, *settings, processes=None, **options):
    config = preset("tiny").with_settings([*EXACT, *settings])
    return Trainer(notes, config, processes or Distributed(CPU), **options)


def test_the_likelihood_of_the_songs_rises(notes):
    trainer = make_trainer(notes, "train.n_windows=480", "train.batch_size=8", "train.learning_rate=0.01")
    before = trainer.measure()
    for _ in range(60):
        assert not trainer.is_finished
        trainer.iterate()
    assert trainer.is_finished
    after = trainer.measure()
    assert set(after) == {"score", "nats drums", "nats keys", "nats bass", "nats when nothing is given"}
    for name, value in after.items():
        assert value < 0.8 * before[name]
    assert after["score"] == trainer.measure()["score"]
    assert after["score"] < after["nats when nothing is given"]


@pytest.mark.parametrize(
    ("settings", "is_bfloat16"),
    [
        (["precision=auto"], [False, False]),
        (["precision=auto", "width=128"], [True, False]),
        (["precision=bfloat16"], [True, True]),
        (["precision=float32", "width=128"], [False, False]),
    ],
)
def test_wide_networks_compute_in_bfloat16_where_the_device_does(notes, monkeypatch, settings, is_bfloat16):
    settings = [f"{'model' if 'width' in setting else 'train'}.{setting}" for setting in settings]
    found = []
    for answer in (True, False):
        monkeypatch.setattr("musegan.models.runtime.computes_bfloat16", lambda _, answer=answer: answer)
        found.append(make_trainer(notes, *settings).is_bfloat16)
    assert found == is_bfloat16


def test_dropout_is_a_part_of_training_only(notes):
    trainer = make_trainer(notes, "model.dropout=0.5")
    assert trainer.measure() == trainer.measure()
    one, two = (make_trainer(notes, "model.dropout=0.5") for _ in range(2))
    for _ in range(3):
        assert all(torch.equal(a, b) for a, b in zip(one.iterate().values(), two.iterate().values(), strict=True))


def test_the_rate_warms_up_stays_and_falls_as_a_cosine(notes):
    settings = [
        "n_windows=1000",
        "batch_size=10",
        "warm_up=100",
        "learning_rate=0.5",
        "decay_from=0.6",
        "final_share=0.2",
    ]
    trainer = make_trainer(notes, *(f"train.{setting}" for setting in settings))
    rates = {}
    for seen in (0, 40, 90, 300, 600, 800, 1000):
        trainer.windows_seen = seen
        rates[seen] = trainer.learning_rate()
    assert rates == pytest.approx({0: 0.05, 40: 0.25, 90: 0.5, 300: 0.5, 600: 0.5, 800: 0.3, 1000: 0.1})


def test_the_average_follows_the_composer(notes):
    trainer = make_trainer(notes, "train.ema_half_life=4", "train.ema_ramp=0", "train.learning_rate=0.1")
    start = trainer.composer.track.detach().clone()
    trainer.iterate()
    half = (start + trainer.composer.track) / 2
    assert torch.allclose(trainer.average.track, half, atol=1e-6)
    assert not torch.allclose(trainer.composer.track, start)
    made = trainer.as_model(prior=None, facts={"score": 1.0})
    assert torch.equal(made.composer.track, trainer.average.track)
    assert made.facts == {"score": 1.0, "windows_seen": 4}


class Share(Distributed):
    """One of several processes, alone: nothing is averaged, what would be is kept. `n_cells` are those that all
    of them score, and the drafts that they doubt."""

    def __init__(self, count, index, n_cells=None):
        super().__init__(CPU)
        self.count, self.index, self.n_cells, self.gradients = count, index, n_cells, []

    def average_(self, tensors):
        self.gradients.append([tensor.detach().double().clone() for tensor in tensors])

    def total(self, values):
        self.n_cells = values if self.n_cells is None else self.n_cells
        return self.n_cells


@pytest.mark.parametrize("seed", range(3))
def test_shares_of_a_batch_have_its_gradients(notes, seed):
    """The first step on the whole batch, and on its four quarters of two windows each."""

    def first_step(processes):
        make_trainer(notes, f"train.seed={seed}", "train.batch_size=8", processes=processes).iterate()
        return processes.gradients[0]

    alone = Share(1, 0)
    whole = first_step(alone)
    parts = [first_step(Share(4, index, alone.n_cells)) for index in range(4)]
    for gradient, *shares in zip(whole, *parts, strict=True):
        assert torch.linalg.norm(gradient - sum(shares) / 4) <= 1e-6 + 1e-5 * torch.linalg.norm(gradient)
    assert sum(bool(gradient.any()) for gradient in whole) > 30


def silent_corpus(path):
    """One song of a single drum hit."""
    notes = roll_to_notes(pieces([(0, 3, 2, 1, 6)], n_bars=8)[0], TRIO)
    with DatasetWriter(path, TRIO) as writer:
        writer.add(Song(name="a", source=0, n_bars=8, notes=notes, feel_sums=np.zeros((3, 16, len(FEEL_SUMS)))))
    return NoteList.open(path)


def test_every_process_has_all_gradients_whatever_its_windows_hold(tmp_path):
    """Of silence nothing is learnt about pitches; a process that left them out would not fit the others."""
    notes = silent_corpus(tmp_path / "a.npz")
    sizes = set()
    for index in range(2):
        processes = Share(2, index, n_cells=torch.tensor([10.0, 10.0]))
        trainer = make_trainer(notes, "train.batch_size=2", processes=processes)
        for _ in range(4):
            trainer.iterate()
        sizes |= {sum(gradient.numel() for gradient in step) for step in processes.gradients}
    assert sizes == {sum(parameter.numel() for parameter in trainer.composer.parameters())}


def test_batches_that_cannot_be_shared_are_refused(notes):
    processes = Share(3, 0)
    with pytest.raises(ConfigError, match="multiple of 3"):
        make_trainer(notes, processes=processes)


def test_there_must_be_windows(notes):
    with pytest.raises(DatasetError, match="no song has 64 bars in a row in which 1 tracks play") as found:
        make_trainer(notes, "model.window_bars=64")
    assert found.value.field == "train.min_tracks"
    with pytest.raises(DatasetError, match="60 tracks"):
        make_trainer(notes, "train.min_tracks=60")


def test_without_held_out_songs_those_of_training_are_measured(notes):
    train_only = replace(notes, split=np.zeros_like(notes.split))
    assert np.isfinite(make_trainer(train_only).measure()["score"])


def test_training_starts_from_another_model(notes, model_path):
    parent = load_model_file(model_path, CPU)
    trainer = make_trainer(notes, "train.ema_ramp=0", "train.ema_half_life=1000", parent=parent)
    wanted = parent.composer.state_dict()
    for network in (trainer.composer, trainer.average):
        assert all(torch.equal(value, wanted[name]) for name, value in network.state_dict().items())
    trainer.iterate()
    expected = wanted["track"] + (1 - 0.5 ** (4 / 1000)) * (trainer.composer.track - wanted["track"])
    assert torch.allclose(trainer.average.track, expected, atol=1e-6)  # the average stays near the parent
