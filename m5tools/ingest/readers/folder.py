"""A folder of files that share a stem: `apple.png`, `apple.txt`, `apple_desc_es.ogg` make one product `…/apple`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from m5tools.errors import UsageError
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.locations import OUTSIDE, files_below, leads_out
from m5tools.ingest.readers.row import Chunk, Row, RowReader
from m5tools.vocabulary import RejectReason

LONGEST_TEXT = 1 << 20


class Folder(RowReader):
    """The reader; its input is the folder itself, a row is a stem, numbered in the order of their paths.

    A record holds `stem` (path below the folder, without suffix), its last step `name`, `folders` (list), `title` and
    `text` (first line and rest of the text file), a field for each further text file and, per modality, a list of
    `{path, role}`. Of texts that are not UTF-8, too long, or outside of the folder the product is a reject.
    """

    def chunks(self, path: str, name: str) -> list[Chunk]:
        if not Path(path).is_dir():
            raise UsageError(f"{path} is no folder; a mapping of format 'folder' reads whole folders")
        return [Chunk(path, name)]

    def rows(self, chunk: Chunk, mapping: Mapping) -> Iterator[Row]:
        if mapping.parts is None:
            raise UsageError(f"mapping '{mapping.source}' has format 'folder' but no 'parts'")
        suffixes = _suffixes(mapping)
        items: dict[str, dict[str, Any]] = {}
        refused: dict[str, tuple[RejectReason, str]] = {}
        folder = Path(chunk.path)
        for file in files_below(folder):
            suffix = max((s for s in suffixes if file.name.endswith(s)), key=len, default=None)
            if suffix is None:
                continue
            inside = file.relative_to(folder).as_posix()
            stem = inside.removesuffix(suffix)
            item = items.setdefault(stem, {"text": None, "image": [], "video": [], "audio": []})
            kind, role = suffixes[suffix]
            if kind in ("text", "texts"):
                if leads_out(file, folder):
                    refused[stem] = RejectReason.NOT_PARSEABLE, OUTSIDE.format(file.name)
                    continue
                with file.open("rb") as opened:
                    text = opened.read(LONGEST_TEXT + 1)
                if len(text) > LONGEST_TEXT:
                    refused[stem] = RejectReason.TOO_LONG, f"{file.name}: longer than {LONGEST_TEXT:,} bytes"
                    continue
                try:
                    item[role or "text"] = text.decode("utf-8-sig")
                except UnicodeDecodeError as error:
                    refused[stem] = RejectReason.NOT_UTF8, f"{file.name}: {error.reason} at byte {error.start}"
            else:
                item[kind].append({"path": inside, "role": role})
        for number, (stem, item) in enumerate(sorted(items.items())):
            raw = os.fsencode(stem)
            if raw != stem.encode("utf-8", "replace"):
                yield Row(number, raw, None, RejectReason.NOT_UTF8, "a file name that is not UTF-8")
                continue
            if stem in refused:
                yield Row(number, raw, None, *refused[stem])
                continue
            first, _, rest = (item.pop("text") or "").partition("\n")
            *folders, name = stem.split("/")
            record = {"stem": stem, "name": name, "folders": folders, "title": first.strip(), "text": rest, **item}
            yield Row(number, raw, record)


def _suffixes(mapping: Mapping) -> dict[str, tuple[str, str]]:
    parts = mapping.parts
    assert parts is not None
    found = {parts.text: ("text", "")} if parts.text else {}
    media = (("image", parts.image), ("video", parts.video), ("audio", parts.audio))
    for kind, suffixes in (("texts", parts.texts), *media):
        found |= {suffix: (kind, role) for suffix, role in suffixes.items()}
    return found


READER = Folder()
