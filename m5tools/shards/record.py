"""The JSON member: what is written of a product beside its media, with one type per field in every sample.

Readers that infer a schema (HF datasets) fail on a field that is a number here and text there, so every field is always
written, null where unknown, and attributes are rows of text instead of free keys. `listed_by` and `merged_media` say
which products an attribute or a file of a merged record comes from; they are empty where a sample is one product.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from m5tools.vocabulary import Modality

_IDS: Final = pl.List(pl.String)
_ATTRIBUTE: Final = pl.Struct({"name": pl.String, "value": pl.String, "unit": pl.String, "listed_by": _IDS})
_MEDIUM: Final = pl.Struct({"modality": pl.String, "asset_id": pl.String, "listed_by": _IDS})
_TEXT: Final = pl.Struct({"role": pl.String, "language": pl.String, "value": pl.String})

FIELDS: Final[dict[str, pl.DataType]] = {
    "product_id": pl.String(),
    "source": pl.String(),
    "url": pl.String(),
    "title": pl.String(),
    "description": pl.String(),
    "brand": pl.String(),
    "gtin": pl.String(),
    "mpn": pl.String(),
    "sku": pl.String(),
    "group_id": pl.String(),
    "price": pl.Float64(),
    "currency": pl.String(),
    "availability": pl.String(),
    "condition": pl.String(),
    "seller": pl.String(),
    "language": pl.String(),
    "category": pl.List(pl.String()),
    "attributes": pl.List(_ATTRIBUTE),
    "texts": pl.List(_TEXT),
    "merged_media": pl.List(_MEDIUM),
}
_OF_MODALITY: Final = {
    Modality.TEXT: ("title", "description", "texts"),
    Modality.TABLE: ("attributes",),
}


def encoded(present: pl.Expr) -> pl.Expr:
    """The JSON text of each row of a frame that has the columns of :data:`FIELDS`.

    Args:
        present: uint8, bit i set where the i-th modality may be written; fields of the others are left empty.
    """
    fields = {name: pl.col(name).cast(kind) for name, kind in FIELDS.items()}
    for name, kind in FIELDS.items():
        if isinstance(kind, pl.List):
            fields[name] = fields[name].fill_null(pl.lit([], dtype=kind))
    for modality, names in _OF_MODALITY.items():
        allowed = (present & (1 << modality.bit)) != 0
        for name in names:
            kind = FIELDS[name]
            nothing = pl.lit([], dtype=kind) if isinstance(kind, pl.List) else pl.lit(None, dtype=kind)
            fields[name] = pl.when(allowed).then(fields[name]).otherwise(nothing)
    return pl.struct([field.alias(name) for name, field in fields.items()]).struct.json_encode()


def text_length(present: pl.Expr) -> pl.Expr:
    """Characters of title and description, int32; 0 where the text may not be written."""
    characters = pl.sum_horizontal(pl.col(name).str.len_chars().fill_null(0) for name in ("title", "description"))
    return pl.when((present & (1 << Modality.TEXT.bit)) != 0).then(characters).otherwise(0).cast(pl.Int32)


def features() -> list[dict[str, Any]]:
    """The fields in the notation of a Hugging Face dataset card (`dataset_info.features`)."""
    return [{"name": name, **_feature(kind)} for name, kind in FIELDS.items()]


def _feature(kind: Any) -> dict[str, Any]:
    if isinstance(kind, pl.List):
        if isinstance(kind.inner, pl.Struct):
            return {"list": [{"name": f.name, **_feature(f.dtype)} for f in kind.inner.fields]}
        return {"list": _feature(kind.inner)["dtype"]}
    return {"dtype": "float64" if kind == pl.Float64 else "string"}
