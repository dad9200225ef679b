"""The settings of the stages `shard` and `overlay`."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from m5tools.balancing import Rule
from m5tools.stage import StageConfig
from m5tools.vocabulary import MEDIA, Modality

FRAMES_A_SECOND: Final = 1.0
SAMPLE_RATE: Final = 16_000


class Encoding(StageConfig):
    """How media are written: at training size, or as they are."""

    media: Literal["encoded", "untouched"] = Field(
        "encoded", description="encoded: at training size; untouched: the original bytes under their real suffix"
    )
    video: Literal["frames", "clip", "untouched"] | None = Field(
        None,
        description="frames: JPEGs, one a second; clip: cut out at key frames, not encoded again; null: frames where "
        "media are encoded, else untouched",
    )
    image_long_side: int = Field(512, ge=16, description="longest side of encoded pictures and frames, in pixels")
    image_quality: int = Field(90, ge=1, le=100, description="JPEG quality of encoded pictures and frames")
    max_frames: int = Field(16, ge=1, description="frames of a clip, one a second from its start")
    clip_start_s: float = Field(
        0.0, ge=0, description="where a cut-out clip begins, in seconds: at the last key frame up to there"
    )
    clip_seconds: float = Field(10.0, gt=0, description="length of a cut-out clip, in seconds, at most")
    max_audio_seconds: float = Field(30.0, gt=0, description="length of an encoded sound, from its start, in seconds")

    @property
    def video_form(self) -> Literal["frames", "clip", "untouched"]:
        """What becomes of a clip."""
        return self.video or ("untouched" if self.media == "untouched" else "frames")


class ShardConfig(Encoding):
    """Which cut, in which order, at which size."""

    name: str = Field("default", description="name of the shard folder")
    cut: str = Field("default", description="the cut to write")
    policy: str = Field("default", description="the policy whose tags go into the index")
    seed: int = Field(0, ge=0, lt=2**64, description="seed of the order of samples")
    samples_per_shard: int = Field(1000, ge=1, description="samples in one tar")
    max_images: int = Field(6, ge=1, description="pictures of a product, by position")


class OverlayConfig(StageConfig):
    """What is laid over which shard folder."""

    name: str = Field(description="name of the overlay")
    shards: str = Field("default", description="the shard folder it lies over")
    cut: str | None = Field(None, description="a later cut: media that it allows and the shards lack")
    modalities: tuple[Modality, ...] = Field(MEDIA, description="which media to take, where a cut is given")
    policy: str | None = Field(None, description="a policy: its tags take the place of those in the index")
    table: str | None = Field(None, description="a Parquet file keyed by product_id: its other columns are added")
    model: str | None = Field(
        None, description="path or name of a sentence-transformers model: the vectors it makes of a modality are added"
    )
    of: Literal["text", "image"] = Field(
        "text", description="what the model reads: title and description, or (one of CLIP's kind) all pictures"
    )

    weights: Rule | None = Field(
        None,
        description="a rule by which rare categories come more often, or frequent ones less; how often each sample "
        "comes in an epoch is added as a column of the rule's name, for the loader's weights",
    )
    beta: float = Field(
        0.999, ge=0, lt=1, description="of effective_number: 0 leaves all alike, towards 1 = class_balanced"
    )
    class_most: int = Field(
        100, ge=1, description="of class_cap: samples of one category in an epoch, at most on average"
    )
    cap: float = Field(10.0, ge=1, description="of the other rules: how often a sample comes in an epoch, at most")

    @model_validator(mode="after")
    def _one_source(self) -> OverlayConfig:
        sources = (self.cut, self.policy, self.table, self.model, self.weights)
        if sum(source is not None for source in sources) != 1:
            raise ValueError("give one of cut, policy, table, model and weights")
        if not self.modalities or set(self.modalities) - set(MEDIA):
            raise ValueError(f"modalities must be some of {', '.join(MEDIA)}")
        return self
