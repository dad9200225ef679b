"""The lines of a delimited text, those remembered that the row at hand was read from."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from typing import Final, TextIO

LONGEST_LINE = 64 << 20
_LINE_ENDS: Final = "\r\n"


class Lines:
    """The lines of a file, for a `csv.reader`.

    Args:
        file: opened with `newline=""`.
        encoding: in which the remembered lines become bytes again.

    Attributes:
        taken: the remembered lines.
        damaged: whether NUL was in them.
        ended: whether a line was asked for where there was none; a row that is given then was cut off.
    """

    def __init__(self, file: TextIO, encoding: str) -> None:
        self._file = file
        self._encoding = encoding
        self._again: list[str] = []
        self.taken: list[str] = []
        self.damaged = False
        self.ended = False

    def begin_row(self) -> None:
        """Remember anew."""
        self.taken.clear()
        self.damaged = False

    def __iter__(self) -> Iterator[str]:
        """All lines from here on.

        Raises:
            csv.Error: a line is too long to be held; its beginning is remembered.
        """
        while line := self._again.pop() if self._again else self._file.readline(LONGEST_LINE):
            self.taken.append(line)
            if len(line) == LONGEST_LINE and line[-1] not in _LINE_ENDS:
                while (rest := self._file.readline(LONGEST_LINE)) and rest[-1] not in _LINE_ENDS:
                    pass
                raise csv.Error(f"a line longer than {LONGEST_LINE:,} characters")
            if "\0" in line:  # which the csv module of Python 3.11 refuses
                self.damaged = True
                line = line.replace("\0", "")
            yield line
        self.ended = True

    def give_back(self, is_row: Callable[[str], bool]) -> bool:
        """Give all lines but the first back, to be read anew, where at least half of them are rows by themselves."""
        others = self.taken[1:]
        if not others or 2 * sum(map(is_row, others)) < len(others):
            return False
        self._again += reversed(others)
        del self.taken[1:]
        self.ended = False
        return True

    def raw(self) -> tuple[bytes, bool]:
        """The bytes of the remembered lines without the last line end, and whether all of them are text."""
        text = "".join(self.taken).rstrip(_LINE_ENDS)
        try:
            return text.encode(self._encoding), True
        except UnicodeEncodeError:
            wide = self._encoding.startswith(("utf-16", "utf-32"))
            return text.encode(self._encoding, "surrogatepass" if wide else "surrogateescape"), False
