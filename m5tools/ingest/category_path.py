"""Category paths: levels from lists, objects and strings, whatever stands between them.

The separator of a string is chosen by the string: the strongest that it holds, for only weak ones also stand inside
names. In "Electronics > TV/Video" the slash is part of a name, in "Electronics/TV" it is not.
"""

from __future__ import annotations

import html
import re
from typing import Any, Final

_STRONG: Final = (r">+|＞", "»", "›", "→|->|=>", "::", r"\x1f")
# Behind a weak one that has spaces around it, the same without spaces belongs to names.
_WEAK: Final = (r"(?<=\s)\|(?=\s)", r"\|", r"(?<=\s)/(?=\s)", r"(?<!\\)/", r"\\(?![/\\|>])")
_STRONGEST_FIRST: Final = tuple(re.compile(pattern) for pattern in (*_STRONG, *_WEAK))
_ARROWS: Final = re.compile("|".join(_STRONG[:5]))
_CHOICES: Final = ("|", ";", "\n", ",")
_ESCAPED: Final = re.compile(r"\\([/\\|>])")
_NAMES: Final = ("name", "title", "label", "text", "category", "category_name", "value")


def path_of(value: Any, item: str | None, choices: str | None, levels: re.Pattern[str] | None) -> list[str]:
    """The longest path in a value, root first; empty where there is none.

    Args:
        value: as delivered, JSON strings taken apart.
        item: in a list of objects: the key of the name; default: the usual ones.
        choices: what separates several paths in a string; default: found out.
        levels: what separates the levels of a path; default: found out.
    """
    paths = _paths(value, item, choices, levels)
    return max(paths, key=len, default=[])


def _paths(value: Any, item: str | None, choices: str | None, levels: re.Pattern[str] | None) -> list[list[str]]:
    found: list[list[str]] = []
    left = [value]
    while left:  # not by calls: a parser takes a list that is nested more deeply than calls may be
        one = left.pop()
        if isinstance(one, dict):
            left.append(_name(one, item))
        elif isinstance(one, str):
            found += _written(one, choices, levels)
        elif isinstance(one, list) and any(isinstance(inner, list) for inner in one):
            left += reversed(one)
        elif isinstance(one, list):
            found += _of_names([_name(inner, item) for inner in one], choices, levels)
    return found


def _of_names(names: list[Any], choices: str | None, levels: re.Pattern[str] | None) -> list[list[str]]:
    # A list of whole paths: its items are written with arrows, which no name holds.
    if len(names) > 0 and all(isinstance(name, str) and _ARROWS.search(html.unescape(name)) for name in names):
        return [path for name in names for path in _written(str(name), choices, levels)]
    return [[html.unescape(str(name)).strip() for name in names if name not in (None, "")]]


def _name(one: Any, item: str | None) -> Any:
    if not isinstance(one, dict):
        return one
    return one.get(item) if item else next((one[key] for key in _NAMES if isinstance(one.get(key), str)), None)


def _written(text: str, choices: str | None, levels: re.Pattern[str] | None) -> list[list[str]]:
    text = html.unescape(text).strip()
    if levels is None:
        levels = next((pattern for pattern in _STRONGEST_FIRST if pattern.search(text)), None)
        if levels is None:
            return [[text]] if text else []
        if choices is None:
            choices = next((sign for sign in _CHOICES if _are_paths(sign, text.split(sign), levels)), None)
    parts = text.split(choices) if choices else [text]
    return [[_ESCAPED.sub(r"\1", level.strip()) for level in levels.split(p.strip()) if level.strip()] for p in parts]


def _are_paths(sign: str, parts: list[str], levels: re.Pattern[str]) -> bool:
    """Whether each part is a path of its own. Commas also stand inside names: behind one, the root must be the same."""
    split = [[level.strip() for level in levels.split(part.strip())] for part in parts]
    if len(parts) < 2 or not all(len(path) > 1 and path[0] and path[-1] for path in split):
        return False
    return sign != "," or len({path[0] for path in split}) == 1
