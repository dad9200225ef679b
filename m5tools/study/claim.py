"""A claim as a study's file states it: in words, and what of the results decides it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

Weights = Literal["masked", "pair", "share"]


class Claim(BaseModel):
    """One line at the head of a study's page.

    Attributes:
        says: the claim, in words.
        question: whose cells it is about.
        kind: what makes it true. `higher`: differences are above nought, by their interval. `harmless`: they are above
            −`within`. `above`: a level is above `than`. `noise_last`: in every run the modalities of noise have the
            least `weights`. `ordered`: clearly different modalities come in the order of what they achieve alone.
        compare: pairs of views, of `higher` and `harmless`.
        effects: effects of the question, likewise.
        levels: views, of `above`.
        cells: of `noise_last` and `ordered`.
        metrics: each of them is asked.
        weights: of a modality's masked task, of its pairs, or its share of a product's vector.
        within, than: what is negligible, and what is to be exceeded; to be set before the runs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    says: str
    question: str
    kind: Literal["higher", "harmless", "above", "noise_last", "ordered"] = "higher"
    compare: tuple[tuple[str, str], ...] = ()
    effects: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ("instance@10",)
    weights: Weights | None = None
    within: float | None = None
    than: float | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Claim:
        needed: dict[str, tuple[object, ...]] = {
            "higher": (self.compare or self.effects,),
            "harmless": (self.compare or self.effects, self.within is not None),
            "above": (self.levels, self.than is not None),
            "noise_last": (self.cells, self.weights),
            "ordered": (self.cells,),
        }
        if not all(needed[self.kind]):
            raise ValueError(f"a claim of the kind '{self.kind}' does not say what decides it")
        return self

    def views(self) -> list[str]:
        """All views it names."""
        return [*(text for pair in self.compare for text in pair), *self.levels]
