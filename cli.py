"""Launcher for a source checkout: ``python cli.py generate --bars 8``."""

from musegan.cli import app

if __name__ == "__main__":
    app()
