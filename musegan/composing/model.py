"""The public model and its verbs. Every task is a mask and controls for `compose_rolls`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

import musegan.midi  # noqa: F401 - composed pieces can be converted to objects of other libraries
from musegan.composing.arrangement import Arrangement
from musegan.composing.attribution import Explanation, explain, measure_nats
from musegan.composing.draws import Draws
from musegan.composing.forms import check_form, close_piece, draw_changed_cells
from musegan.composing.request import GenerationRequest
from musegan.composing.requested_controls import find_requested_key, plan_filling, plan_new_piece
from musegan.composing.sampling import SamplingSettings
from musegan.composing.windows import compose_rolls
from musegan.errors import ConfigError, MuseganError
from musegan.models.library import find_model
from musegan.models.model_file import load_model_file
from musegan.models.runtime import composing_threads, is_faster_in_bfloat16, pick_device
from musegan.models.trained_model import TrainedModel
from musegan.music.controls import Controls
from musegan.music.key import Key, estimate_key, note_name
from musegan.music.pianoroll import drop_orphan_holds, snap_to_scale, sounding_shares, transpose
from musegan.music.piece import Piece
from musegan.music.progression import estimate_progression
from musegan.random_streams import Stream, make_rng

MAX_BARS = 512
_COLDEST = 0.05  # temperature that is computed with; nearly always the likeliest is drawn
_USUAL_QPM = 120.0  # of a piece that follows a section of which the tempo is not known


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
        check_form(form, n_bars)
        if not 0 <= repeat_change <= 1:
            raise ConfigError(f"repeat_change is {repeat_change:g}; it is a share, 0 to 1", field="repeat_change")
        controls, key = plan_new_piece(self, request, n_bars, tracks, arrangement, form)
        size = n_bars // len(form) if form else self.phrase_bars
        if form:
            roll = self._compose_form(form, controls, request, repeat_change)
        else:
            roll = self._compose(*self._nothing(n_bars), controls, [request])[0]
        if loop:
            roll = self._close_loop(roll, controls, request)
        sections = tuple((i * size, letter) for i, letter in enumerate(form)) or number_sections(n_bars, size)
        piece = self._new_piece(roll, controls, key, request, sections)
        return replace(piece, roll=close_piece(piece.roll, self.spec, key)) if ending else piece

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
        if not requests:
            return []
        plans = [plan_new_piece(self, request, n_bars, tracks, arrangement, "") for request in requests]
        given, mask = self._nothing(n_bars, len(requests))
        rolls = self._compose(given, mask, Controls.join([controls for controls, _ in plans]), requests)
        sections = number_sections(n_bars, self.phrase_bars)
        return [
            self._new_piece(roll, controls, key, request, sections)
            for roll, (controls, key), request in zip(rolls, plans, requests, strict=True)
        ]

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
        request = request or GenerationRequest()
        wanted: list[int] = []
        if tracks is not None:
            wanted = [self.spec.track_index(name) for name in tracks]
            if not wanted or mask[wanted].any():
                raise ConfigError(f"{', '.join(tracks) or 'no track'} cannot be kept and composed; name others")
            others = set(range(self.spec.n_tracks)) - set(wanted) - set(np.flatnonzero(mask[:, 0]).tolist())
            rests = {self.spec.track_names[row]: range(piece.n_bars) for row in sorted(others)}
            request = replace(request, rests={**request.rests, **rests})
        return self.fill(piece, mask, must_play=wanted, arrangement=arrangement, request=request)

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
        ``(track, bar)``, where that is given. Raises `ConfigError` when no cell may change."""
        if not 0 < amount <= 1:
            raise ConfigError(f"varying a share of {amount:g} changes nothing; choose more than 0, up to 1")
        request = request or GenerationRequest()
        rng = make_rng(request.seed, Stream.VARIATION)
        rows = [self.spec.track_index(name) for name in tracks or self.spec.track_names]
        may_change = np.zeros(piece.roll.shape[:2], bool)
        may_change[rows] = True if among is None else among[rows]
        cells = np.flatnonzero(may_change)
        if not len(cells):
            raise ConfigError("every bar that could vary is kept; free some")
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
        keys, plans = [], []
        for piece, mask, request in zip(pieces, masks, requests, strict=True):
            self.spec.require_same(piece.spec, "the model", "the piece")
            n_new = np.count_nonzero(~np.all(mask, axis=0))
            if n_new > MAX_BARS:
                raise MuseganError(
                    f"{n_new} bars would be composed and {MAX_BARS} can be at once; name some, or cut the piece"
                )
            material = sounding_shares(piece.roll * mask[..., None, None], self.spec)
            key = find_requested_key(self, request) or estimate_key(material)
            keys.append(key)
            plans.append(plan_filling(self, piece, mask, request, key, must_play, like, arrangement))
        given = np.stack([piece.roll for piece in pieces])
        rolls = self._compose(given, np.stack(masks), Controls.join(plans), requests)
        return [
            replace(
                piece,
                roll=self._finish(roll, mask, key, request),
                given=mask,
                key=key,
                feel=self.feel,
                seed=request.seed,
                tempo_qpm=request.tempo_qpm or piece.tempo_qpm,
            )
            for piece, roll, mask, key, request in zip(pieces, rolls, masks, keys, requests, strict=True)
        ]

    def explain(self, piece: Piece) -> Explanation:
        """How surprising each bar of each track is, given everything else.

        The same as `musegan.composing.attribution.explain`, which describes the result.
        """
        return explain(self, piece)

    def __repr__(self) -> str:
        n_weights = sum(weight.numel() for weight in self.composer.parameters())
        return (
            f"Model({', '.join(self.spec.track_names)}; windows of {self.window_bars} bars; "
            f"{n_weights:,} weights; {self.device})"
        )

    def _compose(
        self,
        given: NDArray[np.uint8],
        mask: NDArray[np.bool_],
        controls: Controls,
        requests: Sequence[GenerationRequest],
        number: int = 0,
    ) -> NDArray[np.uint8]:
        """Compose what is not given in pieces: ``(batch, track, bar, step, pitch)``.

        Pieces whose requests ask for the same settings are composed together. Of a single piece the likeliest of
        ``best_of`` drafts is returned. `number` distinguishes several calls for one piece.
        """
        n_drafts = requests[0].best_of if len(requests) == 1 else 1
        with composing_threads():
            drafts = [
                self._compose_draft(given, mask, controls, requests, (number, draft)) for draft in range(n_drafts)
            ]
            if n_drafts == 1:
                return drafts[0]
            return max(drafts, key=lambda rolls: -self._mean_nats(rolls, controls, ~mask))

    def _compose_draft(
        self,
        given: NDArray[np.uint8],
        mask: NDArray[np.bool_],
        controls: Controls,
        requests: Sequence[GenerationRequest],
        keys: tuple[int, int],
    ) -> NDArray[np.uint8]:
        """One draft of each piece. `keys` distinguish its random numbers from those of others for the piece."""
        groups: dict[SamplingSettings, list[int]] = {}
        for row, request in enumerate(requests):
            groups.setdefault(_choose_settings(request), []).append(row)
        rolls = np.empty_like(given)
        for settings, members in groups.items():
            rows = np.array(members)
            rngs = [make_rng(requests[row].seed, Stream.CELLS, *keys) for row in members]
            draws = Draws.from_generators(rngs)
            rolls[rows] = compose_rolls(self, given[rows], mask[rows], controls.pieces(rows), settings, draws)
        return rolls

    def _mean_nats(self, rolls: NDArray[np.uint8], controls: Controls, composed: NDArray[np.bool_]) -> float:
        """Nats for each bar that was composed, each given all others."""
        n_bars = rolls.shape[2]
        total = 0.0
        for first in range(0, n_bars, self.window_bars):
            window = slice(first, min(first + self.window_bars, n_bars))
            part = controls.bars(np.arange(window.start, window.stop))
            nats, _ = measure_nats(self, rolls[:, :, window], part)
            total += float((nats * composed[:, :, window]).sum())
        return total / max(int(composed.sum()), 1)

    def _compose_form(
        self, form: str, controls: Controls, request: GenerationRequest, change: float
    ) -> NDArray[np.uint8]:
        """Compose section by section; a letter that returns keeps its notes but for a share of its cells."""
        n_bars = controls.n_bars
        size = n_bars // len(form)
        given, mask = self._nothing(n_bars)
        rng = make_rng(request.seed, Stream.FORM)
        firsts: dict[str, int] = {}
        for index, letter in enumerate(form):
            begin, end = index * size, (index + 1) * size
            first = firsts.setdefault(letter, begin)
            if first < begin:
                same = ~draw_changed_cells(rng, self.spec.n_tracks, size, change)
                given[:, :, begin:end] = given[:, :, first : first + size] * same[None, ..., None, None]
                mask[:, :, begin:end] = same
            so_far = controls.bars(np.arange(end))
            given[:, :, :end] = self._compose(given[:, :, :end], mask[:, :, :end], so_far, [request], index)
            mask[:, :, :end] = True
        return given[0]

    def _close_loop(
        self, roll: NDArray[np.uint8], controls: Controls, request: GenerationRequest
    ) -> NDArray[np.uint8]:
        """`roll` with its last bars composed anew between the bars before them and the first ones."""
        n_bars = roll.shape[1]
        around = min(self.window_bars // 2, n_bars)
        new = min(max(self.phrase_bars // 2, 1), n_bars - 1)
        if not new:
            return roll
        order = np.arange(n_bars - around, n_bars + around) % n_bars  # bars on both sides of the seam
        mask = np.ones((1, len(roll), len(order)), bool)
        mask[:, :, around - new : around] = False
        closing = self._compose(roll[None, :, order], mask, controls.bars(order), [request], len(order))
        closed = roll.copy()
        closed[:, n_bars - new :] = closing[0, :, around - new : around]
        return closed

    def _nothing(self, n_bars: int, n_pieces: int = 1) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        shape = (n_pieces, *self.spec.shape(n_bars))
        return np.zeros(shape, np.uint8), np.zeros(shape[:3], bool)

    def _new_piece(
        self,
        roll: NDArray[np.uint8],
        controls: Controls,
        key: Key,
        request: GenerationRequest,
        sections: tuple[tuple[int, str], ...],
    ) -> Piece:
        """A piece of what was composed to controls of one piece."""
        roll = self._finish(roll, np.zeros(roll.shape[:2], bool), key, request)
        is_free = find_requested_key(self, request) is None and not request.snap
        if is_free and (shares := sounding_shares(roll, self.spec)).any():
            key = estimate_key(shares)
        tempo = float(controls["tempo"][0])
        tempo_qpm = _USUAL_QPM if np.isnan(tempo) else float(round(tempo))
        return Piece(
            roll=roll,
            spec=self.spec,
            tempo_qpm=request.tempo_qpm or tempo_qpm,
            key=key,
            sections=sections,
            feel=self.feel,
            seed=request.seed,
        )

    def _finish(
        self, roll: NDArray[np.uint8], mask: NDArray[np.bool_], key: Key, request: GenerationRequest
    ) -> NDArray[np.uint8]:
        """What was composed, without held cells that have no onset and, if asked for, snapped to the key."""
        composed = snap_to_scale(roll, key.pitch_classes, self.spec) if request.snap else roll
        composed = drop_orphan_holds(composed, self.spec)
        return np.where(mask[..., None, None], roll, composed)

    def _between_seeds(self, a: int, b: int, share: float, n_bars: int, request: GenerationRequest) -> Piece:
        """A piece on the way from what `generate` makes of one seed to that of another."""
        ends = [self.generate(n_bars, request=replace(request, seed=seed)) for seed in (a, b)]
        if share in (0, 1):
            return ends[int(share)]
        return self._between(ends[0], ends[1], share, replace(request, seed=a if share < 0.5 else b))

    def _between(self, a: Piece, b: Piece, share: float, request: GenerationRequest) -> Piece:
        """Cells of `a`, cells of `b`, and between them composed ones, in the key of the nearer piece."""
        n_bars = min(a.n_bars, b.n_bars)
        rolls = [piece.roll[:, :n_bars] for piece in (a, b)]
        if a.key and b.key and 0 < share < 1:
            near = a.key if share < 0.5 else b.key
            shifts = (piece.key.to_canonical - near.to_canonical for piece in (a, b) if piece.key)
            rolls = [
                transpose(roll, (shift + 6) % 12 - 6, self.spec) for roll, shift in zip(rolls, shifts, strict=True)
            ]
        order = make_rng(request.seed, Stream.INTERPOLATION).random(rolls[0].shape[:2])
        margin = share * (1 - share)  # at the middle, half of the cells are composed
        from_a, from_b = order > share + margin, order < share - margin
        roll = np.where(from_b[..., None, None], rolls[1], rolls[0])
        mask = from_a | from_b if 0 < share < 1 else np.ones_like(from_a)
        tempo = (1 - share) * a.tempo_qpm + share * b.tempo_qpm
        mixed = replace(a, roll=roll, tempo_qpm=tempo, given=None, sections=())
        return self.fill(mixed, mask, request=request)


def _choose_settings(request: GenerationRequest) -> SamplingSettings:
    """How a request is drawn: the usual temperatures, all scaled alike."""
    usual, scale = SamplingSettings(), request.temperature
    return SamplingSettings(
        n_passes=request.passes,
        step_temperature=max(scale * usual.step_temperature, _COLDEST),
        pitch_temperature=max(scale * usual.pitch_temperature, _COLDEST),
        length_temperature=max(scale * usual.length_temperature, _COLDEST),
        copy_temperature=max(scale * usual.copy_temperature, _COLDEST),
        repetition=request.repetition,
    )


def number_sections(n_bars: int, size: int) -> tuple[tuple[int, str], ...]:
    """First bar and name of each phrase of `size` bars of a piece."""
    return tuple((first, f"phrase {index + 1}") for index, first in enumerate(range(0, n_bars, size)))


def check_bars(n_bars: int) -> None:
    """Raise `ConfigError` for more or fewer bars than can be composed."""
    if not isinstance(n_bars, Integral) or not 1 <= n_bars <= MAX_BARS:
        raise ConfigError(f"{n_bars!r} bars cannot be composed; 1 to {MAX_BARS} are possible")


def load_model(name_or_path: str | os.PathLike | None = None, device: str = "auto") -> Model:
    """Load a model by its name, a ``.safetensors`` file, or the best model of a run folder.

    Raises `ModelError` when it is missing or damaged, `MuseganError` when the device is not there.
    """
    with composing_threads():
        file = load_model_file(find_model(name_or_path), pick_device(device))
        if is_faster_in_bfloat16(file.config.model, file.device):
            file.composer.bfloat16()  # as exact as the weights in the file
    return Model(**{item.name: getattr(file, item.name) for item in fields(file)})
