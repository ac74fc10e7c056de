"""Errors a user can act on. The command line prints them as one line and exits with status 1."""

from __future__ import annotations


class MuseganError(Exception):
    """Base of every error raised on purpose: what happened, which file or field, what to do.

    `field` is the argument or setting to change; the command line adds its option for it.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class ConfigError(MuseganError):
    """A setting is unknown, of the wrong type or out of range."""


class MidiError(MuseganError):
    """A music file cannot be read or written."""

    def __init__(self, message: str, reason: str = "unreadable", *, field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.reason = reason
        """Short category, counted in the report of ``prepare``."""


class DatasetError(MuseganError):
    """A dataset is missing, damaged, empty or made for another ensemble."""


class ModelError(MuseganError):
    """A model or checkpoint is missing, damaged or does not fit."""


class MissingToolError(MuseganError):
    """An outside program or optional package is needed and not installed."""
