"""What can be asked of the simulator: one frozen configuration, checked by pydantic, loadable from YAML."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from m5tools.synth import profile_m5product
from m5tools.synth.words import ASPECTS, MODIFIERS, NOUNS, PARTS, PLACES
from m5tools.vocabulary import MODALITIES

Rate = Annotated[float, Field(ge=0.0, le=1.0)]

MAX_CATEGORIES = len(NOUNS) * (1 + len(MODIFIERS) + len(MODIFIERS) * (len(MODIFIERS) - 1))
MAX_ATTRIBUTE_NAMES = len(PLACES) * len(PARTS) * len(ASPECTS)


class _Knobs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _exclusive(rates: BaseModel, names: Iterable[str]) -> None:
    """Refuse shares of kinds of which a product has at most one, when they do not fit into the whole."""
    shares = {name: getattr(rates, name) for name in names}
    if (total := sum(shares.values())) > 1 + 1e-9:
        raise ValueError(f"{' + '.join(shares)} is {total:g}, but a product has one of them at most: lower them to 1")


class Informativeness(_Knobs):
    """How faithfully each modality shows its product: the chance that one cue of the category in it is genuine, not
    drawn at random.

    The cues: the noun (text), the attribute names (table), shape, second colour, texture (image), movement (video),
    key, chord, rhythm (audio). With chance (1 + value) / 2 a copy shows what the other sellers of the product show.
    """

    text: Rate = 1.0
    table: Rate = 0.9
    image: Rate = 0.6
    video: Rate = 0.4
    audio: Rate = 0.3


class NoiseShares(_Knobs):
    """Shares of products of which one modality, otherwise sound, tells of or shows another product altogether.

    Between text and table this comes on top of `tags.title_table_mismatch`; where both are drawn, the text is wrong.
    """

    text: Rate = 0.0
    table: Rate = 0.0
    image: Rate = 0.0
    video: Rate = 0.0
    audio: Rate = 0.0


class MissingRates(_Knobs):
    """Shares of products that never list a modality, independent but for `joint_video_audio`, which takes both."""

    joint_video_audio: Rate = 0.15
    image: Rate = 0.02
    text: Rate = 0.015
    table: Rate = 0.03
    video: Rate = 0.03
    audio: Rate = 0.05


class ImageFaults(_Knobs):
    """Shares of products all of whose listed images are broken in one way; `partial`: one of several is."""

    missing_file: Rate = 0.015
    empty: Rate = 0.015
    truncated: Rate = 0.02
    undecodable: Rate = 0.015
    wrong_type: Rate = 0.015
    partial: Rate = 0.02

    @model_validator(mode="after")
    def _fit(self) -> ImageFaults:
        _exclusive(self, (name for name in ImageFaults.model_fields if name != "partial"))
        return self


class StreamFaults(_Knobs):
    """Shares of listed video (or separate sound) files that are broken in one way."""

    missing_file: Rate = 0.015
    empty: Rate = 0.015
    undecodable: Rate = 0.015
    wrong_type: Rate = 0.015

    @model_validator(mode="after")
    def _fit(self) -> StreamFaults:
        _exclusive(self, type(self).model_fields)
        return self


class VideoFaults(StreamFaults):
    """The same for clips, which can also be cut off before their index."""

    truncated: Rate = 0.03


class Faults(_Knobs):
    """What is wrong with listed files."""

    image: ImageFaults = ImageFaults()
    video: VideoFaults = VideoFaults()
    audio: StreamFaults = StreamFaults(missing_file=0.04, empty=0.04, undecodable=0.04, wrong_type=0.04)


class TagRates(_Knobs):
    """Shares of products that deserve a tag, among those that have the modality."""

    image_blank: Rate = 0.025
    image_placeholder: Rate = 0.025
    image_tiny: Rate = 0.025
    text_boilerplate: Rate = 0.025
    text_mojibake: Rate = 0.025
    text_short: Rate = 0.025
    table_sparse: Rate = 0.025
    table_placeholder: Rate = 0.025
    table_contradictory: Rate = 0.025
    video_static: Rate = 0.03
    video_black: Rate = 0.03
    audio_silent: Rate = 0.03
    audio_clipped: Rate = 0.03
    title_table_mismatch: Rate = 0.025

    @model_validator(mode="after")
    def _fit(self) -> TagRates:
        for modality in MODALITIES:
            _exclusive(self, (name for name in TagRates.model_fields if name.startswith(f"{modality}_")))
        return self


class RejectRates(_Knobs):
    """Rows that must not become products, as shares of the number of products, which they come on top of."""

    not_parseable: Rate = 0.02
    not_an_object: Rate = 0.02
    no_content: Rate = 0.02
    repeated_identical: Rate = 0.02
    repeated_differing: Rate = 0.02

    @model_validator(mode="after")
    def _fit(self) -> RejectRates:
        _exclusive(self, ("repeated_identical", "repeated_differing"))
        return self


class DuplicateRates(_Knobs):
    """Shares of products that are a re-listed offer, another seller's copy, or a variant of an earlier product.

    `span` bounds how many products one family of copies and variants may have. `generic_title` products share a
    bare two-word title with really different ones: the trap for text deduplication.
    """

    offer: Rate = 0.10
    product: Rate = 0.10
    variant: Rate = 0.10
    span: Annotated[int, Field(ge=2, le=8)] = 6
    generic_title: Rate = 0.01

    @model_validator(mode="after")
    def _leaves_room(self) -> DuplicateRates:
        room = (self.span - 1) / self.span
        if (total := self.offer + self.product + self.variant) > room:
            raise ValueError(f"offer + product + variant is {total:g}, more than (span - 1) / span = {room:g}")
        return self


class SynthConfig(_Knobs):
    """One simulated crawl. The same configuration always gives the same bytes.

    `files`: JSON-lines parts; `sellers`, `categories`, `attribute_names`: sizes of the worlds they are drawn from
    (names of attributes that only some kinds of product have; those of brand, colour and such come on top);
    `tail_exponent`: a category of rank r has a share proportional to r ** -tail_exponent (profile `m5product` has its
    own measured tail); `own_audio`: share of products whose sound is a file of its own, not the video's track;
    `near_misses`: share of products, for each modality, that look like a defect and are none.
    """

    products: Annotated[int, Field(ge=1, le=100_000_000)] = 2000
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    media: bool = True
    profile: Literal["default", "m5product"] = "default"
    layout: Literal["json_lines", "m5product"] = "json_lines"
    files: Annotated[int, Field(ge=1, le=10_000)] = 4
    categories: Annotated[int, Field(ge=2, le=MAX_CATEGORIES)] = 60
    attribute_names: Annotated[int, Field(ge=16, le=MAX_ATTRIBUTE_NAMES)] = 200
    sellers: Annotated[int, Field(ge=16, le=1_000_000)] = 400
    tail_exponent: Annotated[float, Field(ge=0.0, le=3.0)] = 0.9
    own_audio: Rate = 0.25
    near_misses: Rate = 0.06
    informativeness: Informativeness = Informativeness()
    noise: NoiseShares = NoiseShares()
    missing: MissingRates = MissingRates()
    faults: Faults = Faults()
    tags: TagRates = TagRates()
    rejects: RejectRates = RejectRates()
    duplicates: DuplicateRates = DuplicateRates()

    @model_validator(mode="before")
    @classmethod
    def _start_from_profile(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("profile") == "m5product":
            return _over(profile_m5product.DEFAULTS, given)
        return given


def _over(base: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `given` on top, group by group."""
    merged = dict(base)
    for name, value in given.items():
        if isinstance(value, BaseModel):
            value = value.model_dump()
        below = merged.get(name)
        merged[name] = _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
