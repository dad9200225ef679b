from __future__ import annotations

import numpy as np

from m5tools.audit import longtail
from m5tools.shards.facts import Facts
from m5tools.vocabulary import Modality, Reason, State

from .indexes import index

ROWS = [
    {"category": "Toys", "tags": ["image.blurred"]},
    {"category": "Toys", "band": "tail", "video_s": 2.5},
    {"category": None, "band": None, "present": 0b00010, "state": [3, 0, 1, 1, 1], "reason": [7, 0, 1, 1, 1]},
    {"category": "Home > Lamps", "present": 0, "state": [4, 4, 1, 1, 1], "reason": [20, 20, 1, 1, 1]},
]


def test_counts_are_those_of_the_rows_in_whatever_order_they_come() -> None:
    whole, parts = Facts(), Facts()
    whole.add("train", index(ROWS))
    for row in reversed(ROWS):
        parts.add("train", index([row]))
    assert vars(whole) == vars(parts)
    assert whole.samples == {"train": 4}
    assert (whole.has(Modality.IMAGE), whole.has(Modality.TEXT), whole.has(Modality.TABLE)) == (2, 3, 0)
    assert whole.missing() == [
        (State.ABSENT, Reason.NOT_LISTED, (0, 0, 4, 4, 4)),
        (State.FAILED, Reason.DEAD_LINK, (1, 0, 0, 0, 0)),
        (State.WITHHELD, Reason.POLICY, (1, 1, 0, 0, 0)),
    ]
    assert whole.largest_categories(1) == [("Toys", 2)]
    assert whole.tags == {"image.blurred": 1}
    assert whole.milliseconds[Modality.VIDEO] == 2500


def test_present_and_missing_are_all_samples() -> None:
    facts = Facts()
    facts.add("train", index(ROWS))
    facts.add("test", index(ROWS[2:]))
    for modality in Modality:
        lacking = sum(counts[modality.bit] for _, _, counts in facts.missing())
        assert facts.has(modality) + lacking == facts.total == 6


def test_the_long_tail_is_the_audits() -> None:
    sizes = np.random.default_rng(0).zipf(1.6, 60).clip(max=400)
    facts = Facts()
    facts.categories.update({f"c{i}": int(size) for i, size in enumerate(sizes)})
    facts.samples["train"] = int(sizes.sum()) + 3
    tail, known = facts.tail(), longtail.measure(sizes)
    assert (tail.categories, tail.samples, tail.without) == (60, known.items, 3)
    assert (tail.largest, tail.singletons) == (known.largest, known.singletons)
    assert (tail.gini, tail.top_10) == (known.gini, known.top_10)


def test_no_category_and_no_sample() -> None:
    facts = Facts()
    facts.add("train", index([{"category": None}]))
    assert (facts.tail().categories, facts.tail().without, facts.tail().gini) == (0, 1, 0.0)
    empty = Facts()
    empty.add("val", index([]))
    assert (empty.total, empty.missing()) == (0, [])
