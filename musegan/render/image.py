"""Piano-roll pictures: a named lane a track, drums by kit name, given material pale beside what was composed.

A lane is as tall as its music: the few notes far above or below are marked at its edge.
Long pieces wrap into systems of 16 or 32 bars, as a score does.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MuseganError
from musegan.files import atomic_write
from musegan.midi.bars import name_meters
from musegan.music.key import note_name
from musegan.music.piece import Piece
from musegan.render.colours import mix_with_white
from musegan.render.heat import heat_opacities, shade_bars
from musegan.render.lanes import Lane, make_lanes
from musegan.render.layout import Layout, lay_out_piece
from musegan.render.names import drum_name
from musegan.text import escape_xml

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _FAINT, _PAPER = "#24292f", "#6e7781", "#ffffff"
_BLACK_KEYS = (1, 3, 6, 8, 10)
_LEFT, _RIGHT, _TOP, _BOTTOM = 1.6, 0.2, 0.42, 0.18  # margins of the page, inches
_LANE_GAP, _SYSTEM_GAP, _RULER = 0.09, 0.3, 0.34  # inches between lanes, between systems, for bar numbers
_WIDTH = 14.0  # of the page, inches
_BOLD: dict[str, Any] = {"weight": "bold", "parse_math": False}  # names may hold any character
_MOST_LANES, _MOST_NOTES = 128, 40_000  # of one picture: 8 tracks of 512 bars; notes once a system
_MOST_LABELS = 800  # names of rows; 50 on each system of these 512 bars
_MOST_PIXELS = 20_000  # height of the tallest bitmap
_NAME_PLACE, _LONGEST_NAME = 0.1, 14  # inches from the left edge of the page; letters


def draw_piece(piece: Piece | Layout, path: str | Path, heat: NDArray[np.float64] | None = None) -> Path:
    """Draw a piece, or a file as it is laid out, as a ``.png``, ``.svg`` or ``.pdf`` file and return its path.

    ``heat : (track, bar)`` makes the cells red whose value is above the median, the largest most.
    """
    path = Path(path)
    with atomic_write(path) as temporary:
        _save_figure(_make_figure(piece, heat), temporary, path.suffix.lower().lstrip("."))
    return path


def draw_png(piece: Piece) -> bytes:
    """The picture as the bytes of a PNG file."""
    file = io.BytesIO()
    _save_figure(_make_figure(piece), file, "png")
    return file.getvalue()


def _save_figure(figure: Figure, target: Path | io.BytesIO, kind: str) -> None:
    import matplotlib

    dpi = min(150, _MOST_PIXELS / figure.get_figheight())
    # Without date and with fixed identifiers, equal pieces give equal files.
    metadata = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    with matplotlib.rc_context({"svg.hashsalt": "musegan", "svg.fonttype": "none"}):
        figure.savefig(target, format=kind, dpi=dpi, metadata=metadata)


def _make_figure(piece: Piece | Layout, heat: NDArray[np.float64] | None = None) -> Figure:
    from matplotlib.figure import Figure

    layout = piece if isinstance(piece, Layout) else lay_out_piece(piece)
    notes, lines = layout.notes, layout.lines
    lanes = make_lanes(layout)
    heat = np.zeros((len(layout.tracks), layout.n_bars)) if heat is None else heat_opacities(heat)
    size = layout.n_bars if layout.n_bars <= 16 else 16 if layout.n_bars <= 64 else 32
    systems = [(first, min(first + size, layout.n_bars)) for first in range(0, layout.n_bars, size)]
    width = max(int(lines[end] - lines[first]) for first, end in systems)
    n_labels = len(systems) * sum(len(lane.labelled_rows) for lane in lanes)
    if (
        len(systems) * len(lanes) > _MOST_LANES
        or n_labels > _MOST_LABELS
        or layout.count_pieces(size) > _MOST_NOTES
    ):
        raise MuseganError(
            f"a picture of {layout.n_bars} bars of {len(lanes)} tracks with {len(notes)} notes would be too "
            "large; draw some of the bars",
            field="bars",
        )
    system = _RULER + sum(lane.inches + _LANE_GAP for lane in lanes)
    height = _TOP + _BOTTOM + len(systems) * (system + _SYSTEM_GAP) - _SYSTEM_GAP
    figure = Figure(figsize=(_WIDTH, height), facecolor=_PAPER)
    _draw_title(figure, layout, height)
    top = height - _TOP
    for first, end in systems:
        bottom = top - _RULER
        for lane in lanes:
            bottom -= lane.inches
            box = (_LEFT / _WIDTH, bottom / height, 1 - (_LEFT + _RIGHT) / _WIDTH, lane.inches / height)
            axes = figure.add_axes(box)
            axes.set_xlim(0, width)
            _draw_lane(axes, layout, notes[notes["track"] == lane.track], lane, first, end)
            shade_bars(axes, heat[lane.track, first:end], lines[first : end + 1] - lines[first])
            middle = (bottom + lane.inches / 2) / height
            name = escape_xml(lane.name)
            name = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
            figure.text(
                _NAME_PLACE / _WIDTH,
                middle,
                name,
                color=_INK,
                fontsize=8.5,
                weight="bold",
                va="center",
                parse_math=False,
            )
            if lane is lanes[0]:
                _draw_ruler(axes, layout, first, end)
            bottom -= _LANE_GAP
        top = bottom - _SYSTEM_GAP
    return figure


def _draw_title(figure: Figure, layout: Layout, height: float) -> None:
    first, last = layout.bars_before + 1, layout.bars_before + layout.n_bars
    bars = f"bars {first}-{last}" if layout.bars_before else f"{layout.n_bars} bar{'s' * (layout.n_bars != 1)}"
    facts = [bars, f"{layout.tempo_qpm:g} qpm"]
    facts += [str(layout.key)] if layout.key else []
    y = 1 - 0.24 / height
    figure.text(_LEFT / _WIDTH, y, "  ·  ".join(facts), color=_FAINT, fontsize=9, va="center")
    if layout.given is not None and layout.given.any() and not layout.given.all():
        x = 1 - _RIGHT / _WIDTH
        figure.text(x, y, "■ composed", color=_INK, fontsize=9, va="center", ha="right")
        figure.text(x - 0.075, y, "■ given", color="#b3bac2", fontsize=9, va="center", ha="right")


def _draw_lane(axes: Axes, layout: Layout, notes: NDArray, lane: Lane, first: int, end: int) -> None:
    """The notes of a track in the bars ``first ... end - 1``."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    begin, n_rows = layout.lines[first], len(lane.pitches)
    n_steps = layout.lines[end] - begin
    axes.set_ylim(-0.5, n_rows - 0.5)
    axes.set_axis_off()  # ticks are slow to make; the few labels are drawn as texts
    _draw_rows(axes, lane, n_steps)
    _draw_grid_lines(axes, layout, first, end, n_rows)
    start = notes["start"] - begin
    stop = start + (max(1, layout.steps_per_beat // 4) if lane.is_drum else notes["duration"])
    shown = (stop > 0) & (start < n_steps)
    start, stop, pitch = start[shown], stop[shown], notes["pitch"][shown]
    is_stray = ~np.isin(pitch, lane.pitches)
    _mark_stray_notes(axes, lane, start[is_stray], pitch[is_stray])
    notes, start, stop, pitch = (of[~is_stray] for of in (notes[shown], start, stop, pitch))
    row = np.searchsorted(np.array(lane.pitches), pitch)
    given = np.zeros(len(start), bool)
    if layout.given is not None:
        given = layout.given[lane.track, layout.bar_of(notes["start"])]
    left, right = np.maximum(start, 0), np.minimum(stop, n_steps)
    # A corner as wide as it is high on paper, given the scales of the two axes.
    radius = 0.35 * lane.inches / n_rows / ((_WIDTH - _LEFT - _RIGHT) / axes.get_xlim()[1])
    for pale in np.unique(given):
        mine = given == pale
        # All notes are one path: in an SVG file one element instead of thousands.
        outlines = Path.make_compound_path_from_polys(_round_corners(left[mine], right[mine], row[mine], radius))
        face, edge = (
            (mix_with_white(lane.colour, 0.72), mix_with_white(lane.colour, 0.45))
            if pale
            else (lane.colour, _PAPER)
        )
        axes.add_artist(PathPatch(outlines, facecolor=face, edgecolor=edge, linewidth=0.5))
        begins = mine & (start >= 0)
        x = left[begins] + radius * 0.75
        ends = np.stack([x, row[begins] - 0.26, x, row[begins] + 0.26], -1).reshape(-1, 2)
        strokes = Path(ends, np.tile([Path.MOVETO, Path.LINETO], len(x)))
        axes.add_artist(PathPatch(strokes, edgecolor="black", alpha=0.28, linewidth=1.1, fill=False))


def _mark_stray_notes(axes: Axes, lane: Lane, start: NDArray, pitch: NDArray) -> None:
    """Notes far outside the lane as triangles at its edge that point to where they are."""
    for is_above, marker, row in ((True, "^", len(lane.pitches) - 1), (False, "v", 0)):
        x = start[(pitch > lane.pitches[-1]) == is_above]
        if len(x):
            axes.plot(x, np.full(len(x), row), marker, color=lane.colour, markersize=3.5, zorder=4)


def _draw_rows(axes: Axes, lane: Lane, n_steps: int) -> None:
    """Paper, stripes for the black keys (for drums: every other drum) and the labels at the left."""
    from matplotlib.collections import PolyCollection
    from matplotlib.transforms import offset_copy

    rows = np.arange(len(lane.pitches))
    is_dark = [row % 2 if lane.is_drum else lane.pitches[row] % 12 in _BLACK_KEYS for row in rows]
    corners = np.array([(0, -0.5), (n_steps, -0.5), (n_steps, 0.5), (0, 0.5)])
    stripes = PolyCollection(
        list(corners + np.stack([np.zeros(len(rows)), rows], -1)[:, None]),
        facecolors=[mix_with_white(lane.colour, 0.90 if dark else 0.945) for dark in is_dark],
        linewidths=0,
        zorder=0,
    )
    axes.add_collection(stripes, autolim=False)
    place = offset_copy(axes.get_yaxis_transform(), axes.get_figure(root=True), x=-0.042, units="inches")
    for row in lane.labelled_rows:
        name = (drum_name if lane.is_drum else note_name)(lane.pitches[row])
        axes.text(0, row, name, transform=place, fontsize=6.5, color=_FAINT, ha="right", va="center_baseline")


def _draw_grid_lines(axes: Axes, layout: Layout, first: int, end: int, n_rows: int) -> None:
    """Bar lines, and between them lines at the beats that the meters count in, down to eighths."""
    from matplotlib.collections import LineCollection

    bars = layout.lines[first : end + 1] - layout.lines[first]
    units = 4 * layout.steps_per_beat / np.minimum(layout.meters[first:end, 1], 8)
    beats = np.unique(
        np.concatenate([np.arange(a, b, unit) for a, b, unit in zip(bars[:-1], bars[1:], units, strict=True)])
    )
    beats = np.append(beats, bars[-1])
    lines = np.empty((len(beats), 2, 2))
    lines[..., 0], lines[..., 1] = beats[:, None], (-0.5, n_rows - 0.5)
    alpha = np.where(np.isin(beats, bars), 0.35, 0.10)
    axes.add_collection(
        LineCollection(list(lines), colors=_INK, alpha=alpha, linewidths=0.7, zorder=1, clip_on=False),
        autolim=False,
    )


def _draw_ruler(axes: Axes, layout: Layout, first: int, end: int) -> None:
    """Numbers of bars, new meters, and above them the sections."""
    from matplotlib.transforms import blended_transform_factory, offset_copy

    figure = axes.get_figure(root=True)
    above = blended_transform_factory(axes.transData, axes.transAxes)
    place = offset_copy(above, figure, y=0.045, units="inches")
    sections, meters = dict(layout.sections), dict(name_meters(layout.meters))
    for bar in range(first, end):
        x = layout.lines[bar] - layout.lines[first]
        number = f" {layout.bars_before + bar + 1}"
        axes.text(x, 1, number, transform=place, fontsize=7.5, color=_FAINT, va="bottom")
        if bar in meters:
            beside = offset_copy(place, figure, x=0.07 * (len(number) + 1), units="inches")
            axes.text(x, 1, meters[bar], transform=beside, fontsize=7.5, color=_INK, weight="bold", va="bottom")
        if bar in sections:
            raised = offset_copy(place, figure, y=0.14, units="inches")
            axes.text(
                x,
                1,
                f" {sections[bar]}",
                transform=raised,
                fontsize=9,
                color=_INK,
                weight="bold",
                parse_math=False,
            )


def _round_corners(left: NDArray, right: NDArray, row: NDArray, radius: float) -> NDArray[np.float64]:
    """Outlines of notes with round corners: (note, corner point, 2)."""
    angle = np.linspace(0, np.pi / 2, 4)
    turns = np.concatenate([angle + quarter * np.pi / 2 for quarter in range(4)])
    side = np.repeat(np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]), 4, axis=0)
    arc = np.stack([np.cos(turns), np.sin(turns)], -1) - side
    half = np.stack([(right - left) / 2, np.full(len(left), 0.42)], -1)[:, None]
    centre = np.stack([(right + left) / 2, row], -1)[:, None]
    corner = np.minimum(half, np.array([radius, 0.35]))
    return centre + side * half + arc * corner
