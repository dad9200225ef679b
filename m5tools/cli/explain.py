"""`m5 explain shards`: what shards hold, and what an epoch over them would be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import typer
from rich.console import Console
from rich.table import Table

from m5tools.errors import UsageError
from m5tools.shards.manifest import ShardManifest, overlay_names
from m5tools.shards.overlays import merged, opened
from m5tools.vocabulary import MODALITIES

if TYPE_CHECKING:
    from m5tools.loader.explain import Explained

_SHOWN = 10  # categories


def explain_shards(folder: Path, as_json: bool, epoch: Explained | None) -> None:
    """Print what the splits hold, and an epoch where one was asked for.

    Raises:
        UsageError: it is no shard folder, or a part of it is missing.
    """
    overlays = overlays_of(folder)
    splits = splits_of(folder, [*overlays])
    if as_json:
        import json

        told = {"splits": splits, "overlays": overlays, "epoch": None if epoch is None else asdict(epoch)}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    if not splits:
        Console().print(f"{folder} holds no sample")
        return
    _print_splits(splits)
    for name, overlay in overlays.items():
        what = ", ".join(overlay["brings"])
        size = f" in {overlay['shards']:,} tars of {overlay['bytes'] / 1e6:.1f} MB" if overlay["shards"] else ""
        Console().print(f"overlay {name}: {what}{size}", markup=False, highlight=False, soft_wrap=True)
    if epoch is not None:
        _print_epoch(epoch)


def splits_of(folder: Path, overlays: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """For each split: samples, shards, bytes, and the share of samples that hold each modality, overlays included.

    Raises:
        UsageError: it is no shard folder, or a part of it is missing.
    """
    manifest = ShardManifest.read(folder)
    index = [folder / file.index for files in manifest.splits.values() for file in files]
    missing = [file for file in index if not file.is_file()]
    if missing:
        raise UsageError(f"{missing[0]} is missing; copy it again or run 'm5 shard'")
    told = {}
    for split in sorted(split for split, files in manifest.splits.items() if files):
        wanted = ("present", "start", "end", "shard")
        rows = pl.from_arrow(merged(folder, manifest, split, overlays, wanted))
        assert isinstance(rows, pl.DataFrame)
        bits = {m.value: ((pl.col("present") & (1 << m.bit)) > 0).mean() for m in MODALITIES}
        size = (pl.col("end") - pl.col("start")).sum()
        (told[split],) = rows.select(samples=pl.len(), shards=pl.col("shard").n_unique(), bytes=size, **bits).to_dicts()
    return told


def overlays_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Of each overlay: the modalities or columns that it brings, its tars and their bytes, over all splits.

    Raises:
        UsageError: it is no shard folder, or one does not lie over it.
    """
    manifest, found = ShardManifest.read(folder), {}
    for name in overlay_names(folder):
        overlay = opened(folder, manifest, name)
        media = [m.value for m in overlay.modalities]
        tars = [file.bytes for files in overlay.splits.values() for file in files] if media else []
        found[name] = {"brings": media or [*overlay.columns], "shards": len(tars), "bytes": sum(tars)}
    return found


def _print_splits(splits: dict[str, dict[str, Any]]) -> None:
    table = Table("split", "samples", "shards", "MB", *(m.value for m in MODALITIES), box=None)
    for split, row in splits.items():
        present = (f"{row[m.value]:.0%}" for m in MODALITIES)
        table.add_row(split, f"{row['samples']:,}", f"{row['shards']:,}", f"{row['bytes'] / 1e6:.1f}", *present)
    Console().print(table)


def _print_epoch(epoch: Explained) -> None:
    again = epoch.delivered - epoch.distinct
    cost = f"{epoch.cost:,.1f} s of processor time" if epoch.cost_unit == "s" else "costs in proportion to bytes"
    lines = (
        "",
        f"an epoch: {epoch.batches:,} batches, {epoch.delivered:,} of {epoch.samples:,} samples"
        + f" in {epoch.shards:,} shards"
        + (f" with overlays {', '.join(epoch.overlays)}" if epoch.overlays else "")
        + (f", {again:,} of them again" if again else "")
        + (f"; {epoch.left_over:,} fill no batch" if epoch.left_over else ""),
        f"read: {epoch.read_bytes / 1e6:,.1f} MB of {epoch.shard_bytes / 1e6:,.1f} MB; decoding: {cost}",
        f"order: mixes over {epoch.mixing_width:,} samples",
        f"{epoch.world_size} ranks: the dearest has {epoch.balance.mean:.2f} times the mean in a step "
        f"({epoch.balance.worst:.2f} at worst; {epoch.balance.undealt_mean:.2f} if batches were sliced)",
        "",
    )
    console = Console()
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    table = Table("modality", "samples", "present", "a rank has none", "why not", box=None)
    for name, held in epoch.held.items():
        why = ", ".join(f"{reason} {count:,}" for reason, count in list(held.why_not.items())[:3])
        share = held.samples / max(1, epoch.delivered)
        table.add_row(name, f"{held.samples:,}", f"{share:.0%}", f"{held.lanes_without:.1%} of steps", why)
    console.print(table)
    console.print()
    table = Table("category", "samples", "share", box=None)
    for name, count in list(epoch.categories.items())[:_SHOWN]:
        table.add_row(name, f"{count:,}", f"{count / max(1, epoch.delivered):.1%}")
    console.print(table)
    rest = list(epoch.categories.values())[_SHOWN:]
    if rest:
        nothing = sum(count == 0 for count in rest)
        console.print(
            f"{len(rest):,} other categories hold {sum(rest):,} samples"
            + (f"; {nothing:,} of them none" if nothing else ""),
            highlight=False,
        )
