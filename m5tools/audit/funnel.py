"""From rows to samples: what was lost at each step and why, and whether the numbers add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from m5tools.audit import columns
from m5tools.audit.columns import NotYet
from m5tools.dataset import Dataset, Manifest
from m5tools.errors import UsageError
from m5tools.vocabulary import MODALITIES, Band

EXAMPLES = 3
EXAMPLE_CHARS = 200


@dataclass(frozen=True)
class Loss:
    """What one reason or rule cost; `bands` are head, middle, tail where the cut knows them."""

    reason: str
    items: int
    bands: tuple[int, ...] = ()


@dataclass(frozen=True)
class Step:
    """One step of the funnel.

    Attributes:
        name: what is counted.
        items: how many there are.
        losses: what the step before had and this one has not, by reason.
        unaccounted: items of the step before that are neither here nor among the losses; 0 when it adds up.
    """

    name: str
    items: int
    losses: tuple[Loss, ...]
    unaccounted: int


@dataclass(frozen=True)
class Withheld:
    """Products of the cut that keep everything but one modality; `bands` are head, middle, tail."""

    modality: str
    by: str
    products: int
    bands: tuple[int, ...]


@dataclass(frozen=True)
class Funnel:
    """The funnel section.

    Attributes:
        rejected: rows that became no product.
        steps: rows, products, and as far as they exist the cut's products and the samples in shards.
        withheld: modalities that the cut withholds.
        cut, shards: their names, or what to run.
    """

    rejected: int
    steps: tuple[Step, ...]
    withheld: tuple[Withheld, ...]
    cut: str | NotYet
    shards: str | NotYet


@dataclass(frozen=True)
class RejectExample:
    """One rejected row: its place, what was wrong, and how it began."""

    reason: str
    file: str
    offset: int
    message: str
    raw: str


def count(dataset: Dataset, manifest: Manifest, products: int, cut: str | NotYet, shards: str | NotYet) -> Funnel:
    """Follow the rows through the stages.

    Args:
        products: products of the dataset (their latest versions).
        cut, shards: names of the cut and the shards to follow, or what to run first.
    """
    versions = sum(columns.rows(pl.scan_parquet(part, glob=False)) for part in dataset.parts("products"))
    unchanged = sum(e["counts"].get("unchanged", 0) for e in manifest["stages"].values() if e["stage"] == "ingest")
    rejects = _rejects(dataset)
    delivered = versions + unchanged + _sum(rejects)
    repeats = (Loss("delivered again unchanged", unchanged), Loss("replaced by a later crawl", versions - products))
    losses = (*rejects, *(loss for loss in repeats if loss.items))
    steps = [Step("rows delivered", delivered, (), 0), _step("products", products, losses, delivered)]
    withheld: tuple[Withheld, ...] = ()
    if not isinstance(cut, NotYet):
        kept = columns.rows(dataset.scan("cut_products", cut=cut))
        steps.append(_step("products in the cut", kept, _cut_losses(dataset, cut), steps[-1].items))
        withheld = _withheld(dataset, cut)
    if not isinstance(shards, NotYet):
        samples = columns.rows(dataset.scan("shard_index", shards=shards))
        lost = steps[-1].items - samples
        not_written = (Loss("not written to shards", lost),) if lost > 0 else ()
        steps.append(_step("samples in shards", samples, not_written, steps[-1].items))
    return Funnel(_sum(rejects), tuple(steps), withheld, cut, shards)


def shards_of(dataset: Dataset, manifest: Manifest, cut: str | NotYet, shards: str | None) -> str | NotYet:
    """The shards to follow after a cut: those asked for, else the only ones there are, and only if they hold that cut.

    Raises:
        UsageError: those asked for do not exist, or hold another cut.
    """
    found = columns.chosen(dataset, "shard_index", shards)
    if isinstance(found, NotYet) or isinstance(cut, NotYet):
        return found
    held = manifest["stages"].get(f"shard/{found}", {"config": {}})["config"].get("cut", cut)
    if held == cut:
        return found
    if shards is None:
        return NotYet(f"m5 shard --set cut={cut} --set name={cut}")
    raise UsageError(f"the shards '{shards}' hold the cut '{held}', not '{cut}'; say --cut {held}")


def reject_examples(dataset: Dataset) -> tuple[RejectExample, ...]:
    """The first rejects of every reason, by place."""
    place = ["reason", "source", "crawl_id", "file", "offset"]
    firsts = (
        dataset.scan("rejects")
        .select(place)
        .sort(place)
        .group_by("reason", maintain_order=True)
        .head(EXAMPLES)
        .collect()
    )
    found = (
        dataset.scan("rejects")
        .join(firsts.lazy(), on=place, how="semi")
        .select(*place, "message", pl.col("raw").bin.slice(0, 4 * EXAMPLE_CHARS))
        .sort(place)
        .collect()
    )
    return tuple(
        RejectExample(
            row["reason"],
            columns.shown(row["file"], 120),
            row["offset"],
            columns.shown(row["message"], EXAMPLE_CHARS),
            columns.shown(row["raw"], EXAMPLE_CHARS),
        )
        for row in found.iter_rows(named=True)
    )


def _step(name: str, items: int, losses: tuple[Loss, ...], before: int) -> Step:
    return Step(name, items, losses, before - items - _sum(losses))


def _sum(losses: Sequence[Loss]) -> int:
    return sum(loss.items for loss in losses)


def _rejects(dataset: Dataset) -> tuple[Loss, ...]:
    counted = dataset.scan("rejects").group_by("reason").len().sort("len", "reason", descending=[True, False]).collect()
    return tuple(Loss(reason, n) for reason, n in counted.iter_rows())


def _cut_losses(dataset: Dataset, cut: str) -> tuple[Loss, ...]:
    counted = columns.summed(
        dataset,
        lambda i: dataset.scan("cut_losses", partition=i, cut=cut).group_by("rule").agg(*_by_band()),
        ["rule"],
    ).sort("items", "rule", descending=[True, False])
    return tuple(Loss(columns.shown(rule, 80), n, tuple(bands)) for rule, n, *bands in counted.iter_rows())


def _withheld(dataset: Dataset, cut: str) -> tuple[Withheld, ...]:
    def of_partition(partition: int) -> pl.LazyFrame:
        kept = dataset.scan("cut_products", partition=partition, cut=cut)
        by = pl.col("withheld_by").list
        each = [kept.select("band", place=pl.lit(m.bit), by=by.get(m.bit, null_on_oob=True)) for m in MODALITIES]
        return pl.concat(each).filter(columns.filled("by")).group_by("place", "by").agg(*_by_band())

    counted = columns.summed(dataset, of_partition, ["place", "by"])
    ordered = counted.sort(["place", "items", "by"], descending=[False, True, False])
    return tuple(
        Withheld(MODALITIES[place].value, columns.shown(by, 80), n, tuple(bands))
        for place, by, n, *bands in ordered.iter_rows()
    )


def _by_band() -> Iterator[pl.Expr]:
    """How many rows there are, and of each band."""
    yield pl.len().cast(pl.Int64).alias("items")
    yield from ((pl.col("band") == band.value).sum().cast(pl.Int64).alias(band) for band in Band)
