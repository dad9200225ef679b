"""The bytes of a tar that belong to no member: headers, padding and end.

They are determined by names and lengths alone, so each of them can be compared with what the writer would have written.
A reader of tars looks at a part of them only: padding is skipped, and the last bytes of a header are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from m5tools.shards.writer import BLOCK, end, header


def differences(path: Path, rows: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Where a tar is not what the writer makes of the members that its index lists.

    Args:
        path: the tar.
        rows: its index rows, in order.

    Yields:
        The sample or member, "" for the end of the tar, and what is wrong.
    """
    at = 0
    with path.open("rb") as tar:
        for row in rows:
            if row["start"] != at:
                yield row["product_id"], f"begins at byte {at}, the index says {row['start']}"
            for member in row["members"]:
                name = f"{row['product_id']}.{member['name']}"
                tar.seek(at)
                if tar.read(BLOCK) != header(name, member["length"]):
                    yield name, "its header is not the one that was written"
                padding = -member["length"] % BLOCK
                at += BLOCK + member["length"] + padding
                tar.seek(at - padding)
                if tar.read(padding) != bytes(padding):
                    yield name, "the padding behind it is not zero"
            if row["end"] != at:
                yield row["product_id"], f"ends at byte {at}, the index says {row['end']}"
        tar.seek(at)
        if tar.read() != end(at):
            yield "", "what lies behind the last member is not the end of a tar"
