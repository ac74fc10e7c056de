"""MIDI to sound with nothing but Python packages: the synthesizer `midirenderer` and a General MIDI sound font."""

from __future__ import annotations

import io
import os
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MidiError, MissingToolError
from musegan.midi.read import read_bytes, read_score
from musegan.midi.score import Score
from musegan.midi.tracks import Track, merge_events, read_tracks, score_to_tracks, tracks_to_bytes

SAMPLE_RATE = 48_000  # Hz, fixed by the synthesizer
MAX_SECONDS = 360.0  # longest music; it takes 75 MB a minute on the way
TAIL_SECONDS = 3.0  # rendered after the end of the music, for notes and reverb that ring on
_SILENCE = 12  # of 32,767: what is quieter, 69 dB below full scale, is not heard
_FADE_SECONDS = 0.02


def render_wave(source: Path | bytes, font: Path, *, trim: bool = True) -> bytes:
    """Play a music file into a ``.wav`` file.

    Parameters
    ----------
    source : Path or bytes
        A music file; bytes are MIDI.
    font : Path
        A sound font, ``.sf2``.
    trim : bool
        End where the sound has ended. Otherwise the file is as long as the music and `TAIL_SECONDS`.

    Returns
    -------
    bytes
        16 bit, stereo, `SAMPLE_RATE`.

    Raises
    ------
    MidiError
        The file cannot be read or lasts longer than `MAX_SECONDS`.
    MissingToolError
        The sound font cannot be used.
    """
    sound = _call_synthesizer("render_wave_from", _add_tail(source), font)
    return _trim_silence(sound) if trim else sound


def render_opus(source: Path | bytes, font: Path) -> bytes:
    """Play a music file into an Opus ``.ogg`` file; arguments and errors as for `render_wave`."""
    return _call_synthesizer("render_opus_from", _add_tail(source), font)


def _call_synthesizer(function: str, midi: bytes, font: Path) -> bytes:
    import midirenderer

    try:
        return bytes(getattr(midirenderer, function)(font.read_bytes(), midi))
    except OSError as error:
        raise MissingToolError(f"the sound font {font} cannot be read: {error.strerror}") from error
    except RuntimeError as error:
        if "SoundFont" in str(error):
            raise MissingToolError(
                f"{font} cannot be used as a sound font ({error}); give an .sf2 file"
            ) from error
        raise MidiError(f"the file cannot be turned into sound: {error}") from error


def _add_tail(source: Path | bytes) -> bytes:
    """The file as plain MIDI of type 1 that ends `TAIL_SECONDS` after its music."""
    score, tracks = _read_tracks(source)
    end = max([score.end_tick, *(event.tick for track in tracks for event in track if event.status < 0xF0)])
    seconds, qpm = measure_seconds(score, end)
    if seconds > MAX_SECONDS:
        raise MidiError(
            f"the music lasts {seconds / 60:.0f} minutes; up to {MAX_SECONDS / 60:.0f} can be turned into sound, "
            "so cut it, or write .flac, which FluidSynth does",
            "too long",
        )
    end += round(TAIL_SECONDS * qpm / 60 * score.ticks_per_beat)
    cut = [[event for event in track if event.tick <= end] for track in tracks]
    return tracks_to_bytes([merge_events(track, [], end) for track in cut if track], score.ticks_per_beat)


def _read_tracks(source: Path | bytes) -> tuple[Score, list[Track]]:
    data, name = (source, "the MIDI data") if isinstance(source, bytes) else (read_bytes(source), str(source))
    score = read_score(data, name)
    if b"MThd" not in data[:4096] and data[:2] != b"\x1f\x8b":
        return score, score_to_tracks(score)
    tracks = read_tracks(data, name)
    return score, tracks if any(tracks) else score_to_tracks(score)


def measure_seconds(score: Score, tick: int) -> tuple[float, float]:
    """Seconds from the start of a file to a tick, and the tempo there (quarter notes a minute)."""
    begins = score.tempo_ticks < tick
    ticks = np.concatenate([[0], score.tempo_ticks[begins], [tick]])
    qpm = np.concatenate([[120.0], score.tempo_qpm[begins]])
    return float((np.diff(ticks) / score.ticks_per_beat * 60 / qpm).sum()), float(qpm[-1])


def _trim_silence(sound: bytes) -> bytes:
    samples = read_samples(sound)
    heard = np.flatnonzero((np.abs(samples) > _SILENCE).any(1))
    fade = round(_FADE_SECONDS * SAMPLE_RATE)
    samples = samples[: (int(heard[-1]) if len(heard) else 0) + fade].copy()
    slope = np.linspace(1, 0, min(fade, len(samples)))[:, None]
    samples[len(samples) - len(slope) :] = samples[len(samples) - len(slope) :] * slope
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(samples.tobytes())
    return file.getvalue()


def read_samples(sound: bytes | os.PathLike) -> NDArray[np.int16]:
    """The samples of a 16-bit ``.wav`` file: (frame, channel), int16."""
    with wave.open(io.BytesIO(sound) if isinstance(sound, bytes) else os.fspath(sound)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return frames.reshape(-1, file.getnchannels())
