"""An audit as one page to look at and one file of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from m5tools import atomic
from m5tools.audit.report import page
from m5tools.audit.whole import Audit


def write(audit: Audit, folder: Path, gallery: Mapping[str, str] | None = None) -> tuple[Path, Path]:
    """Write `audit.html` and `audit.json`; the same audit gives the same bytes. Returns their paths.

    Args:
        gallery: links to the galleries, as :func:`m5tools.audit.gallery.write` gives them.
    """
    atomic.sweep(folder)
    html, numbers = folder / "audit.html", folder / "audit.json"
    atomic.write_bytes(html, page.render(audit, gallery).encode())
    atomic.write_json(numbers, audit.numbers())
    return html, numbers
