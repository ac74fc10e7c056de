"""The page in windows of all sizes, by keyboard and for who does not see it."""

from __future__ import annotations

import pytest
from studio_page import Page

FITS = """() => [...document.querySelectorAll("header :is(button, select), .verbs *, .keep, #make-variations")]
    .filter((item) => item.offsetParent)
    .map((item) => [item.id || item.className, item.getBoundingClientRect()])
    .filter(([, box]) => box.left < 0 || box.top < 0 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1)
    .map(([name]) => name)"""


@pytest.fixture
def composed(page):
    page.does(lambda: page.tab.click("#compose"))
    return page


def resize(page, width, height):
    page.tab.set_viewport_size({"width": width, "height": height})
    page.tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def heights(tab):
    return tab.evaluate("""["main", "#tracks", "#scroller", "#roll", "#labels"].map((place) =>
        Math.round(document.querySelector(place).getBoundingClientRect().height))""")


def test_a_window_that_shrinks_and_a_banner_leave_the_page_whole(composed):
    tab = composed.tab
    resize(composed, 1440, 900)
    resize(composed, 1280, 620)
    assert tab.evaluate("[document.body.scrollHeight, innerHeight]") == [620, 620]
    assert len(set(heights(tab))) == 1
    tab.evaluate("""() => {
        const banner = document.getElementById("banner");
        banner.hidden = false;
        banner.textContent = "The studio is not running.";
    }""")
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert len(set(heights(tab))) == 1
    assert tab.locator("footer").bounding_box()["y"] + tab.locator("footer").bounding_box()["height"] <= 620


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 720), (768, 1024), (390, 844)])
def test_what_matters_is_in_reach_in_every_window(composed, width, height):
    tab = composed.tab
    resize(composed, width, height)
    assert tab.evaluate(FITS) == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("#play", "#compose", "#make-variations", ".track[data-track=bass] .keep"):
        assert tab.locator(name).is_visible()
    last = tab.evaluate("studio.geometry.height")
    assert last <= tab.locator("#scroller").bounding_box()["height"] + 1  # all lanes
    state = composed.does(lambda: tab.locator(".track[data-track=bass] .keep").click())
    assert state["kept"][2] == [1] * 4


def test_panels_are_put_away_and_stay_so(composed):
    tab = composed.tab
    resize(composed, 1440, 900)
    wide = tab.locator("#scroller").bounding_box()
    tab.click("#panel-button")
    tab.click("#strip-button")
    assert tab.locator("#panel-button").get_attribute("aria-expanded") == "false"
    assert not tab.locator("#panel").is_visible()
    now = tab.locator("#scroller").bounding_box()
    assert now["width"] > wide["width"] + 200
    assert now["height"] > wide["height"]
    tab.reload()
    tab.wait_for_selector("body.ready")
    assert not tab.locator("#panel").is_visible()
    tab.click("#panel-button")
    assert tab.locator("#compose").is_visible()
    resize(composed, 390, 844)
    tab.wait_for_selector("[name=n_bars]", state="hidden")
    tab.click("#panel-button")
    tab.wait_for_function("getComputedStyle(document.querySelector('.drawer')).visibility === 'visible'")
    assert tab.locator("[name=n_bars]").is_visible()
    tab.keyboard.press("Escape")
    tab.wait_for_function("getComputedStyle(document.querySelector('.drawer')).visibility === 'hidden'")


def tab_to(tab, selector, most=120):
    for _ in range(most):
        tab.keyboard.press("Tab")
        if tab.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


def test_every_control_is_reached_by_tab(composed):
    tab = composed.tab
    wanted = set(
        tab.evaluate("""[...document.querySelectorAll("button, select, input, x-knob, summary, #scroller")]
        .filter((item) => item.checkVisibility({ visibilityProperty: true }) && !item.disabled)
        .map((item, index) => { item.dataset.tabbed = index; return String(index); })""")
    )
    assert len(wanted) > 40
    for _ in range(len(wanted) + 10):
        tab.keyboard.press("Tab")
        wanted.discard(tab.evaluate("document.activeElement.dataset.tabbed"))
    assert wanted == set()


def test_enter_and_space_do_the_focused_button_and_arrows_move_the_slider(composed):
    tab = composed.tab
    tab.locator(".track[data-track=keys] .keep").focus()
    assert composed.does(lambda: tab.keyboard.press("Space"))["kept"][1] == [1] * 4
    assert composed.does(lambda: tab.keyboard.press("Enter"))["kept"][1] == [0] * 4
    assert not tab.evaluate("studio.sound.isPlaying")
    volume = tab.get_by_label("Volume of bass")
    volume.focus()
    composed.does(lambda: tab.keyboard.press("ArrowLeft"))
    assert composed.state()["mixer"]["bass"]["volume"] == pytest.approx(0.99)
    assert tab.evaluate("studio.store.position") == 0
    tab.locator("x-knob[name=temperature]").focus()
    composed.does(lambda: tab.keyboard.press("ArrowUp"))
    assert composed.state()["asked"]["temperature"] == pytest.approx(1.05)


def test_cells_and_notes_are_changed_by_keyboard_and_told(page):
    tab = page.tab
    tab_to(tab, "#scroller")
    live = lambda: tab.inner_text("#live")  # noqa: E731
    assert "drums, bar 1, 0 notes" in live()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        tab.keyboard.press(key)
    assert "keys, bar 3, 0 notes" in live()
    assert page.does(lambda: tab.keyboard.press("k"))["kept"][1] == [0, 0, 1, 0]
    assert page.does(lambda: tab.keyboard.press("r"))["asked"]["rests"] == {"keys": [2]}
    page.does(lambda: tab.keyboard.press("i"))
    ((track, start, duration, pitch),) = page.notes()
    assert (track, start, duration) == (1, 32, 4)
    tab.keyboard.press("Escape")
    tab.keyboard.press("n")
    page.does(lambda: tab.keyboard.press("ArrowUp"))
    page.does(lambda: tab.keyboard.press("ArrowRight"))
    assert page.notes() == [(1, 33, 4, pitch + 1)]
    page.does(lambda: tab.keyboard.press("Delete"))
    assert page.notes() == []


def test_results_are_told_and_buttons_say_whether_they_are_on(composed):
    tab = composed.tab
    composed.does(lambda: tab.click("#another"))
    assert "4 bars" in tab.inner_text("#live")
    mute = tab.get_by_label("Mute bass")
    assert mute.get_attribute("aria-pressed") == "false"
    composed.does(lambda: mute.click())
    assert mute.get_attribute("aria-pressed") == "true"
    mute.hover()
    colours = mute.evaluate("(b) => [getComputedStyle(b).backgroundColor, getComputedStyle(b).color]")
    assert colours[0] != colours[1]
    assert tab.locator("#loop").get_attribute("aria-pressed") == "true"


def test_nothing_moves_where_motion_is_not_wanted(browser, fresh):
    page = Page(browser, fresh)
    page.tab.emulate_media(reduced_motion="reduce")
    assert page.tab.evaluate("getComputedStyle(document.getElementById('play')).transitionDuration") == "0s"
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(composed, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing")
    tab = composed.tab
    tab.emulate_media(color_scheme=scheme)
    composed.does(lambda: tab.locator(".track[data-track=keys] .keep").click())
    composed.studio.send("variations")
    tab.wait_for_selector(".variation >> nth=7")
    for width, height in ((1440, 900), (390, 844)):
        resize(composed, width, height)
        found = axe.Axe().run(tab).response["violations"]
        serious = [
            (item["id"], [node["target"] for node in item["nodes"]][:6])
            for item in found
            if item["impact"] in ("serious", "critical")
        ]
        assert serious == []


def test_on_a_phone_the_drawer_covers_neither_the_header_nor_compose(page):
    tab = page.tab
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.click("#panel-button")
    tab.wait_for_selector(".drawer >> text=wildness")
    page.does(lambda: tab.click("#compose", timeout=10_000))
    tab.click("#panel-button", timeout=10_000)
    tab.wait_for_function("getComputedStyle(document.querySelector('.drawer')).visibility === 'hidden'")
