"""The public model and its verbs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

import musegan.midi  # noqa: F401 - composed pieces can be converted to objects of other libraries
from musegan.composing import tasks
from musegan.composing.attribution import Explanation, explain
from musegan.composing.composition import compose_new_piece, compose_new_pieces, fill_pieces
from musegan.composing.forms import Arrangement, check_form
from musegan.composing.request import GenerationRequest, check_bars
from musegan.errors import ConfigError
from musegan.models.library import find_model
from musegan.models.model_file import load_model_file
from musegan.models.runtime import composing_threads, is_faster_in_bfloat16, pick_device
from musegan.models.trained_model import TrainedModel
from musegan.music.piece import Piece


@dataclass(kw_only=True, repr=False)
class Model(TrainedModel):
    """A model ready to compose. Every verb returns a `Piece` and is deterministic in its seed.

    Examples
    --------
    >>> import musegan
    >>> model = musegan.load_model()
    >>> piece = model.generate(n_bars=4, tracks=["drums", "bass"], seed=1)
    >>> piece.roll.shape  # (track, bar, step, pitch)
    (6, 4, 48, 84)
    >>> longer = model.continue_(piece, n_bars=2)
    >>> longer.n_bars, bool((longer.roll[:, :4] == piece.roll).all())
    (6, True)
    """

    def generate(
        self,
        n_bars: int = 8,
        *,
        tracks: Sequence[str] | None = None,
        form: str = "",
        repeat_change: float = 0.2,
        arrangement: Arrangement = "full",
        loop: bool = False,
        ending: bool = False,
        request: GenerationRequest | None = None,
        seed: int | None = None,
    ) -> Piece:
        """Compose a piece from nothing.

        Parameters
        ----------
        n_bars : int
            1 to 512. With a `form`, the bars of all sections together; a multiple of its letters.
        tracks : list of str, optional
            Only these tracks play.
        form : str
            One letter per section, like ``AABA``. A letter that returns has the same notes but for a few bars of
            single tracks, most of them in the last bar, before the next section.
        repeat_change : float
            Share of these, 0 to 1; 0 is a copy.
        arrangement : Arrangement
            Everyone plays (``full``), tracks come and go by the phrase as in real songs (``natural``), bar by bar
            as in one song (``song``), or enter one after the other (``build``).
        loop : bool
            The last bars lead back to the first.
        ending : bool
            The last bar closes: the tonic chord, held.
        seed : int, optional
            Short for ``request=GenerationRequest(seed=...)``.
        """
        request = request or GenerationRequest()
        if seed is not None:
            request = replace(request, seed=seed)
        check_bars(n_bars)
        check_form(form, n_bars, repeat_change)
        return compose_new_piece(
            self, request, n_bars, tracks, arrangement, form, repeat_change, loop=loop, ending=ending
        )

    def generate_many(
        self,
        requests: Sequence[GenerationRequest],
        n_bars: int = 8,
        *,
        tracks: Sequence[str] | None = None,
        arrangement: Arrangement = "full",
    ) -> list[Piece]:
        """Compose pieces from nothing, one for each of `requests`, in one batch.

        They are those of `generate`, except for single notes, because sums in a batch are rounded differently.
        The same list gives the same pieces. Those with the same temperature, passes and repetition are composed
        together. Each is one draft; ``best_of`` is not used.
        """
        check_bars(n_bars)
        return compose_new_pieces(self, requests, n_bars, tracks, arrangement) if requests else []

    def accompany(
        self,
        piece: Piece,
        keep: Sequence[str],
        *,
        tracks: Sequence[str] | None = None,
        arrangement: Arrangement = "full",
        request: GenerationRequest | None = None,
    ) -> Piece:
        """Keep the tracks named in `keep` and compose the others, or of these only `tracks`.

        `arrangement` says when they play, as in `generate`.
        """
        mask = tasks.mask_kept_tracks(self.spec, piece, keep)
        request = request or GenerationRequest()
        wanted: list[int] = []
        if tracks is not None:
            request = tasks.rest_other_tracks(self.spec, mask, tracks, request)
            wanted = tasks.find_rows(self.spec, tracks)
        return self.fill(piece, mask, must_play=wanted, arrangement=arrangement, request=request)

    def continue_(
        self, piece: Piece, n_bars: int = 8, *, at: int | None = None, request: GenerationRequest | None = None
    ) -> Piece:
        """The piece followed by `n_bars` new bars, from bar `at` (0-based) on.

        By default they follow the last bar in which something sounds. Bars that the piece has after the new ones
        stay as they are.
        """
        check_bars(n_bars)
        longer, mask = tasks.extend_piece(piece, n_bars, at)
        return self.fill(longer, mask, request=request)

    def infill(
        self,
        piece: Piece,
        bars: Sequence[int],
        tracks: Sequence[str] | None = None,
        *,
        request: GenerationRequest | None = None,
    ) -> Piece:
        """Compose some `bars` (0-based) anew, such as ``range(4, 8)``, in all tracks or some."""
        rows = tasks.find_rows(self.spec, tracks)
        mask = tasks.mask_bars(piece, rows, bars)
        return self.fill(piece, mask, must_play=rows if tracks else (), request=request)

    def vary(
        self,
        piece: Piece,
        amount: float = 0.3,
        tracks: Sequence[str] | None = None,
        *,
        among: NDArray[np.bool_] | None = None,
        request: GenerationRequest | None = None,
    ) -> Piece:
        """Compose a share `amount` of the bars of all tracks anew, or of the named ones; only `among` these cells,
        ``(track, bar)``, where that is given. Raises `ConfigError` when no cell may change."""
        request = request or GenerationRequest()
        mask = tasks.draw_varied_cells(piece, tasks.find_rows(self.spec, tracks), amount, among, request.seed)
        return self.fill(piece, mask, request=request)

    def interpolate(
        self,
        a: Piece | int,
        b: Piece | int,
        count: int = 8,
        n_bars: int = 8,
        *,
        request: GenerationRequest | None = None,
    ) -> list[Piece]:
        """`count` pieces from `a` to `b`: two seeds, or two pieces.

        The first and the last are the pieces, or those that `generate` makes of the seeds. Between them more and
        more cells are those of `b` instead of `a`, in the key of the nearer one, and the cells between the two are
        composed.
        """
        request = request or GenerationRequest()
        if count < 2:
            raise ConfigError(f"interpolating takes 2 or more pieces, not {count}")
        shares = np.linspace(0, 1, count)
        if isinstance(a, Piece) and isinstance(b, Piece):
            check_bars(min(a.n_bars, b.n_bars))
            return [self._compose_between(a, b, share, request) for share in shares]
        if isinstance(a, Piece) or isinstance(b, Piece):
            raise ConfigError("interpolate between two seeds or between two pieces, not one of each")
        check_bars(n_bars)
        first, last = (self.generate(n_bars, request=replace(request, seed=seed)) for seed in (a, b))
        steps = [(share, replace(request, seed=a if share < 0.5 else b)) for share in shares]
        between = [self._compose_between(first, last, *step) for step in steps[1:-1]]
        return [first, *between, last]

    def arrange(
        self, piece: Piece, melody: str, *, like: Piece | None = None, request: GenerationRequest | None = None
    ) -> Piece:
        """Keep the track `melody` and compose the others to the chords of the piece.

        Parameters
        ----------
        piece : Piece
            A song, of which all tracks tell the chords, or a melody alone. The chords are those of
            ``request.progression`` where there is one, or else
            `musegan.music.progression.estimate_progression` of the piece.
        melody : str
            The track that is kept, note for note.
        like : Piece, optional
            Tracks play when, as densely and as high as in this piece, which is repeated where it is shorter.

        Raises
        ------
        ConfigError
            The track is not there or silent, or `like` has no notes.
        """
        mask, request = tasks.mask_melody(self.spec, piece, melody, request or GenerationRequest())
        return self.fill(piece, mask, like=like, request=request)

    def fill(
        self,
        piece: Piece,
        mask: NDArray[np.bool_],
        *,
        must_play: Sequence[int] = (),
        like: Piece | None = None,
        arrangement: Arrangement = "full",
        request: GenerationRequest | None = None,
    ) -> Piece:
        """Compose the cells of a piece that are not given.

        Parameters
        ----------
        piece : Piece
        mask : (track, bar), bool
            True is given.
        must_play : list of int
            Tracks that play in composed cells though what is given of them is silent, or they would rest there.
        like : Piece, optional
            Who plays when, how densely and how high is taken from this piece.
        arrangement : Arrangement
            When tracks play of which nothing is given, as in `generate`, unless `like` says it.

        Returns
        -------
        Piece
            Given cells bit for bit; ``given`` is the mask. The key is that of the given material, or the one
            asked for.

        Raises
        ------
        MuseganError
            There is something to compose in more than 512 bars.
        """
        requests = [request or GenerationRequest()]
        return self.fill_many([piece], [mask], requests, must_play=must_play, like=like, arrangement=arrangement)[
            0
        ]

    def fill_many(
        self,
        pieces: Sequence[Piece],
        masks: Sequence[NDArray[np.bool_]],
        requests: Sequence[GenerationRequest],
        *,
        must_play: Sequence[int] = (),
        like: Piece | None = None,
        arrangement: Arrangement = "full",
    ) -> list[Piece]:
        """`fill` for pieces of one length, each with a mask and a request.

        Those with the same temperature, passes and repetition are composed in one batch; windows go over the bars
        that are new in any of them.
        """
        return fill_pieces(self, pieces, masks, requests, must_play=must_play, like=like, arrangement=arrangement)

    def explain(self, piece: Piece) -> Explanation:
        """How surprising each bar of each track is, given everything else.

        The same as `musegan.composing.attribution.explain`, which describes the result.
        """
        return explain(self, piece)

    def _compose_between(self, a: Piece, b: Piece, share: float, request: GenerationRequest) -> Piece:
        """Cells of `a`, cells of `b`, and between them composed ones."""
        mixed, mask = tasks.mix_pieces(a, b, share, request.seed)
        return self.fill(mixed, mask, request=request)


def load_model(name_or_path: str | os.PathLike | None = None, device: str = "auto") -> Model:
    """Load a model by its name, a ``.safetensors`` file, or the best model of a run folder.

    Raises `ModelError` when it is missing or damaged, `MuseganError` when the device is not there.
    """
    with composing_threads():
        file = load_model_file(find_model(name_or_path), pick_device(device))
        if is_faster_in_bfloat16(file.config.model, file.device):
            file.composer.bfloat16()  # as exact as the weights in the file
    return Model(**{item.name: getattr(file, item.name) for item in fields(file)})
