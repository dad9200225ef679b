"""From rows to samples: what was lost at each step and why, and whether the numbers add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from m5tools.audit import columns
from m5tools.audit.columns import NotYet
from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.manifest import Manifest
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
class Written:
    """One shard folder against the cut that it holds.

    Attributes:
        products: of the cut; None where the cut is there no more.
        samples: of the shards.
        lost: products of the cut that are no samples; None where the cut is there no more.
    """

    shards: str
    cut: str
    products: int | None
    samples: int
    lost: int | None


@dataclass(frozen=True)
class Funnel:
    """The funnel section.

    Attributes:
        rejected: rows that became no product.
        steps: rows, products, and as far as they exist the cut's products and the samples in shards.
        withheld: modalities that the cut withholds.
        written: every shard folder, by name.
        cut, shards: names of those that the steps follow, or what to run.
    """

    rejected: int
    steps: tuple[Step, ...]
    withheld: tuple[Withheld, ...]
    written: tuple[Written, ...]
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
    return Funnel(_sum(rejects), tuple(steps), withheld, _written(dataset, manifest), cut, shards)


def followed(
    dataset: Dataset, manifest: Manifest, cut: str | None, shards: str | None
) -> tuple[str | NotYet, str | NotYet]:
    """The cut and the shards to follow: those asked for, else the only ones there are; shards only after their own cut.

    Raises:
        UsageError: those asked for do not exist, or the shards hold another cut.
    """
    of_cut, found = columns.chosen(dataset, "cut_products", cut), columns.chosen(dataset, "shard_index", shards)
    held = _held(dataset, manifest)
    if isinstance(of_cut, NotYet):
        # Which of several cuts is meant the shards say, where it is clear which shards are.
        own = None if isinstance(found, NotYet) else held[found]
        if own is None or own not in columns.names(dataset, "cut_products"):
            return of_cut, found if isinstance(found, NotYet) else NotYet("m5 shard")
        return own, found
    mine = [name for name, own in held.items() if own in (of_cut, None)]
    if shards is not None:
        if shards not in mine:
            own = held[shards]
            raise UsageError(f"the shards '{shards}' hold the cut '{own}', not '{of_cut}'; say --cut {own}")
        return of_cut, shards
    if held and not mine:
        return of_cut, NotYet(f"m5 shard --set cut={of_cut} --set name={of_cut}")
    if len(mine) > 1:
        return of_cut, NotYet(f"m5 audit --cut {of_cut} --shards {'|'.join(mine)}")
    return of_cut, mine[0] if mine else found


def _held(dataset: Dataset, manifest: Manifest) -> dict[str, str | None]:
    """The cut that each shard folder holds, by its name; None where no run of `shard` says."""
    entries = {name: manifest["stages"].get(f"shard/{name}") for name in columns.names(dataset, "shard_index")}
    return {name: entry["config"].get("cut") if entry else None for name, entry in entries.items()}


def _written(dataset: Dataset, manifest: Manifest) -> tuple[Written, ...]:
    cuts = columns.names(dataset, "cut_products")
    found = []
    for shards, cut in _held(dataset, manifest).items():
        samples = columns.rows(dataset.scan("shard_index", shards=shards))
        products = columns.rows(dataset.scan("cut_products", cut=cut)) if cut in cuts else None
        found.append(Written(shards, cut or "", products, samples, None if products is None else products - samples))
    return tuple(found)


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
