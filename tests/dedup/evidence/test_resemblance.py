"""How far pictures resemble each other."""

from __future__ import annotations

import polars as pl

from m5tools.dedup.evidence.resemblance import resemblance


def _picture(row: int, name: str, pdq: bytes, colour: int, trimmed: bytes | None = None) -> dict[str, object]:
    colours = bytes(255 if place == colour else 0 for place in range(64))
    return {"row": row, "asset_id": name, "pdq": pdq, "pdq_trimmed": trimmed, "pdq_fitted": None, "colours": colours}


def _found(pictures: list[dict[str, object]], pairs: list[tuple[int, int]]) -> list[tuple[object, ...]]:
    schema = {
        "row": pl.UInt32, "asset_id": pl.String, "pdq": pl.Binary, "pdq_trimmed": pl.Binary, "pdq_fitted": pl.Binary,
        "colours": pl.Binary,
    }  # fmt: skip
    asked = pl.DataFrame(pairs, schema={"a": pl.UInt32, "b": pl.UInt32}, orient="row")
    return resemblance(asked, pl.DataFrame(pictures, schema=schema)).rows()


BLACK, WHITE, NEARLY = bytes(32), bytes([255] * 32), bytes([7] + [0] * 31)


def test_the_nearest_two_pictures_count_and_their_colours() -> None:
    pictures = [_picture(0, "x", WHITE, 3), _picture(0, "y", BLACK, 5), _picture(1, "z", NEARLY, 5)]
    assert _found(pictures, [(0, 1)]) == [(0, 1, 3, 1.0)]


def test_another_way_to_look_may_be_nearer() -> None:
    pictures = [_picture(0, "x", WHITE, 3, trimmed=NEARLY), _picture(1, "z", BLACK, 5)]
    assert _found(pictures, [(0, 1)]) == [(0, 1, 3, 0.0)]


def test_without_a_picture_nothing_is_said() -> None:
    assert _found([_picture(0, "x", BLACK, 1)], [(0, 1), (1, 2)]) == []
    assert _found([], [(0, 1)]) == []


def test_a_shared_file_is_no_distance() -> None:
    shared = [_picture(row, "x", BLACK, 1) for row in (0, 1)]
    assert _found(shared, [(0, 1)]) == [(0, 1, 0, 1.0)]
