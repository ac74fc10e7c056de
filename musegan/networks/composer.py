"""The composer: one network for every task. It has, for each cell that is not given, a distribution over contents:
notes that are drawn one by one, or a copy of a given cell of the same track."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from musegan.config import ModelConfig
from musegan.music.controls import find_controls
from musegan.music.spec import RollSpec
from musegan.networks.cells import CellBatch, CellEncoder
from musegan.networks.copy_pointer import CopyPointer
from musegan.networks.layers import RowLinear, zero_linear
from musegan.networks.note_decoder import NoteDecoder
from musegan.networks.surroundings import Surroundings, SurroundingsReader, find_surroundings
from musegan.networks.trunk import Block, CellVectors, Rows

LATENT = "latent"  # the feature of a batch that holds them, if it has any: (batch, track, bar, kind * size)
LATENT_KINDS = {
    "piece": (False, False),
    "bar": (False, True),
    "track": (True, False),
    "track and bar": (True, True),
}
"""The latents by name: whether each track has its own, and whether each bar has."""


class Composer(nn.Module):
    """The network over cells. `n_beats` is the length of its windows, in beats."""

    def __init__(self, spec: RollSpec, config: ModelConfig) -> None:
        super().__init__()
        self.spec, self.config = spec, config
        width, n_tracks = config.width, spec.n_tracks
        self.n_beats = config.window_bars * spec.beats_per_bar
        self.encoder = CellEncoder(spec, config.note_size, width)
        self.controls = nn.ModuleDict()
        self.kinds = find_controls(config.own_controls)
        for item in self.kinds:
            n_copies = n_tracks if "track" in item.axes else 1
            self.controls[item.name] = nn.Linear(item.n_features(spec), n_copies * width, bias=False)
        if config.latent_size:
            n_numbers = len(LATENT_KINDS) * config.latent_size
            self.latent = nn.Parameter(torch.randn(n_tracks, n_numbers, width) * 0.02)
        self.track = nn.Parameter(torch.randn(n_tracks, width) * 0.5)
        self.beat = nn.Parameter(torch.zeros(n_tracks, spec.beats_per_bar, width))
        self.draft = nn.Parameter(torch.zeros(n_tracks, width))
        self.input_norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(Block(config, self.n_beats) for _ in range(config.n_blocks))
        self.output_norm = nn.LayerNorm(width)
        self.to_notes = RowLinear(width, config.decoder_width)
        self.surroundings = SurroundingsReader(config.note_size, config.decoder_width)
        self.decoder = NoteDecoder(spec, config.note_size, config.decoder_width)
        self.pointer = CopyPointer(spec, width, self.n_beats)
        self.doubt = zero_linear(width, 1)

    def read(self, batch: CellBatch, is_known: Tensor, is_draft: Tensor | None = None) -> CellVectors:
        """Vectors of every cell of the tracks that play.

        ``is_known : (batch, track, beat), bool`` is True for given cells. Bars in which a track rests are known to
        be empty. ``is_draft``, of the same shape, is True for those of them that may be wrong, because the
        composer itself drew them.
        """
        rows = Rows.of(batch)
        notes = self.encoder.embed_notes(batch)
        known = is_known | ~batch.is_playing
        x = self.encoder(batch, notes, known) + self._read_controls(batch)
        if is_draft is not None:
            x = x + (is_draft & known)[..., None] * self.draft[:, None]
        x = self.input_norm(x.flatten(0, 1)[rows.line])
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))  # sums of both kinds of numbers are slow
        for block in self.blocks:
            x = block(x, rows)
        return CellVectors(batch=batch, rows=rows, hidden=self.output_norm(x), notes=notes)

    def _read_controls(self, batch: CellBatch) -> Tensor:
        """(batch, track, beat, width)."""
        spec, n_bars = self.spec, batch.shape[2] // self.spec.beats_per_bar
        total = (self.track[:, None] + self.beat.repeat(1, n_bars, 1))[None]
        for item in self.kinds:
            layer = self.controls[item.name]
            features = batch.features[item.name].to(self.track.dtype)
            if "track" in item.axes:
                weight = layer.get_parameter("weight").view(spec.n_tracks, -1, features.shape[-1])
                read = torch.einsum("bt...f,tcf->bt...c", features, weight)
                read = read.repeat_interleave(spec.beats_per_bar, 2) if "bar" in item.axes else read[:, :, None]
            else:
                read = layer(features)
                read = read[:, None] if "beat" in item.axes else read[:, None, None]
            total = total + read
        if self.config.latent_size and LATENT in batch.features:
            read = torch.einsum("ztbf,tfc->ztbc", batch.features[LATENT], self.latent)
            total = total + read.repeat_interleave(spec.beats_per_bar, 2)
        return total

    def log_likelihood(
        self,
        batch: CellBatch,
        is_known: Tensor,
        vectors: CellVectors | None = None,
        order: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Log probability of the content of every cell that is not given, in bars in which its track plays.

        `vectors` are those of `read`, where they are known already. ``order : (batch, track, beat), int64`` says
        when cells are drawn; beat after beat when left out.

        Returns
        -------
        target : (target,), int64
            Those cells, as flat indices.
        scores : (target,), float32
            Nats, each cell given all known ones and those of its track that are drawn before it. Their sum over
            one track is the likelihood of what is not known of it; tracks do not know of each other.
        """
        target = (~is_known & batch.is_playing).reshape(-1).nonzero()[:, 0]
        return target, self.score(vectors or self.read(batch, is_known), is_known, target, order)

    def score(self, vectors: CellVectors, is_known: Tensor, target: Tensor, order: Tensor | None = None) -> Tensor:
        """The scores of `log_likelihood` of some cells, rising flat indices: (target,), float32."""
        batch, hidden = vectors.batch, vectors.of_cells(target)
        around = self.look_around(batch, vectors.notes, is_known, target, order)
        cells = self.to_notes(hidden) + self.surroundings(around)
        notes = self.decoder.log_likelihood(vectors, cells, target, around.neighbours)
        shares = self.pointer(vectors, target, is_known, around)
        return torch.logaddexp(shares.new + notes, self.pointer.score_copies(shares, batch, target))

    def look_around(
        self, batch: CellBatch, notes: Tensor, is_known: Tensor, target: Tensor, order: Tensor | None = None
    ) -> Surroundings:
        """The surroundings of some cells in a batch with all notes that are known when they are drawn; `notes` are
        their vectors, the others as in `log_likelihood`."""
        if order is None:
            order = torch.arange(batch.shape[2], device=target.device).expand(batch.shape)
        return find_surroundings(self.encoder, batch, notes, is_known | ~batch.is_playing, order, target)

    def doubt_cells(self, vectors: CellVectors, cells: Tensor) -> Tensor:
        """How likely drafts are wrong, given everything else that is known: (cell,), float32, logits.

        `cells` are flat indices of drafts that `vectors` were read of.
        """
        return self.doubt(vectors.of_cells(cells))[:, 0].float()
