"""Category paths, however they were written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.ingest.category_path import path_of
from m5tools.ingest.delivered import structure_of

PATH = ["Home & Garden", "TV/Video", "LED - 4K"]


def read(value: Any) -> list[str]:
    return path_of(structure_of(value), None, None, None)


@pytest.mark.parametrize(
    "value",
    [
        "Home & Garden > TV/Video > LED - 4K", "Home & Garden>TV/Video>LED - 4K", "Home &amp; Garden &gt; TV/Video &gt; LED - 4K",
        "Home & Garden » TV/Video » LED - 4K", "Home & Garden › TV/Video › LED - 4K", "Home & Garden → TV/Video → LED - 4K",
        "Home & Garden :: TV/Video :: LED - 4K", "Home & Garden | TV/Video | LED - 4K", "Home & Garden / TV/Video / LED - 4K",
        "Home & Garden/TV\\/Video/LED - 4K", "Home & Garden\\TV\\/Video\\LED - 4K", PATH, json.dumps(PATH),
        ["Home &amp; Garden", *PATH[1:]],
        [{"name": level} for level in PATH], [{"id": 1, "title": level, "url": "/x"} for level in PATH],
        ["Home & Garden > TV/Video", "Home & Garden > TV/Video > LED - 4K"], [["Home"], PATH],
        "Home & Garden > TV/Video | Home & Garden > TV/Video > LED - 4K", "Sale > All; Home & Garden > TV/Video > LED - 4K",
        " Home & Garden >  TV/Video > LED - 4K > ",
    ],
)  # fmt: skip
def test_every_way_to_write_a_path(value: Any) -> None:
    assert read(value) == PATH


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("Electronics/TV", ["Electronics", "TV"]), ("Men", ["Men"]), ("", []), (None, []), (7, []), ([], []), ({"name": "A > B"}, ["A", "B"]),
        ("Clothing, Shoes & Jewelry | Women | Masks", ["Clothing, Shoes & Jewelry", "Women", "Masks"]),
        ("Default Category/Gear,Default Category/Gear/Bags", ["Default Category", "Gear", "Bags"]),
        ("Shoes, Bags > Bags", ["Shoes, Bags", "Bags"]), ("T-Shirts > V-Neck", ["T-Shirts", "V-Neck"]),
    ],
)  # fmt: skip
def test_paths(value: Any, path: list[str]) -> None:
    assert read(value) == path


@given(st.lists(st.text("abcÉ &/,-", min_size=1, max_size=9).map(str.strip).filter(bool), min_size=2, max_size=5),
       st.sampled_from([" > ", " » ", " › ", " → ", " :: "]))  # fmt: skip
def test_what_is_joined_is_taken_apart(levels: list[str], separator: str) -> None:
    if any("&" in level for level in levels) or "->" in separator.join(levels):
        levels = [level.replace("&", "and").replace("-", "~") for level in levels]
    assert read(separator.join(levels)) == levels


@pytest.mark.real_data
def test_bestbuy_categories(real_data: Path) -> None:
    found = json.loads(gzip.decompress((real_data / "bestbuy_categories" / "categories.json.gz").read_bytes()))
    paths = [[level["name"].strip() for level in category["path"] if level["name"]] for category in found]
    assert len(paths) > 1000
    odd = 0
    for category, path in zip(found, paths, strict=True):
        assert read(category["path"]) == path
        assert read(" > ".join(path)) == path
        if any(sign in level for level in path for sign in (" / ", "|")):
            odd += 1  # "CPUs / Processors", "|Hm Theater": in a path of such signs nobody could tell
            continue
        for written in (" / ".join(path), "|".join(path), "/".join(level.replace("/", "\\/") for level in path)):
            assert read(written) == path
    assert odd < 0.02 * len(paths)


def test_a_list_nested_more_deeply_than_calls_may_be_is_read() -> None:
    nested: Any = ["Home", "Lamps"]
    for _ in range(5_000):
        nested = [nested]
    assert path_of(nested, None, None, None) == ["Home", "Lamps"]
