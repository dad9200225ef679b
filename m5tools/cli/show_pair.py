"""`m5 show A B`: why two products were joined, or were not."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable

from rich.console import Console

from m5tools.cli.sniff import plain
from m5tools.dataset import Dataset
from m5tools.dedup.why import Why, why


def print_why(dataset: Dataset, one: str, other: str, as_json: bool) -> None:
    """Print it in words, or as JSON.

    Raises:
        UsageError: no such product, or the two are one.
    """
    found = why(dataset, dataset.find(one), dataset.find(other))
    console = Console()
    if as_json:
        told = json.dumps(dataclasses.asdict(found), ensure_ascii=False, indent=1)
        console.print(told, markup=False, highlight=False, soft_wrap=True)
        return
    for line in _lines(dataset, found):
        console.print(plain(line), highlight=False, soft_wrap=True)


def _lines(dataset: Dataset, found: Why) -> Iterable[str]:
    products = dataset.scan("products").select("product_id", "source", "native_id", "title")
    for product in (found.product_a, found.product_b):
        _, source, native_id, title = products.filter(product_id=product).collect().row(0)
        yield f"{product}  {source} {native_id or ''}  {title or 'no title'}"
    yield f"{found.relation or 'nothing'}: {found.rule}"
    for row in found.evidence:
        yield f"  + {row['evidence']} {row['score']:.2f}: {row['detail']}"
    yield from (f"  - {words}" for words in found.against)
    yield from (f"  ? {words}" for words in found.missing)
    yield from (f"  = {words}" for words in found.clusters)
