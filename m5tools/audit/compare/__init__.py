"""Two datasets, crawls or cuts side by side: what came, what went, what drifted, and which of it is more than noise.

`compare(side_of("shop@may"), side_of("shop@june"))` counts, `write(comparison, Path("june.html"))` leaves a page and a
file of numbers.
"""

from __future__ import annotations

from m5tools.audit.compare.page import files, write
from m5tools.audit.compare.sides import Side, side_of
from m5tools.audit.compare.whole import Comparison, compare

__all__ = ["Comparison", "Side", "compare", "files", "side_of", "write"]
