"""Places by number: in order, each once, found again."""

from __future__ import annotations

import polars as pl

from m5tools.dedup.places import Places


def _pairs(*rows: tuple[int, int, int, int]) -> pl.DataFrame:
    """Pairs of products with their sources: a, its source, b, its source."""
    schema = {"a": pl.UInt32, "origin": pl.UInt16, "b": pl.UInt32, "origin_b": pl.UInt16}
    return pl.DataFrame(rows, schema=schema, orient="row")


PARTS = [_pairs((0, 1, 3, 130), (0, 1, 5, 0)), _pairs(), _pairs((3, 130, 5, 0), (2, 1, 5, 0))]
PLACED = [(0, 0), (0, 130), (2, 0), (3, 0), (3, 1), (5, 1), (5, 130)]
"""Product and source: more sources than one word of bits holds."""


def test_places_are_numbered_by_product_and_source() -> None:
    places = Places(PARTS)
    assert places.listed().rows() == PLACED
    rows = pl.DataFrame(PLACED, schema={"row": pl.UInt32, "origin": pl.UInt16}, orient="row")
    assert places.of(rows["row"], rows["origin"]).tolist() == list(range(len(PLACED)))


def test_what_is_no_place_is_told() -> None:
    asked = {(0, 0): True, (0, 1): False, (1, 0): False, (3, 200): False, (9, 0): False, (5, 130): True}
    rows = pl.DataFrame(list(asked), schema={"row": pl.UInt32, "origin": pl.UInt16}, orient="row")
    assert Places(PARTS).among(rows["row"], rows["origin"]).tolist() == list(asked.values())
    assert not Places([_pairs()]).among(rows["row"], rows["origin"]).any()


def test_no_pairs() -> None:
    assert Places([_pairs()]).listed().is_empty()
    assert Places([]).listed().is_empty()
