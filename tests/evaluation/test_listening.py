"""Listening tests: what the page holds and hides, what listeners do on it in a real browser, what answers say."""

from __future__ import annotations

import copy
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from browser import BROWSER, FLAGS
from scipy.stats import wilcoxon
from songs import TRIO, make_song
from typer.testing import CliRunner

from musegan.cli import app
from musegan.corpus.dataset import Dataset
from musegan.corpus.packing import DatasetWriter
from musegan.errors import ConfigError, DatasetError
from musegan.evaluation.listening import QUESTIONS, compare_sources, read_answers, write_test
from musegan.evaluation.listening.answers import correct_holm

N_PAGES = 2


@pytest.fixture(scope="module")
def page(dataset, model_path, tmp_path_factory):
    """The folder of a test of two pages, made by the command."""
    folder = tmp_path_factory.mktemp("test") / "page"
    arguments = ["listen", model_path, "--real", dataset.path, "-o", folder, "--pages", N_PAGES, "--bars", 2]
    result = CliRunner().invoke(app, [str(item) for item in (*arguments, "--seed", 345)])
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{folder / 'index.html'}\n"
    return folder


@pytest.fixture(scope="module")
def key(page):
    return json.loads((page.parent / "page-key.json").read_text())


def facts_of(page):
    text = (page / "index.html").read_text()
    line = next(line for line in text.splitlines() if line.startswith("const facts = "))
    return json.loads(line.removeprefix("const facts = ").removesuffix(";"))


def test_every_page_has_a_clip_of_every_source_and_tells_none(page, key):
    facts = facts_of(page)
    assert facts["test"] == key["test"]
    assert len(facts["pages"]) == N_PAGES
    for number, clips in enumerate(facts["pages"]):
        assert sorted(key["clips"][name]["source"] for name in clips) == ["real", "tiny"]
        assert {key["clips"][name]["page"] for name in clips} == {number}
        for name in clips:
            assert (page / "clips" / f"{name}.ogg").read_bytes()[:4] == b"OggS"
    assert len(list((page / "clips").iterdir())) == 2 * N_PAGES
    text = (page / "index.html").read_text()
    for secret in ("tiny", "345", "346", "song "):
        assert secret not in text
    assert "http" not in text  # it needs no network


def test_the_key_says_what_clips_are(page, key):
    composed = [clip for clip in key["clips"].values() if clip["source"] == "tiny"]
    assert sorted(clip["seed"] for clip in composed) == [345, 346]
    real = [clip["song"] for clip in key["clips"].values() if clip["source"] == "real"]
    assert sorted(real) == ["song 3", "song 7"]  # the held-out ones, one of each


def test_tests_that_cannot_be_made_are_refused(page, dataset, model, tmp_path):
    with pytest.raises(DatasetError, match="has 0 pieces of 14 bars that are held out; 3 are needed"):
        write_test({"tiny": model}, dataset, tmp_path / "page", n_pages=3, n_bars=14)
    assert list(tmp_path.iterdir()) == []
    result = CliRunner().invoke(app, ["listen", "band", "--real", str(dataset.path), "-o", str(page)])
    assert "--force" in result.stderr
    assert CliRunner().invoke(app, ["listen", "band"]).exit_code == 2


def test_songs_of_the_test_part_come_before_those_to_validate_on(model, tmp_path):
    with DatasetWriter(tmp_path / "songs.npz", TRIO) as writer:
        for seed, split in enumerate(("train", "valid", "test")):
            writer.add(replace(make_song(seed, 3), split=split))
    key = write_test({}, Dataset(tmp_path / "songs.npz"), tmp_path / "page", n_pages=1, n_bars=2)
    (clip,) = json.loads(key.read_text())["clips"].values()
    assert clip["song"] == "song 2"


# -- in a browser ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium: apt-get install chromium")
def test_a_listener_rates_every_clip_and_saves_the_answers(page, key, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        tab = browser.new_context(accept_downloads=True).new_page()
        tab.set_default_timeout(120_000)
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto((page / "index.html").as_uri())
        assert tab.inner_text("#count") == str(N_PAGES)
        tab.fill("#listener", "  Ada ")
        tab.click("#begin")
        given: dict[str, dict[str, int]] = {}
        for number in range(N_PAGES):
            assert tab.inner_text("#place") == f"Page {number + 1} of {N_PAGES}"
            given |= rate_page(tab, number)
            tab.click("#next")
        with tab.expect_download() as waiting:
            tab.click("#save")
        waiting.value.save_as(tmp_path / waiting.value.suggested_filename)
        tab.on("dialog", lambda dialog: dialog.accept())
        with tab.expect_navigation():
            tab.click("#again")
        assert tab.is_visible("#begin")
        browser.close()
    assert errors == []
    (saved,) = tmp_path.glob("answers-*.json")
    answers = json.loads(saved.read_text())
    assert (answers["listener"], answers["test"]) == ("Ada", key["test"])
    assert {item["clip"]: item["ratings"] for item in answers["answers"]} == given
    assert [item["place"] for item in answers["answers"]] == [0, 1, 2, 3]
    assert all(0 < item["seconds"] < 10 for item in answers["answers"])
    found, ratings = read_answers([saved], page.parent / "page-key.json")
    for row, source in enumerate(found.sources):
        mine = [list(given[name].values()) for name, clip in key["clips"].items() if clip["source"] == source]
        assert ratings[0, row].tolist() == np.mean(mine, axis=0).tolist()


def rate_page(tab, number):
    """Listen to all clips of a page and rate them, not in one go: the page says what is missing, and keeps what
    was answered when it is loaded again."""
    names = [section.get_attribute("data-clip") for section in tab.query_selector_all("section.clip")]
    tab.click("#next")
    assert tab.inner_text("#missing") == "Please listen to piece a."
    given = {}
    for index, name in enumerate(names):
        section = f"section[data-clip='{name}']"
        tab.eval_on_selector(f"{section} audio", "player => player.play()")
        tab.wait_for_function(f"state.answers['{name}'].seconds > 0")
        tab.eval_on_selector(f"{section} audio", "player => player.pause()")
        if index == 0:
            tab.click("#next")
            assert tab.inner_text("#missing").startswith(
                "Please rate coherence, structure, creativity, musicality"
            )
        given[name] = {question: 1 + (number + index + at) % 5 for at, question in enumerate(QUESTIONS)}
        for question, rating in given[name].items():
            tab.check(f"{section} input[name='{name} {question}'][value='{rating}']")
        tab.wait_for_function(f"JSON.parse(localStorage.getItem(stored)).answers['{name}'].seconds > 0")
        tab.reload()
    assert names == [section.get_attribute("data-clip") for section in tab.query_selector_all("section.clip")]
    assert len(tab.query_selector_all("input:checked")) == len(QUESTIONS) * len(names)
    return given


# -- answers ---------------------------------------------------------------------------------------------------


def write_answers(folder, key, session, rate):
    """Answers in which ``rate(source, page, question number)`` is the rating."""
    answers = [
        {
            "clip": name,
            "place": place,
            "seconds": 4.5,
            "ratings": {q: rate(clip["source"], clip["page"], at) for at, q in enumerate(QUESTIONS)},
        }
        for place, (name, clip) in enumerate(key["clips"].items())
    ]
    written = {"format": "musegan listening answers 1", "test": key["test"], "session": session}
    path = folder / f"{session}.json"
    path.write_text(json.dumps({**written, "listener": "", "answers": answers}))
    return path


def test_ratings_are_means_over_pages(page, key, tmp_path):
    paths = [
        write_answers(tmp_path, key, "a", lambda source, page, at: 1 + page if source == "real" else 5 - at),
        write_answers(tmp_path, key, "b", lambda source, page, at: 3),
    ]
    found, ratings = read_answers(paths, page.parent / "page-key.json")
    assert found.sources == ("real", "tiny")
    assert ratings.tolist() == [[[1.5] * 4, [5, 4, 3, 2]], [[3] * 4, [3] * 4]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda answers: answers.update(test="other"), r"bad\.json answers another test"),
        (lambda answers: answers.update(session="a"), r"bad\.json and .*a\.json are the same answers"),
        (lambda answers: answers.update(format="x"), "is a 'x'"),
        (lambda answers: answers["answers"].pop(), "does not answer every clip"),
        (lambda answers: answers["answers"][1].update(clip="zz"), "does not answer every clip"),
        (lambda answers: answers["answers"][1]["ratings"].update(structure=6), "needs ratings of 1 to 5"),
        (lambda answers: answers["answers"][1]["ratings"].update(structure="5"), "structure"),
        (lambda answers: answers["answers"][1]["ratings"].pop("structure"), "needs ratings of 1 to 5"),
        (lambda answers: answers.pop("answers"), "answers is missing"),
    ],
)
def test_answers_that_cannot_be_used_are_refused(page, key, tmp_path, change, message):
    good = write_answers(tmp_path, key, "a", lambda source, page, at: 3)
    answers = copy.deepcopy(json.loads(good.read_text())) | {"session": "bad"}
    change(answers)
    (tmp_path / "bad.json").write_text(json.dumps(answers))
    with pytest.raises(ConfigError, match=message):
        read_answers([good, tmp_path / "bad.json"], page.parent / "page-key.json")


def test_files_that_are_not_there_or_no_json_are_named(page, tmp_path):
    (tmp_path / "bad.json").write_text("{")
    for name in ("bad.json", "nothing.json"):
        with pytest.raises(ConfigError, match=name):
            read_answers([tmp_path / name], page.parent / "page-key.json")
        with pytest.raises(ConfigError, match=name):
            read_answers([], tmp_path / name)


def test_probabilities_are_corrected_by_holm():
    assert correct_holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert correct_holm(np.array([0.6, 0.7])).tolist() == [1, 1]


def test_differences_are_tested_over_listeners():
    """Six listeners prefer the first source by all questions but the last, of which the ratings are equal."""
    rng = np.random.default_rng(0)
    ratings = rng.integers(2, 4, (6, 1, 4)).astype(float).repeat(3, axis=1)
    ratings[:, 0, :3] += 0.5 + np.arange(6)[:, None] / 8
    ratings[:, 2, 1] += [0.5, -0.25, 0.75, 1, -0.125, 0.375]
    found = compare_sources(("a", "b", "c"), ratings)
    assert found.n_listeners == 6
    by_name = {(item.first, item.second, item.question): item for item in found.comparisons}
    assert list(by_name) == [(*pair, q) for pair in itertools.combinations("abc", 2) for q in QUESTIONS]
    clear = by_name["a", "b", "structure"]
    assert (clear.difference, clear.p) == (pytest.approx(0.8125), pytest.approx(2 / 64))  # of 64 choices of signs
    assert clear.p_holm == pytest.approx(12 * 2 / 64)
    assert by_name["a", "b", "musicality"].p == 1
    mixed = by_name["b", "c", "structure"]
    assert mixed.p == pytest.approx(wilcoxon([0.5, -0.25, 0.75, 1, -0.125, 0.375]).pvalue)
    means = {(item.source, item.question): item for item in found.means}
    creativity = means["a", "creativity"]
    assert creativity.mean == pytest.approx(ratings[:, 0, 2].mean())
    assert creativity.low < creativity.mean < creativity.high


def test_the_command_prints_what_was_found(page, key, tmp_path):
    paths = [
        write_answers(tmp_path, key, name, lambda source, page, at, n=n: 4 - (source == "real") * (1 + n % 2))
        for n, name in enumerate("abcdef")
    ]
    arguments = ["listen", *map(str, paths), "--results", str(page.parent / "page-key.json")]
    lines = CliRunner().invoke(app, arguments).stdout.splitlines()
    assert lines[0].startswith("6 listeners")
    assert [line.split()[0] for line in lines[1:4]] == ["source", "real", "tiny"]
    assert "4.00 (4.00 to 4.00)" in lines[3]
    assert lines[-1].split() == ["real", "-", "tiny", "musicality", "-1.50", "0.031", "0.125"]
    told = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert len(told["comparisons"]) == 4
