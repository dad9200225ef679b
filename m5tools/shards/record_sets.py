"""The record sets of `croissant.json`: columns of the index, splits, codes of states and reasons, holes.

A column of lists is an array; a list of structs is a field of sub-fields, which `mlcroissant` reads by JSON paths.
Splits are joined by the field `samples/split`, so `filters={"samples/split": "val"}` opens the files of one split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from m5tools import schema
from m5tools.shards.facts import Facts
from m5tools.vocabulary import MODALITIES, Reason, Split, State

SAMPLES: Final = "samples"
INDEX_FILES: Final = "index-files"
_SPLITS: Final = {
    Split.TRAIN: "cr:TrainingSplit",
    Split.VAL: "cr:ValidationSplit",
    Split.TEST: "cr:TestSplit",
}
_NUMBERS: Final = {
    **{f"uint{bits}": f"UInt{bits}" for bits in (8, 32, 64)},
    **{f"int{bits}": f"Int{bits}" for bits in (32, 64)},
    "float": "Float32",
    "double": "Float64",
}
_HOLE: Final = {
    **dict.fromkeys(("split", "modality", "state", "reason"), "sc:Text"),
    "samples": "sc:Integer",
}
_FIVE: Final = ("state", "reason")
"""Columns with a value a modality."""


def record_sets(splits: list[str], facts: Facts) -> Iterator[dict[str, Any]]:
    """All of them.

    Args:
        splits: that there are; without any there is no file that records could come from.
        facts: counted from the indexes.
    """
    if splits:
        named = [{"splits/name": split, "splits/url": _SPLITS[Split(split)]} for split in splits]
        yield _inline("splits", "Splits.", {"name": "sc:Text", "url": ["sc:URL", "cr:Split"]}, named, "cr:Split")
        yield _samples(facts.total)
    yield _codes("states", "Codes in `samples/state`.", [(state.value, state.word) for state in State])
    yield _codes("reasons", "Codes in `samples/reason`.", [(reason.value, reason.word) for reason in Reason])
    holes = [
        dict(zip([f"missing/{name}" for name in _HOLE], (*words, count), strict=True)) for words, count in _holes(facts)
    ]
    if holes:
        what = "How many samples of a split lack a modality, by state and reason; all that is not here is present."
        yield _inline("missing", what, _HOLE, holes)


def _holes(facts: Facts) -> list[tuple[tuple[str, str, str, str], int]]:
    order = [split.value for split in Split]
    found = sorted(
        facts.holes.items(), key=lambda item: (order.index(item[0].split), item[0].modality.bit, *item[0][2:])
    )
    return [((h.split, h.modality.value, h.state.word, h.reason.word), count) for h, count in found]


def _samples(total: int) -> dict[str, Any]:
    law = schema.law("shard_index")
    return {
        "@type": "cr:RecordSet",
        "@id": SAMPLES,
        "name": SAMPLES,
        "description": f"{law.meaning} {total:,} samples.",
        "key": {"@id": f"{SAMPLES}/product_id"},
        "field": [_column(column) for column in law.columns],
    }


def _column(column: schema.Column) -> dict[str, Any]:
    meaning = column.meaning + (f" ({column.unit})" if column.unit else "")
    field = _field(f"{SAMPLES}/{column.name}", column.type, meaning, {"column": column.name}, None)
    if column.name == "split":
        # From the name of the file, so that who wants one split opens its files alone. mlcroissant makes glob patterns
        # of it too, and applies it once more to what it has found; hence both optional parts.
        pattern = rf"^(?:index/)?({'|'.join(Split)})(?:-.+\.parquet)?$"
        field["source"] |= {"extract": {"fileProperty": "fullpath"}, "transform": {"regex": pattern}}
        field["references"] = {"field": {"@id": "splits/name"}}
    if column.name == "category":
        field["dataType"] = [field["dataType"], "cr:Label"]
    if column.name in _FIVE:
        field["arrayShape"] = str(len(MODALITIES))
    return field


def _field(name: str, kind: pa.DataType, meaning: str, extract: dict[str, str], path: str | None) -> dict[str, Any]:
    field: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": name.rpartition("/")[2], "description": meaning}
    inner = kind
    if pa.types.is_list(kind):
        field["isArray"] = True
        inner = kind.value_type
    if pa.types.is_struct(inner):
        field["subField"] = [_field(f"{name}/{f.name}", f.type, f"{f.name} of it", extract, f.name) for f in inner]
        return field
    field["dataType"] = _type(inner)
    field["source"] = {"fileSet": {"@id": INDEX_FILES}, "extract": extract}
    if path is not None:
        field["source"]["transform"] = {"jsonPath": path}
    return field


def _type(kind: pa.DataType) -> str:
    if pa.types.is_string(kind):
        return "sc:Text"
    return f"cr:{_NUMBERS[str(kind)]}"


def _codes(name: str, what: str, codes: list[tuple[int, str]]) -> dict[str, Any]:
    rows = [{f"{name}/code": code, f"{name}/name": word} for code, word in codes]
    return _inline(name, what, {"code": "sc:Integer", "name": "sc:Text"}, rows, "sc:Enumeration")


def _inline(
    name: str, what: str, fields: Mapping[str, str | list[str]], rows: list[dict[str, Any]], kind: str | None = None
) -> dict[str, Any]:
    """A record set whose records stand in the file itself."""
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": what,
        **({"dataType": kind} if kind else {}),
        **({} if name == "missing" else {"key": {"@id": f"{name}/{next(iter(fields))}"}}),
        "field": [
            {"@type": "cr:Field", "@id": f"{name}/{field}", "name": field, "dataType": data_type}
            for field, data_type in fields.items()
        ],
        "data": rows,
    }
