"""``musegan jam``: the band that listens."""

from __future__ import annotations

import json
import signal
import statistics
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from musegan.cli.common import AsJson, print_message
from musegan.cli.composing_options import (
    ComposingOptions,
    Output,
    Tracks,
    composing_command,
    list_output_paths,
    load_model_and_request,
)
from musegan.composing.parse import parse_names
from musegan.errors import ConfigError

if TYPE_CHECKING:
    from musegan.live.jam import Jam

_NOT_LIVE = ("count", "passes", "rests", "plays", "stems", "listen", "port")


@partial(composing_command, without=_NOT_LIVE)
def jam(
    options: ComposingOptions,
    output: Output = None,
    input_port: Annotated[
        str | None, typer.Option("--in", metavar="PORT", help="MIDI port to listen to. (default: one of our own)")
    ] = None,
    output_port: Annotated[
        str | None, typer.Option("--out", metavar="PORT", help="MIDI port to play to. (default: one of our own)")
    ] = None,
    keep: Annotated[str, typer.Option(help="The track that you play.")] = "piano",
    tracks: Tracks = None,
    bars: Annotated[int | None, typer.Option(help="Stop after so many bars. (default: at Ctrl-C)", min=1)] = None,
    follow_clock: Annotated[
        bool,
        typer.Option("--follow-clock", help="Keep to the MIDI clock that comes in, from its start to its stop."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Play along: the band hears what you play and composes the next bar to it, bar by bar.

    One bar of clicks counts in; the band listens for one bar and joins in with the second. Everything that was
    played is written as one MIDI file at the end.

    Example: musegan jam --in "My keyboard" --out "My synth" --keep piano --tempo 100
    """
    from musegan.live.band import Band
    from musegan.live.jam import Jam
    from musegan.midi.ports import InputPort, OutputPort

    tempo = options.given["tempo_qpm"]
    if follow_clock and tempo:
        raise ConfigError("the tempo comes with the clock: give --tempo or --follow-clock, not both")
    (path,) = list_output_paths(options, output, "jam")
    with OutputPort(output_port) as port:
        model, request = load_model_and_request(options)
        band = Band(model, keep, tracks=parse_names(tracks), request=request)
        session = Jam(
            band=band,
            send=port.send,
            tempo_qpm=None if follow_clock else tempo or 120.0,
            humanize=0.0 if options.no_humanize else options.humanize,
        )
        with InputPort(input_port, session.hear, with_clock=follow_clock):
            print_message(
                "waiting for the clock to start" if follow_clock else "counting in; Ctrl-C ends the session"
            )
            # An exception in the middle of whatever it does could leave a lock that the player waits for.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: session.stop())
            try:
                session.run(bars)
            finally:
                session.close()
    _write_recording(session, path, options, as_json)


def _write_recording(session: Jam, path: Path, options: ComposingOptions, as_json: bool) -> None:
    from musegan.midi.write import write_files

    recording = session.recording()
    if recording is None:
        print_message("stopped before the first bar, so nothing is written")
        return
    piece, played = recording
    (path,) = write_files(piece, path, chords=options.chords, played=played)
    milliseconds = [1000 * seconds for seconds in session.composing] or [0.0]
    median, slowest = round(statistics.median(milliseconds), 1), round(max(milliseconds), 1)
    n_late = len(session.late_bars)
    if as_json:
        times = {"median": median, "slowest": slowest}
        facts = {"file": str(path), "bars": piece.n_bars, "late_bars": n_late, "composing_ms": times}
        typer.echo(json.dumps(facts))
        return
    print_message(f"{piece.n_bars} bars, each composed in {median:g} ms (slowest {slowest:g}); {n_late} came late")
    typer.echo(path)
