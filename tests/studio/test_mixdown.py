"""What is exported is what is heard."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import mido
import numpy as np
import pytest

from musegan.errors import ConfigError, MidiError
from musegan.render.soundfont import shipped_font
from musegan.render.synthesizer import SAMPLE_RATE, read_samples
from musegan.studio import editing
from musegan.studio.audio_process import AudioProcess
from musegan.studio.import_export import export_midi
from musegan.studio.mixdown import export, mixer_level
from musegan.studio.state import State
from musegan.studio.stems import Stems


@pytest.fixture(scope="module")
def stems(tmp_path_factory):
    stems = Stems(tmp_path_factory.mktemp("sound"), [AudioProcess(shipped_font())])
    yield stems
    stems.close()


@pytest.fixture
def state(model):
    """Five bars of two seconds: keys in the first, a bass in the last."""
    return editing.edit_notes(model, State.empty(model, 5), [], [(1, 0, 16, 60), (2, 64, 16, 40)])


def loudness(sound, begin, end):
    part = read_samples(sound)[round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)].astype(float)
    return float(np.sqrt((part**2).mean()))


def test_a_mute_solo_and_volume_are_in_the_file(stems, state):
    both = export(stems, state, None, "wav")
    assert loudness(both, 0.1, 1.9) > 300
    assert loudness(both, 8.1, 9.9) > 300
    muted = export(stems, replace(state, mixer={"keys": {"mute": True}}), None, "wav")
    assert loudness(muted, 0.1, 1.9) < 3 < 300 < loudness(muted, 8.1, 9.9)
    alone = export(stems, replace(state, mixer={"keys": {"solo": True}}), None, "wav")
    assert loudness(alone, 0.1, 1.9) > 300
    softer = export(stems, replace(state, mixer={"keys": {"volume": 0.25}}), None, "wav")
    before, after = (loudness(s, 0.1, 1.9) / loudness(s, 8.1, 9.9) for s in (both, softer))
    assert after / before == pytest.approx(0.25, rel=0.1)
    with pytest.raises(MidiError, match="nothing is heard"):
        export(stems, replace(state, mixer={"keys": {"mute": True}, "bass": {"mute": True}}), None, "wav")


def test_sound_comes_track_by_track_too(stems, state):
    archive = zipfile.ZipFile(io.BytesIO(export(stems, state, None, "zip", audio=True)))
    assert archive.namelist() == ["keys.wav", "bass.wav"]
    keys, bass = (archive.read(name) for name in archive.namelist())
    assert len(keys) == len(bass)
    assert loudness(bass, 0, 7.9) == 0 < loudness(keys, 0.1, 1.9)
    assert zipfile.ZipFile(io.BytesIO(export(stems, state, None, "zip"))).namelist()[0] == "musegan.mid"
    with pytest.raises(ConfigError, match="cannot be exported"):
        export(stems, state, None, "exe")


def test_a_chosen_instrument_plays_and_is_exported(stems, state, tmp_path):
    other = replace(state, mixer={"bass": {"program": 38}})
    (tmp_path / "a.mid").write_bytes(export_midi(other, None))
    programs = {
        track.name: [message.program for message in track if message.type == "program_change"]
        for track in mido.MidiFile(tmp_path / "a.mid").tracks
    }
    assert programs["bass"] == [38]
    assert programs["keys"] == [0]
    keys = [[part["key"] for part in stem["parts"]] for stem in stems.listing(state, None)["stems"]]
    new = [[part["key"] for part in stem["parts"]] for stem in stems.listing(other, None)["stems"]]
    assert [a == b for a, b in zip(keys, new, strict=True)] == [True, False]


def test_a_solo_silences_others():
    mixer = {"bass": {"solo": True, "volume": 0.5}, "keys": {"volume": 0.8}, "drums": {"solo": True, "mute": True}}
    assert [mixer_level(mixer, name) for name in ("bass", "keys", "drums", "lead")] == [0.5, 0, 0, 0]


def test_a_changed_bar_makes_one_new_piece_of_sound(model, stems, state):
    def keys(state):
        return {part["key"] for stem in stems.listing(state, None)["stems"] for part in stem["parts"]}

    filled = editing.edit_notes(model, state, [], [(1, 16 * bar, 8, 62) for bar in range(5)])
    changed = editing.edit_notes(model, filled, [], [(1, 66, 4, 65)])
    assert len(keys(changed) - keys(filled)) == 1
    parts = stems.listing(filled, None)["stems"][0]["parts"]
    assert [(part["begin"], part["stop"]) for part in parts] == [(0, 4), (4, 8), (8, 10)]
