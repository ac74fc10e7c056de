"""The sound of a state as a file: what is heard on the page, with mute, solo and volume, in a room and even."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from musegan.errors import ConfigError, MidiError
from musegan.midi.song import Song
from musegan.render.mastering import Samples, master, write_wave
from musegan.render.synthesizer import MAX_SECONDS, SAMPLE_RATE, TAIL_SECONDS, read_samples
from musegan.studio.import_export import MEDIA_TYPES, export_state
from musegan.studio.state import State
from musegan.studio.stems import Stems


def export(
    stems: Stems, state: State, song: Song | None, kind: str, *, chords: bool = False, audio: bool = False
) -> bytes:
    """A state as a file of a kind in `MEDIA_TYPES`; a ``zip`` has one file a track, of MIDI or, with `audio`, of
    sound. Raises `ConfigError` for another kind, and what writing that kind raises."""
    if kind not in MEDIA_TYPES:
        raise ConfigError(f"{kind!r} cannot be exported; there are {', '.join(MEDIA_TYPES)}")
    if kind == "wav":
        return render_mix(stems, state, song)
    if kind == "zip" and audio:
        return render_stems(stems, state, song)
    return export_state(state, song, kind, chords=chords)


def render_mix(stems: Stems, state: State, song: Song | None) -> bytes:
    """A ``.wav`` file of everything that is heard. Raises `MidiError` for what is too long or silent."""
    listing = _list_heard(stems, state, song)
    mix = _make_silence(listing)
    for stem, level in listing:
        _add_stem(mix, stems, stem, level)
    return write_wave(master(mix))


def render_stems(stems: Stems, state: State, song: Song | None) -> bytes:
    """A zip with one ``.wav`` file for each track that is heard, as loud as in the mix and equally long."""
    out, listing = io.BytesIO(), _list_heard(stems, state, song)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for stem, level in listing:
            sound = _make_silence(listing)
            _add_stem(sound, stems, stem, level)
            archive.writestr(zipfile.ZipInfo(f"{stem['name']}.wav"), write_wave(sound))
    return out.getvalue()


def _list_heard(stems: Stems, state: State, song: Song | None) -> list[tuple[Mapping[str, Any], float]]:
    """The stems that are not silent in the mix, and what each is multiplied by."""
    names = state.piece.spec.track_names
    found = []
    for stem in stems.listing(state, song)["stems"]:
        name = stem["name"] if stem["track"] is None else names[stem["track"]]
        level = stem["gain"] * mixer_level(state.mixer, name)
        if level and stem["parts"]:
            found.append((stem, level))
    if not found:
        raise MidiError("nothing is heard: every track is empty or muted", "silent")
    return found


def mixer_level(mixer: Mapping[str, Mapping[str, Any]], name: str) -> float:
    """How loud a track is: its volume, or 0 where it is muted or others are alone."""
    own = mixer.get(name, {})
    some_alone = any(values.get("solo") for values in mixer.values())
    return 0.0 if own.get("mute") or (some_alone and not own.get("solo")) else float(own.get("volume", 1))


def _make_silence(listing: list[tuple[Mapping[str, Any], float]]) -> Samples:
    seconds = max(part["end"] for stem, _ in listing for part in stem["parts"])
    if seconds > MAX_SECONDS:
        limit = f"up to {MAX_SECONDS / 60:.0f} can be turned into one sound"
        raise MidiError(f"the music lasts {seconds / 60:.0f} minutes; {limit}", "too long")
    return np.zeros((round((seconds + TAIL_SECONDS) * SAMPLE_RATE), 2), np.float32)


def _add_stem(mix: Samples, stems: Stems, stem: Mapping[str, Any], level: float) -> None:
    for part in stem["parts"]:
        samples = read_samples(stems.path(part["key"]))
        begin = round(part["begin"] * SAMPLE_RATE)
        place = mix[begin : begin + len(samples)]
        place += samples[: len(place)] * np.float32(level / 32768)
