"""The fenced blocks of a page of Markdown, in order, with what is said about each before its fence.

A block is run unless the comment `<!-- not run: WHY -->` stands before it, or `<!-- not run on this page: WHY -->` at the
head of the page. `<!-- part of: NAME -->` says which JSON Schema a piece of YAML belongs to; YAML with a `title` is a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sybil import Document, Region
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, RawFencedCodeBlockLexer

REPOSITORY = Path(__file__).resolve().parents[2]
SHELL = ("sh", "bash", "console")
_FENCES = RawFencedCodeBlockLexer(re.compile(r"(?P<info>[^\n]*)\n"))
_PAGE = "not run on this page"


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        page: path below the repository.
        line: of the fence.
        language: as the fence names it; "" for what is only shown.
        title: the file it is, for YAML that is one.
        schema: the document it is a part of.
        not_run: why it is not run, or None.
        source: what stands in it.
    """

    page: str
    line: int
    language: str
    title: str | None
    schema: str | None
    not_run: str | None
    source: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Every page that people read, by its path below the repository."""
    found = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *(REPOSITORY / "docs").rglob("*.md")]
    return sorted(path.relative_to(REPOSITORY).as_posix() for path in found)


def blocks(page: str, root: Path = REPOSITORY) -> list[Block]:
    """All blocks of a page, in their order."""
    document = Document.parse(str(root / page), _parse)
    regions = [(example.line, example.region) for example in document.examples()]
    whole = next((said for _, region in regions if (said := _argument(region, _PAGE)) is not None), None)
    found: list[Block] = []
    said: dict[str, str] = {}
    end = 0
    for line, region in regions:
        # What is said holds for the fence that follows it at once; a comment's region ends before its own sign.
        if document.text[end : region.start].strip() not in ("", "-->"):
            said = {}
        end = region.end
        if "directive" in region.lexemes:
            said = {**said, region.lexemes["directive"]: region.lexemes["arguments"]}
            continue
        language, _, rest = region.lexemes["info"].strip().partition(" ")
        title = re.search(r'title="([^"]+)"', rest)
        why = said.get("not run", whole)
        source = str(region.lexemes["source"])
        found.append(Block(page, line, language, title and title[1], said.get("part of"), why, source))
        said = {}
    return found


def _parse(document: Document) -> Iterator[Region]:
    yield from _FENCES(document)
    yield from DirectiveInHTMLCommentLexer(f"{_PAGE}|not run|part of")(document)


def _argument(region: Region, directive: str) -> str | None:
    return region.lexemes["arguments"] if region.lexemes.get("directive") == directive else None
