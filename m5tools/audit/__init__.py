"""The audit: the long tail and every hole of a dataset, counted and drawn on one page.

`audit(dataset)` counts, `write(audit, folder)` leaves `audit.html` (one file, no network) and `audit.json` (every
number in it), `gallery.write(dataset, folder)` pages of real examples beside them. It works at any time after ingest;
what was not measured yet says which command measures it.
"""

from __future__ import annotations

from m5tools.audit import gallery
from m5tools.audit.columns import NotYet
from m5tools.audit.report import write
from m5tools.audit.whole import Audit, audit

__all__ = ["Audit", "NotYet", "audit", "gallery", "write"]
