"""Zip archives whose members share bytes: so few kilobytes are unpacked a thousand times (Fifield, WOOT 2019).

No program that packs writes one. Without such members, what an archive can grow to is bound by its size.
"""

from __future__ import annotations

import zipfile
from itertools import pairwise
from typing import Final

_LOCAL_HEADER: Final = 30
_NAME_SHOWN: Final = 200


def overlapping(archive: zipfile.ZipFile) -> dict[str, str]:
    """Members that reach into the next one, and why they are not read; the others share no byte."""
    members = sorted(archive.infolist(), key=lambda member: (member.header_offset, member.filename))
    return {
        member.filename: f"the archive overlaps: its bytes are also those of '{following.filename[:_NAME_SHOWN]}'"
        for member, following in pairwise(members)
        if member.header_offset + _LOCAL_HEADER + member.compress_size > following.header_offset
    }
