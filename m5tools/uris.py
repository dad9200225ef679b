"""URIs where a path of this machine may stand, too; also as a path has made them: one slash instead of two."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_URI: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/+")


def is_uri(place: str | Path) -> bool:
    """Whether it begins with a scheme. That has two letters at least, for one is a drive of Windows."""
    return _URI.match(str(place)) is not None


def named(place: str | Path) -> str:
    """A URI as it was given: `s3:/b/x` → `s3://b/x`, `file:/tmp/o` → `file:///tmp/o`.

    What follows `file:` is a path, which begins with a slash of its own; elsewhere a name follows.
    """
    return _URI.sub(lambda found: f"{found[1]}:{'///' if found[1].lower() == 'file' else '//'}", str(place), count=1)
