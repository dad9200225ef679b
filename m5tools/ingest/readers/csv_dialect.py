"""How a delimited text is written: encoding, delimiter, quoting and the line of names, found out from its beginning.

- Of the delimiters that are usual (`,` `;` tab `|` `#`) the one counts that, outside quotes, is there equally often in
  most lines. Control characters, which stand in no text, come before them; `^`, `~`, `:` and runs of two or more spaces
  are believed only where nearly every line, and the first, has equally many, and more lines than of a usual one.
- Quotes are doubled inside quotes (RFC 4180), or escaped by backslashes where the text does that throughout.
- Lines above the names that are at most half as wide as the rows are no table.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from m5tools.ingest.mapping import TableLayout
from m5tools.ingest.readers.csv_header import is_a_row
from m5tools.ingest.readers.encoding import encoding_of
from m5tools.ingest.readers.opening import HEAD_BYTES

DELIMITERS: Final = ",;\t|#"
SPACES: Final = "  "
_MARKS: Final = {
    "utf-16": (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE),
    "utf-32": (codecs.BOM_UTF32_BE, codecs.BOM_UTF32_LE),
}
_MARKED: Final = {
    "utf-8": (codecs.BOM_UTF8, "utf-8-sig"),
    **{
        f"{name}-{end}": (mark, name)
        for name, marks in _MARKS.items()
        for end, mark in zip(("be", "le"), marks, strict=True)
    },
}
"""Encodings that leave a byte-order mark in the text: the mark, and what it is called with one."""
_CONTROLS: Final = "\x1f\x01\x02\x1e"
_RARE: Final = {
    delimiter: re.compile(pattern)
    for delimiter, pattern in (("^", r"\^"), ("~", "~"), (":", r":(?!//)"), (SPACES, r"\S {2,}(?=\S)"))
}
_SAMPLE_LINES: Final = 100
_NEARLY_ALL: Final = 0.95
_FEWEST_LINES: Final = 3
_LONGEST_QUOTED: Final = 4_000
_ESCAPED_QUOTE: Final = re.compile(r'(?<!\\)(\\+)"(.?)', re.DOTALL)
_OTHER_BACKSLASHES: Final = re.compile(r'(?<!\\)\\+(?!["\\])')
# What each way to escape takes for an escape; other backslashes are text.
_ESCAPES: Final = {"quotes": re.compile(r'\\(")|\\'), "all": re.compile(r'\\(["\\])|\\')}
Cells = list[str]


class Dialect(NamedTuple):
    """How a table is written.

    Attributes:
        encoding: of the text.
        stored: the same, without byte-order mark: how a row's bytes are.
        delimiter: between fields; :data:`SPACES` stands for two or more of them.
        names: of the columns, where no line holds them.
        padding: lines above the line of names.
        escapes: what backslashes escape: `quotes`, `all` (quotes and backslashes), or nothing.
    """

    encoding: str
    stored: str
    delimiter: str
    names: tuple[str, ...]
    padding: int
    escapes: str = ""

    def cells(self, lines: Iterable[str]) -> Iterator[Cells]:
        """The cells of each row."""
        return cells(lines, self.delimiter, self.escapes)

    def quotes_in(self, line: str) -> int:
        """How many quotes of a line are no text."""
        return _ESCAPES[self.escapes].sub("", line).count('"') if self.escapes else line.count('"')


def dialect_of(head: bytes, layout: TableLayout) -> Dialect:
    """How a table is written, from its first bytes and what its mapping says."""
    encoding = layout.encoding or encoding_of(head, whole=len(head) < HEAD_BYTES)
    mark, marked = _MARKED.get(encoding, (b"", encoding))
    if mark and head.startswith(mark):
        encoding = marked
    stored = encoding.removesuffix("-sig").removesuffix("_sig")
    if encoding in _MARKS:
        big, little = _MARKS[encoding]
        stored = f"{encoding}-be" if head.startswith(big) else f"{encoding}-le"
        if not head.startswith((big, little)):  # a mapping named it; Python wants the mark
            encoding = stored
    text = head.decode(encoding, "replace").replace("\0", "")
    lines = list(islice(io.StringIO(text, newline=""), _SAMPLE_LINES))
    delimiter = layout.delimiter or delimiter_of(lines)
    escapes = _escapes_of(text, lines, delimiter)
    if layout.columns:
        return Dialect(encoding, stored, delimiter, layout.columns, 0, escapes)
    rows = _rows(lines, delimiter, escapes)
    padding = _padding(rows)
    has_names = layout.header
    if has_names is None:
        has_names = len(rows) == padding or not is_a_row(rows[padding], rows[padding + 1 :])
    columns = () if has_names else tuple(f"column_{number}" for number in range(1, _width(rows[padding:]) + 1))
    return Dialect(encoding, stored, delimiter, columns, padding, escapes)


def delimiter_of(lines: list[str]) -> str:
    """The delimiter that, outside quotes, is there equally often in most lines."""
    if any(match[2] not in f'{DELIMITERS}"\r\n' for line in lines for match in _ESCAPED_QUOTE.finditer(line)):
        lines = [line.replace('\\"', "") for line in lines]
    bare = ["".join(line.split('"')[::2]) for line in lines if line.strip()]

    nearly_all, several = _NEARLY_ALL * len(bare), len(bare) >= _FEWEST_LINES
    for control in _CONTROLS:
        if bare and _evenness([line.count(control) for line in bare])[0] >= nearly_all:
            return control
    usual = {delimiter: _evenness([line.count(delimiter) for line in bare]) for delimiter in DELIMITERS}
    best = max(usual, key=lambda delimiter: usual[delimiter])
    support = usual[best][0]
    for rare, pattern in _RARE.items() if several else ():
        counts = [len(pattern.findall(line)) for line in bare]
        even, count = _evenness(counts)
        if even >= max(nearly_all, support + 1) and counts[0] == count:
            return rare
    return best


def _evenness(counts: list[int]) -> tuple[int, int]:
    """In how many lines the commonest count above zero is, and that count."""
    found = Counter(count for count in counts if count)
    count, support = max(found.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    return support, count


def cells(lines: Iterable[str], delimiter: str, escapes: str = "") -> Iterator[Cells]:
    """The cells of each row; a delimiter of several characters splits lines, and nothing is quoted then."""
    if delimiter == SPACES:
        return (re.split(r" {2,}", line.strip()) if line.strip() else [] for line in lines)
    if len(delimiter) > 1:
        return (line.rstrip("\r\n").split(delimiter) if line.strip() else [] for line in lines)
    if escapes:
        pattern = _ESCAPES[escapes]
        kept = (pattern.sub(lambda found: found[0] if found[1] else r"\\", line) for line in lines)
        return csv.reader(kept, delimiter=delimiter, escapechar="\\")
    return csv.reader(lines, delimiter=delimiter)


def _escapes_of(text: str, lines: list[str], delimiter: str) -> str:
    """What backslashes escape: judged by fields in quotes that hold quotes, which RFC 4180 cannot write so."""
    if '\\"' not in text or len(delimiter) > 1:
        return ""
    edge = re.escape(delimiter)
    quoted = re.compile(rf'(?:^|(?<={edge}))"((?:[^"\\]|\\.){{0,{_LONGEST_QUOTED}}}+)"(?=[{edge}\r\n]|\Z)', re.M | re.S)
    inside = sum(bool(_ESCAPED_QUOTE.search(match[1])) for match in quoted.finditer(text))
    # JSON in a field without quotes around it has backslashes of its own.
    outside = len(re.findall(rf'(?:^|{edge})[^"{edge}\r\n][^{edge}\r\n]*\\"', quoted.sub("", text), re.M))
    doubled = len(re.findall(rf'[^{edge}\r\n"\\]""[^{edge}\r\n"]', text))
    if inside <= max(doubled, outside):
        return ""
    others = _OTHER_BACKSLASHES.findall(text)
    escapes = "all" if all(len(run) % 2 == 0 for run in others) else "quotes"
    plain, escaped = (_rows(lines, delimiter, way) for way in ("", escapes))
    return escapes if _even(escaped) * len(plain) >= _even(plain) * len(escaped) else ""


def _rows(lines: list[str], delimiter: str, escapes: str) -> list[Cells]:
    """The rows of some lines that are not blank; the last, which may be cut, only where it is alone."""
    try:
        rows = [found for found in cells(iter(lines), delimiter, escapes) if found]
    except csv.Error:
        return []
    return rows[:-1] if len(rows) > 1 and len(lines) == _SAMPLE_LINES else rows


def _even(rows: list[Cells]) -> int:
    """How many rows are as wide as most."""
    return Counter(map(len, rows)).most_common(1)[0][1] if rows else 0


def _width(rows: list[Cells]) -> int:
    return Counter(map(len, rows)).most_common(1)[0][0] if rows else 0


def _padding(rows: list[Cells]) -> int:
    """How many lines above the line of names are no more than half as full as most rows are wide."""
    if not rows:
        return 0
    width = _width(rows)
    for number, row in enumerate(rows):
        if 2 * sum(not cell.isspace() and cell != "" for cell in row) > width:
            return number
    return 0
