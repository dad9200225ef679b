"""Which parts are read, and in which order, where crawls lie together."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from m5tools.bundles import in_order, name_of, read_parts

HOME = Path("tables/products")
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,5}", fullmatch=True)


def _parts(*folders: str) -> list[Path]:
    return sorted(HOME / folder / "part-00000.parquet" for folder in folders)


def test_one_of_crawls_and_bundle_is_read() -> None:
    bundle = name_of(["a", "b"])
    there = _parts("a", "b", "c", bundle, "a+half")
    assert read_parts(there, {}) == _parts("a", "b", "c")
    assert read_parts(there, {bundle: ("a", "b")}) == _parts(bundle, "c")


def test_a_crawl_between_those_of_a_bundle_is_read_between_them() -> None:
    bundle = name_of(["shop-1", "shop-2"])
    known = {bundle: ("shop-1", "shop-2")}
    together, between, later = _parts(bundle, "shop-10", "shop-3")
    assert in_order([together, between, later], known) == [
        (together, ("shop-1",)), (between, None), (together, ("shop-2",)), (later, None),
    ]  # fmt: skip
    assert in_order([together, later], known) == [(together, None), (later, None)]
    assert in_order([together, later], known, ["shop-2", "gone"]) == [(together, ("shop-2",))]


@given(st.sets(NAMES, min_size=2, max_size=8), st.data())
def test_the_order_is_that_of_crawls_with_parts_of_their_own(crawls: set[str], data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.integers(0, 2), min_size=len(crawls), max_size=len(crawls)))
    members = [sorted(c for c, g in zip(sorted(crawls), groups, strict=True) if g == group) for group in range(3)]
    known = {name_of(m): tuple(m) for m in members[:2] if m}
    runs = in_order(_parts(*known, *members[2]), known)
    read = [crawl for part, taken in runs for crawl in taken or known.get(part.parent.name, (part.parent.name,))]
    assert read == [part.parent.name for part in _parts(*crawls)]
