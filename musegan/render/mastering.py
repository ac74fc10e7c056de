"""From the sounds of single tracks to a record: a room around them, an even loudness, no peak above full scale.

Samples are ``(frame, 2), float32``, full scale 1, at `SAMPLE_RATE`.
"""

from __future__ import annotations

import io
import wave

import numpy as np
from numpy.typing import NDArray

from musegan.render.synthesizer import SAMPLE_RATE

Samples = NDArray[np.float32]

LOUDNESS = -14.0  # LUFS, what streaming services play at
ROOM_SHARE = 0.1  # of the room in the mix, by amplitude
_CEILING = 10 ** (-1 / 20)  # 1 dB below full scale
_ROOM_SECONDS = 1.4
_LOOK_AHEAD = 0.004  # seconds within which the limiter turns down before a peak
_BLOCK, _HOP = 0.4, 0.1  # seconds of the blocks whose loudness is averaged
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0  # LUFS, LU
# The K weighting of ITU-R BS.1770-5 at 48 kHz: a shelf for the head, a high-pass for the ear.
_K_WEIGHTING = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)


def measure_loudness(samples: Samples) -> float:
    """Integrated loudness in LUFS, gated (ITU-R BS.1770-5); -inf for silence."""
    from scipy.signal import sosfilt

    power = (sosfilt(_K_WEIGHTING, samples.astype(np.float64), axis=0) ** 2).sum(1)
    block, hop = round(_BLOCK * SAMPLE_RATE), round(_HOP * SAMPLE_RATE)
    total = np.concatenate([[0.0], np.cumsum(power)])
    begins = np.arange(0, max(len(power) - block, 0) + 1, hop)
    blocks = (total[np.minimum(begins + block, len(power))] - total[begins]) / block
    loud = blocks[_convert_to_lufs(blocks) > _ABSOLUTE_GATE]
    if not len(loud):
        return float("-inf")
    loud = loud[_convert_to_lufs(loud) > _convert_to_lufs(loud.mean()) + _RELATIVE_GATE]
    return float(_convert_to_lufs(loud.mean()))


def _convert_to_lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return -0.691 + 10 * np.log10(np.maximum(power, 1e-12))


def make_room() -> Samples:
    """The answer of a room to a click: noise that falls by 60 dB, darker as it falls, each side for itself."""
    n_frames = round(_ROOM_SECONDS * SAMPLE_RATE)
    noise = np.random.default_rng(1).standard_normal((n_frames, 2))
    smooth = np.cumsum(noise, axis=0)
    smooth[24:] = (smooth[24:] - smooth[:-24]) / 24**0.5
    share = np.linspace(0, 1, n_frames)[:, None]
    room = (noise * (1 - share) + smooth * share) * 10 ** (-3 * share)
    room[: round(0.012 * SAMPLE_RATE)] = 0  # until the first wall
    return (room / np.sqrt((room**2).sum(0))).astype(np.float32)


def master(samples: Samples) -> Samples:
    """A mix as a record: in a room, as loud as `LOUDNESS`, no peak above -1 dB."""
    from scipy.signal import oaconvolve

    wet = oaconvolve(samples, make_room(), axes=0)
    wet *= ROOM_SHARE
    wet[: len(samples)] += samples
    loudness = measure_loudness(wet)
    if np.isfinite(loudness):
        wet *= 10 ** ((LOUDNESS - loudness) / 20)
    return limit_peaks(wet.astype(np.float32))


def limit_peaks(samples: Samples) -> Samples:
    """Turned down around each peak above the ceiling, a little before it."""
    from scipy.ndimage import maximum_filter1d, uniform_filter1d

    size = 2 * round(_LOOK_AHEAD * SAMPLE_RATE) + 1
    peaks = maximum_filter1d(np.abs(samples).max(1), 2 * size + 1)
    gain = _CEILING / np.maximum(peaks, _CEILING)
    return (samples * uniform_filter1d(gain, size)[:, None]).astype(np.float32)


def write_wave(samples: Samples) -> bytes:
    """A ``.wav`` file of 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return file.getvalue()
