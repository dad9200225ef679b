"""What a cut file says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from m5tools import documents
from m5tools.vocabulary import MODALITIES, Band, Modality, Relation, Split

Share = Annotated[float, Field(ge=0, le=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Languages(_Model):
    """Which languages go in: as detected in the text, else as declared by the shop."""

    keep: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], ...] = Field(
        min_length=1, description="ISO 639 codes, such as en, de"
    )
    least_margin: Share = Field(
        0, description="a language detected with a smaller margin (signals/text, language_margin) is not known"
    )
    unknown: bool = Field(True, description="keep products whose language is not known, too")
    withhold: bool = Field(
        False, description="withhold the text of a product in another language, instead of leaving the product out"
    )


class Categories(_Model):
    """Bounds on the size of categories; products without a category are left alone."""

    cap: int | None = Field(None, ge=1, description="in train, keep at most so many products of a category")
    floor: int | None = Field(
        None, ge=2, description="leave out categories of which fewer products are left in all splits together"
    )

    @model_validator(mode="after")
    def _cap_above_floor(self) -> Categories:
        if self.cap is not None and self.floor is not None and self.cap < self.floor:
            raise ValueError(f"cap {self.cap} is below floor {self.floor}: every larger category would be left out")
        return self


class Selection(_Model):
    """What a cut file says. Its rules apply in the order in which they stand here, `modalities` to `categories`."""

    cut: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="the cut's name")
    about: str = ""
    policy: str = Field("default", description="whose tags and states it reads")
    modalities: tuple[Modality, ...] = Field(MODALITIES, description="modalities that may go into training at all")
    withhold: tuple[str, ...] = Field((), description="tags that withhold the modality they judge")
    quarantine: tuple[str, ...] = Field(
        (),
        description="ledgers of bad samples (Parquet files, patterns of them, or folders): each row withholds one "
        "modality, or where it names none leaves the product out",
    )
    splits: tuple[Split, ...] = Field(tuple(Split), description="splits that go in")
    leave_out: tuple[str, ...] = Field((), description="tags that leave the whole product out")
    language: Languages | None = Field(None, description="languages that go in")
    require: tuple[Modality, ...] = Field(
        (), description="a product without one of these (after withholding) is left out; the others are optional"
    )
    at_least: int = Field(1, ge=1, le=5, description="modalities a product must have after withholding")
    one_per: tuple[Relation, ...] = Field(
        (), description="in train, keep one product of each cluster of these relations"
    )
    merge: Literal[Relation.SAME_OFFER, Relation.SAME_PRODUCT] | None = Field(
        None,
        description="in train, the product that `one_per` keeps carries the pictures, sounds, clips and attributes of "
        "all products of its cluster of this relation, each with who lists it",
    )
    sample: dict[Band, Share] = Field(
        default_factory=dict,
        description="in train, the share of a band's products to keep (head, middle, tail); one of a category at least",
    )
    categories: Categories = Field(Categories.model_validate({}), description="bounds on the size of categories")
    seed: int = Field(0, ge=0, description="another seed, other products drawn by sample and cap")

    @model_validator(mode="after")
    def _one_carries_all(self) -> Selection:
        if self.merge is not None:
            wider = list(Relation)[list(Relation).index(self.merge) :]
            if not set(wider) & set(self.one_per):
                raise ValueError(
                    f"merge: {self.merge} needs one_per: [{self.merge}]; else all of a cluster carry the same"
                )
        return self


def load(name: str) -> Selection:
    """A shipped cut by name, or a cut file by path.

    Raises:
        UsageError: there is none, or it is not valid.
    """
    return documents.load(documents.locate("cut", "pipelines/cuts", name), Selection)
