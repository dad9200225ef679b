"""What a run of `compare` works on, partition by partition: products that came or changed, read and cut; all others as
the index holds them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.dedup.abreast import LAID, RECALLED, SPELT, TOLD, WEIGHED
from m5tools.dedup.evidence.likeness import Vocabularies
from m5tools.dedup.evidence.resemblance import LOOKS
from m5tools.dedup.evidence.shown import FILES, files_of
from m5tools.dedup.evidence.tokens import TITLE_WORDS, VALUES, tokens_of, values_of
from m5tools.dedup.evidence.usual import Usual, fact_counts
from m5tools.dedup.gathered import Gathered
from m5tools.dedup.laid import SAID, joined, lay, weigh
from m5tools.dedup.paired import paired
from m5tools.dedup.policy import ComparePolicy
from m5tools.dedup.products import gather, listed_media, numbered
from m5tools.dedup.sides import SIDE, facts_of, known_sides, known_words, sides_of
from m5tools.dedup.sought import band_columns, counts_of, keys_of, known_keys, replaced, with_sources
from m5tools.generations import Generations
from m5tools.listing import any_was_had
from m5tools.stage import Counts, Work

_COMPARED: Final = (
    "product_id", "crawl_id", "source", "gtin", "group", "modalities", "table_pairs", "files", "description_chars",
)  # fmt: skip

HAD, TELLING = "had", "telling"
"""Scratch tables: the files that were had, by location; of each kind those that tell products apart, by content."""


@dataclass(frozen=True)
class Ground:
    """What a run goes on from, as its first unit found it.

    Attributes:
        base: the generation; None where all is compared anew.
        shows: whether the crawls since then list files, and any file was had; else none is looked for.
    """

    base: str | None
    shows: bool

    @classmethod
    def of(cls, scratch: Path) -> Ground:
        return cls(**json.loads((scratch / "ground.json").read_text(encoding="utf-8")))

    def keep(self, scratch: Path) -> None:
        atomic.write_json(scratch / "ground.json", asdict(self))


def may_show(dataset: Dataset, crawls: Sequence[str]) -> bool:
    """Whether some product of these crawls lists a file, and of all that is listed some was had."""
    return bool(dataset.of_crawls("media", crawls).select(pl.len()).collect().item()) and any_was_had(dataset)


def gather_partition(
    work: Work, gathered: Gathered, partition: int, grown: Generations, bands: Sequence[str], policy: ComparePolicy
) -> Counts:
    """Gather one partition, and write what is stored of it.

    Args:
        work: the unit's work; tables `sought`, `sides` and `compared` are written.
        gathered: where to.
        partition: which.
        grown: the comparisons.
        bands: names of the bands, as of :func:`m5tools.dedup.evidence.text.band_keys`.
        policy: how values are read.
    """
    dataset, ground = work.dataset, Ground.of(work.scratch)
    since, known = grown.since(ground.base), grown.known(ground.base, partition)
    listed = numbered(dataset, partition).with_columns(
        is_new=~pl.col("product_id").is_in(known.implode()), is_read=pl.col("crawl_id").is_in(since)
    )
    products, facts = gather(dataset, partition, listed.filter("is_read"), policy, work.scratch / HAD)
    tokens = tokens_of(products, policy).with_columns(values_of(products, facts))
    keys, sides = keys_of(products, tokens, policy), sides_of(products, tokens, facts)
    came = keys.join(sides, on="row", maintain_order="left").select("row", *SIDE)
    changed = listed.filter("is_read", ~pl.col("is_new"))
    gone = known_sides(dataset, partition, replaced(dataset, partition, changed, since))
    for kind, counted in (counts_of(came, gone) | fact_counts(facts, facts_of(gone))).items():
        gathered.write(f"{kind}_counted", partition, counted)
    for name, table in zip((LAID, SPELT), lay(came, policy), strict=True):
        gathered.keep(name, partition, table)
    gathered.keep(TOLD, partition, came.select(SAID))
    for table, rows in (("sought", keys), ("sides", sides), ("compared", products.select("row", *_COMPARED))):
        work.write(table, grown.part(partition), rows.drop("row"))

    old = listed.filter(~pl.col("is_read"))
    every = pl.concat([known_keys(dataset, partition, old), keys]).sort("row")
    every = with_sources(every, dataset.manifest()).with_columns(listed["is_new"])
    gathered.write("sought", partition, every.select(pl.exclude("^.*_bands$")))
    gathered.write("bands", partition, band_columns(every, bands))
    words = pl.concat([known_words(dataset, partition, old), tokens.select("row", TITLE_WORDS, VALUES)]).sort("row")
    gathered.write("rare_sets", partition, words)
    files = _files(work, partition, every) if ground.shows else {}
    for kind, rows in files.items():
        gathered.write(kind, partition, rows)
    if files:
        gathered.keep("looks", partition, files["pictures"].select(LOOKS))
    return {"products": products.height, **{kind: files[kind].height if kind in files else 0 for kind in FILES}}


def _files(work: Work, partition: int, products: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Files that can tell products apart, by their kind, see :func:`files_of`."""
    media = listed_media(work.dataset, work.dataset.scan("media", partition=partition), work.scratch / HAD)
    shown = media.join(products.select("product_id", "row", "stem"), on="product_id")
    return {kind: files_of(work.scratch / TELLING / kind, shown, kind) for kind in FILES}


def recall_partition(
    work: Work, gathered: Gathered, partition: int, vocabularies: Vocabularies, usual: Usual, policy: ComparePolicy
) -> None:
    """Gather what is stored of old products that stand in some pair, and tell what words and facts weigh by all.

    Args:
        work: the unit's work.
        gathered: where from and where to.
        partition: which.
        vocabularies: of the whole dataset.
        usual: facts of the whole dataset.
        policy: which part numbers name something.
    """
    said, told = gathered.mapped(SPELT, partition), gathered.mapped(TOLD, partition)
    every = pl.DataFrame(pl.from_arrow(told.select(["facts"])))
    if Ground.of(work.scratch).base is not None:
        came = gathered.kept(TOLD, partition)
        rows = paired(gathered, partition).to_frame()
        old = numbered(work.dataset, partition).join(rows, on="row", how="semi").join(came, on="row", how="anti")
        sides = known_sides(work.dataset, partition, old)
        laid, spelt = lay(sides, policy)
        said = joined((said, spelt))
        gathered.keep(RECALLED + LAID, partition, joined((gathered.mapped(LAID, partition), laid)))
        every = pl.concat([came, sides.select(SAID)]).sort("row")
        gathered.keep(RECALLED + TOLD, partition, every)
    gathered.keep(WEIGHED, partition, weigh(said, every, vocabularies, usual))


def options_of_groups(work: Work, gathered: Gathered) -> pl.DataFrame:
    """What the members of item groups list as options: facts that are options, with `group`.

    Where a run goes on from another, only of groups that a product has joined or changed since; their old members are
    recalled.
    """
    first, found = gathered.offsets(), []
    groups = [_grouped(gathered, i, "group")["group"].unique() for i in range(gathered.partitions)]
    touched = pl.concat(groups).unique()
    grouped = gathered.scan("sought").select("row", "group").drop_nulls("group").collect()
    members = grouped.filter(pl.col("group").is_in(touched.implode()))["row"].to_numpy()
    del grouped, groups, touched
    bounds = np.searchsorted(members, np.array(first, np.uint32))
    for i, begin in enumerate(first[:-1]):
        sides = _grouped(gathered, i, "row", "group", "facts")
        mine = pl.DataFrame({"row": members[bounds[i] : bounds[i + 1]] - np.uint32(begin)})
        rows = mine.join(sides, on="row", how="anti")
        recalled = sides.clear()
        if rows.height:
            old = numbered(work.dataset, i).join(rows, on="row", how="semi")
            recalled = known_sides(work.dataset, i, old).select("row", "group", "facts")
        listed = pl.concat([sides, recalled])
        options = facts_of(listed).filter("option").join(listed.select("row", "group"), on="row")
        found.append(options.with_columns((pl.col("row") + begin).cast(pl.UInt32)))
    return pl.concat(found)


def _grouped(gathered: Gathered, partition: int, *columns: str) -> pl.DataFrame:
    """Some columns of `SAID` of the products of a partition that came or changed and are in an item group; what the
    others list is not read."""
    told = gathered.mapped(TOLD, partition)
    return pl.DataFrame(pl.from_arrow(told.select(list(columns)).filter(told["group"].is_valid())))
