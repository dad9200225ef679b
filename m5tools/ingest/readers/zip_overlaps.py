"""Zip archives whose members share bytes: so few kilobytes are unpacked a thousand times (Fifield, WOOT 2019).

No program that packs writes one. Without such members, what an archive can grow to is bound by its size. Later Pythons
refuse such a member when it is opened; this tells all of them, and opens none.
"""

from __future__ import annotations

import zipfile
from itertools import pairwise
from typing import Final

_LOCAL_HEADER: Final = 30
_NAME_SHOWN: Final = 200


def overlapping(archive: zipfile.ZipFile) -> dict[str, str]:
    """Members that reach into the next one, and why they are not read; the others share no byte.

    Members without bytes share none, wherever they are said to lie.
    """
    filled = (member for member in archive.infolist() if member.compress_size)
    members = sorted(filled, key=lambda member: (member.header_offset, member.filename))
    return {
        member.filename: f"it overlaps the next member, '{following.filename[:_NAME_SHOWN]}'; pack the archive anew"
        for member, following in pairwise(members)
        if member.header_offset + _LOCAL_HEADER + member.compress_size > following.header_offset
    }
