"""The whole comparison: all sections, and over all of them the biggest movers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from m5tools.audit import columns
from m5tools.audit.columns import NotYet
from m5tools.audit.compare import counting, distance, numbers, renames
from m5tools.audit.compare.counting import Counts
from m5tools.audit.compare.distance import Distance
from m5tools.audit.compare.numbers import Amount
from m5tools.audit.compare.products import Matching, Products
from m5tools.audit.compare.renames import Rename
from m5tools.audit.compare.shares import SCHEMA, Share, judged, listed, side_by_side
from m5tools.audit.compare.sides import Side, slices
from m5tools.vocabulary import Reason, State

MOVERS_LISTED = 200


@dataclass(frozen=True)
class Facts:
    """What a side is."""

    name: str
    products: int
    pairs: int
    crawls: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Drift:
    """How far the values of one column, or the states of one modality, are apart.

    Attributes:
        values_a, values_b: different values on each side.
    """

    name: str
    values_a: int
    values_b: int
    distance: Distance


@dataclass(frozen=True)
class Mover:
    """A share that moved by more than noise; `rename` where it is a name that vanished and came back as another."""

    share: Share
    rename: Rename | None = None


@dataclass(frozen=True)
class Comparison:
    """Everything that was compared.

    Attributes:
        compared: shares and numbers that were tested for having moved.
        limit: the |z| that a mover must reach, so that noise brings one onto the list in one of a hundred comparisons.
        movers, moved: the biggest, and how many there are.
        columns, fields, attributes, values, categories, states, links: shares, the biggest movers first.
        came, vanished: categories that one side lacks.
        drifts: of columns' values; state_drifts, link_drifts: of states and reasons by modality.
    """

    a: Facts
    b: Facts
    compared: int
    limit: float
    moved: int
    movers: tuple[Mover, ...]
    products: Products
    renames: tuple[Rename, ...]
    columns: tuple[Share, ...]
    fields: tuple[Share, ...]
    attributes: tuple[Share, ...]
    values: tuple[Share, ...]
    categories: tuple[Share, ...]
    came: int
    vanished: int
    drifts: tuple[Drift, ...]
    states: tuple[Share, ...] | NotYet
    state_drifts: tuple[Drift, ...]
    links: tuple[Share, ...] | NotYet
    link_drifts: tuple[Drift, ...]
    numbers: tuple[Amount, ...]

    def as_json(self) -> dict[str, Any]:
        """The comparison as plain JSON values; a section that cannot be compared yet is `{"needs": command}`."""
        return asdict(self)


def compare(a: Side, b: Side, policy: str = "default") -> Comparison:
    """Compare two sides: every number is exact, read slice by slice.

    Args:
        a, b: before and after.
        policy: whose states of modalities, where a side is no cut.
    """
    parts = slices(a.dataset.partitions, b.dataset.partitions)
    matching = Matching()
    counted: tuple[list[Counts], list[Counts]] = ([], [])
    for part in parts:
        both = counting.products(a, part), counting.products(b, part)
        matching.meet(*both)
        for side, rows, kept in zip((a, b), both, counted, strict=True):
            kept.append(counting.count(side, part, rows, policy))
            if len(kept) >= 16:
                kept[:] = [counting.added(kept)]
    counts = counting.added(counted[0]), counting.added(counted[1])
    fields = counting.fields(a), counting.fields(b)
    links = _words(counting.links(a, parts)), _words(counting.links(b, parts))
    states = _words(counts[0]["states"]), _words(counts[1]["states"])
    tagged = all(counting.tagged(side, policy) for side in (a, b))
    fetched = all(counting.fetched(side) for side in (a, b))
    sizes = _size(counts[0], "products"), _size(counts[1], "products")
    amounts, by_number = numbers.measure(counts[0]["amounts"], counts[1]["amounts"])
    found = pl.concat(
        [
            _side_by_side("column", counts, "filled", sizes, "column"),
            side_by_side("field", fields[0], fields[1], _rows(fields), "field"),
            _side_by_side("attribute", counts, "names", sizes, "name"),
            _side_by_side("value", counts, "values", sizes, "value", "column"),
            *([_by_modality("state", *states)] if tagged else []),
            _by_modality("link", *links),
            by_number,
        ],
        how="diagonal",
    )
    in_category = (pl.col("kind") == "value") & (pl.col("group") == "category")
    as_category = found.with_columns(
        kind=pl.when(in_category).then(pl.lit("category")).otherwise("kind"),
        group=pl.when(in_category).then(pl.lit("")).otherwise("group"),
    )
    # What nobody tests for does not count as a test: a field of rows that one side does not have.
    tested = as_category.filter((pl.col("size_a") > 0) & (pl.col("size_b") > 0))
    limit = distance.limit(tested.height)
    rows = judged(tested, limit)
    names = renames.candidates(*fields, "field"), renames.candidates(counts[0]["names"], counts[1]["names"], "name")
    renamed = (
        *renames.find("field", (a, b), parts, matching.sample, names[0], renames.raw_values),
        *renames.find("attribute", (a, b), parts, matching.sample, names[1], renames.attribute_values),
    )
    by_category = as_category.filter(pl.col("kind") == "category")
    return Comparison(
        a=_facts(a, counts[0]),
        b=_facts(b, counts[1]),
        compared=tested.height,
        limit=limit,
        moved=rows.filter(pl.col("score") > 0).height,
        movers=_movers(rows, renamed),
        products=matching.found(a, b),
        renames=tuple(map(renames.shown, renamed)),
        columns=listed(rows, "column"),
        fields=listed(rows, "field"),
        attributes=listed(rows, "attribute"),
        values=listed(rows, "value"),
        categories=listed(rows, "category"),
        came=by_category.filter(pl.col("a") == 0).height,
        vanished=by_category.filter(pl.col("b") == 0).height,
        drifts=_drifts(counts[0]["values"], counts[1]["values"], "column", "value"),
        states=listed(rows, "state") if tagged else NotYet("m5 tag"),
        state_drifts=_drifts(*states, "modality", "what") if tagged else (),
        links=listed(rows, "link") if fetched else NotYet("m5 fetch"),
        link_drifts=_drifts(*links, "modality", "what") if fetched else (),
        numbers=amounts,
    )


def _movers(rows: pl.DataFrame, renamed: tuple[Rename, ...]) -> tuple[Mover, ...]:
    """The biggest movers; a rename of which both names moved is one of them, not two."""
    moved = rows.filter(pl.col("score") > 0)
    names = set(moved.select("kind", "name").iter_rows())
    old = {(r.kind, r.old): r for r in renamed}
    new = {(r.kind, r.new) for r in renamed if (r.kind, r.old) in names}
    told = [(kind, name) in new for kind, name in moved.select("kind", "name").iter_rows()]
    kinds = ("column", "field", "attribute", "value", "category", "state", "link", "number")
    first = listed(moved.filter(~pl.Series(told, dtype=pl.Boolean)), *kinds, most=MOVERS_LISTED)
    by_shown = {(kind, columns.shown(name, 160)): renames.shown(r) for (kind, name), r in old.items()}
    return tuple(Mover(share, by_shown.get((share.kind, share.name)) if not share.b else None) for share in first)


def _side_by_side(
    kind: str, counts: tuple[Counts, Counts], table: str, sizes: tuple[int, int], name: str, group: str | None = None
) -> pl.DataFrame:
    return side_by_side(kind, counts[0][table], counts[1][table], sizes, name, group)


def _by_modality(kind: str, a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    """States or links side by side, each as a share of those of its modality."""
    found = [pl.DataFrame(schema=SCHEMA)]
    for modality in sorted({*a["modality"], *b["modality"]}):
        left, right = (side.filter(pl.col("modality") == modality) for side in (a, b))
        sizes = int(left["n"].sum()), int(right["n"].sum())
        found.append(side_by_side(kind, left, right, sizes, "what", "modality"))
    return pl.concat(found)


def _words(states: pl.DataFrame) -> pl.DataFrame:
    """`modality, what, n` from codes of states and reasons."""
    state, reason = (
        pl.col(name).replace_strict({c.value: c.word.replace("_", " ") for c in codes}, return_dtype=pl.String)
        for name, codes in (("state", State), ("reason", Reason))
    )
    what = pl.when(pl.col("reason") == Reason.NONE).then(state).otherwise(pl.concat_str(state, pl.lit(": "), reason))
    return states.select("modality", what.alias("what"), "n")


def _drifts(a: pl.DataFrame, b: pl.DataFrame, group: str, name: str) -> tuple[Drift, ...]:
    both = a.join(b, on=[group, name], how="full", coalesce=True, suffix="_b").fill_null(0).sort(group, name)
    found = []
    for (column,), counts in both.group_by(group, maintain_order=True):
        n_a, n_b = counts["n"].to_numpy(), counts["n_b"].to_numpy()
        found.append(Drift(str(column), int((n_a > 0).sum()), int((n_b > 0).sum()), distance.distance(n_a, n_b)))
    return tuple(sorted(found, key=lambda d: (-d.distance.total_variation, d.name)))


def _rows(fields: tuple[pl.DataFrame, pl.DataFrame]) -> tuple[int, int]:
    a, b = (int(side["rows"][0]) if side.height else 0 for side in fields)
    return a, b


def _size(counts: Counts, what: str) -> int:
    return int(counts["size"].filter(pl.col("what") == what)["n"].sum())


def _facts(side: Side, counts: Counts) -> Facts:
    sources = tuple(columns.shown(source, 60) for source in side.sources)
    return Facts(columns.shown(side.name, 120), _size(counts, "products"), _size(counts, "pairs"), side.crawls, sources)
