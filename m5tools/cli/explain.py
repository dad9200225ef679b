"""Tables on the terminal: what shards hold."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from m5tools.errors import UsageError
from m5tools.shards.manifest import ShardManifest
from m5tools.vocabulary import MODALITIES


def print_shards(folder: Path) -> None:
    """One line a split: samples, shards, bytes, how many hold each modality.

    Raises:
        UsageError: it is no shard folder, or a part of it is missing.
    """
    manifest = ShardManifest.read(folder)
    index = [folder / file.index for files in manifest.splits.values() for file in files]
    missing = [file for file in index if not file.is_file()]
    if missing:
        raise UsageError(f"{missing[0]} is missing; copy it again or run 'm5 shard'")
    if not index:
        Console().print(f"{folder} holds no sample")
        return
    rows = pl.scan_parquet(index, glob=False)
    bits = {m.value: ((pl.col("present") & (1 << m.bit)) > 0).sum() for m in MODALITIES}
    size = (pl.col("end") - pl.col("start")).sum()
    splits = rows.group_by("split").agg(samples=pl.len(), shards=pl.col("shard").n_unique(), bytes=size, **bits)
    table = Table("split", "samples", "shards", "MB", *(m.value for m in MODALITIES), box=None)
    for row in splits.sort("split").collect().iter_rows(named=True):
        present = (f"{row[m.value] / row['samples']:.0%}" for m in MODALITIES)
        table.add_row(row["split"], f"{row['samples']:,}", f"{row['shards']:,}", f"{row['bytes'] / 1e6:.1f}", *present)
    Console().print(table)
