"""The tools behind the Model Context Protocol, over standard input and output.

The protocol is the official SDK's, ``pip install 'musegan-band[mcp]'``. Arguments of composing tools are their own
and the options of `GenerationRequest`, with types, limits and help.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from musegan.assistants.answer import Answer
from musegan.assistants.tools import Tools, draw_seed
from musegan.assistants.workspace import Workspace
from musegan.composing.parse import parse_bar_list
from musegan.composing.request import GenerationRequest
from musegan.errors import MissingToolError, MuseganError
from musegan.music.key import Key
from musegan.options import Option, list_options

COMPOSING = ("generate", "accompany", "arrange", "continue_", "infill", "vary", "interpolate")
OTHERS = ("humanize", "render", "describe", "explain", "list_files", "list_choices")
_INSTRUCTIONS = (
    "Composes and changes multi-track music. Files are MIDI (or MusicXML, ABC) in one folder, named relative to "
    "it. Composing tools answer with the file they wrote, facts of it and a picture of its piano roll. Bars count "
    "from 1. Ask list_choices for tracks, styles and knobs, and describe for what is in a file."
)
_OPTIONS = list_options(GenerationRequest)


def make_server(folder: Path, model: str | None = None) -> Any:
    """An ``MCPServer`` whose tools work in `folder`.

    Raises `MissingToolError` when the SDK is not installed, `ConfigError` when there is no folder.
    """
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver import Image
        from mcp.server.mcpserver.exceptions import ToolError
    except ImportError as error:
        raise MissingToolError("this needs a package: pip install 'musegan-band[mcp]'") from error

    def send(answer: Answer) -> list[Any]:
        text = json.dumps(answer.facts)
        return [text] if answer.picture is None else [text, Image(data=answer.picture, format="png")]

    tools = Tools(Workspace(folder), model)
    server = MCPServer("musegan", instructions=_INSTRUCTIONS, log_level="WARNING")
    for name in (*COMPOSING, *OTHERS):
        method = getattr(tools, name)
        call = _with_options(method) if name in COMPOSING else method
        described = " ".join((method.__doc__ or "").split())
        function = _make_function(call, send, ToolError)
        server.add_tool(function, name=name.rstrip("_"), description=described, structured_output=False)
    return server


def serve(folder: Path, model: str | None = None) -> None:
    """Answer one assistant over standard input and output until it ends. Raises as `make_server`."""
    make_server(folder, model).run("stdio")


def _make_function(
    call: Callable[..., Answer], send: Callable[[Answer], list[Any]], failure: type[Exception]
) -> Callable[..., list[Any]]:
    """What the SDK calls: as `call`, but with its answer as content, and errors as those of the SDK."""

    @wraps(call)
    def run(**values: Any) -> list[Any]:
        try:
            return send(call(**values))
        except MuseganError as error:
            raise failure(str(error)) from error

    signature = inspect.signature(call)
    hints = get_type_hints(call, include_extras=True)
    parameters = [p.replace(annotation=hints.get(name, p.annotation)) for name, p in signature.parameters.items()]
    del run.__wrapped__  # type: ignore[attr-defined]
    run.__signature__ = signature.replace(parameters=parameters, return_annotation=list)  # type: ignore[attr-defined]
    return run


def _with_options(method: Callable[..., Answer]) -> Callable[..., Answer]:
    """A composing tool with the options of a request in place of the request."""

    @wraps(method)
    def run(**values: Any) -> Answer:
        given = [(option, values.pop(option.name)) for option in _OPTIONS]
        return method(request=_read_request(given), **values)

    kind = inspect.Parameter.KEYWORD_ONLY
    hints = get_type_hints(method, include_extras=True)
    own = [
        p.replace(annotation=hints[name], kind=kind)
        for name, p in inspect.signature(method).parameters.items()
        if name != "request"
    ]
    more = [inspect.Parameter(o.name, kind, default=None, annotation=_make_annotation(o)) for o in _OPTIONS]
    del run.__wrapped__  # type: ignore[attr-defined]
    run.__signature__ = inspect.Signature([*own, *more], return_annotation=Answer)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in (*own, *more)}
    return run


def _read_request(given: Sequence[tuple[Option, Any]]) -> GenerationRequest:
    """A request of what was given; None is left out, and a seed is drawn."""
    values = {}
    for option, value in given:
        if value is not None:
            is_bars = option.kind == Mapping[str, Sequence[int]]
            bars = {name: parse_bar_list(text) for name, text in value.items()} if is_bars else value
            values[option.field] = bars
    return GenerationRequest().with_plain({"seed": draw_seed(), **values})


def _make_annotation(option: Option) -> Any:
    """The type of an option as the SDK describes it to assistants."""
    from pydantic import Field

    if option.kind in (int, float):
        return Annotated[option.kind | None, Field(description=option.help, ge=option.low, le=option.high)]
    kinds: dict[Any, Any] = {
        Key: str,
        Mapping[str, float]: dict[str, float],
        Mapping[str, Sequence[int]]: dict[str, str],
        Sequence[str]: list[str],
    }
    help_ = option.help
    if option.kind == Mapping[str, Sequence[int]]:
        help_ = f"{help_.partition(':')[0]}, by track, from 1: {{'drums': '1-2,5'}}."
    elif option.field == "density":
        help_ = "Times the usual number of notes, by track: {'drums': 2, 'bass': 0.5}."
    elif option.field == "knobs":
        help_ = "Turn knobs by steps: {'busier': -1}; list_choices names them."
    return Annotated[kinds.get(option.kind, option.kind) | None, Field(description=help_)]
