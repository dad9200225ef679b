"""What a run of SCALE is made of: the shape of the network, and how it is trained.

Both are frozen pydantic models, so that a checkpoint can hold them as plain values and a mistake in a recipe is
found before any work is done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from m5tools.vocabulary import MEDIA, MODALITIES, Modality

SAMPLE_RATE: Final = 16_000
"""Samples a second of `Batch.audio`."""


class FrozenModel(BaseModel):
    """A model that is not trained here, whose vectors are the tokens of a modality.

    Attributes:
        size: numbers in a vector.
        fingerprint: of its files (:func:`m5tools.embedding.fingerprint`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    fingerprint: str


class ScaleConfig(BaseModel):
    """Shape of one SCALE network; the configurations below are sizes of the same code.

    Attributes:
        width, heads, feedforward: transformer width, attention heads, hidden width of the feed-forward part as a
            multiple of `width`.
        media_hidden: hidden width of the feed-forward part in the encoders of image, video and audio, where it is
            another one (1,024 in M5Product).
        encoder_layers, fusion_layers: depth of each unimodal encoder and of the joint co-transformer
            (6 and 6 in M5Product).
        embedding: size of the shared space of the contrastive task.
        vocabulary: upper bound of the BPE vocabulary; a small cut may yield fewer words.
        text_tokens: words kept of one product's title and description.
        table_pairs, entity_words: pairs kept of a table; words kept of one name or one value.
        pictures, grid, patch: pictures kept; each becomes `grid × grid` tokens of `patch × patch` pixels.
        frames, frame_pixels: frames kept, one token each; a frame is scaled to this many pixels a side.
        audio_tokens: tokens kept of a recording, one second each.
        mels, slices: bands of the log-mel spectrogram; time slices that make up one token.
        dropout: rate after attention and feed-forward parts.
        attention_dropout: rate of the attention weights themselves. At 0 the fused kernel runs, which never stores
            them.
        modality_dropout: while training, share of present modalities the joint co-transformer is not shown (each
            product keeps one); the joint vector must be found without them.
        masked_heads: what the masked tasks read. `joint`: the joint outputs, so that a hidden token is told from all
            modalities (Eq. 1 of M5Product). `unimodal`: each encoder's own outputs, as in the released code.
        missing: `masked`: an absent modality has no token at all. `zeros`: it has as many tokens of nothing as there
            is room for, attended to, contrasted and reconstructed as if real, which is the published behaviour.
        frozen: modalities whose tokens are vectors of a frozen model, one for a text, one for each picture kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int
    heads: int
    feedforward: int = 2
    media_hidden: int | None = None
    encoder_layers: int
    fusion_layers: int
    embedding: int
    vocabulary: int
    text_tokens: int
    table_pairs: int
    entity_words: int = 6
    pictures: int = 2
    grid: int
    patch: int
    frames: int
    frame_pixels: int
    audio_tokens: int
    mels: int = 40
    slices: int = 4
    dropout: float = Field(default=0.0, ge=0, le=1)
    attention_dropout: float = Field(default=0.0, ge=0, le=1)
    modality_dropout: float = Field(default=0.0, ge=0, lt=1)
    masked_heads: Literal["joint", "unimodal"] = "joint"
    missing: Literal["masked", "zeros"] = "masked"
    frozen: dict[Modality, FrozenModel] = {}

    @property
    def of_numbers(self) -> tuple[Modality, ...]:
        """Modalities whose tokens are numbers; those of the others are words."""
        return tuple(m for m in MODALITIES if m in MEDIA or m in self.frozen)

    def hidden(self, modality: Modality) -> int:
        """Hidden width of the feed-forward part of one modality's encoder."""
        if modality in MEDIA and self.media_hidden is not None:
            return self.media_hidden
        return self.feedforward * self.width

    def tokens(self, modality: Modality) -> int:
        """Longest token sequence of one modality."""
        return {
            Modality.IMAGE: self.pictures * (1 if Modality.IMAGE in self.frozen else self.grid**2),
            Modality.TEXT: 1 if Modality.TEXT in self.frozen else self.text_tokens,
            Modality.TABLE: 2 * self.table_pairs,
            Modality.VIDEO: self.frames,
            Modality.AUDIO: self.audio_tokens,
        }[modality]

    def features(self, modality: Modality) -> int:
        """Numbers in one token of image, video, audio, or what is frozen."""
        if modality in self.frozen:
            return self.frozen[modality].size
        return {
            Modality.IMAGE: 3 * self.patch**2,
            Modality.VIDEO: 3 * self.frame_pixels**2,
            Modality.AUDIO: self.mels * self.slices,
        }[modality]


MODELS: Final[dict[str, ScaleConfig]] = {
    # At most 48 tokens and 0.5 million parameters: about half a minute a run on one core.
    "study": ScaleConfig(
        width=64, heads=4, encoder_layers=1, fusion_layers=1, embedding=64, vocabulary=1984,
        text_tokens=16, table_pairs=10, pictures=1, grid=2, patch=12, frames=4, frame_pixels=12, audio_tokens=4,
    ),
    # 3 to 6 million parameters: trains on a CPU in minutes to hours.
    "compact": ScaleConfig(
        width=192, heads=6, encoder_layers=2, fusion_layers=2, embedding=192, vocabulary=4096,
        text_tokens=36, table_pairs=24, grid=4, patch=16, frames=12, frame_pixels=16,
        audio_tokens=12,
    ),
    # The depth, width and lengths of M5Product: 6 + 6 layers, 228 tokens. For GPUs.
    "paper": ScaleConfig(
        width=768, heads=8, feedforward=4, media_hidden=1024, encoder_layers=6, fusion_layers=6, embedding=768,
        vocabulary=21_128, text_tokens=36, table_pairs=32, pictures=1, grid=6, patch=32, frames=12, frame_pixels=24,
        audio_tokens=80, mels=80, slices=8, dropout=0.1,
    ),
}  # fmt: skip


class TrainConfig(BaseModel):
    """One training run.

    Attributes:
        shards: shard folder, a path or a URI.
        out: folder for `checkpoints/` and `metrics.jsonl`.
        cut: folder of a narrower cut (`<dataset>/cuts/<name>`); None takes all the shards hold.
        model: which of :data:`MODELS`.
        network: SCALE, or one that it is measured against (:data:`m5tools.scale.networks.NETWORKS`).
        features: modality → overlay of the shards whose frozen vectors take the place of its tokens.
        tokenizer: a `tokenizer.json`, or the folder that holds one, whose words are used; None learns them from the
            split. Checkpoints hold it.
        masked_heads, missing, modality_dropout: see :class:`ScaleConfig`.
        steps, batch_size: optimiser steps; products a step, over all ranks together.
        lr, weight_decay, clip, warmup: AdamW's peak rate and decay, the gradient norm's bound, and the steps of
            linear warm-up; afterwards the rate falls linearly to 2 % of its peak.
        seed: of the weights, the order of products and the masks.
        harmony: rule that weighs modalities and pairs (:mod:`m5tools.scale.harmony`).
        calibration_rows, calibration_every: products set aside for the rule and never trained on (at most a tenth
            of the split); steps between its measurements.
        masked_share: lambda, the weight of the masked tasks beside the contrastive one.
        fused_share: weight of the contrast of the joint vector. Only where it is above 0 are joint outputs trained to
            retrieve.
        consensus_share: weight of the contrast of each modality with the mean of the product's others.
        temperature: tau of the contrastive task.
        masking: share of tokens (table: of names and values) hidden for the masked tasks.
        image_size: pixels a side at which the loader delivers pictures and frames.
        precision: of the arithmetic; with bfloat16 the transformer layers run in autocast; weights, what passes between
            layers, cosines and losses stay float32.
        device: where the arithmetic is done; a cuda device a rank under torchrun.
        sharding: what ranks hold: `copies` of the network (DDP), or its `shards` (FSDP2).
        compile: compile the transformer layers (needs a C++ compiler).
        threads: of the arithmetic, in each rank. More gain a small network little, wait for each other on a busy
            machine, and another number changes the last bits.
        workers: processes a rank that decode products ahead; 0 decodes in a thread of this one.
        max_bad_share: share of unreadable products above which the run ends.
        memory_mb: the split's tokens are kept in memory (of every rank) if they fit, else decoded anew every epoch.
        checkpoint_every, keep_checkpoints: steps between checkpoints (the last step always writes one); how many of
            the newest stay.
        tensorboard: also write the metrics for TensorBoard, in `out`.
        time_limit_s: stop after this many seconds with what has been learned. Such a run depends on the machine's
            speed, so it is not repeatable bit by bit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shards: str
    out: Path
    cut: str | None = None
    model: Literal["study", "compact", "paper"] = "study"
    network: Literal[
        "scale", "image_alone", "text_alone", "table_alone", "video_alone", "audio_alone", "late_fusion",
        "pairwise_contrast", "concatenation", "co_attention", "fixed_features",
    ] = "scale"  # fmt: skip
    features: dict[Literal["text", "image"], str] = {}
    tokenizer: Path | None = None
    masked_heads: Literal["joint", "unimodal"] = "joint"
    missing: Literal["masked", "zeros"] = "masked"
    modality_dropout: float = Field(default=0.0, ge=0, lt=1)
    steps: int = Field(default=300, ge=1)
    batch_size: int = Field(default=64, ge=2)
    lr: float = Field(default=2e-3, gt=0)
    weight_decay: float = 0.01
    clip: float = 1.0
    warmup: int = 20
    seed: int = 0
    harmony: Literal["harmonized", "uniform", "paper", "released", "log_variance"] = "harmonized"
    calibration_rows: int = Field(default=256, ge=0)
    calibration_every: int = Field(default=10, ge=1)
    masked_share: float = 0.3
    fused_share: float = Field(default=0.0, ge=0)
    consensus_share: float = Field(default=0.0, ge=0)
    temperature: float = Field(default=0.1, gt=0)
    masking: float = Field(default=0.15, ge=0, le=1)
    image_size: int = 64
    precision: Literal["float32", "bfloat16"] = "float32"
    device: Literal["cpu", "cuda"] = "cpu"
    sharding: Literal["copies", "shards"] = "copies"
    compile: bool = False
    threads: int = Field(default=1, ge=1)
    workers: int = Field(default=0, ge=0)
    max_bad_share: float = Field(default=0.05, ge=0, le=1)
    memory_mb: int = 1024
    checkpoint_every: int = Field(default=200, ge=1)
    keep_checkpoints: int = Field(default=2, ge=1)
    tensorboard: bool = False
    time_limit_s: float | None = None

    @property
    def shape(self) -> ScaleConfig:
        """Of the network, before its words and frozen features are known."""
        chosen = ("masked_heads", "missing", "modality_dropout")
        return MODELS[self.model].model_copy(update={name: getattr(self, name) for name in chosen})


FREE: Final = frozenset(
    (
        "shards", "cut", "out", "device", "sharding", "compile", "threads", "workers", "max_bad_share", "memory_mb",
        "checkpoint_every", "keep_checkpoints", "tensorboard", "time_limit_s",
    )
)  # fmt: skip
"""Settings of :class:`TrainConfig` with which a run may go on otherwise: they decide where and how fast, not what."""
