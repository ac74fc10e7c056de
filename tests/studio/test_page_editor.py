"""The roll as an editor: lanes stay, changes are seen, notes are copied, moved to the grid and heard."""

from __future__ import annotations

import pytest

COUNT_PIXELS = """() => {
    const canvas = document.getElementById("glow");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.reduce((sum, value, index) => sum + (index % 4 === 3 && value > 0), 0);
}"""


@pytest.fixture
def drawn(page):
    """Two keys in the first bar and one in the second, off the sixteenths; a bass."""
    page.studio.send("edit", add=[[1, 0, 4, 60], [1, 5, 3, 64], [1, 18, 2, 62], [2, 0, 8, 40]])
    page.tab.wait_for_function("studio.store.state.piece.notes.length === 4")
    return page


def lanes(tab):
    return tab.evaluate("studio.geometry.lanes.map((lane) => lane.height)")


def test_lanes_keep_their_height_while_a_knob_turns(page):
    tab = page.tab
    page.does(lambda: tab.click("#compose"))
    before = lanes(tab)
    slider = tab.locator("#sliders input[name=busier]")
    slider.focus()
    for _ in range(6):
        tab.keyboard.press("ArrowRight")
    tab.wait_for_function("studio.store.state.asked.knobs.busier > 0.28")
    assert all(now >= then for now, then in zip(lanes(tab), before, strict=True))
    assert tab.evaluate("studio.store.holdsLanes")
    page.does(lambda: tab.click("#another"))
    assert not tab.evaluate("studio.store.holdsLanes")


def test_what_changed_is_marked_and_fades_and_what_was_before_is_shown(drawn):
    tab = drawn.tab
    tab.wait_for_timeout(2200)
    tab.wait_for_function(f"({COUNT_PIXELS})() === 0")
    drawn.studio.send("edit", add=[[1, 40, 8, 66]], remove=[[2, 0, 40]])
    tab.wait_for_function(f"({COUNT_PIXELS})() > 40")
    tab.wait_for_function(f"({COUNT_PIXELS})() === 0")
    tab.keyboard.press("b")
    tab.wait_for_function(f"({COUNT_PIXELS})() > 40")
    assert tab.locator("#before").get_attribute("aria-pressed") == "true"
    tab.keyboard.press("b")
    tab.wait_for_function(f"({COUNT_PIXELS})() === 0")


def test_rows_of_the_enlarged_lane_are_high_enough_to_edit(drawn):
    tab = drawn.tab
    tab.set_viewport_size({"width": 1280, "height": 500})
    tab.locator(".track[data-track=keys] .name").click()
    assert tab.evaluate("studio.geometry.lanes[1].row") >= 8


def test_notes_are_copied_cut_and_pasted_at_the_cursor(drawn):
    tab = drawn.tab
    tab.keyboard.press("Control+a")
    tab.keyboard.press("Control+c")
    tab.keyboard.press("Escape")
    tab.evaluate("studio.store.position = 2")
    drawn.does(lambda: tab.keyboard.press("Control+v"))
    pasted = [(1, 32, 4, 60), (1, 37, 3, 64), (1, 50, 2, 62), (2, 32, 8, 40)]
    assert sorted(drawn.notes())[3:] == sorted([*pasted, (2, 0, 8, 40)])
    assert tab.evaluate("studio.store.position") == 3.25
    drawn.does(lambda: tab.keyboard.press("Control+x"))
    assert len(drawn.notes()) == 4


def test_notes_are_moved_to_the_grid(drawn):
    """The ensemble has four steps a beat: every step is a sixteenth, so the grid is asked to be coarser."""
    tab = drawn.tab
    tab.evaluate("studio.store.hello.steps_per_beat = 8")  # a sixteenth has two steps
    tab.keyboard.press("Control+a")
    drawn.does(lambda: tab.keyboard.press("q"))
    assert (1, 6, 3, 64) in drawn.notes()


def test_the_grid_is_chosen(drawn):
    """An eighth has two of the four steps of a beat."""
    tab = drawn.tab
    assert tab.locator("#grid").input_value() == "1"
    tab.select_option("#grid", label="1/8")
    tab.evaluate("studio.store.selected = new Set(['1,18,62'])")
    drawn.does(lambda: tab.keyboard.press("ArrowRight"))
    assert (1, 20, 2, 62) in drawn.notes()
    tab.keyboard.press("Control+a")
    drawn.does(lambda: tab.keyboard.press("q"))
    assert sorted(drawn.notes()) == [(1, 0, 4, 60), (1, 6, 3, 64), (1, 20, 2, 62), (2, 0, 8, 40)]


def test_selected_notes_are_duplicated_after_them(drawn):
    """From step 0 to 8, two beats: the notes at 0 and 5 come again at 8 and 13."""
    tab = drawn.tab
    tab.evaluate("studio.store.selected = new Set(['1,0,60', '1,5,64'])")
    drawn.does(lambda: tab.keyboard.press("Control+d"))
    found = [(1, 0, 4, 60), (1, 5, 3, 64), (1, 8, 4, 60), (1, 13, 3, 64), (1, 18, 2, 62), (2, 0, 8, 40)]
    assert sorted(drawn.notes()) == found


LOUDEST = """async () => {
    const samples = new Float32Array(2048);
    let most = 0;
    for (let i = 0; i < 60 && most < 0.01; i += 1) {
        await new Promise((done) => setTimeout(done, 30));
        if (!studio.sound.analyser) continue;
        studio.sound.analyser.getFloatTimeDomainData(samples);
        most = Math.max(most, ...samples.map(Math.abs));
    }
    return most;
}"""


def test_a_note_that_is_put_in_is_heard(page):
    tab = page.tab
    page.does(lambda: tab.mouse.click(*page.point(1, 1.03, 4.5, "notes")))
    assert tab.evaluate(LOUDEST) > 0.01
    assert not tab.evaluate("studio.sound.isPlaying")


def test_a_long_piece_has_an_overview_that_leads_anywhere(page):
    tab = page.tab
    assert not tab.locator("#overview").is_visible()
    page.does(lambda: page.studio.send("wishes", changes={"n_bars": 40}))
    tab.wait_for_selector("#overview:not([hidden])")
    box = tab.locator("#overview").bounding_box()
    tab.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 10)
    value = lambda: int(tab.locator("#overview").get_attribute("aria-valuenow"))  # noqa: E731
    tab.wait_for_function("document.getElementById('scroller').scrollLeft > 0")
    tab.wait_for_timeout(200)
    assert value() == pytest.approx(31, abs=1)
    before = value()
    tab.locator("#overview").focus()
    for _ in range(3):
        tab.keyboard.press("ArrowLeft")
    tab.wait_for_timeout(200)
    assert before - 4 <= value() < before


def test_meters_move_notes_light_up_and_muted_lanes_are_grey(drawn):
    tab = drawn.tab
    drawn.does(lambda: tab.get_by_label("Mute bass").click())
    assert "silent" in tab.locator(".track[data-track=bass]").get_attribute("class")
    tab.keyboard.press("Space")
    tab.wait_for_function("""() => {
        const meter = document.querySelector(".track[data-track=keys] .meter");
        return new DOMMatrix(getComputedStyle(meter).transform).d > 0.2;
    }""")
    tab.wait_for_function(f"({COUNT_PIXELS})() > 10")
    tab.keyboard.press("Space")
    tab.wait_for_function("!studio.sound.isPlaying")


def test_an_instrument_is_chosen(drawn):
    tab = drawn.tab
    tab.locator(".track[data-track=bass] .name").click()
    state = drawn.does(lambda: tab.get_by_label("Instrument of bass").select_option("synth bass 1"))
    assert state["mixer"]["bass"] == {"program": 38}
    assert "program" not in drawn.does(lambda: tab.click("#undo"))["mixer"].get("bass", {})


def velocities(page):
    return {tuple(note[:4]): note[4] for note in page.state()["piece"]["notes"]}


def test_velocities_of_the_enlarged_track_are_drawn_and_undone(drawn):
    tab = drawn.tab
    assert not tab.locator("#velocities").is_visible()
    tab.locator(".track[data-track=keys] .name").click()
    tab.wait_for_selector("#velocities:not([hidden])")
    before = velocities(drawn)
    box = tab.locator("#velocities").bounding_box()
    width = tab.evaluate("studio.geometry.pxPerBar")
    steps = 16

    def x(step):
        return box["x"] + step / steps * width + 2

    # From the first key to the second, along a quarter of the height; the third and the bass stay.
    y = box["y"] + 5 + 0.75 * (box["height"] - 10)
    drawn.does(lambda: drawn.drag((x(0), y), (x(5), y)))
    after = velocities(drawn)
    quarter = {after[1, 0, 4, 60], after[1, 5, 3, 64]}
    assert all(abs(value - 32) <= 2 for value in quarter)
    assert after[1, 18, 2, 62] == before[1, 18, 2, 62]
    assert after[2, 0, 8, 40] == before[2, 0, 8, 40]
    drawn.does(lambda: tab.keyboard.press("Control+z"))
    assert velocities(drawn) == before


def test_velocities_are_changed_by_keyboard_and_go_with_moved_notes(drawn):
    tab = drawn.tab
    tab.evaluate("studio.store.selected = new Set(['1,18,62'])")
    before = velocities(drawn)[1, 18, 2, 62]
    drawn.does(lambda: tab.keyboard.press("Alt+ArrowDown"))
    assert velocities(drawn)[1, 18, 2, 62] == before - 5
    drawn.does(lambda: tab.keyboard.press("ArrowUp"))
    assert velocities(drawn)[1, 18, 2, 63] == before - 5
    tab.locator(".track[data-track=keys] .name").click()
    lane = tab.locator("#velocities")
    lane.focus()
    drawn.does(lambda: tab.keyboard.press("ArrowUp"))
    assert velocities(drawn)[1, 18, 2, 63] == before
    assert lane.get_attribute("aria-label") == "Velocity of keys"
