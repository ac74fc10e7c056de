"""The command line. Each module parses, calls one library function and prints; none imports torch at the top."""

from musegan.cli import (
    arrange,
    compose,
    devices,
    evaluate,
    explain,
    humanize,
    jam,
    listen,
    mcp,
    models,
    prepare,
    render,
    studio,
    synthesize,
    train,
)
from musegan.cli.common import app

__all__ = [
    "app",
    "arrange",
    "compose",
    "devices",
    "evaluate",
    "explain",
    "humanize",
    "jam",
    "listen",
    "mcp",
    "models",
    "prepare",
    "render",
    "studio",
    "synthesize",
    "train",
]
