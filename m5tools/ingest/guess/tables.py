"""Tables that a CSV dialect does not tell: fields set off by a mark of several characters, and no line of names."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from m5tools.ingest.mapping import TableLayout

# Two of a kind may be a delimiter with a blank field between.
_MARK: Final = re.compile(r"([#|~^;:*@$])\1\1+")
_LINES: Final = 200
_MOST: Final = 0.9


def marked_layout(head: bytes) -> TableLayout | None:
    """How a table such as `id#####title#####…` is written; None where no mark comes equally often in most lines.

    Args:
        head: the first bytes of the file.
    """
    lines = [line for line in head.decode("utf-8", "replace").splitlines()[:-1] if line.strip()][:_LINES]
    marks = Counter(mark for line in lines for mark in {m[0] for m in _MARK.finditer(line)})
    for mark, seen in marks.most_common(3):
        counts = Counter(line.count(mark) for line in lines)
        count, often = counts.most_common(1)[0]
        if count and min(seen, often) >= _MOST * len(lines):
            columns = tuple(f"column_{number}" for number in range(1, count + 2))
            return TableLayout(delimiter=mark, columns=columns)
    return None
