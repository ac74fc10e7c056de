"""The page in a real browser, used as a person uses it."""

from __future__ import annotations

import json
import urllib.request

import mido
import numpy as np
import pytest
from studio_page import Page


def cells_of(state):
    """Notes by cell: (track, bar), sixteen steps a bar."""
    found = {}
    for track, start, duration, pitch, _ in state["piece"]["notes"]:
        found.setdefault((track, start // 16), []).append((start, duration, pitch))
    return found


def test_compose_keep_two_tracks_turn_density_and_only_free_cells_change(page):
    tab = page.tab
    assert tab.locator(".welcome").is_visible()
    first = page.does(lambda: tab.click("#compose"))
    assert first["piece"]["notes"]
    page.does(lambda: tab.locator(".track[data-track=drums] .keep").click())
    page.does(lambda: page.drag(page.point(2, 0.5), page.point(2, 3.5)))
    state = page.state()
    assert np.array(state["kept"]).tolist() == [[1] * 4, [0] * 4, [1] * 4]
    knob = tab.locator(".track[data-track=keys] x-knob").bounding_box()
    centre = (knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2)
    page.does(lambda: page.drag(centre, (centre[0], centre[1] - 60)))
    tab.wait_for_function("studio.store.state.asked.density.keys > 1.3")
    turned = page.state()
    before, after = cells_of(first), cells_of(turned)
    kept = [(track, bar) for track in (0, 2) for bar in range(4)]
    assert [before.get(cell) for cell in kept] == [after.get(cell) for cell in kept]
    other = page.does(lambda: tab.click("#another"))
    after = cells_of(other)
    assert [before.get(cell) for cell in kept] == [after.get(cell) for cell in kept]
    assert [before.get((1, bar)) for bar in range(4)] != [after.get((1, bar)) for bar in range(4)]


def test_a_knob_is_turned_and_brought_back(page):
    tab = page.tab
    plain = page.does(lambda: tab.click("#compose"))
    slider = tab.locator("#sliders input[name=higher]")
    turned = lambda: {name: steps for name, steps in page.state()["asked"]["knobs"].items() if steps}  # noqa: E731
    assert slider.locator("xpath=..").get_attribute("title").startswith("Up: every track by a minor third")
    box = slider.bounding_box()
    y, middle = box["y"] + box["height"] / 2, box["x"] + box["width"] / 2
    page.drag((middle, y), (box["x"] + box["width"] - 2, y))
    tab.wait_for_function("studio.store.state.asked.knobs.higher === 2")
    assert turned() == {"higher": 2}
    assert page.state()["piece"]["notes"] != plain["piece"]["notes"]
    assert tab.inner_text("#sliders input[name=higher] + output") == "+2"
    tab.locator("#sliders input[name=busier]").press("ArrowLeft")
    tab.wait_for_function("studio.store.state.asked.knobs.busier === -0.05")
    assert turned() == {"busier": -0.05, "higher": 2}
    tab.evaluate("new Promise((done) => setTimeout(done, 400))")  # the key rests, its music comes
    for _ in range(2):  # a drag is one step
        tab.click("#undo")
    tab.wait_for_function("studio.store.state.undo === 'compose'")
    assert page.state()["piece"]["notes"] == plain["piece"]["notes"]
    page.does(lambda: tab.click("#redo"))
    tab.wait_for_function("studio.store.state.asked.knobs.higher === 2")
    page.does(lambda: slider.dblclick(position={"x": box["width"] - 2, "y": 8}))
    tab.wait_for_function("studio.store.state.asked.knobs.higher === 0")
    wanted = "JSON.stringify(studio.store.state.piece.notes) === " + json.dumps(
        json.dumps(plain["piece"]["notes"], separators=(",", ":"))
    )
    tab.wait_for_function(wanted)  # when it rests


REDNESS = """([track, bar]) => {
    const { lanes, pxPerBar } = studio.geometry, lane = lanes[track];
    const at = [bar * pxPerBar + 1, lane.rowTop, pxPerBar - 2, 60].map((x) => Math.round(x * devicePixelRatio));
    const { data } = document.getElementById("roll").getContext("2d").getImageData(...at);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum += data[i] - data[i + 1];
    return sum / (data.length / 4);
}"""


def redness(tab, cell):
    """Mean of red less green over what is drawn of a cell's notes."""
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return tab.evaluate(REDNESS, [int(place) for place in cell])


def test_what_is_surprising_is_red_until_the_notes_change(page):
    tab = page.tab
    page.does(lambda: tab.click("#compose"))
    assert not tab.locator("#legend").is_visible()
    tab.keyboard.press("e")
    tab.wait_for_function("studio.store.heat.is_done")
    assert "surprising" in tab.inner_text("#legend")
    heat = np.array(tab.evaluate("studio.store.heat.heat"))
    surprise = np.array(tab.evaluate("studio.store.heat.surprise"), float)
    most, least = (np.unravel_index(pick(surprise), surprise.shape) for pick in (np.nanargmax, np.nanargmin))
    assert (heat[most], heat[least]) == (0.6, 0)
    shown = [redness(tab, cell) for cell in (most, least)]
    tab.click("#explain")
    hidden = [redness(tab, cell) for cell in (most, least)]
    assert shown[0] - hidden[0] > 20  # notes are drawn over it
    assert shown[1] == hidden[1]
    tab.click("#explain")
    tab.wait_for_function("studio.store.heat.is_done")
    lists, roll = (tab.locator(name).bounding_box() for name in ("#surprises", "#scroller"))
    assert lists["y"] >= roll["y"] + roll["height"]  # no lane is under the list
    top = 0, int(np.nanargmax(surprise[0]))
    tab.mouse.move(*page.point(top[0], top[1] + 0.5, 2.5, "notes"))
    told = f"surprise {surprise[top]:.2f} nats"
    tab.wait_for_function(f"document.querySelector('#readout').innerText.includes('{told}')")
    tab.evaluate("globalThis.before = JSON.stringify(studio.store.heat.surprise)")
    page.does(lambda: tab.click("#another"))
    # Asked for again, as it is still shown.
    tab.wait_for_function("studio.store.heat.is_done && JSON.stringify(studio.store.heat.surprise) !== before")
    tab.click("#explain")
    assert not tab.locator("#legend").is_visible()
    assert not tab.evaluate("studio.store.isExplaining")


def test_controls_say_what_they_do_and_how_far_they_go(page):
    page.tab.click("#details summary")
    box = page.tab.locator("[name=passes]")
    assert "better and take longer" in box.locator("xpath=..").get_attribute("title")
    assert (box.input_value(), box.get_attribute("min"), box.get_attribute("max")) == ("32", "1", "256")
    assert page.does(lambda: (box.fill("9"), box.press("Enter")))["asked"]["passes"] == 9


def test_chords_are_asked_for(page):
    box = page.tab.locator("[name=progression]")
    page.does(lambda: (box.fill("C Am F G"), box.press("Enter")))
    state = page.does(lambda: page.tab.click("#compose"))
    assert state["asked"]["progression"] == "C Am F G"
    assert state["piece"]["key"] == "C major"


def test_a_note_is_drawn_moved_lengthened_deleted_and_all_is_undone(page):
    tab = page.tab
    page.does(lambda: tab.mouse.click(*page.point(1, 1.03, 4.5, "notes")))
    ((track, start, duration, pitch),) = page.notes()
    assert (track, start, duration) == (1, 16, 1)
    assert page.state()["kept"][1] == page.state()["own"][1] == [0, 1, 0, 0]
    row = lambda: tab.evaluate(f"studio.geometry.lanes[1].rowOf.get({pitch})") + 0.5  # noqa: E731
    page.does(lambda: page.drag(page.point(1, 1.02, row(), "notes"), page.point(1, 2.02, row(), "notes")))
    assert page.notes() == [(1, 32, 1, pitch)]
    page.does(lambda: tab.keyboard.press("ArrowUp"))
    assert page.notes() == [(1, 32, 1, pitch + 1)]
    page.does(lambda: page.drag(page.point(1, 2.058, row() - 1, "notes"), page.point(1, 2.56, row() - 1, "notes")))
    ((_, start, duration, _),) = page.notes()
    assert (start, duration) == (32, 9)
    page.does(lambda: tab.keyboard.press("Delete"))
    assert page.notes() == []
    for _ in range(5):
        page.does(lambda: tab.keyboard.press("Control+z"))
    assert (page.notes(), page.state()["kept"]) == ([], [[0] * 4] * 3)
    for _ in range(5):
        page.does(lambda: tab.keyboard.press("Control+y"))
    page.does(lambda: tab.click("#undo"))
    assert page.notes() == [(1, 32, 9, pitch + 1)]


LOUDEST = """async () => {
    const samples = new Float32Array(2048);
    let most = 0;
    for (let i = 0; i < 12; i += 1) {
        studio.sound.analyser.getFloatTimeDomainData(samples);
        most = Math.max(most, ...samples.map(Math.abs));
        await new Promise((done) => setTimeout(done, 40));
    }
    return most;
}"""
LISTEN = """() => {
    globalThis.heard = []; // [bar, loudness]
    setInterval(() => {
        const samples = new Float32Array(2048);
        studio.sound.analyser.getFloatTimeDomainData(samples);
        heard.push([studio.store.position, Math.max(...samples.map(Math.abs))]);
    }, 50);
}"""


def test_it_plays_and_the_mix_is_heard(page):
    tab = page.tab
    page.studio.send("edit", add=[[1, 0, 16, 50], [2, 0, 16, 40], [1, 16, 16, 52], [2, 16, 16, 42]])
    tab.wait_for_function("studio.store.state.piece.notes.length === 4")
    tab.keyboard.press("Space")
    tab.wait_for_function("studio.sound.isPlaying && studio.store.position > 0.15")
    assert tab.evaluate("studio.sound.context.currentTime") > 0.3
    assert tab.evaluate(LOUDEST) > 0.01
    for name in ("keys", "bass"):
        page.does(lambda name=name: tab.locator(f".track[data-track={name}] .mute").click())
    tab.wait_for_timeout(400)
    assert tab.evaluate(LOUDEST) < 0.01
    tab.click("#play")
    tab.wait_for_function("!studio.sound.isPlaying")
    assert page.state()["mixer"]["keys"]["mute"] is True


def test_what_changes_while_it_plays_is_heard_from_the_next_bar_on(page):
    """A note on every beat; when all are deleted, the sound goes on to the end of a bar."""
    tab = page.tab
    page.studio.send("wishes", changes={"tempo_qpm": 80})
    page.studio.send("edit", add=[[1, 4 * beat, 4, 50] for beat in range(16)])
    tab.wait_for_function("studio.store.state.piece.notes.length === 16")
    tab.keyboard.press("Space")
    tab.wait_for_function("studio.sound.isPlaying && studio.store.position > 0.1")
    tab.evaluate(LISTEN)
    tab.wait_for_function("heard.some(([, level]) => level > 0.001)")
    page.studio.send("edit", remove=[[1, 4 * beat, 50] for beat in range(16)])
    tab.wait_for_function("studio.store.state.piece.notes.length === 0")
    tab.wait_for_function("heard.length > 20 && heard.slice(-12).every(([, level]) => level < 0.001)")
    last = [bar for bar, level in tab.evaluate("heard") if level > 0.001][-1]
    assert (last + 0.15) % 1 < 0.3


MIDI_PORT = """
globalThis.now = 1000;
performance.now = () => now;
globalThis.sent = [];
const port = { id: "a", name: "Synth", send: (bytes, time) => sent.push([...bytes, time ?? 0]), clear() {} };
navigator.requestMIDIAccess = async () => ({ outputs: new Map([["a", port]]) });
"""


def test_notes_go_to_a_midi_port(browser, fresh):
    """Bars of four seconds, by a clock that the test moves; a change in the first is sent from the second on."""
    page = Page(browser, fresh, lambda context: context.add_init_script(MIDI_PORT))
    tab = page.tab
    fresh.send("wishes", changes={"tempo_qpm": 60, "humanize": 0})
    fresh.send("edit", add=[[0, 0, 1, 36], [1, 0, 8, 50], [1, 16, 8, 50], [2, 4, 4, 40]])
    page.does(lambda: tab.locator(".track[data-track=bass] .mute").click())
    tab.select_option("#output", "ask")
    tab.wait_for_function("document.getElementById('output').value === 'a'")
    tab.keyboard.press("Space")
    tab.wait_for_function("sent.some(([status]) => status === 0x90)")
    page.does(lambda: fresh.send("edit", remove=[[1, 16, 50]], add=[[1, 12, 4, 52], [1, 16, 8, 55]]))
    tab.evaluate("now += 3600")
    tab.wait_for_function("studio.store.position > 0.88")
    tab.evaluate("now += 600")
    tab.wait_for_function("studio.store.position > 1.03")
    tab.keyboard.press("Space")
    tab.wait_for_function("sent.at(-1)[1] === 123")
    sent = tab.evaluate("sent")
    page.context.close()
    assert [message[:2] for message in sent if message[0] >> 4 == 0xC] == [[0xC0, 0], [0xC1, 33]]
    begin = {(status, pitch): time for status, pitch, _, time in notes_in(sent, 0x9)}
    assert begin == pytest.approx({(0x99, 36): 1050, (0x90, 50): 1050, (0x90, 55): 5050})
    ends = {pitch: time for _, pitch, _, time in notes_in(sent, 0x8)}
    assert ends == pytest.approx({36: 1298, 50: 3048, 55: 7048})
    assert [message[1] for message in sent[-16:]] == [123] * 16
    assert page.errors == []


def notes_in(sent, kind):
    return [message for message in sent if message[0] >> 4 == kind]


def test_the_page_runs_along_with_the_band(browser, fresh):
    """The band itself is played by the test: it takes the messages and tells where it is."""
    asked, sockets = [], []

    def between(socket):
        server = socket.connect_to_server()
        sockets.append(socket)

        def on_message(text):
            message = json.loads(text)
            asked.append(message) if message["type"].startswith("jam") else server.send(text)

        socket.on_message(on_message)

    def prepare(context):
        context.route_web_socket("**/api/socket?*", between)
        context.route(
            "**/api/ports?*", lambda route: route.fulfill(json={"inputs": ["Keys"], "outputs": ["Synth"]})
        )

    page = Page(browser, fresh, prepare)
    tab = page.tab
    tab.click("#jam")
    tab.click("#jam-setting .primary")
    sockets[-1].send(json.dumps({"type": "jam", "is_playing": True, "beat": 22, "tempo": 60, "late": 0}))
    tab.wait_for_selector("body.jamming")
    tab.wait_for_function("studio.store.position > 1.5 && studio.store.position < 3.9")  # the second round of four
    tab.click("#jam")
    end = {"type": "jam", "is_playing": False, "bars": 6, "file": True, "problem": None}
    sockets[-1].send(json.dumps(end))
    tab.wait_for_selector("body:not(.jamming)")
    assert "6 bars" in tab.inner_text("#notices")
    tab.click("#export")
    assert tab.locator("a[download='jam.mid']").is_visible()
    page.context.close()
    start, stop = asked
    assert (start["type"], start["in"], start["out"], start["keep"]) == ("jam", "Keys", "Synth", "keys")
    assert stop["type"] == "jam_stop"
    assert page.errors == []


def test_an_export_is_dragged_out_of_the_window(page):
    tab = page.tab
    page.does(lambda: tab.click("#compose"))
    tab.evaluate("""addEventListener("dragstart", (event) => {
        globalThis.dragged = event.dataTransfer.getData("DownloadURL");
    })""")
    tab.click("#export")
    box = tab.locator("#export-menu a[data-kind=mid]").bounding_box()
    begin = (box["x"] + 20, box["y"] + 8)
    page.drag(begin, (begin[0] - 300, begin[1] + 200))
    kind, name, url = tab.evaluate("dragged").split(":", 2)
    assert (kind, name) == ("audio/midi", "song.mid")
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == page.studio.ask("/api/export/song.mid")


def test_a_dropped_file_shows_its_parts_and_exports_what_was_given(page, tmp_path):
    tab = page.tab
    midi = mido.MidiFile(ticks_per_beat=96)
    for name, channel, program, pitch in (("Drums", 9, 0, 36), ("Lead <b>", 0, 110, 60), ("Bass", 1, 33, 40)):
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        track.append(mido.Message("program_change", channel=channel, program=program))
        for bar in range(3):
            track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=77 + bar, time=bar and 288))
            track.append(mido.Message("note_off", channel=channel, note=pitch, time=96))
        track.append(mido.MetaMessage("end_of_track", time=288))
        midi.tracks.append(track)
    midi.save(tmp_path / "mine.mid")
    data = list((tmp_path / "mine.mid").read_bytes())
    drop = """(data) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(data)], "mine.mid"));
        window.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }"""
    state = page.does(lambda: tab.evaluate(drop, data))
    parts = {part["name"]: part["track"] for part in state["file"]["parts"]}
    assert (parts["Drums"], parts["Bass"]) == ("drums", "bass")
    choose = "#parts tr:nth-child(2) select"
    if parts["Lead <b>"] is None:
        tab.wait_for_selector("#parts[open]")
    else:
        tab.click("#file-name")
    assert "Lead <b>" in tab.inner_text("#parts tbody")
    page.does(lambda: tab.select_option(choose, "bass" if parts["Lead <b>"] != "bass" else "keys"))
    page.does(lambda: tab.select_option(choose, "keys"))
    tab.click("#parts button")
    keys = [note for note in page.notes() if note[0] == 1]
    assert (keys[0], len(keys), page.state()["own"][1]) == ((1, 0, 4, 60), 3, [1, 1, 1])
    tab.click("#export")
    with tab.expect_download() as download:
        tab.click("#export-menu a[data-kind=mid]")
    assert download.value.suggested_filename == "mine.mid"
    # Everything is kept, so the file is the user's own, note for note.
    assert notes_of(mido.MidiFile(download.value.path())) == notes_of(midi)
    page.does(lambda: page.tab.mouse.click(*page.point(2, 1.5)))
    page.does(lambda: tab.click("#compose"))
    with tab.expect_download() as download:
        tab.click("#export")
        tab.click("#export-menu a[data-kind=mid]")
    after, before = notes_of(mido.MidiFile(download.value.path())), notes_of(midi)
    assert [note for note in after if note[0] == 0] == [note for note in before if note[0] == 0]


def notes_of(midi):
    """(channel, pitch, velocity, tick) of every note."""
    found = []
    for track in midi.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity:
                found.append((message.channel, message.note, message.velocity, tick))
    return sorted(found)


def test_variations_are_shown_and_one_is_taken(page):
    tab = page.tab
    page.does(lambda: tab.keyboard.press("Enter"))
    tab.keyboard.press("v")
    tab.wait_for_function("studio.store.variations.length === 8")
    assert tab.locator(".variation").count() == 8
    tab.locator(".variation").nth(2).hover()
    tab.wait_for_selector(".variation:nth-child(3).heard")
    tab.wait_for_function("studio.sound.analyser")
    assert any(tab.evaluate(LOUDEST) > 0.005 for _ in range(30))  # when it has been rendered
    tab.mouse.move(640, 300)
    tab.wait_for_timeout(1600)  # the room rings on
    assert tab.evaluate(LOUDEST) < 0.005
    wanted = [tuple(note) for note in tab.evaluate("studio.store.variations[4].notes")]
    page.does(lambda: tab.locator(".variation").nth(4).click())
    assert page.notes() == wanted
    tab.click("#interpolate")
    tab.wait_for_function("studio.store.variations.length === 8")


def test_two_tabs_see_one_state_and_a_lost_server_is_told_and_found_again(page, browser):
    tab = page.tab
    other = Page(browser, page.studio)
    shown = page.does(lambda: tab.click("#compose"))
    other.tab.wait_for_function(f"studio.store.state.revision >= {shown['revision']}")
    assert other.notes() == page.notes()
    other.context.close()
    tab.reload()
    tab.wait_for_selector("body.ready")
    assert page.notes() == [tuple(note[:4]) for note in shown["piece"]["notes"]]
    page.studio.kill()
    tab.wait_for_selector("#banner:visible")
    page.studio.start()
    tab.wait_for_selector("#banner", state="hidden")
    tab.wait_for_function("studio.store.state.revision === 0")
    assert page.notes() == [tuple(note[:4]) for note in shown["piece"]["notes"]]
    assert page.does(lambda: tab.click("#undo"))["piece"]["notes"] == []


def test_errors_are_one_sentence_and_the_sheet_of_keys_opens(page):
    tab = page.tab
    page.does(lambda: tab.click("#keep-all"))
    tab.evaluate("studio.send('compose')")
    assert "free those" in tab.locator(".notice").first.inner_text()
    tab.keyboard.press("?")
    assert "compose what is not locked" in tab.locator("#help").inner_text()


def test_a_page_with_an_old_address_says_so(browser, fresh):
    context = browser.new_context(bypass_csp=True)
    tab = context.new_page()
    tab.goto(f"{fresh.base}/?token=old")
    tab.wait_for_selector("#banner:visible", timeout=60_000)
    assert "musegan studio" in tab.inner_text("#banner")
    context.close()
