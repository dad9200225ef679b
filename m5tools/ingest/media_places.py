"""Media locations where a mapping says that they are: lists, objects, strings; of what was downloaded, its path."""

from __future__ import annotations

from typing import Any

import polars as pl

from m5tools.ingest.delivered import selector, structure_of, text_of, texts_of
from m5tools.ingest.mapping import MediaField
from m5tools.vocabulary import Modality

MEDIUM = {"row": pl.Int64, "modality": pl.String, "role": pl.String, "location_raw": pl.String}


def media(
    modality: Modality, spec: MediaField, values: list[Any], downloaded: list[dict[str, str]] | None
) -> pl.DataFrame:
    """(row, modality, role, location_raw) of every file in one place; of one that was downloaded, its path."""
    found = _plain_locations(spec, values)
    if found is None:
        found = _any_locations(spec, values)
    rows, roles, locations = found
    if downloaded is not None:
        locations = [downloaded[row].get(place, place) for row, place in zip(rows, locations, strict=True)]
    columns = {"row": pl.Series(rows, dtype=pl.Int64), "role": pl.Series(roles, dtype=pl.String)}
    frame = pl.DataFrame(columns | {"location_raw": texts_of(locations).str.strip_chars()}).drop_nulls("location_raw")
    if spec.prefix:
        remote = pl.col("location_raw").str.contains(r"://|^//")
        below = pl.lit(f"{spec.prefix}/") + pl.col("location_raw").str.strip_chars_start("/")
        frame = frame.with_columns(location_raw=pl.when(remote).then("location_raw").otherwise(below))
    return frame.select("row", pl.lit(modality.value).alias("modality"), "role", "location_raw")


def paths(downloads: Any) -> dict[str, str]:
    """Location → path of every download that has both."""
    items = [item for item in downloads if isinstance(item, dict)] if isinstance(downloads, list) else []
    found = {item.get("url"): item.get("path") for item in items}
    return {url: path for url, path in found.items() if isinstance(url, str) and isinstance(path, str) and path}


def _plain_locations(spec: MediaField, values: list[Any]) -> tuple[list[int], Any, list[Any]] | None:
    """Locations where every value is a list of texts or missing; None where one is not."""
    kinds = {value.__class__ for value in values}
    if not kinds <= {list, type(None)}:
        return None
    locations = [item for value in values if value for item in value]
    if not {item.__class__ for item in locations} <= {str}:
        return None
    return [row for row, value in enumerate(values) if value for _ in value], [spec.role] * len(locations), locations


def _any_locations(spec: MediaField, values: list[Any]) -> tuple[list[int], Any, list[Any]]:
    rows, roles, locations = [], [], []
    location_in = selector(spec.item or ())
    for row, value in enumerate(values):
        value = structure_of(value)
        if isinstance(value, str):
            value = value.split(spec.split) if spec.split else [value]
        for item in value if isinstance(value, list) else ():
            role = spec.role
            if isinstance(item, dict):
                role = text_of(item.get(spec.role_item)) or role if spec.role_item else role
                [item] = location_in([item])
            if isinstance(item, str):
                rows.append(row)
                roles.append(role)
                locations.append(item)
    return rows, roles, locations
