"""The policy file of duplicate detection, checked: what is compared and how words are read; thresholds and weights.

One file has two readers, `compare` and `dedup`; each is given the class of its own part, so that no comparison can
depend on a threshold.
"""

from __future__ import annotations

import unicodedata
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from m5tools import documents
from m5tools.errors import UsageError

Share = Annotated[float, Field(ge=0, le=1)]
Factors = dict[str, dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]]]
Words = tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...]


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class JoinRules(_Rules):
    """How far a shared key is followed."""

    window: int = Field(ge=1, description="neighbours within a key that a product is compared with")
    cap: int = Field(ge=2, description="products above which a key is a hub")


class TextRules(_Rules):
    """Which texts become candidates."""

    title_similarity: Share
    description_similarity: Share
    recall: Annotated[float, Field(gt=0, lt=1)]
    permutations: int = Field(ge=8, description="MinHash values per text, at most")
    min_title_chars: int = Field(ge=1)


class IdentifierRules(_Rules):
    """Which identifiers count."""

    min_mpn_chars: int = Field(ge=1)
    hub_titles: int = Field(ge=1, description="titles above which one is believed of products with like titles only …")
    titles_alike: float = Field(ge=0, le=2, description="… cosines of whose words and letters come to so much")


class PictureRules(_Rules):
    """When two files show one picture, and which pictures say nothing."""

    distance: int = Field(ge=0, le=64, description="bits of 256; unlike pictures differ in about 128")
    recall: Annotated[float, Field(gt=0, lt=1)]
    colour_overlap: Share
    tone_overlap: Share
    grey_overlap: Share
    neutral_share: Share
    min_quality: int = Field(ge=0, le=100)
    min_deviation: float = Field(ge=0)
    hub_titles: int = Field(ge=1)
    hub_categories: int = Field(ge=1)


class ClipRules(_Rules):
    """When two files show one clip."""

    share: Share
    min_frames: int = Field(ge=1)


class SoundRules(_Rules):
    """When two files hold one recording."""

    share: Share
    min_landmarks: int = Field(ge=1)


class TableRules(_Rules):
    """Which attribute tables become candidates, and which facts say little."""

    min_pairs: int = Field(ge=1)
    usual_share: float = Field(
        gt=0, le=1, description="of the products that list a name, from which a value is usual …"
    )
    usual_options: Share = Field(description="… an option of all products, for few tell it where they need not …")
    usual_from: int = Field(ge=1, description="… where more products than so many bear it")


class RareWordRules(_Rules):
    """Which rare words of titles lead to candidates."""

    words: int = Field(ge=2, le=8, description="rarest words of a title that become keys, alone and by twos")
    shared_by: int = Field(ge=2, description="titles above which such a key is not followed")
    candidates: int = Field(ge=1, description="pairs followed per product, those that share the most first …")
    candidates_within: int = Field(ge=1, description="… and with products of its own source")
    titles_alike: float = Field(
        ge=0, le=2, description="cosines of words and letters of titles, where nothing else speaks"
    )


class EmbeddingRules(_Rules):
    """Which vectors lead to candidates, and are one more evidence (extra `embed`): of titles by a model, or of products
    as `m5 embed` wrote them."""

    model: str | None = Field(None, description="path or name of a sentence-transformers model for titles; or else …")
    vectors: tuple[str, ...] = Field((), description="… Parquet files or folders as m5 embed writes them")
    of: Literal["fused", "image", "text", "table", "video", "audio"] = Field(
        "fused", description="which of their vectors: of the whole product, or of one modality"
    )
    neighbours: int = Field(10, ge=1, description="nearest products of each source that one is compared with …")
    similarity: Share = Field(0.6, description="… where their cosine is so high")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.model) == bool(self.vectors):
            raise ValueError("name either a model or vectors")
        return self

    @property
    def places(self) -> tuple[str, ...]:
        """What lies outside the dataset."""
        return (self.model,) if self.model else self.vectors

    @property
    def what(self) -> str:
        """What the vectors are of, in words."""
        return "titles" if self.model else f"products ({self.of})"


class SameOfferRules(_Rules):
    min_equal_parts: int = Field(ge=1, le=4)


class Weights(_Rules):
    """What each kind of evidence adds to the score of a pair."""

    title: Share
    description: Share
    table: Share
    picture: Share
    clip: Share
    sound: Share
    options: Share
    code: Share


class SameProductRules(_Rules):
    threshold: Share
    weights: Weights
    full_agreement: int = Field(ge=1)
    code_conflict: Share
    agreement: Share
    support: Share


class WordingWeights(_Rules):
    """What each part of the wording adds to likeness, or takes off."""

    words: Share
    letters: Share
    contained: Share
    whole: Share
    code: Share
    code_conflict: Share
    number_conflict: Share
    price: Share
    fact: Share
    fact_conflict: Share
    embedding: Share = Field(0.3, description="of the cosine of vectors, where the policy names a model or some")


class WordingRules(_Rules):
    """When the wording of two sellers means one product."""

    weights: WordingWeights
    usual_price_ratio: Share
    usual_embedding: Share = Field(0.5, description="cosine of vectors that says nothing")
    most_facts: int = Field(ge=0, description="facts that count, at most")
    short_title: Share
    margin: Share
    threshold: Share
    precision: Share
    fewest: int = Field(ge=10, description="best pairs from which the threshold is found in the data")
    band: Share


class TaughtRules(_Rules):
    """When pairs that identifiers decide teach what agreement is worth in a catalogue."""

    fewest: int = Field(ge=10, description="pairs of either kind that must teach")
    restraint: float = Field(ge=1e-6, le=1e6, description="how strongly weights are held back (ridge)")
    most: int = Field(ge=10, description="pairs that teach, at most")
    chance: Share
    family: Share
    doubt: Share
    out: Share


class VariantRules(_Rules):
    title: Share
    table: Share


class ComparePolicy(_Rules):
    """What `compare` reads: which pairs are compared, and how values are read. Another makes comparisons anew."""

    join: JoinRules
    text: TextRules
    identifier: IdentifierRules
    picture: PictureRules
    clip: ClipRules
    sound: SoundRules
    table: TableRules
    rare_words: RareWordRules
    embedding: EmbeddingRules | None = None
    options: Words
    colours: Words
    shades: dict[str, tuple[str, ...]]
    value_colours: Words
    size_words: tuple[str, ...]
    brand_names: tuple[str, ...]
    part_names: tuple[str, ...]
    units: Factors
    value_units: Factors

    @cached_property
    def option_names(self) -> dict[str, str]:
        """Every name of an option → the name it goes by here."""
        return {_plain(word): words[0] for words in self.options for word in words}

    @cached_property
    def colour_words(self) -> dict[str, str]:
        """Every colour word → the colour; a shade → its colour."""
        named = {_plain(word): words[0] for words in (*self.colours, *self.value_colours) for word in words}
        return named | {_plain(word): colour for colour, words in self.shades.items() for word in words}

    @cached_property
    def shade_words(self) -> frozenset[str]:
        """The words that are a shade of their colour, not the colour."""
        return frozenset(_plain(word) for words in self.shades.values() for word in words)

    @cached_property
    def title_colours(self) -> tuple[str, ...]:
        """The colour words that a title is searched for."""
        only_values = {_plain(word) for words in self.value_colours for word in words}
        return tuple(word for word in self.colour_words if word not in only_values)

    @cached_property
    def unit_kinds(self) -> dict[str, str]:
        """Every unit → what it measures."""
        both = (*self.units.items(), *self.value_units.items())
        return {_plain(unit): kind for kind, units in both for unit in units}

    @cached_property
    def unit_factors(self) -> dict[str, float]:
        """Every unit → its size in the first unit of its kind."""
        both = (*self.units.values(), *self.value_units.values())
        return {_plain(unit): factor for units in both for unit, factor in units.items()}

    @cached_property
    def title_units(self) -> tuple[str, ...]:
        """The units that a title is searched for."""
        return tuple(_plain(unit) for units in self.units.values() for unit in units)


class DecisionPolicy(_Rules):
    """What `dedup` reads: the thresholds and weights by which comparisons become relations."""

    same_offer: SameOfferRules
    same_product: SameProductRules
    wording: WordingRules
    taught: TaughtRules
    variant: VariantRules


class DuplicatePolicy(DecisionPolicy, ComparePolicy):
    """All of `pipelines/policies/duplicates.yaml`, where every entry is explained."""

    @property
    def comparing(self) -> ComparePolicy:
        """Its part for `compare`."""
        return ComparePolicy.model_validate(self.model_dump(include=set(ComparePolicy.model_fields)))


def load_policy(name: str) -> DuplicatePolicy:
    """A policy by the name of a shipped file (`duplicates`) or by the path of a YAML file.

    Raises:
        UsageError: there is no such file, or it does not hold a policy.
    """
    path, shipped = (documents.locate("policy", "pipelines/policies", each) for each in (name, "duplicates"))
    try:
        return documents.load(path, DuplicatePolicy)
    except UsageError as error:
        invalid = error.__cause__
        if not isinstance(invalid, ValidationError) or all(one["type"] != "missing" for one in invalid.errors()):
            raise
        # A copy that was made before the entry was added.
        raise UsageError(f"{error}\ncopy what is missing from {shipped}, where it is explained") from invalid


def _plain(word: str) -> str:
    """A word as it stands in normalised text (NFKC makes two primes of ″)."""
    return unicodedata.normalize("NFKC", word).lower()
