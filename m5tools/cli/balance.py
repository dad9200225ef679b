"""What `m5 overlay --set weights=…` says when it is done: what the weights do to the bands of every split."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import typer

from m5tools.dataset import Dataset
from m5tools.shards.config import OverlayConfig
from m5tools.shards.manifest import ShardManifest
from m5tools.shards.overlays import merged
from m5tools.vocabulary import Band


@dataclass(frozen=True)
class Balance:
    """An epoch of one split with weights, as expected, beside one without.

    Attributes:
        samples: of the split: the length of an epoch without weights.
        length: expected number of samples with them.
        bands: for head, middle, tail and samples without a category: samples, share of an epoch before,
            expected share after.
        classes: categories.
        effective: number of equally frequent categories that would be as diverse (exp of the Shannon entropy), before
            and after.
        least, most: the smallest and the largest factor.
    """

    samples: int
    length: float
    bands: dict[str, tuple[int, float, float]]
    classes: int
    effective: tuple[float, float]
    least: float
    most: float


def balance_of(index: pl.DataFrame, column: str) -> Balance:
    """What a column of weights does.

    Args:
        index: `category`, `band` and the column, one row a sample of a split.
        column: holds the factors.
    """
    from m5tools.concentration import effective_classes

    drawn = pl.col(column)
    length = float(index[column].sum())
    by_band = {band: (n, weight) for band, n, weight in index.group_by("band").agg(pl.len(), drawn.sum()).iter_rows()}
    classes = index.drop_nulls("category").group_by("category").agg(pl.len(), drawn.sum()).sort("category")
    after = classes.filter(drawn > 0)[column].to_numpy()
    bands = {}
    for name in (*(band.value for band in Band), None):
        n, weight = by_band.get(name, (0, 0.0))
        bands[name or "no category"] = (n, n / max(1, index.height), weight / length if length else 0.0)
    return Balance(
        samples=index.height,
        length=length,
        bands=bands,
        classes=classes.height,
        effective=(effective_classes(classes["len"].to_numpy()), effective_classes(after)),
        least=float(index[column].min() or 0.0),  # type: ignore[arg-type]
        most=float(index[column].max() or 0.0),  # type: ignore[arg-type]
    )


def print_balance(dataset: Dataset, config: OverlayConfig) -> None:
    """Print a line a split, where the overlay brings weights."""
    if config.weights is None:
        return
    folder = dataset.folder("shard_index", shards=config.shards).parent
    manifest = ShardManifest.read(folder)
    typer.echo(f'Loader("{folder}", weights="{config.weights}") is expected to draw:')
    for split, files in sorted(manifest.splits.items()):
        if files:
            rows = pl.from_arrow(merged(folder, manifest, split, [config.name], ["category", "band", config.weights]))
            assert isinstance(rows, pl.DataFrame)
            typer.echo(f"{split}: {told(balance_of(rows, config.weights))}")


def told(found: Balance) -> str:
    """One line: length of an epoch, shares of the bands, diversity, factors."""
    bands = ", ".join(
        f"{band} {before:.1%} → {after:.1%}" for band, (samples, before, after) in found.bands.items() if samples
    )
    return (
        f"{found.length:,.0f} samples an epoch ({found.samples:,} without weights); {bands}; as diverse as "
        f"{found.effective[0]:,.1f} → {found.effective[1]:,.1f} equally frequent categories of {found.classes:,}; "
        f"a sample comes {found.least:.3g} to {found.most:.3g} times"
    )
