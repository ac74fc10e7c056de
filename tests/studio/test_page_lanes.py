"""What is surprising is named and redone; chords and sections are changed where they are shown."""

from __future__ import annotations

import pytest


@pytest.fixture
def composed(page):
    page.does(lambda: page.tab.click("#compose"))
    return page


def outside(notes, track, bar):
    """Notes that begin elsewhere than in a cell of sixteen steps."""
    return [note for note in notes if note[0] != track or note[1] // 16 != bar]


def test_what_is_surprising_is_named_and_redone(composed):
    tab = composed.tab
    tab.keyboard.press("e")
    tab.wait_for_selector("#surprises li")
    assert tab.evaluate("studio.store.heat.is_done")
    first = tab.evaluate("studio.store.heat.named[0]")
    names = tab.evaluate("studio.store.hello.tracks.map((track) => track.name)")
    wanted = f"bar {first['bar'] + 1}: the {names[first['track']]} {first['reason']}"
    assert tab.locator("#surprises li span").first.inner_text() == wanted
    before = composed.notes()
    state = composed.does(lambda: tab.locator("#surprises button").first.click())
    after = composed.notes()
    assert after != before
    cell = first["track"], first["bar"]
    assert {note[:2] for note in outside(after, *cell)} == {note[:2] for note in outside(before, *cell)}
    assert state["kept"] == [[0] * 4] * 3
    tab.keyboard.press("e")
    assert not tab.locator("#surprises").is_visible()


def test_where_a_bar_is_copied_from_is_told(page):
    tab = page.tab
    page.studio.send("edit", add=[[1, start, 4, 60] for start in (0, 8, 32, 40)])
    tab.wait_for_function("studio.store.state.piece.notes.length === 4")
    tab.keyboard.press("e")
    tab.wait_for_function("studio.store.heat.is_done")
    assert tab.evaluate("studio.store.heat.copies[1]") == [-1, -1, 0, -1]
    row = tab.evaluate("studio.geometry.lanes[1].rowOf.get(60)") + 0.5
    tab.mouse.move(*page.point(1, 2.1, row, "notes"))
    assert "as bar 1" in tab.inner_text("#readout")


def test_a_chord_is_typed_or_chosen_and_followed_at_once(composed):
    tab = composed.tab
    before = composed.notes()
    tab.locator(".lane-item.chord").nth(1).click()
    state = composed.does(lambda: (tab.keyboard.type("F G7"), tab.keyboard.press("Enter")))
    assert state["asked"]["progression"].split("|")[2].split() == ["F", "G7"]
    assert composed.notes() != before
    tab.locator(".lane-item.chord").nth(3).click()
    chosen = tab.locator(".choices button").first
    symbol = chosen.inner_text()
    state = composed.does(lambda: chosen.click())
    bars = [bar.split() for bar in state["asked"]["progression"].split("|")[1:-1]]
    assert (len(bars), bars[1], bars[3]) == (4, ["F", "G7"], [symbol])
    tab.locator(".lane-item.chord").nth(3).click()
    state = composed.does(lambda: tab.locator(".choices button", has_text="as it comes").click())
    assert state["asked"]["progression"] is None


def test_sections_are_named_divided_and_brought_back(composed):
    tab = composed.tab
    tab.locator(".lane-item.section").first.click()
    state = composed.does(lambda: tab.locator(".choices button", has_text="Verse").click())
    assert state["piece"]["sections"][0] == [0, "Verse"]
    composed.does(lambda: composed.studio.send("sections", sections=[[0, "Verse"]]))
    tab.evaluate("studio.store.position = 3.2")
    tab.locator(".lane-item.section").first.click()
    state = composed.does(lambda: tab.locator(".choices button", has_text="at the cursor").click())
    assert state["piece"]["sections"] == [[0, "Verse"], [3, "section"]]
    tab.locator(".lane-item.section").nth(1).click()
    state = composed.does(lambda: (tab.keyboard.type("Tag"), tab.keyboard.press("Enter")))
    assert state["piece"]["sections"][1] == [3, "Tag"]
    tab.locator(".lane-item.section").first.click()
    state = composed.does(lambda: tab.locator(".choices button", has_text="return at").first.click())
    assert (state["piece"]["n_bars"], state["piece"]["sections"][2]) == (7, [4, "Verse"])
    assert [row[4:] for row in state["kept"]] == [[1] * 3] * 3
