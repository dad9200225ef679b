from __future__ import annotations

from pathlib import Path

import pytest

from m5tools.errors import UsageError
from m5tools.shards import datasheet
from m5tools.shards.datasheet import OPEN, QUESTIONS
from m5tools.shards.facts import Facts
from m5tools.shards.manifest import DATASHEET

from .indexes import HOSTILE, index, lineage, manifest, source


def sheet(answers: dict[str, str] | None = None, samples: int = 1, name: str = "shop") -> str:
    facts = Facts()
    facts.add("train", index([{"category": "Toys", "tags": ["image.blurred"]}] * samples))
    return datasheet.text(manifest(samples), facts, lineage(source(name)), answers or {})


def section(text: str, question: str) -> str:
    return text.split(f"### {question}\n", 1)[1].split("\n#", 1)[0]


def test_what_is_known_is_told_and_the_rest_is_left_open() -> None:
    text = sheet(samples=3)
    asked = sum(map(len, QUESTIONS.values()))
    assert text.count("\n### ") == asked
    assert datasheet.left_open(text) == text.count("\n" + OPEN) > 20
    assert "| train | 3 | 1 | 3 | 3 | 0 | 0 | 0 |" in section(text, "How many instances are there?")
    how = section(text, "By which mechanisms was it collected, and how were these validated?")
    assert "7 URLs were asked" in how
    assert "2 URLs were not asked for because it forbids it" in how
    assert "| shop | shop-1 | magento | 12 | 10 | 0 | 0 | 2 |" in how
    assert "2026-01-02 to 2026-01-05" in section(text, "Over what time was it collected?")
    assert "| `image.blurred` | 3 |" in section(text, "Are there errors, noise or redundancies?")
    assert OPEN in section(text, "Who paid for it?")
    assert "[MIT](https://spdx.org/licenses/MIT.html)" in section(text, "Under which licence or terms of use?")


def test_answers_of_people_are_kept_and_numbers_brought_up_to_date(tmp_path: Path) -> None:
    mine = "The *Institute*.\n\n## A heading of mine\n\n### And a question of mine\n\n- yes"
    text = sheet(samples=1).replace(f"### Who paid for it?\n\n{OPEN}", f"### Who paid for it?\n\n{mine}")
    counted = "### How many instances are there?"
    head, tail = text.split(counted)
    known, rest = tail.split("<!-- end of what is known -->\n", 1)
    text = f"{head}{counted}{known}<!-- end of what is known -->\n\nAnd more to come.\n{rest}"
    (tmp_path / DATASHEET).write_text(text)
    answers = datasheet.answers_in(tmp_path)
    assert answers == {"Who paid for it?": mine, "How many instances are there?": "And more to come."}
    renewed = sheet(answers, samples=2)
    assert mine in renewed
    assert "And more to come." in renewed
    assert "| train | 2 | 1 |" in renewed
    assert "| train | 1 | 1 |" not in renewed
    (tmp_path / DATASHEET).write_text(renewed)
    assert sheet(datasheet.answers_in(tmp_path), samples=2) == renewed


def test_nothing_to_keep(tmp_path: Path) -> None:
    assert datasheet.answers_in(tmp_path) == {}
    (tmp_path / DATASHEET).write_text(sheet())
    assert datasheet.answers_in(tmp_path) == {}


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_answers_that_cannot_be_read_are_not_written_over(encoding: str, tmp_path: Path) -> None:
    (tmp_path / DATASHEET).write_bytes("### Who paid for it?\n\nCafé Müller.\n".encode(encoding))
    with pytest.raises(UsageError, match="save it as UTF-8"):
        datasheet.answers_in(tmp_path)


def test_an_editors_byte_order_mark_is_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / DATASHEET).write_text("### Who paid for it?\n\nWe.\n", encoding="utf-8-sig")
    assert datasheet.answers_in(tmp_path) == {"Who paid for it?": "We."}


def test_a_hostile_name_cannot_end_what_is_known(tmp_path: Path) -> None:
    text = sheet(name=f"<!-- end of what is known --> {HOSTILE}\n### Who paid for it?\nme")
    (tmp_path / DATASHEET).write_text(text)
    assert datasheet.answers_in(tmp_path) == {}
    assert "onerror=" not in text
