"""A loaded model and what one can ask of it: the tasks, each a mask and controls for `windows.compose`.

The networks work in C major or A minor (for models trained with ``transpose="key"``). Material of the user is
moved there for composing, and what was composed is moved back; given cells are the user's own, bit for bit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from musegan.composing.arrangement import Arrangement
from musegan.composing.attribution import Explanation, Replacement, explain
from musegan.composing.compose import near_unknown
from musegan.composing.composer import MAX_BARS, Composer, check_bars, numbered_sections
from musegan.composing.forms import check_form, close_piece
from musegan.composing.library import find_model
from musegan.composing.model_file import load_model_file, pick_device
from musegan.composing.request import GenerationRequest
from musegan.composing.threads import composing_threads
from musegan.errors import ConfigError, MuseganError
from musegan.music.key import estimate_key, note_name
from musegan.music.pianoroll import drop_orphan_holds, sounding_shares
from musegan.music.piece import Piece
from musegan.music.progression import estimate_progression


@dataclass(kw_only=True, repr=False)
class Model(Composer):
    """A model ready to compose. Every verb returns a `Piece` and is deterministic in its seed.

    Examples
    --------
    >>> import musegan
    >>> model = musegan.load_model()
    >>> piece = model.generate(n_bars=4, tracks=["drums", "bass"], seed=1)
    >>> piece.roll.shape  # (track, bar, step, pitch)
    (5, 4, 48, 84)
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
            Everyone plays (``full``), tracks come and go by the phrase as in real songs (``natural``), or enter
            one after the other (``build``).
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
        check_form(form, n_bars)
        if not 0 <= repeat_change <= 1:
            raise ConfigError(f"repeat_change is {repeat_change:g}; it is a share, 0 to 1", field="repeat_change")
        size = n_bars // len(form) if form else self.config.model.phrase_bars
        controls, key = self._asked(n_bars, tracks, request, arrangement, size, form)
        given, mask = self._nothing(n_bars)
        if form:
            roll = self._sections(form, n_bars, controls, request, repeat_change)
        else:
            roll = self._in_key(self._compose_cells(given, mask, controls, request), controls, request)
        if loop:
            roll = self._close_loop(roll, controls, request)
        sections = tuple((i * size, letter) for i, letter in enumerate(form)) or numbered_sections(n_bars, size)
        piece = self._new_piece(drop_orphan_holds(roll, self.spec), controls, key, request, sections)
        return (
            replace(piece, roll=close_piece(piece.roll, self.spec, piece.key)) if ending and piece.key else piece
        )

    def accompany(self, piece: Piece, keep: Sequence[str], *, request: GenerationRequest | None = None) -> Piece:
        """Keep the tracks named in `keep` and compose the others."""
        mask = np.zeros(piece.roll.shape[:2], bool)
        mask[[self.spec.track_index(name) for name in keep]] = True
        if not mask.any() or mask.all():
            raise ConfigError(f"keep some of the tracks {', '.join(self.spec.track_names)} and not all")
        if not piece.roll[mask].any():
            heard = [name for name, line in zip(self.spec.track_names, piece.roll, strict=True) if line.any()]
            lowest, highest = self.spec.lowest_pitch, self.spec.lowest_pitch + self.spec.n_pitches - 1
            raise ConfigError(
                f"the tracks to keep have no notes from {note_name(lowest)} to {note_name(highest)}; the piece "
                f"has such notes for {', '.join(heard) or 'no track'}. If a part was taken for the wrong track, "
                "correct that",
                field="track_map",
            )
        return self.fill(piece, mask, request=request)

    def continue_(
        self, piece: Piece, n_bars: int = 8, *, at: int | None = None, request: GenerationRequest | None = None
    ) -> Piece:
        """The piece followed by `n_bars` new bars, from bar `at` (0-based) on.

        By default they follow the last bar in which something sounds. Bars that the piece has after the new ones
        stay as they are.
        """
        check_bars(n_bars)
        if at is None:
            at = int(np.flatnonzero(piece.roll.any((0, 2, 3))).max(initial=-1)) + 1 or piece.n_bars
        if not 0 <= at <= piece.n_bars:
            raise ConfigError(f"the piece has {piece.n_bars} bars; it cannot be continued after {at}")
        longer = np.pad(piece.roll, ((0, 0), (0, max(at + n_bars - piece.n_bars, 0)), (0, 0), (0, 0)))
        mask = np.ones(longer.shape[:2], bool)
        mask[:, at : at + n_bars] = False
        sections = (*(section for section in piece.sections if section[0] < at), (at, "continued"))
        return self.fill(replace(piece, roll=longer, given=None, sections=sections), mask, request=request)

    def infill(
        self,
        piece: Piece,
        bars: Sequence[int],
        tracks: Sequence[str] | None = None,
        *,
        request: GenerationRequest | None = None,
    ) -> Piece:
        """Compose some `bars` (0-based) anew, such as ``range(4, 8)``, in all tracks or some."""
        outside = [bar + 1 for bar in bars if not 0 <= bar < piece.n_bars]
        if outside or not bars:
            raise ConfigError(
                f"bar {outside[0]} is not in the piece, which has the bars 1-{piece.n_bars}"
                if outside
                else "there are no bars to compose anew"
            )
        mask = np.ones(piece.roll.shape[:2], bool)
        rows = [self.spec.track_index(name) for name in tracks or self.spec.track_names]
        mask[np.ix_(rows, bars)] = False
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
        ``(track, bar)``, where that is given."""
        if not 0 < amount <= 1:
            raise ConfigError(f"varying a share of {amount:g} changes nothing; choose more than 0, up to 1")
        request = request or GenerationRequest()
        rng = np.random.default_rng([request.seed, 1])
        rows = [self.spec.track_index(name) for name in tracks or self.spec.track_names]
        may_change = np.zeros(piece.roll.shape[:2], bool)
        may_change[rows] = True if among is None else among[rows]
        cells = np.flatnonzero(may_change)
        mask = np.ones_like(may_change)
        mask.flat[rng.permutation(cells)[: max(round(amount * len(cells)), 1)]] = False
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

        The first and the last are those that `generate` makes of the seeds; between them the latents turn from
        one to the other, in the key and the arrangement of the nearer seed. Between pieces, more and more cells
        are those of `b` instead of `a`, and the cells between the two are composed.
        """
        request = request or GenerationRequest()
        if count < 2:
            raise ConfigError(f"interpolating takes 2 or more pieces, not {count}")
        shares = np.linspace(0, 1, count)
        if isinstance(a, Piece) and isinstance(b, Piece):
            check_bars(min(a.n_bars, b.n_bars))
            return [self._between(a, b, share, request) for share in shares]
        if isinstance(a, Piece) or isinstance(b, Piece):
            raise ConfigError("interpolate between two seeds or between two pieces, not one of each")
        check_bars(n_bars)
        return [self._between_seeds(a, b, float(share), n_bars, request) for share in shares]

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
        request = request or GenerationRequest()
        row = self.spec.track_index(melody)
        if not piece.roll[row].any():
            raise ConfigError(f"{melody} has no notes; name the track that has the melody", field="melody")
        key = piece.key or estimate_key(sounding_shares(piece.roll, self.spec))
        request = replace(
            request,
            key=request.key or key,
            progression=request.progression or estimate_progression(piece.roll, self.spec, key),
        )
        mask = np.zeros(piece.roll.shape[:2], bool)
        mask[row] = True
        return self.fill(piece, mask, like=like, request=request)

    def fill(
        self,
        piece: Piece,
        mask: NDArray[np.bool_],
        *,
        must_play: Sequence[int] = (),
        like: Piece | None = None,
        request: GenerationRequest | None = None,
    ) -> Piece:
        """Compose the cells of a piece that are not given.

        Parameters
        ----------
        piece : Piece
        mask : (track, bar), bool
            True is given.
        must_play : list of int
            Tracks that play in composed cells though what is given of them is silent.
        like : Piece, optional
            Who plays when, how densely and how high is taken from this piece.

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
        is_known: NDArray[np.bool_] = np.all(mask, axis=0)
        n_new = np.count_nonzero(~is_known)
        if n_new > MAX_BARS:
            raise MuseganError(
                f"{n_new} bars would be composed and {MAX_BARS} can be at once; name some, or cut the piece"
            )
        plan, context = self._filling(piece, mask, request or GenerationRequest(), must_play, like)
        bars = near_unknown(is_known, self.prior.n_bars)  # bars may return from so far
        near = plan.controls.bars(np.arange(bars.start, bars.stop))
        composed = self._compose_cells(context[:, :, bars], mask[None, :, bars], near, plan.request)
        del context  # of a long piece as large as all else
        return self._filled(plan, composed, bars)

    def explain(
        self, piece: Piece, *, replacement: Replacement = "new", n_draws: int = 4, seed: int = 0
    ) -> Explanation:
        """How the discriminator's score of a piece changes when a cell is replaced, for each cell that sounds.

        The same as `musegan.composing.attribution.explain`, which describes the arguments.
        """
        return explain(self, piece, replacement=replacement, n_draws=n_draws, seed=seed)

    def __repr__(self) -> str:
        n_weights = sum(weight.numel() for weight in self.generator.parameters())
        return (
            f"Model({', '.join(self.spec.track_names)}; phrases of {self.config.model.phrase_bars} bars; "
            f"{n_weights:,} weights; {self.device})"
        )

    def _between_seeds(self, a: int, b: int, share: float, n_bars: int, request: GenerationRequest) -> Piece:
        """A piece on the way from what `generate` makes of one seed to that of another."""
        nearer = replace(request, seed=a if share < 0.5 else b)
        if share in (0, 1):
            return self.generate(n_bars, request=nearer)
        controls, key = self._asked(n_bars, None, nearer, "full", self.config.model.phrase_bars)
        ends = [self.draw_latents(np.random.default_rng(seed), 1, n_bars) for seed in (a, b)]
        given, mask = self._nothing(n_bars)
        roll = self._compose_cells(given, mask, controls, nearer, ends[0].towards(ends[1], share))
        return self._new_piece(drop_orphan_holds(roll, self.spec), controls, key, nearer)

    def _between(self, a: Piece, b: Piece, share: float, request: GenerationRequest) -> Piece:
        n_bars = min(a.n_bars, b.n_bars)
        order = np.random.default_rng(request.seed).random(a.roll[:, :n_bars].shape[:2])
        margin = share * (1 - share)  # at the middle, half of the cells are composed
        from_a, from_b = order > share + margin, order < share - margin
        roll = np.where(from_b[..., None, None], b.roll[:, :n_bars], a.roll[:, :n_bars])
        mask = from_a | from_b if 0 < share < 1 else np.ones_like(from_a)
        tempo = (1 - share) * a.tempo_qpm + share * b.tempo_qpm
        mixed = replace(a, roll=roll, tempo_qpm=tempo, given=None, sections=())
        return self.fill(mixed, mask, request=request)


def load_model(name_or_path: str | os.PathLike | None = None, device: str = "auto") -> Model:
    """Load a model by its name, a ``.safetensors`` file, or the best model of a run folder.

    Raises `ModelError` when it is missing or damaged, `MuseganError` when the device is not there.
    """
    with composing_threads():
        file = load_model_file(find_model(name_or_path), pick_device(device))
    return Model(**{item.name: getattr(file, item.name) for item in fields(file)})
