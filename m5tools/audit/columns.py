"""What the counting modules share: lazy columns of one partition, counts added over partitions, the not-yet answer.

All rows of a product lie in partitions of the same number, so products counted in one partition are never counted in
another: the counts of the partitions simply add up, and memory is that of one partition.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import polars as pl

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.wording import category_key

ROWS_AT_ONCE = 1_000_000
"""Rows of counts that wait in memory before they are added up; more where the sums alone are more."""


@dataclass(frozen=True)
class NotYet:
    """A section whose tables are not there.

    Attributes:
        needs: the command that makes them.
    """

    needs: str


def has(dataset: Dataset, table: str, **choices: str) -> bool:
    """Whether a stage has written the table (it may still hold no row)."""
    return any(dataset.folder(table, **choices).rglob("[!.]*.parquet"))


def chosen(dataset: Dataset, table: str, name: str | None) -> str | NotYet:
    """Which instance of a table that exists once per cut or shards folder is meant.

    Args:
        table: a law whose path holds one `{choice}`.
        name: the name asked for; None means the only one there is.

    Returns:
        The name, or what to run where there is none, or several and none was asked for.

    Raises:
        UsageError: the name asked for does not exist.
    """
    choice = schema.law(table).path.partition("{")[2].partition("}")[0]
    stage = schema.law(table).stage
    found = names(dataset, table)
    if name is None and not found:
        return NotYet(f"m5 {stage}")
    if name is None:
        return found[0] if len(found) == 1 else NotYet(f"m5 audit --{choice} {'|'.join(found)}")
    if name not in found:
        known = f"there is {', '.join(found)}" if found else "there is none"
        raise UsageError(f"the dataset has no {choice} '{name}'; {known}")
    return name


def names(dataset: Dataset, table: str) -> list[str]:
    """The instances of a table that exists once per policy, cut or shards folder, by name."""
    before, _, after = schema.law(table).path.partition("{")
    rest = after.partition("}")[2]
    written = {path.parts[-1 - rest.count("/")] for path in dataset.root.glob(f"{before}*{rest}")}
    # A finished run that had nothing to write has left no folder, only its entry.
    stage = schema.law(table).stage
    entries = dataset.manifest()["stages"]
    return sorted(written | {entry.removeprefix(f"{stage}/") for entry in entries if entry.startswith(f"{stage}/")})


def summed(
    dataset: Dataset,
    count: Callable[[int], pl.LazyFrame],
    keys: Sequence[str],
    others: Mapping[str, pl.Expr] = MappingProxyType({}),
) -> pl.DataFrame:
    """Counts of all partitions added up, ordered by key.

    Args:
        count: the counts of one partition: the key columns, every other column a number to add.
        keys: the key columns.
        others: how columns that are no numbers to add come together.
    """
    added = pl.exclude(*keys, *others).sum()
    parts: list[pl.DataFrame] = []
    waiting, room = 0, ROWS_AT_ONCE
    for partition in range(max(1, dataset.partitions)):
        parts.append(count(partition).collect())
        waiting += parts[-1].height
        if waiting > room:
            parts = [pl.concat(parts).group_by(keys).agg(added, **others).select(parts[0].columns)]
            waiting, room = 0, max(ROWS_AT_ONCE, parts[0].height)
    return pl.concat(parts).group_by(keys).agg(added, **others).sort(keys, nulls_last=True)


def categories(dataset: Dataset, partition: int) -> pl.LazyFrame:
    """`product_id, category` of one partition; the category path is one string, null where it is not known."""
    return dataset.scan("products", partition=partition).select("product_id", category=category_key(pl.col("category")))


def filled(column: str) -> pl.Expr:
    """Whether a text column holds more than white space."""
    return pl.col(column).str.strip_chars().str.len_bytes().fill_null(0) > 0


def folder_name(dataset: Dataset) -> str:
    """What a page calls a dataset: the name of its folder; bytes of it that are no UTF-8 are told as such."""
    return shown(os.fsencode(dataset.root.resolve().name), 255)


def rows(frame: pl.LazyFrame) -> int:
    """How many rows a scan has."""
    return int(frame.select(pl.len()).collect().item())


def day(moment: datetime | None) -> str | None:
    """The ISO date of a moment in UTC."""
    return None if moment is None else f"{moment:%Y-%m-%d}"


def shown(text: str | bytes | None, limit: int) -> str:
    """Foreign text made fit for a page: one line, no control or direction characters, at most `limit` characters."""
    if isinstance(text, bytes):
        text = text[: 4 * limit].decode("utf-8", errors="replace")
    line = " ".join("".join(c if c.isprintable() else " " for c in (text or "")[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
