"""How a model composes what its verbs ask for: keys, whole pieces, sections, loops, many pieces at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from musegan.composing.arrangement import Arrangement, arrange_tracks
from musegan.composing.compose import compose, draw_controls
from musegan.composing.drafting import as_dense, draw, factors_of, stacked, temperatures_of
from musegan.composing.forms import (
    DRUM_FILL,
    bars_before_changes,
    bars_of_form,
    common_cells,
    draw_changed_cells,
    measure_line_likeness,
    measure_seam_likeness,
)
from musegan.composing.latent_directions import latent_shift
from musegan.composing.request import GenerationRequest
from musegan.composing.requested_controls import (
    apply_request,
    choose_clearest_in_key,
    choose_prior_rows,
    controls_for,
    draw_key,
    measure_manner,
    requested_key,
    requested_scale,
    with_progression,
)
from musegan.composing.threads import composing_threads
from musegan.composing.trained import TrainedModel
from musegan.errors import MuseganError
from musegan.music.key import Key, estimate_key
from musegan.music.pianoroll import drop_orphan_holds, snap_to_scale, sounding_shares, transpose
from musegan.music.piece import Piece
from musegan.networks import Latents
from musegan.networks.controls import REST, Controls

MAX_BARS = 512
_EXCERPTS, _CLEARLY = 8, 0.1  # of real songs that are looked at for one whose chords say its key, and how clearly
_EXCERPTS_IN_KEY, _CLEARLY_IN_KEY = 32, 0.35  # the same where the user asks for a key
_KEY_DRAFTS = 4  # of a piece that is heard in another key, at most
_LOOP_DRAFTS = 24  # of the last bars of a loop, at most


@dataclass(frozen=True, kw_only=True)
class Filling:
    """What is to be composed in a piece."""

    piece: Piece
    mask: NDArray[np.bool_]  # (track, bar): True is given
    request: GenerationRequest
    key: Key  # of what is given, or wished for
    shift: int  # semitones from the piece to what the networks know
    controls: Controls  # of one piece


@dataclass(kw_only=True, repr=False)
class Composer(TrainedModel):
    """What stands between the verbs of a `Model` and the networks."""

    def generate_many(
        self, requests: Sequence[GenerationRequest], n_bars: int = 8, *, tracks: Sequence[str] | None = None
    ) -> list[Piece]:
        """Compose pieces from nothing, one for each of `requests`, in one pass of the networks.

        They are those that `generate` makes, but for cells at the edge of sounding, as sums are rounded otherwise
        in a batch. The same list gives the same pieces. Each is one draft, whatever ``best_of`` says.
        """
        check_bars(n_bars)
        phrase = self.config.model.phrase_bars
        asked = [self._asked(n_bars, tracks, own, "full", phrase) for own in requests]
        given, mask = self._nothing(n_bars, len(requests))
        rolls = self._compose_many(given, mask, [own for own, _ in asked], requests)
        pieces = []
        for roll, (own, key), request in zip(rolls, asked, requests, strict=True):
            roll = self._in_key(roll, own, request)
            sections = numbered_sections(n_bars, phrase)
            pieces.append(self._new_piece(drop_orphan_holds(roll, self.spec), own, key, request, sections))
        return pieces

    def fill_many(
        self,
        pieces: Sequence[Piece],
        masks: Sequence[NDArray[np.bool_]],
        requests: Sequence[GenerationRequest],
        *,
        must_play: Sequence[int] = (),
    ) -> list[Piece]:
        """Compose the cells that are not given of pieces of one length, like `fill`, in one pass of the networks.

        The windows go over the bars that are new in any of the pieces, so the result depends on all of them.
        """
        plans, contexts = zip(
            *(self._filling(*each, must_play) for each in zip(pieces, masks, requests, strict=True)), strict=True
        )
        controls = [plan.controls for plan in plans]
        rolls = self._compose_many(np.concatenate(contexts), np.stack(masks), controls, requests)
        return [self._filled(plan, roll) for plan, roll in zip(plans, rolls, strict=True)]

    def _compose_many(
        self,
        given: NDArray[np.uint8],
        mask: NDArray[np.bool_],
        controls: Sequence[Controls],
        requests: Sequence[GenerationRequest],
    ) -> NDArray[np.uint8]:
        n_bars = mask.shape[2]
        latents = stacked([draw(self, own, n_bars) for own in requests])
        once = partial(compose, self, given, mask, latents=latents, temperature=temperatures_of(requests))
        return self._as_asked(once, mask, stacked(controls), requests)

    def _filling(
        self,
        piece: Piece,
        mask: NDArray[np.bool_],
        request: GenerationRequest,
        must_play: Sequence[int] = (),
        like: Piece | None = None,
    ) -> tuple[Filling, NDArray[np.uint8]]:
        """What `fill` is asked for, and what is given as the networks know it, (1, track, bar, step, pitch)."""
        self.spec.require_same(piece.spec, "the model", "the piece")
        material = piece.roll * mask[..., None, None]
        key = requested_key(self, request) or estimate_key(sounding_shares(material, self.spec))
        shift = self.semitones(key)
        context = transpose(material, shift, self.spec, out=material)[None]
        manner = None if like is None else measure_manner(self, like, piece.n_bars, shift)
        controls = controls_for(self, context, mask, must_play, key, request, manner)
        controls = with_progression(self, controls, request, shift)
        plan = Filling(piece=piece, mask=mask, request=request, key=key, shift=shift, controls=controls)
        return plan, context

    def _filled(self, plan: Filling, composed: NDArray[np.uint8], bars: slice = slice(None)) -> Piece:
        """The piece with the composed cells of some bars, ``composed : (track, bar, step, pitch)`` as the networks
        know it, which is changed."""
        composed = transpose(composed, -plan.shift, self.spec, out=composed)
        if scale := requested_scale(plan.request, plan.key, self.spec):
            composed = snap_to_scale(composed, scale, self.spec)
        composed = drop_orphan_holds(composed, self.spec, out=composed)
        roll = plan.piece.roll.copy()
        np.copyto(roll[:, bars], composed, where=~plan.mask[:, bars, None, None])
        return replace(
            plan.piece,
            roll=roll,
            given=plan.mask,
            key=plan.key,
            feel=self.feel,
            seed=plan.request.seed,
            tempo_qpm=plan.request.tempo_qpm or plan.piece.tempo_qpm,
        )

    def _new_piece(
        self,
        roll: NDArray[np.uint8],
        controls: Controls,
        key: Key | None,
        request: GenerationRequest,
        sections: tuple[tuple[int, str], ...] = (),
    ) -> Piece:
        """A piece of what was composed from nothing, in the key that is wished for."""
        key, roll = self._to_key(roll, controls, key, request)
        tempo = request.tempo_qpm or 120.0
        return Piece(
            roll=roll,
            spec=self.spec,
            tempo_qpm=tempo,
            key=key,
            sections=sections,
            feel=self.feel,
            seed=request.seed,
        )

    def _nothing(self, n_bars: int, n_pieces: int = 1) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        shape = (n_pieces, *self.spec.shape(n_bars))
        return np.zeros(shape, np.uint8), np.zeros(shape[:3], bool)

    def _compose_cells(
        self,
        given: NDArray[np.uint8],
        mask: NDArray[np.bool_],
        controls: Controls,
        request: GenerationRequest,
        latents: Latents | None = None,
    ) -> NDArray[np.uint8]:
        nudge = latent_shift(self, request.knobs)
        once = partial(
            compose,
            self,
            given,
            mask,
            latents=latents,
            nudge=nudge,
            seed=request.seed,
            temperature=request.temperature,
        )
        if request.sketch:
            with composing_threads():
                return once(controls=controls)[0]
        return self._as_asked(once, mask, controls, [request], request.best_of)[0]

    def _as_asked(
        self,
        once: Callable[..., NDArray[np.uint8]],
        mask: NDArray[np.bool_],
        controls: Controls,
        requests: Sequence[GenerationRequest],
        best_of: int = 1,
    ) -> NDArray[np.uint8]:
        """Pieces with about the notes that are wished for; `once` composes them with controls."""
        factors = factors_of(self, requests)
        with composing_threads():
            if np.any((factors > 0) & (factors != 1)):
                controls, rolls = as_dense(lambda own: once(controls=own), controls, factors, mask)
                if best_of == 1:
                    return rolls
            return once(controls=controls, best_of=best_of)

    def _in_key(
        self, roll: NDArray[np.uint8], controls: Controls, request: GenerationRequest
    ) -> NDArray[np.uint8]:
        """`roll` or, where it is heard in another key than the one that is wished for, the first of some drafts
        that is heard in it."""
        key = requested_key(self, request)
        if key is None or request.sketch:
            return roll
        home = Key((key.tonic + self.semitones(key)) % 12, key.is_minor)
        given, mask = self._nothing(roll.shape[1])
        draft = roll
        for number in range(_KEY_DRAFTS + 1):
            if number:
                latents = self.draw_latents(np.random.default_rng([request.seed, 6, number]), 1, roll.shape[1])
                draft = self._compose_cells(given, mask, controls, request, latents)
            shares = sounding_shares(draft, self.spec)
            if not shares.any() or estimate_key(shares) == home:
                return draft
        return roll

    def _to_key(
        self, roll: NDArray[np.uint8], controls: Controls, key: Key | None, request: GenerationRequest
    ) -> tuple[Key, NDArray[np.uint8]]:
        """Move a piece composed from nothing to `key`; its key is the one wished for or snapped to, else heard."""
        if key is None:
            key = estimate_key(controls.key[0] if controls.key.any() else sounding_shares(roll, self.spec))
        else:
            roll = transpose(roll, -self.semitones(key), self.spec)
        if scale := requested_scale(request, key, self.spec):
            roll = snap_to_scale(roll, scale, self.spec)
        is_free = requested_key(self, request) is None and not request.snap
        if is_free and (shares := sounding_shares(roll, self.spec)).any():
            key = estimate_key(shares)
        return key, roll

    def _asked(
        self,
        n_bars: int,
        tracks: Sequence[str] | None,
        request: GenerationRequest,
        arrangement: Arrangement,
        phrase: int,
        form: str = "",
    ) -> tuple[Controls, Key | None]:
        """Controls of a piece from nothing and its key; None where it is heard in what is composed.

        Sections of a `form`, each of `phrase` bars, follow one another in a song as their letters do.
        """
        bars = bars_of_form(form, phrase) if form else np.arange(n_bars)
        key = requested_key(self, request)
        rows = choose_prior_rows(self, replace(request, key=key))
        rng = np.random.default_rng(request.seed)
        n_excerpts, clearly = (_EXCERPTS, _CLEARLY) if key is None else (_EXCERPTS_IN_KEY, _CLEARLY_IN_KEY)
        excerpts = (draw_controls(self, rng, 1, int(bars.max()) + 1, rows) for _ in range(n_excerpts))
        controls = choose_clearest_in_key(excerpts, clearly).bars(bars)
        controls = replace(controls, play=arrange_tracks(controls.play, self.spec, arrangement, phrase))
        controls = apply_request(self, controls, tracks, request)
        if key is None and self.config.model.transpose == "key":
            key = draw_key(request.seed, estimate_key(controls.key[0]).is_minor)
        return with_progression(self, controls, request, self.semitones(key)), key

    def _sections(
        self, form: str, n_bars: int, controls: Controls, request: GenerationRequest, change: float
    ) -> NDArray[np.uint8]:
        """Compose section by section; a letter that returns keeps its notes but for a share of its cells.

        Another letter keeps some bars of the drums of the section before it, and of other tracks where the chords
        are the same, as songs do.
        """
        size = n_bars // len(form)
        given, mask = self._nothing(n_bars)
        rng = np.random.default_rng([request.seed, 3])
        drum_fills, is_drum = bars_before_changes(form, size), np.array(self.spec.is_drum)
        firsts: dict[str, int] = {}
        order = np.arange(n_bars)  # the bar whose controls each bar has
        latents: Latents | None = None
        for index, letter in enumerate(form):
            begin, end = index * size, (index + 1) * size
            first = firsts.setdefault(letter, begin)
            own = self.draw_latents(rng, 1, size)
            latents = own if latents is None else latents.join(own)
            if first < begin:
                same, before = ~draw_changed_cells(rng, self.spec.n_tracks, size, change), first
                order[begin:end] = order[first : first + size]
            elif index:
                before = begin - size
                chords = controls.chords_of_bars()[0, order]
                same = common_cells(rng, is_drum, np.all(chords[begin:end] == chords[before:begin], axis=-1))
                same &= controls.play[0, :, begin:end] != REST
                same &= given[0, :, before:begin].any((-1, -2))
            if index:
                given[:, :, begin:end] = given[:, :, before : before + size] * same[None, ..., None, None]
                mask[:, :, begin:end] = same
            so_far = controls.bars(order[:end])
            if first < begin:
                so_far.returns[:, :, begin:] = 0  # what changes is new
            so_far.returns[:, is_drum, -1] = 0  # the last bar leads on
            for bar in drum_fills[: index + 1]:
                if bar < end:
                    so_far.density[:, is_drum, bar] *= DRUM_FILL
                    so_far.returns[:, is_drum, bar] = so_far.unison[:, is_drum, bar] = 0
            given[:, :, :end] = self._compose_cells(given[:, :, :end], mask[:, :, :end], so_far, request, latents)
            mask[:, :, :end] = True
        return given[0]

    def _close_loop(
        self, roll: NDArray[np.uint8], controls: Controls, request: GenerationRequest
    ) -> NDArray[np.uint8]:
        """`roll` or, where its seam is worse than its other bar lines, the best of drafts of its last bars.

        They are composed between the bars before them and the first ones, and drafted until the seam is as good.
        """
        n_bars, phrase = roll.shape[1], self.config.model.phrase_bars
        new = min(phrase // 2, n_bars - 1)
        wanted = measure_line_likeness(roll)
        order = np.arange(n_bars - phrase, n_bars + phrase) % n_bars  # a phrase on both sides of the seam
        mask = np.ones((1, len(roll), len(order)), bool)
        mask[:, :, phrase - new : phrase] = False
        best, controls = roll, controls.bars(order)
        controls.returns[:, :, phrase - new : phrase] = 0  # so that drafts differ
        for number in range(_LOOP_DRAFTS):
            if not new or request.sketch or measure_seam_likeness(best) >= wanted:
                break
            latents = self.draw_latents(np.random.default_rng([request.seed, 4, number]), 1, len(order))
            draft = roll.copy()
            closing = self._compose_cells(roll[None, :, order], mask, controls, request, latents)
            draft[:, n_bars - new :] = closing[:, phrase - new : phrase]
            best = max(best, draft, key=measure_seam_likeness)
        return best


def numbered_sections(n_bars: int, size: int) -> tuple[tuple[int, str], ...]:
    """First bar and name of each phrase of `size` bars of a piece."""
    return tuple((first, f"phrase {index + 1}") for index, first in enumerate(range(0, n_bars, size)))


def check_bars(n_bars: int) -> None:
    """Raise `MuseganError` for more or fewer bars than can be composed."""
    if not 1 <= n_bars <= MAX_BARS:
        raise MuseganError(f"{n_bars} bars cannot be composed; 1 to {MAX_BARS} are possible")
