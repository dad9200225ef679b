"""Rules that choose among products: what holds for any products in any order."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.cut import choose
from m5tools.vocabulary import Band, Relation

PRODUCT = st.tuples(
    st.sampled_from(["train", "train", "train", "val", "test"]),
    st.sampled_from([None, "A", "B", "C", "D"]),
    st.integers(0, 5),
)
BANDS = {"A": "head", "B": "head", "C": "middle", "D": "tail", None: None}
LISTS = st.lists(PRODUCT, max_size=60)


def candidates(rows: list[tuple[str, str | None, int]], seed: int = 0) -> pl.DataFrame:
    ids = pl.Series("product_id", [f"{i:032x}" for i in range(len(rows))], dtype=pl.String)
    return pl.DataFrame(
        {
            "row": pl.Series(range(len(rows)), dtype=pl.UInt32),
            "split": pl.Series([r[0] for r in rows], dtype=pl.String),
            "category": pl.Series([r[1] for r in rows], dtype=pl.String),
            "band": pl.Series([BANDS[r[1]] for r in rows], dtype=pl.String),
        }
    ).with_columns(choose.draws(ids, seed))


def clusters(rows: list[tuple[str, str | None, int]]) -> pl.DataFrame:
    """Products of one number are one cluster; those of number 0 stand alone."""
    frame = pl.DataFrame(
        {
            "row": pl.Series(range(len(rows)), dtype=pl.UInt32),
            "cluster": pl.Series([r[2] for r in rows], dtype=pl.UInt32),
        }
    )
    return frame.filter(pl.col("cluster") > 0).with_columns(
        relation=pl.lit(Relation.SAME_OFFER.value), is_survivor=pl.int_range(pl.len()).over("cluster") == 1
    )


def lost(rule: choose.Choice, frame: pl.DataFrame) -> set[int]:
    return set(rule(frame)["row"])


def kept(rule: choose.Choice, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.join(rule(frame), on="row", how="anti")


@given(LISTS, st.integers(1, 6))
def test_a_cap_never_empties_a_category_and_takes_from_train_alone(
    rows: list[tuple[str, str | None, int]], most: int
) -> None:
    frame = candidates(rows)
    left = kept(choose.cap(most), frame)
    assert set(left["category"]) == set(frame["category"])
    assert left.filter(pl.col("split") != "train").height == frame.filter(pl.col("split") != "train").height
    assert left.filter(pl.col("category").is_null()).height == frame.filter(pl.col("category").is_null()).height
    sizes = left.filter(pl.col("split") == "train").drop_nulls("category").group_by("category").len()["len"]
    assert sizes.is_empty() or int(sizes.max()) <= most  # type: ignore[arg-type]


@given(LISTS, st.floats(0, 1))
def test_sampling_never_empties_a_category(rows: list[tuple[str, str | None, int]], share: float) -> None:
    frame = candidates(rows)
    left = kept(choose.sample(Band.HEAD, share), frame)
    assert set(left["category"]) == set(frame["category"])
    assert (
        left.filter(pl.col("band").ne_missing("head")).height == frame.filter(pl.col("band").ne_missing("head")).height
    )


@given(LISTS, st.integers(2, 6))
def test_a_floor_leaves_no_small_category(rows: list[tuple[str, str | None, int]], fewest: int) -> None:
    frame = candidates(rows)
    left = kept(choose.floor(fewest), frame)
    sizes = left.drop_nulls("category").group_by("category").len()["len"]
    assert sizes.is_empty() or int(sizes.min()) >= fewest  # type: ignore[arg-type]
    large = pl.len().over("category") >= fewest
    assert left.drop_nulls("category").equals(frame.drop_nulls("category").filter(large))
    assert left.filter(pl.col("category").is_null()).height == frame.filter(pl.col("category").is_null()).height


@given(LISTS, st.floats(0, 1), st.floats(0, 1), st.integers(1, 6), st.integers(1, 6))
def test_what_is_narrower_keeps_part_of_what_is_wider(
    rows: list[tuple[str, str | None, int]], one: float, other: float, few: int, many: int
) -> None:
    frame = candidates(rows)
    narrow, wide = sorted((one, other))
    assert lost(choose.sample(Band.HEAD, narrow), frame) >= lost(choose.sample(Band.HEAD, wide), frame)
    narrow_cap, wide_cap = sorted((few, many))
    assert lost(choose.cap(narrow_cap), frame) >= lost(choose.cap(wide_cap), frame)
    assert lost(choose.floor(wide_cap), frame) >= lost(choose.floor(narrow_cap), frame)


@given(LISTS)
def test_one_of_each_cluster_stays(rows: list[tuple[str, str | None, int]]) -> None:
    frame, groups = candidates(rows), clusters(rows)
    left = kept(choose.one_per(groups), frame)
    assert left.filter(pl.col("split") != "train").height == frame.filter(pl.col("split") != "train").height
    in_train = left.filter(pl.col("split") == "train").join(groups, on="row")
    assert in_train["cluster"].is_unique().all()
    assert set(left.join(groups, on="row")["cluster"]) == set(groups["cluster"])


@given(LISTS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: list[tuple[str, str | None, int]], random: object) -> None:
    frame, groups = candidates(rows), clusters(rows)
    order = list(range(frame.height))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = frame[order] if order else frame
    for rule in (choose.cap(2), choose.floor(3), choose.sample(Band.HEAD, 0.4), choose.one_per(groups)):
        assert lost(rule, frame) == lost(rule, shuffled)


@given(LISTS, st.integers(0, 60))
def test_draws_are_stable_under_appends(rows: list[tuple[str, str | None, int]], old: int) -> None:
    """A product that is drawn stays drawn when others come; only the one that stands for a whole category may change."""
    before, after = candidates(rows[:old]), candidates(rows)
    assert before["draw"].to_list() == after["draw"].head(before.height).to_list()
    drawn = set(before.filter((pl.col("draw") < 0.5) & (pl.col("band") == "head"))["row"])
    assert not drawn & lost(choose.sample(Band.HEAD, 0.5), after)


def test_another_seed_draws_others() -> None:
    ids = pl.Series([f"{i:032x}" for i in range(2000)])
    one, other = choose.draws(ids, 0), choose.draws(ids, 1)
    assert one.to_list() != other.to_list()
    assert float(one.mean()) == pytest.approx(0.5, abs=0.03)  # type: ignore[arg-type]
    assert ((one < 0.3) & (other < 0.3)).mean() == pytest.approx(0.09, abs=0.03)
