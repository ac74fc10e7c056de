"""The first minute: music is there, a new song asks what it is to be, songs have names, ideas are a tree."""

from __future__ import annotations

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
