"""What composes for the page: anew, with the next seed, or as a knob is turned."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from musegan.composing.model import Model
from musegan.errors import ConfigError
from musegan.options import list_options
from musegan.studio import editing, operations
from musegan.studio.state import State, StudioSettings

_NEW_NOTES = {option.field for option in list_options(StudioSettings)} - {"tempo_qpm", "humanize"}
"""Values that compose at once when they change; tempo and humanise change how the same notes are played."""

_MOST_SEEDS = 4  # that are tried for other notes


class Composer:
    """Composes states, and knows whether one is what composing it again would give.

    Parameters
    ----------
    model : Model
    is_jamming : callable
        Whether a band plays along: then only the length of a state is changed here.
    """

    def __init__(self, model: Model, is_jamming: Callable[[], bool]) -> None:
        self._model, self._is_jamming = model, is_jamming
        self._last: State | None = None  # that was composed as it asks

    def compose(self, state: State, *, sketch: bool = False) -> State:
        """A state with what is free composed anew, in few passes where it is a `sketch`."""
        if self._is_jamming():
            return editing.resize_piece(state, state.settings.n_bars)
        composed = operations.compose(self._model, state, sketch=sketch)
        self._last = None if sketch else composed
        return composed

    def compose_other(self, state: State) -> State:
        """The same, but where that gives the notes that are there already, with the next seed.

        Raises `ConfigError` where several seeds give the same notes.
        """
        if self._is_jamming():
            return self.compose(state)
        composed = None if self._is_as_asked(state) else self.compose(state)
        return (
            self.compose_next(state) if composed is None or editing.has_same_notes(composed, state) else composed
        )

    def compose_next(self, state: State) -> State:
        """Composed with the first of the next seeds that gives other notes. Raises `ConfigError` if none does."""
        before, settings = state, state.settings
        for _ in range(_MOST_SEEDS):
            settings = replace(settings, seed=operations.next_seed(settings.seed))
            state = self.compose(replace(state, settings=settings))
            if self._is_jamming() or not editing.has_same_notes(state, before):
                return state
        raise ConfigError("other seeds give the same notes here; raise the temperature or free more bars")

    def follow(self, state: State, changes: Collection[str], *, sketch: bool = False) -> State:
        """A state of which some settings have changed, composed where that changes its notes."""
        # With everything kept or nothing composed yet there is nothing that a knob could change.
        is_idle = bool(state.kept.all()) or not state.piece.roll.any()
        if _NEW_NOTES & set(changes) and not is_idle:
            return self.compose(state, sketch=sketch)
        return editing.resize_piece(state, state.settings.n_bars) if "n_bars" in changes else state

    def _is_as_asked(self, state: State) -> bool:
        last = self._last
        if last is None or last.piece is not state.piece or last.settings != state.settings:
            return False
        return bool((last.kept == state.kept).all())


def check_cut(state: State) -> None:
    """Raise `ConfigError` where fewer bars would drop notes that are the user's."""
    bars = editing.find_lost_bars(state, state.settings.n_bars)
    if bars:
        what = f"bar {bars[0] + 1}" if len(bars) == 1 else f"bars {bars[0] + 1} to {bars[-1] + 1}"
        raise ConfigError(f"{what} have notes of your own; say that they may be cut, or keep the length")
