"""An audit as one page to look at and one file of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from m5tools import atomic
from m5tools.audit import places
from m5tools.audit.report import page
from m5tools.audit.whole import Audit


def write(audit: Audit, folder: Path, gallery: Mapping[str, str] | None = None) -> tuple[Path, Path]:
    """Write `audit.html` and `audit.json`; the same audit gives the same bytes. Returns their paths.

    Args:
        gallery: links to the galleries, as :func:`m5tools.audit.gallery.write` gives them. Galleries that the page does
            not link to are removed once it stands; None leaves them alone.

    Raises:
        UsageError: a folder stands in the place of one of the files.
    """
    html, numbers = places.report(folder)
    atomic.sweep(folder)
    atomic.write_bytes(html, page.render(audit, gallery).encode())
    atomic.write_json(numbers, audit.numbers())
    if gallery is not None:
        places.keep_linked(folder, gallery.values())
    return html, numbers
