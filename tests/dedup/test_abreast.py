"""Products side by side, whatever partition they lie in, old ones among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from m5tools.dedup.abreast import LAID, RECALLED, SPELT, TOLD, WEIGHED, Sides
from m5tools.dedup.evidence.facts import FACTS
from m5tools.dedup.evidence.likeness import Vocabularies
from m5tools.dedup.evidence.shingle_sets import ShingleSets
from m5tools.dedup.evidence.tokens import LISTS, OWN_CODES, TITLE_LETTERS, TITLE_WORDS, WHOLE_WORDS
from m5tools.dedup.evidence.usual import NAMED, VALUED, Usual, fact_counts
from m5tools.dedup.evidence.vocabulary import Vocabulary, counted
from m5tools.dedup.gathered import Gathered
from m5tools.dedup.laid import KEYS, SAID, USUAL, Laid, joined, lay, weigh
from tests.dedup.shop import POLICY

HELD = [[{1, 2, 3}, {2, 3, 4}, {3, 4, 9}], [{2, 9}, {1, 2, 3, 4}], [{9}, {3}, {2, 3}]]
"""By partition the words of each product."""
TEXTS = (
    "product_id",
    "source",
    "offerer",
    "title",
    "stem",
    "brand",
    "gtin",
    "url",
    "mpn",
    "model",
    "group",
    "category",
)


FACTS_OF = pl.List(pl.Struct({name: kind for name, kind in FACTS.items() if name != "row"}))


def _facts(words: set[int]) -> list[dict[str, Any]]:
    told = [] if 9 in words else sorted(words)
    return [{"name": f"n{w}", "values": [f"v{w}"], "option": False, "measured": False} for w in told]


def _usual() -> Usual:
    """That the third says what most do."""
    said = pl.DataFrame([(i, "n3", ["v3"], False, False) for i in range(99)], schema=FACTS, orient="row")
    counts = fact_counts(said, said.clear())
    return Usual.told(counts[VALUED], counts[NAMED], 99, POLICY.table)


def _sides(words: list[set[int]], first: int) -> pl.DataFrame:
    """Products of some words, of which they list facts, but those that hold a 9 none."""
    lists = {name: pl.Series([sorted(w) for w in words], dtype=pl.List(pl.UInt32)) for name in (*LISTS, OWN_CODES)}
    texts = {name: [f"{name} {min(w)}" for w in words] for name in (*TEXTS, "content_hash", "currency")}
    numbers = {
        name: pl.Series([None] * len(words), dtype=pl.UInt64) for name in ("description", "table_key", "media_key")
    }
    rows = {"row": pl.Series(range(first, first + len(words)), dtype=pl.UInt32), "price": [1.5] * len(words)}
    return pl.DataFrame(
        rows | lists | texts | numbers | {"facts": pl.Series([_facts(w) for w in words], dtype=FACTS_OF)}
    )


def _gathered(folder: Path, recalled: bool) -> Gathered:
    gathered = Gathered(folder, len(HELD))
    every = [_sides(words, 0) for words in HELD]
    vocabulary = [
        Vocabulary(counted(ShingleSets(np.arange(10, dtype=np.uint32), np.array([0, 10]))), 1)
        for _ in (TITLE_WORDS, TITLE_LETTERS, WHOLE_WORDS)
    ]
    for i, sides in enumerate(every):
        gathered.write("sought", i, sides.select("row"))
        before = RECALLED if recalled else ""
        came = [sides.filter(pl.col("row") % 2 == odd) for odd in (1, 0)] if recalled else [sides]
        laid, spelt = (joined(tables) for tables in zip(*(lay(part, POLICY) for part in came), strict=True))
        gathered.keep(before + LAID, i, laid)
        gathered.keep(SPELT, i, spelt)
        gathered.keep(before + TOLD, i, sides.select(SAID))
        gathered.keep(WEIGHED, i, weigh(spelt, sides, Vocabularies(*vocabulary), _usual()))
    return gathered


@pytest.mark.parametrize("recalled", [False, True])
def test_pairs_are_told_of_any_partition(tmp_path: Path, recalled: bool) -> None:
    gathered = _gathered(tmp_path, recalled)
    held = [words for part in HELD for words in part]
    a, b = np.array([4, 3, 3, 4, 3], np.uint32), np.array([4, 5, 6, 7, 7], np.uint32)
    sides = Sides(gathered, range(1, 2), recalled)
    met = list(sides.met(a, b, ("words", "letters", "stems", "descriptions", "marks", "values")))
    common = [len(held[i] & held[j]) for i, j in zip(a, b, strict=True)]
    for name in ("words", "letters", "stems", "descriptions"):
        assert np.concatenate([part.shared[name].each for part in met]).tolist() == common
    assert [part.keys[0].shape for part in sides.met(a[:0], b[:0], ("words", "marks"))] == [(0, len(KEYS))]
    brands = np.concatenate([np.equal(*(side[:, KEYS.index("brand")] for side in part.keys)) for part in met])
    assert brands.tolist() == [min(held[i]) == min(held[j]) for i, j in zip(a, b, strict=True)]
    facts = [len(_facts(words)) for words in held]
    assert np.concatenate([part.values[0] for part in met]).tolist() == [facts[i] for i in a]
    assert np.concatenate([part.values[1] for part in met]).tolist() == [facts[j] for j in b]
    both = [n if facts[i] and facts[j] else 0 for i, j, n in zip(a, b, common, strict=True)]
    assert np.concatenate([part.shared["values"].each for part in met]).tolist() == both
    said = sides.anywhere(b, ("facts", USUAL))
    assert said["facts"].to_list() == [_facts(held[j]) for j in b]
    assert said[USUAL].to_list() == [[fact["name"] == "n3" for fact in _facts(held[j])] for j in b]
    assert sides.anywhere(b, ("title",))["title"].to_list() == [f"title {min(held[j])}" for j in b]
    assert sides.at_home(a, ("title",))["title"].to_list() == [f"title {min(held[i])}" for i in a]
    # A run of partitions is one home.
    a, b = np.array([0, 2, 4, 3], np.uint32), np.array([4, 4, 4, 7], np.uint32)
    run = Sides(gathered, range(2), recalled)
    shared = [part.shared["words"].each for part in run.met(a, b, ("words", "marks"))]
    assert np.concatenate(shared).tolist() == [len(held[i] & held[j]) for i, j in zip(a, b, strict=True)]
    assert run.at_home(a, ("title", "row")).rows() == [(f"title {min(held[i])}", i) for i in a]


def test_what_pairs_share_is_found_without_their_keys_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered = _gathered(tmp_path, False)
    a, b = np.array([4, 3, 3, 4, 3], np.uint32), np.array([4, 5, 6, 7, 7], np.uint32)
    sets = ("stems", "descriptions")
    met = [part.shared for part in Sides(gathered, range(1, 2), False).met(a, b, sets)]

    def fail(_: Laid) -> NoReturn:
        raise AssertionError("it was read")

    for name in ("keys", "figures", "lengths"):
        monkeypatch.setattr(Laid, name, property(fail))
    common = list(Sides(gathered, range(1, 2), False).common(a, b, sets))
    for name in sets:
        each = [np.concatenate([part[name].each for part in parts]).tolist() for parts in (common, met)]
        assert each[0] == each[1]
        assert sum(each[0]) > 0


@pytest.mark.parametrize("recalled", [False, True])
def test_of_another_partition_only_rows_that_are_asked_for_become_a_frame(
    tmp_path: Path, recalled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered = _gathered(tmp_path, recalled)
    made: list[int] = []
    from_arrow = pl.from_arrow

    def counting(table: pa.Table) -> pl.DataFrame | pl.Series:
        made.append(table.num_rows * table.num_columns)
        return from_arrow(table)

    sides = Sides(gathered, range(1, 2), recalled)
    asked = np.array([3, 5, 7], np.uint32)
    whole = pl.concat(
        pl.DataFrame(from_arrow(gathered.mapped((RECALLED if recalled else "") + TOLD, i))) for i in range(len(HELD))
    )
    expected = whole.with_row_index("place").filter(pl.col("place").is_in([3, 5, 7])).select("group", "facts")
    sides.at_home(asked[:1], ("title",))
    monkeypatch.setattr(pl, "from_arrow", counting)
    found = sides.anywhere(asked, ("group", "facts"))
    assert made == [2, 2 * 2]
    assert found.drop("row").equals(expected)
    assert found.schema == {**expected.schema, "row": pl.UInt32}
    assert found["row"].to_list() == asked.tolist()
