"""Sound from Python packages alone: it is there, as loud and as long as the music, and bad input is told."""

from __future__ import annotations

import mido
import numpy as np
import pytest

from musegan.errors import MidiError, MissingToolError
from musegan.render.soundfont import shipped_font
from musegan.render.synthesizer import SAMPLE_RATE, TAIL_SECONDS, read_samples, render_wave


def midi_of(path, notes, tempo=500_000, n_beats=8):
    """A file of organ notes (beat, beats, pitch), which do not decay, that claims to last `n_beats`."""
    midi = mido.MidiFile(ticks_per_beat=100)
    track = mido.MidiTrack(
        [mido.MetaMessage("set_tempo", tempo=tempo), mido.Message("program_change", program=16)]
    )
    events = [(beat * 100, mido.Message("note_on", note=pitch, velocity=100)) for beat, _, pitch in notes]
    events += [((beat + beats) * 100, mido.Message("note_off", note=pitch)) for beat, beats, pitch in notes]
    now = 0
    for tick, message in sorted(events, key=lambda item: item[0]):
        track.append(message.copy(time=int(tick) - now))
        now = int(tick)
    track.append(mido.MetaMessage("end_of_track", time=n_beats * 100 - now))
    midi.tracks.append(track)
    midi.save(path)
    return path


def loudness(samples, begin, end):
    """Root mean square between two seconds."""
    part = samples[round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)].astype(float)
    return float(np.sqrt((part**2).mean()))


def test_notes_sound_when_they_are_played_and_the_file_ends_with_them(tmp_path):
    # Half a second a beat: a note from 1.0 s to 1.5 s, in a file that says it lasts 60 s.
    path = midi_of(tmp_path / "a.mid", [(2, 1, 60)], n_beats=120)
    samples = read_samples(render_wave(path, shipped_font()))
    assert loudness(samples, 0.0, 0.95) == 0
    assert loudness(samples, 1.05, 1.45) > 200
    assert 1.5 < len(samples) / SAMPLE_RATE < 1.5 + TAIL_SECONDS
    assert np.abs(samples[-1]).max() == 0


def test_a_note_an_octave_higher_has_twice_the_frequency(tmp_path):
    peaks = []
    for pitch in (60, 72):
        samples = read_samples(render_wave(midi_of(tmp_path / "a.mid", [(0, 4, pitch)]), shipped_font()))
        part = samples[SAMPLE_RATE // 2 : SAMPLE_RATE * 3 // 2, 0].astype(float)
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
        peaks.append(int(spectrum[:600].argmax()) if pitch == 60 else int(spectrum[:1200].argmax()))
    assert peaks[1] == pytest.approx(2 * peaks[0], abs=2)


def test_stems_are_as_long_as_the_music(tmp_path):
    path = midi_of(tmp_path / "a.mid", [(0, 1, 60)], tempo=250_000)
    samples = read_samples(render_wave(path.read_bytes(), shipped_font(), trim=False))
    assert len(samples) / SAMPLE_RATE == pytest.approx(0.25 + TAIL_SECONDS, abs=0.01)


def test_what_cannot_be_played_is_told(tmp_path):
    path = midi_of(tmp_path / "a.mid", [(0, 1, 60)])
    (tmp_path / "no.sf2").write_bytes(b"no font")
    with pytest.raises(MissingToolError, match=r"no\.sf2 cannot be used as a sound font"):
        render_wave(path, tmp_path / "no.sf2")
    with pytest.raises(MidiError):
        render_wave(b"MThd", shipped_font())
    with pytest.raises(MidiError, match="minutes"):
        render_wave(midi_of(tmp_path / "b.mid", [(2000, 1, 60)], n_beats=2001), shipped_font())
