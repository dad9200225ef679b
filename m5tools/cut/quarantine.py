"""Ledgers of bad samples that a training run kept: what the next cut withholds.

A ledger is a Parquet file with `product_id` and `modality`; `shard`, `member` and `reason` may stand beside them and
are for people. A row withholds one modality of one product; where `modality` is null the whole product is left out.
"""

from __future__ import annotations

import glob
from pathlib import Path

import polars as pl

from m5tools import atomic, documents
from m5tools.errors import UsageError
from m5tools.vocabulary import MODALITIES

_SCHEMA = {"product_id": pl.String, "modality": pl.String}
WHOLE_PRODUCT = ""


def files(ledgers: tuple[str, ...]) -> list[Path]:
    """The files that a cut's entries stand for: a file, a pattern, or a folder of `*.parquet`; sorted.

    Raises:
        UsageError: an entry stands for nothing that exists.
    """
    found: set[Path] = set()
    for entry in ledgers:
        folder = Path(entry)
        mine = sorted(folder.glob("*.parquet")) if folder.is_dir() else [Path(name) for name in glob.glob(entry)]  # noqa: PTH207 - the pattern may begin anywhere
        if not mine and not folder.is_dir():
            raise UsageError(f"quarantine: there is no ledger {entry}")
        found.update(mine)
    return sorted(found)


def fingerprints(ledgers: tuple[str, ...]) -> list[str]:
    """The checksums of the ledgers' contents, sorted: where files lie and what they are called does not matter."""
    return sorted(atomic.sha256_of(path) for path in files(ledgers))


def read(ledgers: tuple[str, ...]) -> pl.DataFrame:
    """`product_id`, `modality` ("" for the whole product) of every ledger, once each, sorted.

    Raises:
        UsageError: a file is no ledger.
    """
    parts = [_one(path) for path in files(ledgers)]
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *parts]).unique().sort("product_id", "modality")


def _one(path: Path) -> pl.DataFrame:
    try:
        rows = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UsageError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    missing = [name for name in _SCHEMA if name not in rows.columns]
    if missing:
        raise UsageError(f"{path} is no quarantine ledger: it has no column {' and no '.join(missing)}")
    rows = rows.select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items()).drop_nulls("product_id")
    words = [m.value for m in MODALITIES]
    for name in rows["modality"].drop_nulls().unique().sort():
        if name not in words:
            raise UsageError(f"{path}: there is no modality '{name}'; {documents.near(name, words)}")
    return rows.with_columns(pl.col("modality").fill_null(WHOLE_PRODUCT))
