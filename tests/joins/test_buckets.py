"""Rows cut into buckets."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from m5tools.joins import buckets


def test_every_row_is_in_the_bucket_of_its_key(tmp_path: Path) -> None:
    keys = pl.Series("key", [f"k{n % 50}" for n in range(1000)])
    rows = pl.DataFrame({"key": keys, "n": range(1000)})
    for name, part in {"a": rows[:600], "b": rows[600:]}.items():
        buckets.write(tmp_path / name, part, buckets.of_text(part["key"], 7), 7)
    files = buckets.opened([tmp_path / "a", tmp_path / "b"])
    parts = [buckets.read(files, bucket) for bucket in range(7)]
    assert sum(part["key"].n_unique() for part in parts) == 50  # no key in two of them
    assert pl.concat(parts).sort("n").equals(rows)
    assert all(part["n"].is_sorted() for part in parts)


def test_hashes_in_digits_lie_in_order_and_any_other_text_lies_somewhere() -> None:
    texts = ["00" * 16, "7fff" + "0" * 28, "8000" + "0" * 28, "ff" * 16]
    assert buckets.of_hex(pl.Series(texts), 4).to_list() == [0, 1, 2, 3]
    odd = buckets.of_hex(pl.Series(["", "a", "l0", "-fff", "+0ff", "0x1f", "é"]), 5)
    assert odd.null_count() == 0
    assert odd.is_between(0, 4).all()


def test_an_empty_bucket_has_the_columns(tmp_path: Path) -> None:
    rows = pl.DataFrame({"hash": [0, 2**64 - 1]}, schema={"hash": pl.UInt64})
    place = buckets.of_hash(rows["hash"], 4)
    assert place.to_list() == [0, 3]
    buckets.write(tmp_path / "a", rows, place, 4)
    empty = buckets.read(buckets.opened([tmp_path / "a"]), 2)
    assert (empty.height, empty.schema) == (0, rows.schema)
