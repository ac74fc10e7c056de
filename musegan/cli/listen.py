"""``musegan listen``: a page for a blind listening test, and what its answers say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from musegan.cli.common import AsJson, Force, app, format_table, print_message

if TYPE_CHECKING:
    from musegan.evaluation.listening.answers import Results


@app.command()
def listen(
    names: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Models; with --results, files of answers.")
    ],
    real: Annotated[
        Path | None, typer.Option(help="Dataset with held-out songs, to hear beside the models.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder of the page.")] = None,
    pages: Annotated[int, typer.Option(help="Pages, each with a piece of every source.", min=1, max=100)] = 8,
    bars: Annotated[int, typer.Option(help="Bars of a piece.", min=1, max=128)] = 16,
    seed: Annotated[int, typer.Option(help="Of the first piece of each model, and of the songs.", min=0)] = 0,
    results: Annotated[Path | None, typer.Option(help="Key of a test: print what the answers to it say.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    as_json: AsJson = False,
    force: Force = False,
) -> None:
    """Make a page on which people rate pieces of models and of real songs without knowing which is which.

    The folder is for listeners; each saves a file of answers. The key, PAGE-key.json, is for you.

    Example: musegan listen band --real songs.npz -o page

    Example: musegan listen answers-*.json --results page-key.json
    """
    if results is not None:
        _print_results([Path(name) for name in names], results, as_json)
        return
    if real is None or output is None:
        raise typer.BadParameter("a test needs --real DATASET and -o FOLDER")
    from musegan.composing.model import load_model
    from musegan.corpus.dataset import Dataset
    from musegan.evaluation.listening import write_test

    found = {_name_source(names, index): load_model(name, device) for index, name in enumerate(names)}
    key = write_test(
        found,
        Dataset(real),
        output,
        n_pages=pages,
        n_bars=bars,
        seed=seed,
        force=force,
        progress=lambda stage, share: print_message(stage) if share == 0 else None,
    )
    print_message(f"give {output} to listeners, and keep {key}")
    typer.echo(output / "index.html")


def _name_source(names: list[str], index: int) -> str:
    """The last part of the name of a model, with a number where an earlier one has it too."""
    short = [Path(name).stem for name in names]
    taken = ["real", *short[:index]].count(short[index])
    return f"{short[index]} ({taken + 1})" if taken else short[index]


def _print_results(paths: list[Path], key_path: Path, as_json: bool) -> None:
    from musegan.evaluation.listening import compare_sources, read_answers

    key, ratings = read_answers(paths, key_path)
    found = compare_sources(key.sources, ratings)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    for line in _format_results(found):
        typer.echo(line)


def _format_results(found: Results) -> list[str]:
    rows: dict[str, dict[str, str]] = {}
    for item in found.means:
        row = rows.setdefault(item.source, {"source": item.source})
        row[item.question] = f"{item.mean:.2f} ({item.low:.2f} to {item.high:.2f})"
    tests = [
        {
            "difference": f"{item.first} - {item.second}",
            "of": item.question,
            "mean": f"{item.difference:+.2f}",
            "p": f"{item.p:.3f}",
            "p (Holm)": f"{item.p_holm:.3f}",
        }
        for item in found.comparisons
    ]
    return [
        f"{found.n_listeners} listeners; means with 95 % intervals by a bootstrap over listeners",
        *format_table(list(rows.values())),
        "",
        "Wilcoxon's signed-rank test over listeners, with Holm's correction for all comparisons",
        *format_table(tests),
    ]
