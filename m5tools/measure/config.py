"""What of the measuring of texts, tables and pairs can be set."""

from __future__ import annotations

from pydantic import Field

from m5tools import wording
from m5tools.stage import StageConfig


class WordsConfig(StageConfig):
    """What counts as usual, boilerplate or reliable, and by which models meanings are compared."""

    languages: bool = Field(default=True, description="Detect the language of every text.")
    boilerplate_titles: int = Field(
        default=5,
        ge=2,
        description="A phrase is boilerplate from so many different titles on (three at most below 5,000 products).",
    )
    boilerplate_categories: int = Field(
        default=5, ge=0, description="… and categories on (all, where the corpus has fewer)."
    )
    usual_share: float = Field(
        default=0.5, gt=0, le=1, description="A name is usual where this share of a category's products list it."
    )
    usual_products: int = Field(default=5, ge=1, description="… in categories of at least so many products.")
    list_share: float = Field(
        default=0.05, gt=0, le=1, description="A name holds lists where this share of the others gives several values."
    )
    list_share_of_all: float = Field(
        default=0.02,
        gt=0,
        le=1,
        description="… and so does every name of a source of which this share of all entries does.",
    )
    placeholders: tuple[str, ...] = Field(
        default=wording.PLACEHOLDERS, description="Attribute values that say nothing."
    )
    name_reliability: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="Share of the titles speaking of a name that must tell the own value.",
    )
    brand_reliability: float = Field(
        default=0.5, ge=0, le=1, description="Share of titles holding a brand's words that must mean their own brand."
    )
    text_model: str | None = Field(
        default=None,
        description="Path or name of a sentence-transformers model: similarity of text and table (extra embed).",
    )
    image_model: str | None = Field(
        default=None,
        description="Path or name of a CLIP or SigLIP model for sentence-transformers: similarity of image and text.",
    )
    vectors: tuple[str, ...] = Field(
        default=(),
        description="Parquet files or folders (product_id, modality, vector, mismatch) as m5 embed writes them: they "
        "give the similarities where no model does, and what a trained network takes for another product's.",
    )
