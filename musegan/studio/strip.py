"""The strip of variations: others of the piece that is shown, to hear and to take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from musegan.composing.model import Model
from musegan.errors import ConfigError
from musegan.studio import operations
from musegan.studio.messages import N_VARIATIONS
from musegan.studio.state import State
from musegan.studio.view import make_thumbnail


class Strip:
    """Variations of one piece, forgotten when another is shown.

    Parameters
    ----------
    model : Model
    tell : callable
        Tells all pages of an event.
    """

    def __init__(self, model: Model, tell: Callable[[dict[str, Any]], None]) -> None:
        self._model, self._tell = model, tell
        self.variations: list[State] = []

    def view(self) -> dict[str, Any]:
        """The variations that there are, as an event."""
        return {"type": "variations", "items": [make_thumbnail(state) for state in self.variations]}

    def fill(self, state: State, is_awaited: Callable[[], bool]) -> None:
        """Compose them; stops when something else is asked for."""
        self._show([])
        for ready in operations.compose_variations(self._model, state, N_VARIATIONS):
            self._show([*self.variations, *ready])
            if is_awaited():
                break

    def fill_between(self, a: State, b: State) -> None:
        """Steps from one state to another."""
        self._show(operations.interpolate(self._model, a, b, N_VARIATIONS))

    def get(self, index: int) -> State:
        """A variation, counted from 0. Raises `ConfigError` where it is gone."""
        if not 0 <= index < len(self.variations):
            raise ConfigError("this variation is not there any more")
        return self.variations[index]

    def forget_others(self, state: State) -> None:
        """Empty the strip where it is of another piece than the state that is shown."""
        if self.variations and not operations.is_variation_of(self.variations[0], state):
            self._show([])

    def _show(self, variations: list[State]) -> None:
        self.variations = variations
        self._tell(self.view())
