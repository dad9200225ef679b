"""The whole audit: all sections of a dataset."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from m5tools.audit import (
    attributes,
    categories,
    columns,
    completeness,
    contents,
    costs,
    duplicates,
    funnel,
    hubs,
    levels,
    prices,
    tags,
    timeline,
)
from m5tools.audit.attributes import Attributes
from m5tools.audit.categories import Categories
from m5tools.audit.columns import NotYet
from m5tools.audit.completeness import Completeness
from m5tools.audit.contents import Facts, Languages
from m5tools.audit.costs import Cost, CutCost, Shape
from m5tools.audit.duplicates import Duplicates, Splits
from m5tools.audit.funnel import Funnel, RejectExample
from m5tools.audit.hubs import Hubs
from m5tools.audit.levels import Level
from m5tools.audit.prices import Prices
from m5tools.audit.tags import Gallery, Tag
from m5tools.audit.timeline import Timeline
from m5tools.dataset import Dataset


@dataclass(frozen=True)
class Audit:
    """Everything that was counted, by section.

    Attributes:
        policy: whose tags and states were read.
        levels: the category tree, level by level.
        shape: of the categories, before anything is left out.
        tag_costs, cut_costs: what leaving out does to the tail of categories.
        gallery: examples of every tag.
    """

    policy: str
    facts: Facts
    funnel: Funnel
    rejects: tuple[RejectExample, ...]
    categories: Categories
    levels: tuple[Level, ...]
    shape: Shape
    completeness: Completeness
    attributes: Attributes
    prices: Prices
    timeline: Timeline
    languages: Languages
    tags: tuple[Tag, ...] | NotYet
    tag_costs: tuple[Cost, ...] | NotYet
    cut_costs: tuple[CutCost, ...] | NotYet
    gallery: tuple[Gallery, ...] | NotYet
    duplicates: Duplicates | NotYet
    hubs: Hubs | NotYet
    splits: Splits | NotYet

    def numbers(self) -> dict[str, Any]:
        """The audit as plain JSON values; a section not measured yet is `{"needs": command}`."""
        body = asdict(self)
        if not isinstance(self.gallery, NotYet):
            for shelf in body["gallery"]:
                for example in shelf["examples"]:
                    del example["jpeg"], example["peaks"]
        return body


def audit(dataset: Dataset, *, policy: str = "default", cut: str | None = None, shards: str | None = None) -> Audit:
    """Count a dataset as far as it has been built.

    Args:
        dataset: an ingested dataset.
        policy: whose tags and states to read.
        cut, shards: which to follow in the funnel; None means the only one there is.

    Raises:
        UsageError: the policy, the cut or the shards asked for do not exist, or the shards are of another cut.
    """
    manifest = dataset.manifest()
    followed = funnel.followed(dataset, manifest, cut, shards)
    facts = contents.facts(dataset, manifest)
    paths = levels.paths(dataset)
    sizes = categories.sizes(paths)
    ranks = categories.ranked(sizes)
    if policy != "default":
        columns.chosen(dataset, "tags", policy)
    tagged = tags.by_category(dataset, policy) if columns.has(dataset, "tags", policy=policy) else None
    return Audit(
        policy=policy,
        facts=facts,
        funnel=funnel.count(dataset, manifest, facts.products, *followed),
        rejects=funnel.reject_examples(dataset),
        categories=categories.count(sizes, ranks),
        levels=levels.count(paths),
        shape=costs.shape(ranks["products"].to_numpy()),
        completeness=completeness.count(dataset, policy, ranks["category"].head(completeness.HEAT_ROWS).to_list()),
        attributes=attributes.count(dataset, facts.products, ranks),
        prices=prices.count(dataset),
        timeline=timeline.count(dataset, manifest),
        languages=contents.languages(dataset),
        tags=NotYet("m5 tag") if tagged is None else tags.count(tagged, ranks, facts.products),
        tag_costs=NotYet("m5 tag") if tagged is None else costs.of_tags(tagged, ranks),
        cut_costs=costs.of_cuts(dataset) or NotYet("m5 cut"),
        gallery=NotYet("m5 tag") if tagged is None else tags.gallery(dataset, policy),
        duplicates=duplicates.count(dataset) if columns.has(dataset, "clusters") else NotYet("m5 dedup"),
        hubs=hubs.count(dataset, manifest) if "compare" in manifest["stages"] else NotYet("m5 compare"),
        splits=duplicates.splits(dataset, facts.products) if columns.has(dataset, "splits") else NotYet("m5 split"),
    )
