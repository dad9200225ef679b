"""One attribute value → the numbers in it, what they are to each other, and their unit; unsure is None.

The whole value must be read, from its first to its last character: "5000 mAh" is a quantity, "5000 mAh Li-Ion" is text,
and so is "iPhone 12". The grammar is in `forms.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from m5tools.ingest.normalize.stated import LONGEST, Locale, Quantity

ANYWHERE: Final = Locale()
_DIGITS_AND_HYPHENS: Final = re.compile(r"\d+(?:-\d+)+")  # 122633-001, and 12-24 may be one too


@lru_cache(maxsize=65_536)
def quantity(value: str, locale: Locale = ANYWHERE) -> Quantity | None:
    """Read a value; None where it is text or not surely a quantity.

    Args:
        value: NFKC, single spaces.
        locale: what is known beside it.
    """
    # The patterns take a while to compile: only in a process that meets an odd value.
    from m5tools.ingest.normalize.forms import reader

    if len(value) > LONGEST or (_DIGITS_AND_HYPHENS.fullmatch(value) and not locale.sizes and not locale.unit):
        return None
    return reader(locale).read(value.strip().rstrip(",;"))
