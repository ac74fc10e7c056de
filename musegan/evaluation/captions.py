"""What each measure of the table says, in one line, and what the whole table says, in a few sentences."""

from __future__ import annotations

import math

from musegan.evaluation.evaluate import Evaluation
from musegan.evaluation.scores import MIXED, REAL, REAL_REAL, Measure, Value

SECTION_TITLES = {
    "phrases": "Bars and tracks",
    "distance": "Distance to real music",
    "originality": "Originality",
    "seams": "Joins of long pieces",
    "drift": "Change over long pieces",
    "tasks": "Working on given music",
}

_BY_NAME = {
    "EB": "Share of bars in which the track is silent.",
    "notes": "Notes that begin in a bar.",
    "polyphony": "Share of the time in which two or more notes sound together.",
    "UP": "Different pitches in a bar that is not silent; of drums, different instruments.",
    "UPC": "Different pitch classes in a bar that is not silent: low is plain, high is chromatic.",
    "QN": "Share of notes as long as a thirty-second note or longer: low means fragments.",
    "one-step notes": "Share of notes that last one step of the grid: fragments.",
    "stepwise motion": "Share of the moves of the top line by one or two semitones: low means leaps.",
    "loose cells": "Share of sounding steps that no beginning of a note leads to: fragments, 0 in real music.",
    "DP": "Share of drum hits on sixteenths: low means hits at random places.",
    "scale consistency": "Share of the notes of a bar within the scale that fits it best.",
    "pitch entropy": "How evenly a bar uses its pitches, in bits: 0 is one pitch.",
    "pitch-class entropy": "How evenly a bar uses its pitch classes, in bits: 0 is one of them.",
    "groove consistency": "How like the rhythm of a bar is that of the next: 1 is the same.",
    "groove similarity": "How like the rhythms of all bars of a phrase are: 1 is the same.",
    "bar similarity": "Share of the notes that neighbouring bars have in common: 1 is a copy.",
    "TD": "How far apart the tracks are in harmony: low is together.",
    "moves with the others": "How much better it fits the others where it is than shifted by bars: 0 is deaf.",
    "on chord tones": "Share of the sounding time on tones of the chord that all tracks make.",
    "Frechet distance": "Distance of two clouds of phrases in 84 features, means and spreads: low is near.",
    "two-sample AUC": "How well a classifier tells the phrases from real ones: 0.5 not at all, 1 always.",
    "coverage": "Share of real phrases that have one of these near: low means kinds of music are missing.",
    "density": "How many real phrases are near each of these: low means that they are odd.",
    "precision": "Share of these phrases that lie among real ones: low means that they are odd.",
    "recall": "Share of real phrases that lie among these: low means little variety.",
    "pairwise distance": "Variety, as a multiple of that of real music.",
    "overlapped area": "How much histograms of single features have in common with real ones: 1 is all.",
    "KLD": "How surprising histograms of single features are to one who knows real music: 0 is not at all.",
    "similarity": "Share of notes in common with the most similar training phrase, in any key: 1 is a copy.",
    "above the 95th percentile of real": "Share of phrases nearer to training than 95 % of held-out ones.",
    "AUC": "How well a classifier tells joins from other bar lines: 0.5 not at all.",
    "bar-similarity error": "How far repetition at each distance is from that of real music.",
}
_BY_SECTION = {
    "seams": "At joins less at other bar lines: 0 is no difference.",
    "drift": "From the first to the last bars, in spreads of real phrases: 0 is no change.",
}
_BY_TASK = {
    "harmony gained by context": "How much nearer in harmony to what is given than to other music.",
    "rhythm gained by context": "How much more rhythm in common with what is given than with other music.",
    "moves with what is given": "How much better new tracks fit given ones than if shifted by bars: 0 is deaf.",
    "diversity": "How unlike each other completions of the same music are: 0 is always the same.",
    "given cells exact": "Whether what is given comes back unchanged: 1 is yes.",
}


def find_group(measure: Measure) -> str:
    """What several rows of the table have in common: one measure in all tracks, one kind of change."""
    if measure.section in _BY_SECTION and measure.name not in _BY_NAME:
        return measure.section
    return measure.name.partition(": ")[2] if measure.section == "tasks" else measure.name.partition(",")[0]


def write_caption(measure: Measure) -> str:
    """What a measure says, in one line."""
    group = find_group(measure)
    return _BY_TASK.get(group) or _BY_NAME.get(group) or _BY_SECTION.get(group, "")


def write_summary(evaluation: Evaluation, candidate: str) -> list[str]:
    """What the table says about one candidate, in sentences; of what could not be measured nothing."""
    sentences = (
        _write_distance(evaluation, candidate),
        _write_classifier(evaluation, candidate),
        _write_inside(evaluation, candidate),
        _write_copies(evaluation, candidate),
        _write_joins(evaluation, candidate),
    )
    return [sentence for sentence in sentences if sentence]


def _find_value(evaluation: Evaluation, row: str, section: str, name: str) -> float:
    found = evaluation.rows.get(row, {}).get(Measure(section, name))
    return math.nan if found is None else found.estimate


def _write_distance(evaluation: Evaluation, candidate: str) -> str:
    here, best, worst = (
        _find_value(evaluation, row, "distance", "Frechet distance") for row in (candidate, REAL_REAL, MIXED)
    )
    if math.isnan(here + best + worst) or worst <= best:
        return ""
    if here >= worst:
        way = "is farther from real music than songs whose tracks are mixed"
    else:
        share = min((worst - here) / (worst - best), 1)
        way = f"has come {share:.0%} of the way from songs whose tracks are mixed to real music"
    return (
        f"{candidate} {way} (Frechet distance {here:.3g}; mixed tracks {worst:.3g}; one half of the real songs to "
        f"the other {best:.3g})."
    )


def _write_classifier(evaluation: Evaluation, candidate: str) -> str:
    area = _find_value(evaluation, candidate, "distance", "two-sample AUC")
    if math.isnan(area):
        return ""
    return f"A classifier tells a real phrase from one of its own {area:.0%} of the time; 50% is guessing."


def _write_inside(evaluation: Evaluation, candidate: str) -> str:
    """How many measures of bars and tracks are as in real music, and the three that are least so."""
    gaps: dict[Measure, float] = {}
    for measure, real in evaluation.rows.get(REAL, {}).items():
        own = evaluation.rows[candidate].get(measure)
        if own is not None and measure.section == "phrases":
            gaps[measure] = abs(own.estimate - real.estimate) / max(_half_width(own) + _half_width(real), 1e-6)
    gaps = {measure: gap for measure, gap in gaps.items() if not math.isnan(gap)}
    if not gaps:
        return ""
    n_inside = sum(gap <= 1 for gap in gaps.values())
    worst = sorted(gaps, key=lambda measure: -gaps[measure])[:3]
    told = "; ".join(
        f"{m.label} {evaluation.rows[candidate][m].estimate:.3g}, real {evaluation.rows[REAL][m].estimate:.3g}"
        for m in worst
    )
    return f"{n_inside} of {len(gaps)} measures of bars and tracks are as in real music. Least so: {told}."


def _half_width(value: Value) -> float:
    half = (value.high - value.low) / 2
    return 0.0 if math.isnan(half) else half


def _write_copies(evaluation: Evaluation, candidate: str) -> str:
    share = _find_value(evaluation, candidate, "originality", "above the 95th percentile of real")
    if math.isnan(share):
        return ""
    return (
        f"{share:.1%} of its phrases are nearer to a training phrase than 95% of held-out music is; 5% would be "
        "as original as real music."
    )


def _write_joins(evaluation: Evaluation, candidate: str) -> str:
    area = _find_value(evaluation, candidate, "seams", "AUC")
    if math.isnan(area):
        return ""
    return f"A classifier tells joins of long pieces from other bar lines {area:.0%} of the time; 50% is guessing."
