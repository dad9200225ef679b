"""Numbers of products by their ids."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from m5tools.joins.numbers import Numbers


@pytest.mark.parametrize("shared", [0, 16])
def test_numbers_come_back_as_ids(shared: int, tmp_path: Path) -> None:
    """Also where many ids begin alike, and whether ids came in one run or in several."""
    rng = random.Random(1)
    drawn = (f"{'ab' * shared:.16}{rng.getrandbits(128):032x}"[:32] for _ in range(500))
    ids = pl.Series("id", sorted({*drawn, "0" * 32, "0" * 30 + "ff", "f" * 32, "f" * 30 + "00"}))
    some = ids.sample(200, seed=2)
    Numbers.write(tmp_path / "numbers.npy", [ids[:7], ids[7:7], ids[7:]])
    numbers = Numbers.read(tmp_path / "numbers.npy")
    found = numbers.of(some)
    assert found.dtype == pl.UInt32
    assert found.to_list() == [ids.to_list().index(one) for one in some]
    assert numbers.ids(found).to_list() == some.to_list()
    places = {one: place for place, one in enumerate(ids)}
    asked = [*some, *(one[:31] + digit for one in some for digit in "0f"), "f" * 31 + "e", "0" * 31 + "1"]
    told = numbers.known(pl.Series("id", asked))
    assert (told.name, told.dtype) == ("id", pl.UInt32)
    assert told.to_list() == [places.get(one) for one in asked]
    runs = pl.concat([some, some[:1], some[:1], some])
    assert numbers.of_runs(runs).equals(numbers.of(runs))
    assert numbers.of(ids[3:9]).to_list() == [3, 4, 5, 6, 7, 8], "a part of a longer column"


def test_no_products(tmp_path: Path) -> None:
    none = pl.Series("id", [], dtype=pl.String)
    Numbers.write(tmp_path / "numbers.npy", [none])
    numbers = Numbers.read(tmp_path / "numbers.npy")
    assert numbers.of(none).is_empty()
    assert numbers.of_runs(none).dtype == pl.UInt32
    assert numbers.known(pl.Series("id", ["0" * 32])).to_list() == [None]
    assert numbers.ids(numbers.of(none)).dtype == pl.String
