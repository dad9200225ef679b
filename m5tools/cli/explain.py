"""Tables on the terminal: what a cut leaves out, what shards hold."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.shards.manifest import ShardManifest
from m5tools.vocabulary import MODALITIES, Band


def print_cut(dataset: Dataset, cut: str) -> None:
    """Products kept and left out, by rule and band of the tail; modalities withheld, by tag.

    Raises:
        UsageError: there is no such cut.
    """
    if not dataset.parts("cut_products", cut=cut):
        raise UsageError(f"{dataset.root} has no cut '{cut}'; run: m5 cut --dataset {dataset.root} --set cut={cut}")
    kept = dataset.read("cut_products", cut=cut, columns=("product_id", "band", "present", "withheld_by"))
    lost = dataset.read("cut_losses", cut=cut)
    bands = [b.value for b in Band]
    table = Table("", "products", *bands, "no category", box=None)
    for name, rows in [("kept", kept), *((str(rule), part) for (rule,), part in _by_rule(lost))]:
        counts = dict(rows.group_by("band").len().iter_rows())
        table.add_row(name, f"{rows.height:,}", *(f"{counts.get(b, 0):,}" for b in [*bands, None]))
    console = Console()
    console.print(table)
    withheld = Table("modality", "goes in", "withheld by", box=None)
    for modality in MODALITIES:
        goes_in = kept.filter((pl.col("present") & (1 << modality.bit)) > 0).height
        culprits = kept.select(tag=pl.col("withheld_by").list.get(modality.bit)).filter(pl.col("tag") != "")
        words = [f"{tag} {count:,}" for tag, count in culprits.group_by("tag").len().sort("tag").iter_rows()]
        withheld.add_row(modality.value, f"{goes_in:,}", ", ".join(words) or "–")
    console.print(withheld)


def _by_rule(lost: pl.DataFrame) -> list[tuple[tuple[object, ...], pl.DataFrame]]:
    parts = [((rule,), part) for (rule,), part in lost.group_by("rule", maintain_order=True)]
    return sorted(parts, key=lambda item: (-item[1].height, str(item[0])))


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
