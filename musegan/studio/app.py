"""The web application: pages, messages, files and sound, over HTTP and one WebSocket."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from musegan.errors import MuseganError
from musegan.render.mastering import make_room, write_wave
from musegan.schema import read_json
from musegan.studio.compose_file import compose_file
from musegan.studio.import_export import MEDIA_TYPES
from musegan.studio.jam_thread import list_ports
from musegan.studio.session import Session
from musegan.studio.view import describe_studio, make_thumbnail

Answer = Callable[[Request], Awaitable[Response]]

_NO_BINARY = 1003  # what a socket is closed with that sends what is no text
PAGE = Path(__file__).with_name("page")


class _Page(StaticFiles):
    """The files of the page, never from an old cache."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


class Server:
    """The routes of one session."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/hello", self._make_route(lambda request: describe_studio(self.session.model))),
                Route("/api/state", self._make_route(lambda request: self.session.view())),
                Route("/api/explain", self._make_route(lambda request: self.session.explainer.view())),
                Route("/api/jam", self._make_route(lambda request: self.session.jam.view())),
                Route("/api/jam.mid", self._handle_errors(self._jam_file)),
                Route("/api/ideas", self._make_route(lambda request: self.session.ideas())),
                Route("/api/ports", self._make_route(lambda request: list_ports())),
                Route("/api/stems", self._make_route(self._get_stems)),
                WebSocketRoute("/api/socket", self._serve_socket),
                Route("/api/messages", self._handle_errors(self._post_message), methods=["POST"]),
                Route("/api/open", self._handle_errors(self._post_open), methods=["POST"]),
                Route("/api/compose", self._handle_errors(self._post_compose), methods=["POST"]),
                Route("/api/room.wav", self._handle_errors(self._get_room)),
                Route("/api/note.json", self._make_route(self._get_note)),
                Route("/api/sound/{key}.wav", self._handle_errors(self._get_sound)),
                Route("/api/variations/{index:int}.json", self._handle_errors(self._variation_sound)),
                Route("/api/export/{name}", self._handle_errors(self._get_export)),
                Mount("/", _Page(directory=PAGE, html=True)),
            ]
        )

    def _handle_errors(self, answer: Answer) -> Answer:
        """Errors that a user can act on become status 400 and their sentence."""

        async def answering(request: Request) -> Response:
            try:
                return await answer(request)
            except MuseganError as error:
                return PlainTextResponse(str(error), 400)
            except CancelledError:
                return PlainTextResponse("A newer request took the place of this one.", 409)
            except ClientDisconnect:
                return PlainTextResponse("The upload is too large or was broken off.", 413)
            except OSError as error:
                return PlainTextResponse(f"A file cannot be written: {error.strerror}", 507)

        return answering

    def _make_route(self, value: Callable[[Request], Any]) -> Answer:
        async def answer(request: Request) -> Response:
            return JSONResponse(await run_in_threadpool(value, request))

        return self._handle_errors(answer)

    async def _post_message(self, request: Request) -> Response:
        return JSONResponse(await asyncio.wrap_future(self.session.send(_read_json(await request.body()))))

    async def _post_open(self, request: Request) -> Response:
        message = {
            "type": "open",
            "data": await request.body(),
            "name": request.query_params.get("name", "song.mid"),
        }
        return JSONResponse(await asyncio.wrap_future(self.session.send(message)))

    async def _post_compose(self, request: Request) -> Response:
        data, values = await request.body(), request.query_params.multi_items()
        midi = await run_in_threadpool(compose_file, self.session.model, data, values)
        return Response(midi, media_type=MEDIA_TYPES["mid"])

    def _get_stems(self, request: Request) -> dict[str, Any]:
        revision, state = self.session.revision, self.session.project.state
        return {**self.session.stems.listing(state, self.session.song(state)), "revision": revision}

    async def _get_room(self, request: Request) -> Response:
        """The answer of the room that the music is heard in."""
        return Response(write_wave(make_room()), media_type=MEDIA_TYPES["wav"])

    def _get_note(self, request: Request) -> dict[str, Any]:
        """The key of the sound of one note: ``track`` and ``pitch``."""
        track, pitch = (request.query_params.get(name, "") for name in ("track", "pitch"))
        if not (track.isdecimal() and pitch.isdecimal()):
            raise MuseganError("a note has a track and a pitch")
        return self.session.stems.note(self.session.project.state, int(track[:4]), int(pitch[:4]))

    async def _get_sound(self, request: Request) -> Response:
        path = await run_in_threadpool(self.session.stems.path, request.path_params["key"])
        return FileResponse(
            path, media_type=MEDIA_TYPES["wav"], headers={"cache-control": "private, max-age=86400"}
        )

    async def _variation_sound(self, request: Request) -> Response:
        index = request.path_params["index"]
        state = self.session.strip.get(index)
        key = await run_in_threadpool(self.session.stems.preview, state, self.session.song(state))
        return JSONResponse({**make_thumbnail(state), "sound": key})

    async def _jam_file(self, request: Request) -> Response:
        path = self.session.jam.file
        if not path.is_file():
            raise MuseganError("nobody has played along yet")
        return FileResponse(path, media_type=MEDIA_TYPES["mid"], headers={"content-disposition": "attachment"})

    async def _get_export(self, request: Request) -> Response:
        name = request.path_params["name"]
        kind = name.rpartition(".")[2].lower()
        chords, audio = (request.query_params.get(name) == "1" for name in ("chords", "audio"))
        data = await run_in_threadpool(lambda: self.session.export(kind, chords=chords, audio=audio))
        return Response(data, media_type=MEDIA_TYPES[kind], headers={"content-disposition": "attachment"})

    async def _serve_socket(self, socket: WebSocket) -> None:
        """Events out, messages in, until the page goes away."""
        await socket.accept()
        loop, events = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any]]()

        def listen(event: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        self.session.listeners.add(listen)
        view = await run_in_threadpool(self.session.view)
        for event in (
            describe_studio(self.session.model),
            view,
            self.session.strip.view(),
            self.session.jam.view(),
            self.session.explainer.view(),
        ):
            events.put_nowait(event)
        sending = asyncio.create_task(_send_all(socket, events))
        try:
            while True:
                frame = await socket.receive()
                if frame["type"] == "websocket.disconnect":
                    break
                if frame.get("text") is None:
                    await socket.close(_NO_BINARY, "messages are texts")
                    break
                self._receive_message(frame["text"], events, loop)
        except WebSocketDisconnect:
            pass
        finally:
            self.session.leave(listen)
            sending.cancel()

    def _receive_message(
        self, text: str, events: asyncio.Queue[dict[str, Any]], loop: asyncio.AbstractEventLoop
    ) -> None:
        message: Any = {}
        try:
            message = _read_json(text)
            future = self.session.send(message)
        except MuseganError as error:
            events.put_nowait(_make_error_event(error, message))
            return

        def done(future: Future[Any]) -> None:
            if not future.cancelled() and (error := future.exception()) is not None:
                loop.call_soon_threadsafe(events.put_nowait, _make_error_event(error, message))

        future.add_done_callback(done)


async def _send_all(socket: WebSocket, events: asyncio.Queue[dict[str, Any]]) -> None:
    """Send what happens; of several states that wait only the last, so that a slow page does not lag behind."""
    while True:
        waiting = [await events.get()]
        while not events.empty():
            waiting.append(events.get_nowait())
        last = {event["type"]: index for index, event in enumerate(waiting)}
        for index, event in enumerate(waiting):
            if event["type"] == "error" or last[event["type"]] == index:
                await socket.send_text(json.dumps(event, separators=(",", ":")))


def _make_error_event(error: BaseException, message: Any) -> dict[str, Any]:
    """What went wrong as an event. Only errors that are raised on purpose have a sentence of their own."""
    is_known = isinstance(error, MuseganError)
    text = str(error) if is_known else f"Something went wrong in the program ({type(error).__name__}: {error})."
    answers = message.get("id") if isinstance(message, dict) else None
    return {"type": "error", "text": text, "answers": answers}


def _read_json(text: str | bytes) -> dict[str, Any]:
    message = read_json(text, "the message")
    try:
        json.dumps(message, allow_nan=False)
    except ValueError as error:
        raise MuseganError("the message has a number that is none") from error
    if not isinstance(message, dict):
        raise MuseganError("a message is an object with a type")
    return message


def warm_up(session: Session) -> None:
    """Do everything once that is slow the first time: the networks, and the start of the synthesizers."""
    import numpy as np

    from musegan.music.pianoroll import ONSET
    from musegan.music.piece import Piece
    from musegan.render import write

    piece = session.model.generate(session.model.phrase_bars, seed=0)
    roll = np.zeros(piece.spec.shape(1), np.uint8)
    roll[0, 0, 0, 12 % piece.spec.n_pitches] = ONSET
    with tempfile.TemporaryDirectory() as folder:
        (path,) = write(Piece(roll=roll, spec=piece.spec, tempo_qpm=1000), Path(folder) / "a.mid")
        for process in session.stems.processes:
            process.render(path.read_bytes())
