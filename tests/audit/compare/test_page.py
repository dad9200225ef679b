"""The page of a comparison: self-contained, the same every time, and foreign text stays text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from m5tools.audit.compare import compare, write
from m5tools.audit.compare.page import render
from m5tools.errors import UsageError

from .conftest import Build

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", '"><svg onload=alert(1)>', "{{ 7*7 }}")


def test_foreign_text_stays_text(build: Build) -> None:
    found = compare(
        build("a", numbers=range(200), fields={"colour_name": HOSTILE[1]}),
        build(
            "b", numbers=range(200), category=lambda i: [HOSTILE[i % 4]], brand=lambda i: HOSTILE[i % 4],
            fields={"colour_name": HOSTILE[0]}, names={"capacity": HOSTILE[2]}, currency=lambda i: HOSTILE[0],
            source=lambda i: HOSTILE[3],
        ),
    )  # fmt: skip
    html = render(found)
    tree = LexborHTMLParser(html)
    assert not tree.css("img")
    assert len(tree.css("script")) == 1
    assert not tree.css("[onerror], [onload]")
    for words in HOSTILE:
        assert words in tree.body.text()  # type: ignore[union-attr]
    assert [r.new for r in found.renames] == [HOSTILE[0], HOSTILE[2]]


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


def test_nothing_to_compare_is_a_page_too(build: Build) -> None:
    html = render(compare(build("a", numbers=(), tagged=False), build("b", numbers=(), tagged=False)))
    assert "Nothing moved" in html
    assert "m5 tag" in html


def test_the_page_needs_the_name_of_a_page(build: Build, tmp_path: Path) -> None:
    side = build("a", numbers=range(5))
    found = compare(side, side)
    with pytest.raises(UsageError, match=r"ends in \.html"):
        write(found, tmp_path / "x.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write(found, tmp_path / "file" / "x.html")
