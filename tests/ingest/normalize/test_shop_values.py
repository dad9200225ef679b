"""Values as shops of nine languages write them: how many are read rightly, and which are not."""

from __future__ import annotations

from benchmarks.attribute_units import score_of_shops


def test_values_that_the_grammar_was_mended_on() -> None:
    score = score_of_shops("shops_mended")
    assert (score.values, score.read, score.right, score.holding, score.found) == (377, 307, 306, 335, 293)
    assert [one.partition(" -> ")[0] for one in score.wrong] == ["Moc: 90 KM"]


def test_values_held_out() -> None:
    score = score_of_shops("shops_held_out")
    assert (score.values, score.read, score.right, score.holding, score.found) == (170, 140, 137, 148, 133)
    assert [one.partition(" -> ")[0] for one in score.wrong] == [
        "Magnification: 8x42",
        "Schuhgröße: 43 1/3",
        "Pointure: 38 2/3",
    ]
