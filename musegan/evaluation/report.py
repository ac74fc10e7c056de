"""An evaluation as one self-contained HTML page: a summary, the table, phrases side by side, originality."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MuseganError
from musegan.evaluation.captions import SECTION_TITLES, find_group, write_caption, write_summary
from musegan.evaluation.distances import FEATURES, INDEPENDENT
from musegan.evaluation.scores import REAL, REFERENCE, Measure
from musegan.evaluation.table import Evaluation, Pair, format_value
from musegan.files import atomic_write
from musegan.metrics import Rolls
from musegan.music.pianoroll import roll_to_notes
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec
from musegan.render.audio import write_audio
from musegan.render.colours import colour_of

COLOURS = ("#8a8a8a", "#2f7fd1", "#d1702f", "#2fa36b", "#9a5fd1", "#c23b5e", "#b39a1e", "#3aa6a6")
"""Of rows in order; readable on light and on dark paper."""

N_SAMPLES = 6  # phrases shown of each row
N_PAIRS = 4  # least original phrases shown of each row
N_BINS = 24  # of a histogram

_STYLE = """
:root { color-scheme: light dark; --line: #8885; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: .15rem .8rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
td.best { font-weight: 700; }
tr.section td { font-weight: 700; padding-top: 1.5rem; font-size: 15px; }
tr.group td { padding-top: .7rem; opacity: .75; font-style: italic; text-align: left; }
ul.summary { font-size: 17px; padding-left: 1.2rem; }
audio { width: 100%; height: 2rem; margin-top: .3rem; }
svg { border: 1px solid var(--line); border-radius: 3px; width: 100%; height: auto; display: block; }
figure { margin: 0; } figcaption { font-size: 12px; opacity: .8; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(var(--cell), 1fr)); }
.key span { margin-right: 1rem; white-space: nowrap; } .key i { font-style: normal; }
"""


def write_report(evaluation: Evaluation, path: Path) -> Path:
    """Write the page, all or nothing. It needs no other file and no network."""
    spec = evaluation.spec
    title = "How near to real music: " + ", ".join(evaluation.candidates)
    parts = [
        f"<h1>{escape(title)}</h1>",
        *(_render_summary(evaluation, row) for row in evaluation.candidates),
        _render_first_pictures(evaluation, spec),
        "<h2>All measures</h2>",
        f"<p>{_describe_rows(evaluation)}</p>",
        *(f"<p>Note: {escape(note)}.</p>" for note in evaluation.notes),
        _render_table(evaluation),
        "<h2>Phrases</h2>",
        _render_key(spec.track_names, spec),
        *(_render_samples(row, evaluation.samples[row], spec) for row in (REFERENCE, *evaluation.candidates)),
        "<h2>Features</h2><p>Share of phrases by value; the features that overlap least come first.</p>",
        _render_key((REFERENCE, *evaluation.candidates)),
        _render_histograms(evaluation),
        "<h2>Deviations</h2><p>Means of all features, and in brackets how far they are from held-out songs, in "
        "standard deviations of these.</p>",
        _render_deviations(evaluation),
        "<h2>Originality</h2><p>How like the nearest training phrase, over 12 transpositions; 1 is a copy.</p>",
        _render_key((REFERENCE, *evaluation.candidates)),
        _render_originality(evaluation),
        *(_render_pairs(row, evaluation.pairs[row][:N_PAIRS], spec) for row in evaluation.candidates),
    ]
    with atomic_write(path) as temporary:
        temporary.write_text(
            "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width'>"
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>",
            encoding="utf-8",
        )
    return path


def _describe_rows(evaluation: Evaluation) -> str:
    facts = evaluation.facts
    return (
        f"{facts['n_phrases']} phrases of {facts['phrase_bars']} bars in each row; seed {facts['seed']}. "
        f"{REFERENCE}: songs of the part {facts['split']}, from which distances are measured. {REAL}: training "
        "songs, a phrase of each. <b>Bold</b>: nearest to held-out songs, or in distances to real ones, where "
        "mixed tracks are not nearer. ± is half a 95% interval by a bootstrap over songs."
    )


def _render_summary(evaluation: Evaluation, row: str) -> str:
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in write_summary(evaluation, row))
    return f"<ul class='summary'>{sentences}</ul>"


def _render_first_pictures(evaluation: Evaluation, spec: RollSpec) -> str:
    """A real phrase and a composed one, as pictures and sound, and the distances of all rows."""
    figures = [
        f"<figure>{draw_roll(evaluation.samples[row][0], spec)}{_render_player(evaluation.samples[row][0], spec)}"
        f"<figcaption>{escape(row)}: a phrase</figcaption></figure>"
        for row in (REFERENCE, evaluation.candidates[0])
    ]
    caption = "Frechet distance to held-out songs, independent features"
    figures.append(f"<figure>{_draw_distances(evaluation)}<figcaption>{caption}</figcaption></figure>")
    return _render_key(spec.track_names, spec) + _render_grid(figures, "20rem")


def _render_player(roll: NDArray[np.uint8], spec: RollSpec) -> str:
    """The phrase as sound in the page, or nothing where sound cannot be made."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            sound = write_audio(Piece(roll=roll, spec=spec), Path(folder) / "phrase.ogg").read_bytes()
    except MuseganError:
        return ""
    return f"<audio controls src='data:audio/ogg;base64,{base64.b64encode(sound).decode()}'></audio>"


def _draw_distances(evaluation: Evaluation) -> str:
    """The Frechet distance of each row by independent features as bars, inline SVG."""
    measure = Measure("distance", "Frechet distance", INDEPENDENT)
    known = {row: scores[measure].estimate for row, scores in evaluation.rows.items() if measure in scores}
    top = max(known.values(), default=1.0)
    lines = [f"<svg viewBox='0 0 200 {22 * len(known) + 4}'>"]
    for index, (row, value) in enumerate(known.items()):
        y = 22 * index
        lines.append(
            f"<text x='2' y='{y + 10}' font-size='8' fill='currentColor'>{escape(row)} {value:.3g}</text>"
            f"<rect x='2' y='{y + 13}' width='{190 * value / top:.1f}' height='6' fill='{COLOURS[index]}'/>"
        )
    return "".join([*lines, "</svg>"])


def _render_table(evaluation: Evaluation) -> str:
    """The measures in sections and groups, each group under a line that says what it means."""
    heads = "".join(f"<th>{escape(row)}</th>" for row in ("", *evaluation.rows))
    lines = [f"<table><thead><tr>{heads}</tr></thead><tbody>"]
    section, group = "", ""
    for measure in evaluation.list_measures():
        if measure.section != section:
            section = measure.section
            lines.append(_render_wide_row("section", SECTION_TITLES[section], evaluation))
        if find_group(measure) != group:
            group = find_group(measure)
            lines.append(_render_wide_row("group", write_caption(measure), evaluation))
        best = evaluation.find_nearest_row(measure)
        cells = "".join(
            f"<td{' class=best' if row == best else ''}>{format_value(scores.get(measure))}</td>"
            for row, scores in evaluation.rows.items()
        )
        lines.append(f"<tr><td>{escape(measure.label)}</td>{cells}</tr>")
    return "".join([*lines, "</tbody></table>"])


def _render_wide_row(kind: str, text: str, evaluation: Evaluation) -> str:
    return f"<tr class='{kind}'><td colspan='{len(evaluation.rows) + 1}'>{escape(text)}</td></tr>"


def _render_key(names: Sequence[str], spec: RollSpec | None = None) -> str:
    """What the colours mean: those of the tracks of `spec`, or those of rows."""
    colours = [colour_of(track) for track in spec.tracks] if spec else [_pick_colour(i) for i in range(len(names))]
    items = (
        f"<span><i style='color:{colour}'>&#9632;</i> {escape(name)}</span>"
        for colour, name in zip(colours, names, strict=True)
    )
    return f"<p class='key'>{''.join(items)}</p>"


def _pick_colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def _render_grid(figures: Sequence[str], cell: str) -> str:
    return f"<div class='grid' style='--cell:{cell}'>{''.join(figures)}</div>"


def _render_samples(row: str, rolls: Rolls, spec: RollSpec) -> str:
    figures = [f"<figure>{draw_roll(roll, spec)}</figure>" for roll in rolls[:N_SAMPLES]]
    return f"<h3>{escape(row)}</h3>" + _render_grid(figures, "20rem")


def draw_roll(roll: NDArray[np.uint8], spec: RollSpec) -> str:
    """A roll ``(track, bar, step, pitch)`` as inline SVG: pitched tracks above, a row of drums per track below."""
    n_bars = roll.shape[1]
    notes = roll_to_notes(roll, spec)
    width, height = n_bars * spec.steps_per_bar, spec.n_pitches + 14 * sum(spec.is_drum)
    lines = [f"<svg viewBox='0 0 {width} {height}' role='img' fill='none'>"]
    bars = "".join(f"M{bar * spec.steps_per_bar} 0v{height}" for bar in range(1, n_bars))
    lines.append(f"<path d='{bars}' stroke='#8885' stroke-width='.5'/>")
    floor = spec.n_pitches
    for index, track in enumerate(spec.tracks):
        own = notes[notes["track"] == index]
        row = own["pitch"].astype(np.int64) - spec.lowest_pitch
        if track.is_drum:
            level = floor + 13 - row % 12
            floor += 14
        else:
            level = spec.n_pitches - 1 - row
        path = "".join(
            f"M{start} {y + 0.5:g}h{duration - 0.3:.1f}"
            for start, y, duration in zip(own["start"], level, own["duration"], strict=True)
        )
        lines.append(f"<path d='{path}' stroke='{colour_of(track)}'/>")
    return "".join([*lines, "</svg>"])


def _render_histograms(evaluation: Evaluation) -> str:
    rows = (REFERENCE, *evaluation.candidates)
    scores = evaluation.rows[evaluation.candidates[0]]
    names = evaluation.feature_names[FEATURES]
    areas = [scores[Measure("overlapped area", name)].estimate for name in names]
    figures = []
    for index in np.argsort(np.nan_to_num(areas, nan=2.0), kind="stable"):
        columns = [evaluation.features[row].tables[FEATURES][:, index] for row in rows]
        caption = escape(names[index])
        figures.append(f"<figure>{_draw_histogram(columns)}<figcaption>{caption}</figcaption></figure>")
    return _render_grid(figures, "9rem")


def _render_deviations(evaluation: Evaluation) -> str:
    """All features, those first that are farthest off in the first candidate."""
    rows = (*evaluation.candidates, REAL)
    found = {row: {each[:2]: each for each in evaluation.deviations[row]} for row in rows}
    heads = "".join(f"<th>{escape(text)}</th>" for text in ("", REFERENCE, *rows))
    lines = [f"<details><summary>Worst first</summary><table><thead><tr>{heads}</tr></thead><tbody>"]
    for key, first in found[rows[0]].items():
        own = (found[row].get(key) for row in rows)
        cells = "".join(
            f"<td>{each.mean:.3g} ({each.spreads:+.2f})</td>" if each else "<td>-</td>" for each in own
        )
        name = f"{first.name}, independent" if first.features == INDEPENDENT else first.name
        lines.append(f"<tr><td>{escape(name)}</td><td>{first.reference:.3g}</td>{cells}</tr>")
    return "".join([*lines, "</tbody></table></details>"])


def _draw_histogram(columns: Sequence[NDArray]) -> str:
    """Outlines of the histograms of several sets of values on one scale, as inline SVG with the range below."""
    known = [column[~np.isnan(column)] for column in columns]
    everything = np.concatenate(known)
    if not len(everything):
        return "<svg viewBox='0 0 120 60'></svg>"
    low, high = np.quantile(everything, [0.005, 0.995])
    high = high if high > low else low + 1
    counts = [
        np.histogram(np.clip(values, low, high), N_BINS, (low, high))[0] / max(len(values), 1) for values in known
    ]
    top = max(float(count.max()) for count in counts)
    lines = ["<svg viewBox='0 0 120 60' fill='none'>"]
    for index, count in enumerate(counts):
        heights = 46 - 44 * count / top
        path = f"M0 46V{heights[0]:.1f}" + "".join(f"h5V{y:.1f}" for y in heights[1:]) + "h5V46"
        lines.append(f"<path d='{path}' stroke='{_pick_colour(index)}' stroke-width='1.2'/>")
    for x, anchor, value in ((1, "start", low), (119, "end", high)):
        lines.append(
            f"<text x='{x}' y='57' font-size='9' fill='currentColor' text-anchor='{anchor}'>{value:.3g}</text>"
        )
    return "".join([*lines, "</svg>"])


def _render_originality(evaluation: Evaluation) -> str:
    columns = [evaluation.similarities[row] for row in (REFERENCE, *evaluation.candidates)]
    return f"<div style='max-width:28rem'>{_draw_histogram(columns)}</div>"


def _render_pairs(row: str, pairs: Sequence[Pair], spec: RollSpec) -> str:
    figures = []
    for pair in pairs:
        captions = f"similarity {pair.similarity:.2f}", f"{pair.song}, bar {pair.bar}"
        for roll, caption in zip((pair.phrase, pair.training), captions, strict=True):
            figures.append(f"<figure>{draw_roll(roll, spec)}<figcaption>{escape(caption)}</figcaption></figure>")
    heading = f"<h3>{escape(row)}: least original phrases, each before its nearest training phrase</h3>"
    return heading + f"<div class='grid' style='grid-template-columns:1fr 1fr'>{''.join(figures)}</div>"
