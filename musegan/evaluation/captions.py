"""What each measure of the table says, in one line, and what the whole table says, in a few sentences."""

from __future__ import annotations

import math

from musegan.evaluation.distances import FEATURES, INDEPENDENT
from musegan.evaluation.scores import MIXED, REAL, REFERENCE, Measure, Value
from musegan.evaluation.table import Evaluation

SECTION_TITLES = {
    "phrases": "Bars and tracks",
    "distance": "Distance to held-out songs",
    "structure": "Structure of long pieces",
    "originality": "Originality",
    "seams": "Joins of long pieces",
    "drift": "Change over long pieces",
    "tasks": "Working on given music",
    "performance": "Velocities and timing of held-out notes",
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
    "AUC": "How well boosted trees tell these from held-out phrases: 0.5 not at all, 1 always.",
    "Frechet distance": "Distance of two clouds of phrases, means and spreads: low is near.",
    "coverage": "Share of held-out phrases that have one of these near: low means kinds of music are missing.",
    "density": "How many held-out phrases are near each of these: low means that they are odd.",
    "precision": "Share of these phrases that lie among held-out ones: low means that they are odd.",
    "recall": "Share of held-out phrases that lie among these: low means little variety.",
    "pairwise distance": "Variety, as a multiple of that of held-out phrases.",
    "overlapped area": "How much histograms of single features have in common with held-out ones: 1 is all.",
    "KLD": "How surprising histograms of single features are to one who knows held-out ones: 0 is not at all.",
    "bars equal to one before": "Share of the bars with notes that are equal to one of the 16 before.",
    "recurrence": "Bars in sections of 4 bars or more that return, by the bars of the piece; loops are none.",
    "held over": "Notes that sound on over a bar line, a bar line.",
    "fills": "Drum fills in 8 bars: more snare and toms than usual in the second half of a bar.",
    "drum instruments": "Different drums in a bar with drums.",
    "similarity error": "How far repetition at each distance in bars is from that of held-out songs.",
    "continuation likeness": "How like the bars that are given the bars are that follow them: 1 is a copy.",
    "similarity": "Share of notes in common with the most similar training phrase, in any key: 1 is a copy.",
    "velocities overlap": "Share that histograms of velocity by place in the bar have in common with players'.",
    "timings overlap": "Share that histograms of timing by place in the bar have in common with players'.",
    "contours correlate": "Correlation of the velocities of a bar with those of the player of the same notes.",
    "accents agree": "Correlation of the accents of tracks that start notes together.",
    "AUC of velocities": "How well boosted trees tell the velocities from players': 0.5 not at all, 1 always.",
    "AUC of timing": "How well boosted trees tell the timing from players': 0.5 not at all, 1 always.",
    "above the 95th percentile of held-out songs": "Share nearer to training than 95 % of held-out phrases.",
}
_BY_SECTION = {
    "seams": "Joins and other bar lines: how well trees tell them apart (0.5: not at all), and differences.",
    "drift": "From the first to the last bars, in spreads of held-out phrases: 0 is no change.",
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
    if measure.section in _BY_SECTION:
        return measure.section
    return measure.name.partition(": ")[2] if measure.section == "tasks" else measure.name.partition(",")[0]


def write_caption(measure: Measure) -> str:
    """What a measure says, in one line."""
    group = find_group(measure)
    return _BY_TASK.get(group) or _BY_NAME.get(group) or _BY_SECTION.get(group, "")


def write_summary(evaluation: Evaluation, candidate: str) -> list[str]:
    """What the table says about one candidate, in sentences; of what could not be measured nothing."""
    sentences = (
        _write_classifier(evaluation, candidate),
        _write_distance(evaluation, candidate),
        _write_intervals(evaluation, candidate),
        _write_deviations(evaluation, candidate),
        _write_copies(evaluation, candidate),
        _write_joins(evaluation, candidate),
    )
    return [sentence for sentence in sentences if sentence]


def _find_value(evaluation: Evaluation, row: str, measure: Measure) -> Value:
    return evaluation.rows.get(row, {}).get(measure, Value(math.nan))


def _write_classifier(evaluation: Evaluation, candidate: str) -> str:
    independent, others = (
        [_find_value(evaluation, row, Measure("distance", "AUC", kind)) for row in (candidate, REAL)]
        for kind in (INDEPENDENT, FEATURES)
    )
    if any(math.isnan(value.estimate) for value in (*independent, *others)):
        return ""
    here, real = (f"{v.estimate:.0%} of the time ({v.low:.0%} to {v.high:.0%})" for v in independent)
    return (
        f"By features that nothing but evaluation reads, boosted trees tell a phrase of {candidate} from one of "
        f"held-out songs {here}, and one of other real songs {real}; 50% is guessing. By the other features it is "
        f"{others[0].estimate:.0%} and {others[1].estimate:.0%}."
    )


def _write_distance(evaluation: Evaluation, candidate: str) -> str:
    rows = candidate, REAL, MIXED
    found = {
        name: [_find_value(evaluation, row, Measure("distance", name, INDEPENDENT)).estimate for row in rows]
        for name in ("Frechet distance", "recall")
    }
    if any(math.isnan(value) for values in found.values() for value in values):
        return ""
    told = "; ".join(
        f"{name} {here:.3g}, other real songs {real:.3g}, their tracks mixed {mixed:.3g}"
        for name, (here, real, mixed) in found.items()
    )
    return f"By the same features: {told}."


def _write_intervals(evaluation: Evaluation, candidate: str) -> str:
    """In how many measures of bars and tracks the intervals meet those of held-out songs."""
    rows, reference = (candidate, REAL), evaluation.rows.get(REFERENCE, {})
    shared = [
        measure
        for measure in reference
        if measure.section == "phrases" and all(measure in evaluation.rows.get(row, {}) for row in rows)
    ]
    if not shared:
        return ""
    here, real = (
        sum(_intervals_overlap(reference[measure], evaluation.rows[row][measure]) for measure in shared)
        for row in rows
    )
    return (
        f"In {here} of {len(shared)} measures of bars and tracks its interval meets that of held-out songs; that "
        f"of other real songs does in {real}."
    )


def _intervals_overlap(first: Value, second: Value) -> bool:
    return first.low <= second.high and second.low <= first.high


def _write_deviations(evaluation: Evaluation, candidate: str) -> str:
    worst = evaluation.deviations.get(candidate, [])
    if not worst:
        return ""
    told = "; ".join(f"{found.name} {found.mean:.3g}, held out {found.reference:.3g}" for found in worst[:3])
    return f"Of {len(worst)} features these are farthest off on average: {told}."


def _write_copies(evaluation: Evaluation, candidate: str) -> str:
    measure = Measure("originality", "above the 95th percentile of held-out songs")
    share = _find_value(evaluation, candidate, measure).estimate
    if math.isnan(share):
        return ""
    return (
        f"{share:.1%} of its phrases are nearer to a training phrase than 95% of held-out music is; 5% would be "
        "as original as real music."
    )


def _write_joins(evaluation: Evaluation, candidate: str) -> str:
    areas = [_find_value(evaluation, row, Measure("seams", "AUC")).estimate for row in (candidate, REFERENCE)]
    if any(map(math.isnan, areas)):
        return ""
    return (
        f"Boosted trees tell joins of long pieces from other bar lines {areas[0]:.0%} of the time, and the same "
        f"bar lines of held-out songs {areas[1]:.0%}; 50% is guessing."
    )
