"""A folder of pictures, clips, sounds and texts: which endings of file names belong to one product."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

from m5tools.ingest.readers.locations import files_below

# By the suffix of a file.
KINDS: Final = {
    "text": (".txt",),
    "image": (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    "video": (".mp4", ".webm", ".mov", ".m4v", ".avi", ".mkv"),
    "audio": (".ogg", ".mp3", ".wav", ".flac", ".m4a", ".opus"),
}
_WORD: Final = re.compile(r"[_-](?=[A-Za-z])")
FEWEST, OFTEN, SHARED = 3, 0.05, 0.5


def parts_of(folder: Path) -> dict[str, Any] | None:
    """The words of `parts` for a folder; None where it holds no media.

    An ending such as `_front.jpg` is one of its own where it comes often and leaves stems that other files share.
    """
    kinds = {suffix: kind for kind, suffixes in KINDS.items() for suffix in suffixes}
    files = [file for file in files_below(folder) if file.suffix.lower() in kinds]
    ways: dict[str, set[str]] = defaultdict(set)
    for file in files:
        for ending in _endings(file):
            ways[str(file).removesuffix(ending)].add(ending)
    shared, uses = Counter[str](), Counter[str]()
    for file in files:
        for ending in _endings(file):
            uses[ending] += 1
            shared[ending] += len(ways[str(file).removesuffix(ending)]) > 1

    def ending_of(file: Path) -> str:
        suffix, *longer = _endings(file)
        often = (e for e in longer if uses[e] >= max(FEWEST, OFTEN * uses[suffix]))
        return min((e for e in often if shared[e] >= SHARED * uses[e]), key=len, default=suffix)

    counts = Counter(map(ending_of, files))
    found: dict[str, Any] = {}
    for ending, _ in sorted(counts.items()):
        kind = kinds[Path(f"x{ending}").suffix.lower()]
        name = ending.rpartition(".")[0].strip("_-").casefold()
        if ending == ".txt":
            found["text"] = ending
        elif kind == "text":
            found.setdefault("texts", {})[ending] = name
        else:
            found.setdefault(kind, {})[ending] = name or "main"
    media = [kind for kind in ("image", "video", "audio") if kind in found]
    return found if media else None


def _endings(file: Path) -> list[str]:
    """The suffix of a file, alone and with more and more of the words before it: `.ogg`, `_es.ogg`, `_desc_es.ogg`."""
    stem, suffix = file.stem, file.suffix
    return [suffix, *(stem[mark.start() :] + suffix for mark in _WORD.finditer(stem) if mark.start() > 0)]
