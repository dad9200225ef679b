"""What is different about the fields of a crawl: appeared, vanished, emptied since the one before, and likely renames.

A rename shows in the products that both crawls list: the old field's value stands in the new one. Names that are alike
are a hint as well, unless those products speak against it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby, islice
from typing import Any, NamedTuple

import polars as pl

from m5tools.dataset import Dataset
from m5tools.ingest.fields import FieldCounts
from m5tools.ingest.mapping import FIELDS

PRODUCTS_COMPARED = 2_000
EQUAL_ENOUGH = 0.5
PRODUCTS_ENOUGH = 3
NAMES_ALIKE = 0.7
FIELDS_COMPARED = 100
FIELDS_TOLD = 20

APPEARED, VANISHED, EMPTIED = "appeared", "vanished", "emptied"
_COLUMNS = {
    "field": pl.String, "rows": pl.Int64, "filled": pl.Int64, "example": pl.String, "filled_before": pl.Int64,
    "rows_before": pl.Int64, "change": pl.String, "likely": pl.String, "equal": pl.Float64,
}  # fmt: skip
Fields = dict[str, str]
Pairs = list[tuple[Fields, Fields]]


class Rename(NamedTuple):
    """A field that seems to be called otherwise now, and in what share of products the two hold the same."""

    old: str
    new: str
    equal: float | None


def compared(
    counts: FieldCounts, named: Iterable[str], before: pl.DataFrame, pairs: Callable[[], Pairs]
) -> pl.DataFrame:
    """Rows of the table `fields`, but for source, crawl and what the mapping makes of them.

    Args:
        counts: of this crawl.
        named: fields that the mapping names, there or not.
        before: the table `fields` of the crawl before; empty where this is the first.
        pairs: of products that both crawls list, the fields before and now; asked for when a rename is possible.
    """
    earlier = {row["field"]: row for row in before.filter(pl.col("filled") > 0).iter_rows(named=True)}
    names = sorted(counts.filled.keys() | earlier.keys() | set(named))
    change = {name: _change(name, counts, earlier) if earlier else None for name in names}
    # Each is compared with each: of very many, those that most rows had or have.
    gone = _most(names, lambda name: earlier[name]["filled"] if change[name] in (VANISHED, EMPTIED) else 0)
    came = _most(names, lambda name: counts.filled[name] if change[name] == APPEARED else 0)
    renames = likely_renames(gone, came, pairs()) if gone and came else []
    likely = {r.old: (r.new, r.equal) for r in renames} | {r.new: (r.old, r.equal) for r in renames}
    rows = [
        {
            "field": name,
            "rows": counts.rows,
            "filled": counts.filled.get(name, 0),
            "example": counts.examples.get(name),
            "filled_before": earlier[name]["filled"] if name in earlier else (0 if earlier else None),
            "rows_before": next(iter(earlier.values()))["rows"] if earlier else None,
            "change": change[name],
            "likely": likely.get(name, (None, None))[0],
            "equal": likely.get(name, (None, None))[1],
        }
        for name in names
    ]
    return pl.DataFrame(rows, schema=_COLUMNS)


def _most(names: list[str], rows: Callable[[str], int]) -> list[str]:
    """The names that stand for rows, in their order; of very many those that stand for most."""
    found = [name for name in names if rows(name)]
    return sorted(sorted(found, key=lambda name: (-rows(name), name))[:FIELDS_COMPARED])


def _change(name: str, counts: FieldCounts, earlier: dict[str, Any]) -> str | None:
    filled = counts.filled.get(name, 0)
    if name in earlier:
        return None if filled else (EMPTIED if name in counts.filled else VANISHED)
    return APPEARED if filled else None


def likely_renames(gone: list[str], came: list[str], pairs: Pairs) -> list[Rename]:
    """Old and new names that belong together, each in one pair at most, the surest first."""
    found = []
    for old in gone:
        for new in came:
            both = [(a[old], b[new]) for a, b in pairs if old in a and new in b]
            told = len(both) >= PRODUCTS_ENOUGH
            equal = sum(a == b for a, b in both) / len(both) if told else None
            alike = SequenceMatcher(None, _plain(old), _plain(new)).ratio()
            if (equal or 0) >= EQUAL_ENOUGH or (alike >= NAMES_ALIKE and equal != 0):
                found.append(((-(equal or 0), -alike, old, new), Rename(old, new, equal)))
    taken: set[str] = set()
    renames = []
    for _, rename in sorted(found, key=lambda item: item[0]):
        if not taken & {f"-{rename.old}", f"+{rename.new}"}:
            taken |= {f"-{rename.old}", f"+{rename.new}"}
            renames.append(rename)
    return renames


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def crawls_before(dataset: Dataset, source: str, crawl_id: str) -> list[str]:
    """The source's crawls before this one, the latest first."""
    earlier: list[str] = []
    for crawl in dataset.manifest()["crawls"]:
        if crawl["crawl_id"] == crawl_id:
            break
        if crawl["source"] == source:
            earlier.append(crawl["crawl_id"])
    return earlier[::-1]


def fields_of(dataset: Dataset, crawl_id: str) -> pl.DataFrame:
    """The table `fields` of one crawl."""
    return dataset.read("fields").filter(pl.col("crawl_id") == crawl_id)


def known_pairs(dataset: Dataset, crawl_id: str, earlier: list[str]) -> Pairs:
    """The fields before and now of some products that this crawl updated.

    Args:
        dataset: the dataset.
        crawl_id: this crawl.
        earlier: the crawls before, the latest first.
    """
    pairs: Pairs = []
    for part in range(dataset.partitions):
        now = dict(_raw(dataset, [crawl_id], part))
        for product, fields in _raw(dataset, earlier, part, now) if now else ():
            if product in now:
                pairs.append((fields, now.pop(product)))
        if len(pairs) >= PRODUCTS_COMPARED:
            break
    return pairs[:PRODUCTS_COMPARED]


def _raw(
    dataset: Dataset, crawls: Sequence[str], partition: int, products: Collection[str] | None = None
) -> Iterator[tuple[str, Fields]]:
    """Products of a partition with their fields as the first of these crawls that lists them has them, crawl by crawl.

    Args:
        crawls: in the order in which they are asked.
        products: only these.
    """
    rows = dataset.of_crawls("products", crawls, partition).select("product_id", "crawl_id", "raw")
    if products is not None:
        rows = rows.filter(pl.col("product_id").is_in(list(products)))
    found = rows.collect().sort(pl.col("crawl_id").cast(pl.Enum(crawls)), maintain_order=True)
    found = found.unique("product_id", keep="first", maintain_order=True)
    for product, fields in found.select("product_id", "raw").iter_rows():
        yield product, dict(fields or {})


def remarks(fields: pl.DataFrame) -> list[str]:
    """What a user must hear about the fields of one crawl, a line a kind of change."""
    said = []
    for row in islice(_renamed(fields), FIELDS_TOLD):
        share = "" if row["equal"] is None else f", {row['equal']:.0%} of the products both fill hold the same"
        said.append(f"field '{row['field']}' seems to be called '{row['likely']}' now{share}")
    changed = fields.filter(pl.col("change").is_not_null() & pl.col("likely").is_null()).sort("change", "field")
    for change, rows in groupby(changed.iter_rows(named=True), key=lambda row: str(row["change"])):
        said.append(f"fields {change}: {_listed(list(rows))}")
    lost = fields.filter(pl.col("change").is_in([VANISHED, EMPTIED]) & (pl.col("mapped_to").list.len() > 0))
    words = [
        f"{row['field']} → {', '.join(targets)}"
        for row in lost.sort("field").iter_rows(named=True)
        if (targets := sorted(set(row["mapped_to"]) - _mended(fields, row)))
    ]
    if words:
        said.append(f"the mapping reads nothing any more from: {'; '.join(words)}")
    return said + _unfilled(fields)


def _mended(fields: pl.DataFrame, gone: dict[str, Any]) -> set[str]:
    """What the mapping takes from a field that came, instead of from one that is gone.

    Of attributes and media there are many: there the field must seem to be the same.
    """
    came = fields.filter(pl.col("filled") > 0)
    same = came.filter(pl.col("field") == (gone["likely"] or ""))["mapped_to"].explode()
    new = came.filter(pl.col("change") == APPEARED)["mapped_to"].explode()
    return set(same.drop_nulls()) | (set(new.drop_nulls()) & set(FIELDS))


def _unfilled(fields: pl.DataFrame) -> list[str]:
    """What the mapping asks for and no field holds: a wrong name in it shows here first."""
    asked = fields.select("field", "filled", target="mapped_to").explode("target").drop_nulls("target")
    sums = asked.group_by("target").agg(pl.col("filled").sum(), pl.col("field").sort()).sort("target")
    empty = sums.filter(pl.col("filled") == 0)
    words = [f"{target} ({', '.join(names)})" for target, _, names in empty.iter_rows()]
    return [f"the mapping finds nothing for: {'; '.join(words)}"] if words and fields["rows"].sum() else []


def _renamed(fields: pl.DataFrame) -> Iterator[dict[str, Any]]:
    gone = fields.filter(pl.col("change").is_in([VANISHED, EMPTIED]) & pl.col("likely").is_not_null())
    yield from gone.sort("field").iter_rows(named=True)


def _listed(rows: list[dict[str, Any]]) -> str:
    """Fields one behind the other; of very many the most filled."""
    shown = sorted(rows, key=lambda row: (-row["filled"], -(row["filled_before"] or 0), row["field"]))[:FIELDS_TOLD]
    more = f" and {len(rows) - len(shown):,} more" if len(rows) > len(shown) else ""
    return ", ".join(map(_told, sorted(shown, key=lambda row: str(row["field"])))) + more


def _told(row: dict[str, Any]) -> str:
    before = row["filled_before"] / max(1, row["rows_before"]) if row["rows_before"] else 0.0
    share = row["filled"] / max(1, row["rows"]) if row["change"] == APPEARED else before
    tense = "" if row["change"] == APPEARED else "was "
    return f"{row['field']} ({tense}{share:.0%} filled)"
