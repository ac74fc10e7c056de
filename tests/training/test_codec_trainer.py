"""The first stage of training: what it trains on, what it measures, what it leaves."""

import numpy as np
import pytest
import torch

from musegan.config import preset
from musegan.training import codec_trainer
from musegan.training.codec_trainer import CodecTrainer, onset_f1
from musegan.training.distributed import Distributed

CPU = torch.device("cpu")
DRUMS, KEYS, BASS = 0, 1, 2


def stage(dataset, *settings):
    return CodecTrainer(dataset, preset("tiny").with_settings(list(settings)), Distributed(CPU))


def test_onset_f1_by_hand():
    real, back = np.zeros((2, 4, 1, 3, 5), np.uint8), np.zeros((2, 4, 1, 3, 5), np.uint8)
    real[0, 0, 0, 0, [1, 3]] = real[1, 0, 0, 2, 4] = 2  # two of three onsets come back, with three others
    back[0, 0, 0, 0, [1, 2]] = back[1, 0, 0, 2, [0, 3, 4]] = 2
    real[0, 1, 0, 1, 1] = 2  # comes back held: no onset
    back[0, 1, 0, 1, 1] = 1
    real[1, 2, 0, :2, 0] = back[1, 2, 0, :2, 0] = [2, 1]
    assert onset_f1(real, back).tolist() == [2 * 2 / (3 + 5), 0, 1, 1]


def test_the_loss_falls_on_real_phrases(dataset, monkeypatch):
    monkeypatch.setattr(codec_trainer, "WARM_UP", 8)
    trainer = stage(dataset, "codec.n_phrases=400", "codec.learning_rate=0.02")
    losses = [float(trainer.iterate()["notes"]) for _ in range(25)]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    assert trainer.phrases_seen == 100


def test_the_learning_rate_rises_and_then_falls(dataset, monkeypatch):
    monkeypatch.setattr(codec_trainer, "WARM_UP", 8)
    trainer = stage(dataset, "codec.n_phrases=16", "codec.learning_rate=0.01", "codec.final_learning_rate=0.002")
    rates = []
    for _ in range(4):
        trainer.iterate()
        rates.append(trainer.optimizers["codec"].param_groups[0]["lr"])
    cosine = [0.002 + 0.008 * (1 + np.cos(np.pi * seen / 16)) / 2 for seen in (0, 4, 8, 12)]
    assert rates == pytest.approx([cosine[0] / 2, *cosine[1:]])


def test_silent_tracks_are_trained_on_now_and_then(dataset, monkeypatch):
    found = []
    original = codec_trainer.codec_loss

    def spy(codec, patches, rows, kl_weight, **options):
        found.append((patches[BASS].flatten(1).any(1), rows[BASS] > 0))
        return original(codec, patches, rows, kl_weight, **options)

    monkeypatch.setattr(codec_trainer, "codec_loss", spy)
    trainer = stage(dataset, "codec.silent_rows=0.25", "train.batch_size=40")
    for name in ("rolls", "sounding"):
        original_method = getattr(type(trainer.phrases), name)

        def without_bass(self, *which, method=original_method):
            values = method(self, *which).copy()
            values[::2, BASS] = 0
            return values

        monkeypatch.setattr(type(trainer.phrases), name, without_bass)
    for _ in range(4):
        trainer.iterate()
    sounds, counts = (torch.cat(parts) for parts in zip(*found, strict=True))
    assert counts[sounds].all()
    assert 0 < counts[~sounds].float().mean() < 0.5


def test_measures_do_not_disturb_training_and_come_out_the_same(dataset):
    trainer = stage(dataset)
    trainer.iterate()
    before = torch.random.get_rng_state()
    first, second = trainer.measure(), trainer.measure()
    assert first == second
    assert torch.equal(before, torch.random.get_rng_state())
    assert set(first) == {"score", "onset_f1/drums", "onset_f1/keys", "onset_f1/bass", "frechet_ratio", "auc"}
    assert 0 <= first["auc"] <= 1


def test_a_perfect_codec_is_as_near_as_real_music(dataset, monkeypatch):
    """What comes back is put in place of what the codec decodes; the rest are the phrases that are measured."""
    trainer = stage(dataset)
    monkeypatch.setattr(trainer, "_decoded", lambda patches: trainer.codec.grid.unfold(patches).numpy())
    measures = trainer.measure()
    assert [measures[f"onset_f1/{name}"] for name in dataset.spec.track_names] == [1, 1, 1]
    assert measures["frechet_ratio"] == pytest.approx(1, abs=0.05)


def test_the_spread_of_latents_is_that_of_sounding_tracks(dataset, monkeypatch):
    trainer = stage(dataset)
    rolls = type(trainer.phrases).rolls

    def seldom_bass(self, indices, shifts):
        found = rolls(self, indices, shifts)
        found[1:, BASS] = 0
        found[:, DRUMS] = 0
        return found

    monkeypatch.setattr(type(trainer.phrases), "rolls", seldom_bass)
    drawn = []
    fold = trainer._fold
    monkeypatch.setattr(trainer, "_fold", lambda rolls: drawn.append(rolls) or fold(rolls))
    monkeypatch.setattr(trainer, "_match_onsets", lambda phrases: None)
    codec = trainer.finish()
    whole = np.concatenate(drawn)
    means, _ = codec.encoder(codec.grid.fold(torch.from_numpy(whole)))
    assert torch.allclose(codec.mean[KEYS, 0, 0], means[KEYS].flatten(0, 1).mean(0), atol=1e-4)
    assert torch.allclose(codec.spread[KEYS, 0, 0], means[KEYS].flatten(0, 1).std(0), atol=1e-4)
    assert torch.allclose(codec.mean[BASS, 0, 0], means[BASS, 0].mean(0), atol=1e-4)
    assert (codec.mean[DRUMS] == 0).all()  # never heard: as it was
    assert (codec.spread[DRUMS] == 1).all()
    assert not any(p.requires_grad for p in codec.parameters())


def test_as_many_onsets_come_back_as_go_in(dataset, monkeypatch):
    monkeypatch.setattr(codec_trainer, "WARM_UP", 8)
    monkeypatch.setattr(codec_trainer, "MOST_SHIFTED", 8.0)
    trainer = stage(dataset, "codec.n_phrases=2000", "codec.learning_rate=0.01")
    for _ in range(150):
        trainer.iterate()
    indices, shifts = trainer.phrases.draw(np.random.default_rng(0), 200)
    patches = trainer._fold(trainer.phrases.rolls(indices, shifts))

    def onsets(rolls):
        return (rolls == 2).sum((0, 2, 3, 4))

    wanted = onsets(trainer.codec.grid.unfold(patches).numpy())
    before = onsets(trainer._decoded(patches)) / wanted
    trainer.finish()
    after = onsets(trainer._decoded(patches)) / wanted
    assert before[KEYS] < 0.7
    assert after[KEYS] == pytest.approx(1, abs=0.1)
    assert after[DRUMS] == 1
