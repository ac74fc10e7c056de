"""The first minute: music is there, a new song asks what it is to be, songs have names, ideas are a tree."""

from __future__ import annotations

import mido
from studio_page import Page


def test_a_new_studio_has_music_on_it(browser, first_studio):
    page = Page(browser, first_studio)
    page.tab.wait_for_function("studio.store.state.piece.notes.length > 0")
    assert not page.tab.locator(".welcome").is_visible()
    page.context.close()
    assert page.errors == []


def test_the_card_of_a_new_song_asks_for_key_tempo_and_length(page):
    tab = page.tab
    tab.select_option("[name=first_key]", "D minor")
    tab.fill("[name=first_tempo]", "97")
    tab.fill("[name=first_bars]", "3")
    state = page.does(lambda: tab.click(".welcome .primary"))
    assert (state["asked"]["key"], state["asked"]["n_bars"]) == ("D minor", 3)
    assert (state["piece"]["tempo"], state["piece"]["key"], state["piece"]["n_bars"]) == (97, "D minor", 3)
    assert not tab.locator(".welcome").is_visible()
    assert tab.input_value("header [name=tempo_qpm]") == "97"
    assert tab.inner_text("#meter") == "4/4"


def test_songs_have_names_and_are_opened_from_a_list(page):
    tab = page.tab
    page.does(lambda: tab.click("#compose"))
    page.does(lambda: (tab.fill("#title", "Rain <b>"), tab.press("#title", "Enter")))
    first = page.notes()
    assert tab.title() == "Rain <b> · musegan studio"
    page.does(lambda: tab.click("#new"))
    assert tab.input_value("#title") == ""
    page.does(lambda: tab.click("#compose"))
    tab.click("#songs-button")
    tab.wait_for_selector("#songs button")
    page.does(lambda: tab.locator("#songs button", has_text="Rain <b>").first.click())
    assert (page.notes(), tab.input_value("#title")) == (first, "Rain <b>")


def test_undo_leads_back_to_the_song_before(page):
    tab = page.tab
    page.does(lambda: tab.click("#compose"))
    before = page.notes()
    page.does(lambda: tab.click("#new"))
    page.does(lambda: tab.keyboard.press("Control+z"))
    assert page.notes() == before


def test_a_branch_of_the_ideas_is_taken_by_a_click(page):
    tab = page.tab
    first = page.does(lambda: tab.click("#compose"))
    second = page.does(lambda: tab.click("#another"))
    page.does(lambda: tab.click("#undo"))
    page.does(lambda: page.studio.send("surprise"))
    page.studio.send("vary", amount=0.5)
    tab.click("#ideas-button")
    tab.wait_for_selector(".idea >> nth=3")
    labels = tab.locator(".idea span").all_inner_texts()
    assert labels[:2] == [f"idea {state['asked']['seed']}" for state in (first, second)]
    tops = [box.bounding_box()["y"] for box in tab.locator(".idea").all()]
    assert tops[0] == tops[1] < tops[2] == tops[3]  # what came after the undo is a branch
    state = page.does(lambda: tab.locator(".idea").nth(1).click())
    assert state["piece"]["notes"] == second["piece"]["notes"]


def test_words_and_research_numbers(page):
    tab = page.tab
    assert not tab.locator("[name=seed]").is_visible()
    tab.click("#details summary")
    assert tab.locator("[name=seed]").is_visible()
    untold = tab.evaluate("""[...document.querySelectorAll("#panel :is(input, select, x-knob, button)")]
        .filter((item) => !item.closest("[title]") && !item.closest("[hidden]"))
        .map((item) => item.id || item.getAttribute("name"))""")
    assert untold == []


def test_odd_bars_of_a_file_are_told_when_it_is_opened(page, tmp_path):
    """Two bars of four quarters, one of three, one of four."""
    file = mido.MidiFile(ticks_per_beat=480)
    keys = mido.MidiTrack([mido.MetaMessage("track_name", name="keys")])
    for meter, n_bars in ((4, 2), (3, 1), (4, 1)):
        keys.append(mido.MetaMessage("time_signature", numerator=meter, denominator=4))
        for _ in range(n_bars * meter):
            keys.append(mido.Message("note_on", note=60, velocity=80))
            keys.append(mido.Message("note_off", note=60, time=480))
    file.tracks.append(keys)
    file.save(tmp_path / "odd.mid")
    tab = page.tab
    page.does(lambda: tab.set_input_files("#file", tmp_path / "odd.mid"))
    told = "1 of 4 bars (3) are not 4 quarter notes long"
    tab.wait_for_selector(f".notice >> text={told}")
    assert page.state()["piece"]["n_bars"] == 3
    tab.click("#file-name")
    assert told in tab.inner_text("#file-hints")
