"""The whole audit: all sections of a dataset."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from m5tools.audit import categories, columns, completeness, contents, duplicates, funnel, tags
from m5tools.audit.categories import Categories
from m5tools.audit.columns import NotYet
from m5tools.audit.completeness import Completeness
from m5tools.audit.contents import Attributes, Facts, Languages
from m5tools.audit.duplicates import Duplicates, Splits
from m5tools.audit.funnel import Funnel, RejectExample
from m5tools.audit.tags import Gallery, Tag
from m5tools.dataset import Dataset


@dataclass(frozen=True)
class Audit:
    """Everything that was counted, by section.

    Attributes:
        policy: whose tags and states were read.
        gallery: examples of every tag.
    """

    policy: str
    facts: Facts
    funnel: Funnel
    rejects: tuple[RejectExample, ...]
    categories: Categories
    completeness: Completeness
    attributes: Attributes
    languages: Languages
    tags: tuple[Tag, ...] | NotYet
    gallery: tuple[Gallery, ...] | NotYet
    duplicates: Duplicates | NotYet
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
        UsageError: the policy, the cut or the shards asked for do not exist.
    """
    manifest = dataset.manifest()
    followed = columns.chosen(dataset, "cut_products", cut), columns.chosen(dataset, "shard_index", shards)
    facts = contents.facts(dataset, manifest)
    sizes = categories.sizes(dataset)
    ranks = categories.ranked(sizes)
    if policy != "default":
        columns.chosen(dataset, "tags", policy)
    tagged = columns.has(dataset, "tags", policy=policy)
    return Audit(
        policy=policy,
        facts=facts,
        funnel=funnel.count(dataset, manifest, facts.products, *followed),
        rejects=funnel.reject_examples(dataset),
        categories=categories.count(sizes, ranks),
        completeness=completeness.count(dataset, policy, ranks["category"].head(completeness.HEAT_ROWS).to_list()),
        attributes=contents.attributes(dataset, facts.products),
        languages=contents.languages(dataset),
        tags=tags.count(dataset, policy, ranks, facts.products) if tagged else NotYet("m5 tag"),
        gallery=tags.gallery(dataset, policy) if tagged else NotYet("m5 tag"),
        duplicates=duplicates.count(dataset) if columns.has(dataset, "clusters") else NotYet("m5 dedup"),
        splits=duplicates.splits(dataset, facts.products) if columns.has(dataset, "splits") else NotYet("m5 split"),
    )
