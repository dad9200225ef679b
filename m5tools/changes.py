"""`--set key=value`: changes of settings, with dots into lists and objects."""

from __future__ import annotations

from typing import Any

from m5tools import plain_yaml
from m5tools.errors import UsageError


def split_change(change: str) -> tuple[str, Any]:
    """`key=value` as key and YAML value.

    Raises:
        UsageError: it has no `=`, or the value is not YAML.
    """
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {change}: write it as key=value")
    if text.startswith("*"):
        return key.strip(), text  # a pattern of files, not an alias of something in a document of one value
    try:
        return key.strip(), plain_yaml.parse(text)
    except plain_yaml.Unreadable as error:
        raise UsageError(f"--set {change}: {error}") from error


def assign(target: Any, steps: list[str], value: Any, change: str) -> None:
    """Set a value deep inside objects and lists.

    Raises:
        UsageError: a list has no such place.
    """
    for i, step in enumerate(steps):
        last = i == len(steps) - 1
        if isinstance(target, list):
            if not step.isdecimal() or int(step) >= len(target):
                raise UsageError(f"--set {change}: '{step}' is no place in a list of {len(target)} (count from 0)")
            place: Any = int(step)
        elif isinstance(target, dict):
            place = step
            target.setdefault(place, {})
        else:
            raise UsageError(f"--set {change}: '{'.'.join(steps[:i])}' is a plain value and has no '{step}'")
        if last:
            target[place] = value
        target = target[place]
