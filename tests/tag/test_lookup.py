"""Rows looked up in many parts."""

from pathlib import Path

import polars as pl
import pytest

from m5tools.tag import lookup

COLUMNS = pl.Schema({"asset_id": pl.String(), "state": pl.UInt8()})


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """Ten parts of a hundred rows, with a column that nobody asks for."""
    files = []
    for number in range(10):
        ids = [f"{number:02d}{row:062d}" for row in range(100)]
        frame = pl.DataFrame({"asset_id": ids, "more": ids, "state": pl.Series([number] * 100, dtype=pl.UInt8)})
        files.append(tmp_path / f"{number}.parquet")
        frame.write_parquet(files[-1])
    return files


@pytest.mark.parametrize("at_once", [1, 100, 250, 10_000])
def test_what_is_wanted_comes_once_in_the_order_of_the_parts_however_many_pass_at_once(
    parts: list[Path], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "ROWS_AT_ONCE", at_once)
    ids = [f"{number:02d}{row:062d}" for number, row in ((0, 7), (3, 99), (9, 0), (9, 99))]
    wanted = pl.Series([*reversed(ids), ids[0], None, "unheard of"])
    found = lookup.rows_of(parts, wanted, COLUMNS)
    assert found.schema == COLUMNS
    assert found.rows() == list(zip(ids, [0, 3, 9, 9], strict=True))


def test_a_table_without_parts_has_nothing() -> None:
    found = lookup.rows_of([], pl.Series(["a"]), COLUMNS)
    assert found.schema == COLUMNS
    assert found.is_empty()


def test_what_stays_does_not_hold_the_texts_of_what_passed(tmp_path: Path) -> None:
    ids = pl.Series([f"{row:064d}" for row in range(50_000)])
    pl.DataFrame({"asset_id": ids, "state": pl.Series([0] * len(ids), dtype=pl.UInt8)}).write_parquet(tmp_path / "a")
    found = lookup.rows_of([tmp_path / "a"], ids.gather_every(5), COLUMNS)
    held = found["asset_id"].to_arrow(compat_level=pl.CompatLevel.newest()).get_total_buffer_size()
    assert held < 2 * found.height * (64 + 16)  # a text and its view
