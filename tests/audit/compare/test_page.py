"""The page of a comparison: self-contained, the same every time, and foreign text stays text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from m5tools.audit.compare import Comparison, Side, compare, write
from m5tools.audit.compare.page import render
from m5tools.errors import UsageError

from .conftest import Build

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", '"><svg onload=alert(1)>', "{{ 7*7 }}")


@pytest.fixture
def hostile(build: Build) -> Comparison:
    """Two sides that differ in everything, hostile text wherever text can be, also in the name of a side."""
    a = build("a", numbers=range(200), fields={"colour_name": HOSTILE[1]})
    b = build(
        "b", numbers=range(10, 210), category=lambda i: [HOSTILE[i % 4], HOSTILE[(i + 1) % 4]], brand=lambda i: HOSTILE[i % 4],
        fields={"colour_name": HOSTILE[0]}, names={"capacity": HOSTILE[2]}, currency=lambda i: HOSTILE[0],
        source=lambda i: HOSTILE[3], dead=3,
    )  # fmt: skip
    return compare(replace(a, name=HOSTILE[1]), replace(b, name=f"{HOSTILE[2]}#{HOSTILE[0]}"))


def test_foreign_text_stays_text(hostile: Comparison) -> None:
    tree = LexborHTMLParser(render(hostile))
    assert not tree.css("img, link, iframe, object, embed, base, form")
    assert len(tree.css("script")) == len(tree.css("style")) == 1
    for node in tree.css("*"):
        assert not [name for name in node.attributes if name.startswith("on")], node.html
        assert "style" not in node.attributes
    for words in HOSTILE:
        assert words in tree.body.text()  # type: ignore[union-attr]
    assert "49" not in [node.text() for node in tree.css("th")]
    assert tree.css_first("title").text() == f"{HOSTILE[1]} and {HOSTILE[2]}#{HOSTILE[0]} compared"  # type: ignore[union-attr]
    assert [r.new for r in hostile.renames] == [HOSTILE[0], HOSTILE[2]]


def test_the_names_of_a_rename_break_at_their_joints(build: Build) -> None:
    found = compare(build("a"), build("b", fields={"colour_name": "colour_shade"}))
    rows = LexborHTMLParser(render(found)).css("tr")
    told = [row for row in rows if "colour_name" in row.text() and "colour_shade" in row.text()]
    assert [len(row.css("wbr")) for row in told] == [2, 2], "as a mover and as a rename"


def test_the_page_is_well_formed(hostile: Comparison) -> None:
    page = render(hostile)
    tree = LexborHTMLParser(page)
    sections = [node.attributes["id"] for node in tree.css("section")]
    assert [(node.attributes["href"] or "")[1:] for node in tree.css("nav a")] == sections
    for table in tree.css("table"):
        columns = len(table.css("thead th"))
        for row in table.css("tbody tr"):
            assert sum(int(cell.attributes.get("colspan") or 1) for cell in row.css("td, th")) == columns
    for tag in ("section", "table", "tbody", "tr", "td", "div", "p", "span", "svg", "dl", "dd", "main"):
        assert len(re.findall(rf"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag
    assert len(tree.css("h1")) == 1
    assert tree.css("#content section")


def test_only_its_own_style_and_script_may_run(build: Build) -> None:
    html = render(compare(build("a", numbers=range(50)), build("b", numbers=range(50), dead=5)))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    allowed = policy[1].replace("&#39;", "'")
    assert "default-src 'none'" in allowed
    assert "unsafe" not in allowed
    for tag in ("style", "script"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() in allowed
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", html)
    assert not re.search(r"\sstyle=", html)


def test_page_and_numbers_say_the_same_and_are_the_same_bytes(build: Build, tmp_path: Path) -> None:
    a, b = build("a"), build("b", dead=10)
    html, numbers = write(compare(a, b), tmp_path / "new" / "drift.html")
    first = html.read_bytes(), numbers.read_bytes()
    write(compare(a, b), html)
    assert (html.read_bytes(), numbers.read_bytes()) == first
    assert numbers == tmp_path / "new" / "drift.json"
    body = json.loads(first[1])
    (dead,) = (s for s in body["states"] if s["name"] == "failed: dead link")
    assert (dead["a"], dead["b"]) == (40, 200)
    row = next(r for r in LexborHTMLParser(first[0].decode()).css("#states tr") if "dead link" in r.text())
    assert "40" in row.text()
    assert "× 5" in row.text()


@pytest.mark.slow
def test_6500_categories_with_hostile_names_stay_below_5_mb(build: Build, tmp_path: Path) -> None:
    def hostile(i: int) -> str:
        return f"{HOSTILE[i % 4]} {i} " + "<&\u202e長" * 100

    def side(name: str, start: int) -> Side:
        return build(
            name, numbers=range(start, start + 6_500), category=lambda i: [hostile(i + start)], brand=hostile,
            currency=hostile, fields={"colour_name": hostile(start)}, names={"capacity": hostile(start)},
        )  # fmt: skip

    a, b = side("a", 0), side("b", 1_000)
    found = compare(a, b)
    assert len(found.numbers) > 7_500, "each currency has prices of its own"
    assert found.came == found.vanished == 2_000
    page = write(found, tmp_path / "drift.html")[0]
    assert page.stat().st_size < 5_000_000
    assert not LexborHTMLParser(page.read_text(encoding="utf-8")).css("img, [onerror], [onload]")


def test_nothing_to_compare_is_a_page_too(build: Build) -> None:
    html = render(compare(build("a", numbers=(), tagged=False), build("b", numbers=(), tagged=False)))
    assert "Nothing moved" in html
    assert "m5 tag" in html
    tree = LexborHTMLParser(html)
    assert "Neither side has any." in tree.css_first("#attributes").text()  # type: ignore[union-attr]
    assert all(table.css("tbody tr") for table in tree.css("table[data-search]")), "nothing to search is not offered"


def test_the_page_needs_the_name_of_a_page(build: Build, tmp_path: Path) -> None:
    side = build("a", numbers=range(5))
    found = compare(side, side)
    with pytest.raises(UsageError, match=r"ends in \.html"):
        write(found, tmp_path / "x.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write(found, tmp_path / "file" / "x.html")
