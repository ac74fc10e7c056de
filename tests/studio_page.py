"""The page of the studio in a real browser, for tests."""

from __future__ import annotations


class Page:
    """A tab with the studio; every error of its scripts fails the test."""

    def __init__(self, browser, studio, prepare=None):
        self.context = browser.new_context(
            viewport={"width": 1280, "height": 800}, accept_downloads=True, bypass_csp=True
        )
        self.context.set_default_timeout(60_000)
        self.studio = studio
        if prepare:
            prepare(self.context)
        self.tab = self.context.new_page()
        self.errors: list[str] = []
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.goto(studio.address)
        self.tab.wait_for_selector("body.ready")

    def state(self):
        return self.tab.evaluate("studio.store.state")

    def notes(self):
        return [tuple(note[:4]) for note in self.state()["piece"]["notes"]]

    def does(self, action):
        """Do something that the server answers with a new state; returns that."""
        before = self.state()["revision"]
        action()
        self.tab.wait_for_function(f"studio.store.state.revision > {before}")
        return self.state()

    def point(self, track, bar, row=0.5, place="cells"):
        """Where a cell or, `row` of the way down, the notes of a lane are on the screen."""
        lane, width = self.tab.evaluate(f"[studio.geometry.lanes[{track}], studio.geometry.pxPerBar]")
        box = self.tab.locator("#scroller").bounding_box()
        y = lane["top"] + 6 if place == "cells" else lane["rowTop"] + lane["row"] * row
        return box["x"] + bar * width, box["y"] + y

    def drag(self, begin, end):
        self.tab.mouse.move(*begin)
        self.tab.mouse.down()
        self.tab.mouse.move(*end, steps=4)
        self.tab.mouse.up()
