"""What the page promises: nothing that is kept is replaced, nothing is lost unasked, and words are words."""

from __future__ import annotations

import mido
import pytest
from studio_page import Page


@pytest.fixture
def song(tmp_path):
    """A file of 6 bars: a bass, and a part that fits no track of the ensemble."""
    midi = mido.MidiFile(ticks_per_beat=96)
    for name, channel, program, pitch in (("Bass", 1, 33, 40), ("Gunshot", 2, 127, 60)):
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        track.append(mido.Message("program_change", channel=channel, program=program))
        for bar in range(6):
            track.append(mido.Message("note_on", channel=channel, note=pitch, time=bar and 288))
            track.append(mido.Message("note_off", channel=channel, note=pitch, time=96))
        track.append(mido.MetaMessage("end_of_track", time=288))
        midi.tracks.append(track)
    midi.save(tmp_path / "mine.mid")
    return tmp_path / "mine.mid"


def in_track(notes, track):
    return [note for note in notes if note[0] == track]


def in_second_bar(notes):
    """Notes of track 1 in the second bar of sixteen steps, as far as they sound in it."""
    inside = [note for note in notes if note[0] == 1 and 16 <= note[1] < 32]
    return [(start, min(start + length, 32), pitch) for _, start, length, pitch in inside]


def test_locks_and_drawn_notes_stay_when_a_variation_is_taken_and_tracks_are_taken_alone(page):
    tab = page.tab
    page.does(lambda: tab.click("#compose"))
    page.studio.send("variations")
    tab.wait_for_function("studio.store.variations.length === 8")
    page.does(lambda: tab.locator(".track[data-track=drums] .keep").click())
    page.does(lambda: tab.mouse.click(*page.point(1, 1.03, 4.5, "notes")))
    before = page.notes()
    page.does(lambda: tab.locator(".variation .take").nth(2).click())
    after = page.notes()
    assert in_track(after, 0) == in_track(before, 0)
    assert in_second_bar(after) == in_second_bar(before)
    assert after != before
    page.does(lambda: tab.get_by_label("Take only the bass of variation 5").click())
    both = page.notes()
    assert in_track(both, 2) != in_track(after, 2)
    assert [note for note in both if note[0] != 2] == [note for note in after if note[0] != 2]
    assert tab.locator("#undo").get_attribute("title") == "undo: bass of variation 5"


def test_cards_of_another_piece_vanish_with_it(page, song):
    tab = page.tab
    page.does(lambda: tab.click("#compose"))
    page.studio.send("variations")
    tab.wait_for_selector(".variation >> nth=7")
    page.studio.open(song)
    tab.wait_for_function("studio.store.state.file")
    tab.wait_for_function("document.querySelectorAll('.variation').length === 0")


def test_compose_always_gives_something_new_or_says_why_not(page):
    tab = page.tab
    first = page.does(lambda: tab.click("#compose"))
    second = page.does(lambda: tab.click("#compose"))
    assert second["piece"]["notes"] != first["piece"]["notes"]
    assert second["asked"]["seed"] == first["asked"]["seed"] + 1
    page.does(lambda: tab.click("#undo"))
    third = page.does(lambda: tab.click("#compose"))
    assert third["piece"]["notes"] != first["piece"]["notes"]
    page.studio.send("wishes", changes={"out": ["drums", "keys", "bass"]})
    tab.wait_for_function("studio.store.state.asked.out.length === 3")
    tab.click("#compose")
    assert "the same notes" in tab.locator(".notice").last.inner_text()


def test_a_shorter_piece_is_asked_for_before_a_file_is_cut(page, song):
    tab = page.tab
    page.studio.open(song)
    tab.wait_for_function("studio.store.state.piece.n_bars === 6")
    box = tab.locator("[name=n_bars]")
    box.fill("4")
    box.press("Enter")
    assert "mine.mid" in tab.inner_text("#question-text")
    assert "bars 5 to 6" in tab.inner_text("#question-text")
    tab.click("#question .quiet")
    assert (page.state()["piece"]["n_bars"], box.input_value()) == (6, "6")
    box.fill("4")
    box.press("Enter")
    state = page.does(lambda: tab.click("#question .primary"))
    assert (state["piece"]["n_bars"], state["file"]) == (4, None)
    page.studio.send("edit", add=[[1, 48, 4, 50]])
    with pytest.raises(OSError, match="400"):
        page.studio.send("wishes", changes={"n_bars": 2})


def test_words_are_not_names_of_fields(page):
    tab = page.tab
    tab.evaluate("studio.send('wishes', { changes: { n_bars: 999 } })")
    tab.wait_for_selector(".notice")
    assert tab.inner_text(".notice") == "bars is 999; 1 to 512 are possible"
    page.tab.route("**/api/export/**", lambda route: route.abort())
    assert tab.evaluate("studio.request('export/a.mid').catch((error) => error.message)").startswith(
        "The studio does not answer"
    )


def test_a_part_can_be_only_kept_again(page, song):
    tab = page.tab
    page.studio.open(song)
    tab.wait_for_function("studio.store.state.file")
    tab.click("#file-name")
    choice = tab.locator("#parts tr:nth-child(2) select")
    page.does(lambda: choice.select_option("keys"))
    assert in_track(page.notes(), 1)
    state = page.does(lambda: choice.select_option("only kept as it is"))
    assert state["file"]["parts"][1]["track"] is None
    assert in_track(page.notes(), 1) == []


def test_page_and_server_agree_on_the_largest_file(page):
    most = page.tab.evaluate("studio.store.hello.most_bytes")
    asked = []
    page.tab.on("request", lambda request: asked.append(request.url) if "/api/open" in request.url else None)
    page.tab.set_input_files("#file", {"name": "big.mid", "mimeType": "audio/midi", "buffer": bytes(most + 1)})
    page.tab.wait_for_selector(".notice")
    assert f"up to {most >> 20} can be opened" in page.tab.inner_text(".notice")
    assert asked == []
    page.tab.set_input_files("#file", {"name": "just.mid", "mimeType": "audio/midi", "buffer": bytes(most)})
    page.tab.wait_for_selector(".notice:has-text('just.mid')")  # the server read it


def test_a_loop_is_cleared(page):
    tab = page.tab
    begin, end = page.point(0, 1.2), page.point(0, 2.8)
    top = tab.locator("#scroller").bounding_box()["y"] + 48
    page.drag((begin[0], top), (end[0], top))
    assert tab.evaluate("studio.store.loop") == [1, 3]
    assert tab.inner_text("#clear-loop") == "bars 2–3 ×"
    tab.click("#clear-loop")
    assert tab.evaluate("studio.store.loop") is None
    page.drag((begin[0], top), (end[0], top))
    tab.keyboard.press("Escape")
    assert tab.evaluate("studio.store.loop") is None
    assert not tab.locator("#clear-loop").is_visible()


def test_nothing_of_the_last_piece_survives_new(page):
    tab = page.tab
    page.does(lambda: tab.click("#compose"))
    tab.keyboard.press("e")
    tab.keyboard.press("Control+a")
    tab.wait_for_function("studio.store.heat.is_done")
    tab.locator(".track[data-track=bass] .name").click()
    top = tab.locator("#scroller").bounding_box()["y"] + 48
    page.drag((page.point(0, 1.2)[0], top), (page.point(0, 2.8)[0], top))
    page.studio.send("variations")
    tab.wait_for_selector(".variation >> nth=7")
    page.does(lambda: tab.click("#new"))
    tab.wait_for_function("studio.store.heat.surprise === null")
    kept = "({ focus, loop, position, isExplaining }) => ({ focus, loop, position, isExplaining })"
    assert tab.evaluate(f"({kept})(studio.store)") == {
        "focus": None,
        "loop": None,
        "position": 0,
        "isExplaining": False,
    }
    assert tab.evaluate("[studio.store.selected.size, studio.store.variations.length]") == [0, 0]
    assert tab.inner_text("#found") == ""


def test_fit_is_a_mode_and_new_bars_are_shown(page):
    tab = page.tab
    page.does(lambda: tab.click("#compose"))
    tab.click("#zoom-in")
    page.does(lambda: tab.click("#continue"))
    tab.wait_for_function("document.getElementById('scroller').scrollLeft > 0")
    right = "document.getElementById('scroller').scrollLeft + document.getElementById('scroller').clientWidth"
    assert tab.evaluate(f"{right} >= studio.geometry.width - 1")
    tab.click("#zoom-fit")
    for _ in range(5):
        page.does(lambda: tab.click("#continue"))
    assert tab.evaluate("studio.store.state.piece.n_bars") == 28
    assert tab.locator("#zoom-fit").get_attribute("aria-pressed") == "true"
    assert tab.evaluate("studio.geometry.width <= document.getElementById('scroller').clientWidth")


def test_the_wheel_over_the_panel_scrolls_it(browser, fresh):
    page = Page(browser, fresh)
    page.tab.set_viewport_size({"width": 1280, "height": 560})
    before = page.state()["asked"]["temperature"]
    page.tab.locator("x-knob[name=temperature]").hover()
    page.tab.mouse.wheel(0, 120)
    page.tab.wait_for_function("document.querySelector('.drawer').scrollTop > 50")
    assert page.state()["asked"]["temperature"] == before
    page.context.close()
    assert page.errors == []
