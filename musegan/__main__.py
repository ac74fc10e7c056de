"""``python -m musegan`` is the command line."""

from musegan.cli import app

app()
