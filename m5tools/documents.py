"""YAML documents (mappings, policies, cuts, pipelines) read into pydantic models; errors name file, line and remedy."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from m5tools import plain_yaml, resources
from m5tools.errors import UsageError

Model = TypeVar("Model", bound=BaseModel)


_NEAR_NAMES = 3


def is_path(name: str) -> bool:
    """Whether a setting names a file of the user's, not a shipped one."""
    return name.endswith((".yaml", ".yml"))


def locate(kind: str, folder: str, name: str) -> Path:
    """The file of a document: a path when it ends in .yaml, else a shipped one by name.

    Args:
        kind: what it is, for messages: "policy", "cut" …
        folder: where shipped ones are, such as `pipelines/policies`.
        name: name or path.

    Raises:
        UsageError: there is no such file.
    """
    if is_path(name):
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"no {kind} file {path}")
        return path
    top, _, below = folder.partition("/")
    home = resources.folder(top) / below
    path = home / f"{name}.yaml"
    known = sorted(p.stem for p in home.glob("*.yaml"))
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"shipped are: {', '.join(known)}"
        raise UsageError(f"no {kind} '{name}'; {hint} (or give the path of a .yaml file)")
    return path


def read(path: Path) -> Any:
    """The plain content of a YAML file.

    Raises:
        UsageError: it cannot be read, is not YAML, or more than plain values within the bounds of `plain_yaml`.
    """
    try:
        return plain_yaml.parse(path.read_text(encoding="utf-8"))
    except plain_yaml.Unreadable as error:
        raise UsageError(f"{path}:{error.line}: {error}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise UsageError(f"{path}:{line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error


def read_object(path: Path) -> dict[str, Any]:
    """The content of a YAML file that holds settings; an empty file holds none.

    Raises:
        UsageError: not readable, not YAML, or no object.
    """
    body = read(path)
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise UsageError(f"{path}:1: must be an object of key: value")
    return body


def load(path: Path, model: type[Model]) -> Model:
    """A YAML file as a model.

    Raises:
        UsageError: not readable, not YAML, or not valid; the message names the line.
    """
    return validate(read(path), model, path)


def validate(body: Any, model: type[Model], path: Path, changes: Mapping[tuple[str, ...], str] | None = None) -> Model:
    """Check content that came from `path` (and may have been changed since by `--set`).

    Args:
        body: the content.
        model: what it must be.
        path: where it came from.
        changes: place in the document → the `key=value` of `--set` that stands there now.

    Raises:
        UsageError: the first things that are wrong, each with its line or its `--set`.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise UsageError("\n".join(describe(e, path, changes) for e in root_causes(error)[:5])) from error


def root_causes(error: ValidationError) -> list[ErrorDetails]:
    """The errors without those that only repeat that something inside a list is wrong."""
    every = error.errors()
    places = [one["loc"] for one in every]

    def repeats(one: ErrorDetails) -> bool:
        depth = len(one["loc"])
        inside = any(len(place) > depth and place[:depth] == one["loc"] for place in places)
        return one["type"] == "too_short" and inside

    return [one for one in every if not repeats(one)]


def settings(body: Any, model: type[Model], path: Path | None, flag: str) -> Model:
    """Check settings that came from a file, from the command line, or from both.

    Args:
        body: the settings.
        model: what they must be.
        path: the file, where there is one.
        flag: how the command line calls a setting, such as `--set `; its name follows.

    Raises:
        UsageError: the first thing that is wrong, with its line or its flag.
    """
    if path is not None:
        return validate(body, model, path)
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise UsageError(f"{flag}{first_fault(error)}") from error


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong with content that is no user's document: its place, and what is wrong there."""
    first = root_causes(error)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {complaint(first)}" if place else complaint(first)


def describe(error: ErrorDetails, path: Path, changes: Mapping[tuple[str, ...], str] | None = None) -> str:
    """One line for one validation error: file, line, place in the document (or the `--set`), what is wrong."""
    place = tuple(part for part in error["loc"] if not (isinstance(part, str) and part.startswith("function-")))
    message = complaint(error)
    written = tuple(map(str, place))
    for changed, change in (changes or {}).items():
        if written[: len(changed)] == changed:
            return f"--set {change}: {message}"
    words = ".".join(written) or "document"
    return f"{path}:{line_of(path, place)}: {words}: {message}"


def complaint(error: ErrorDetails) -> str:
    """What is wrong, in words a user knows."""
    if error["type"] == "extra_forbidden":
        return "is not a known key; check its spelling"
    if error["type"] == "union_tag_invalid":
        chosen = error["ctx"]
        kind = chosen["discriminator"].strip("'")
        return f"there is no {kind} '{chosen['tag']}'; there are {chosen['expected_tags']}"
    if error["type"] == "model_type":
        return "is empty" if error["input"] is None else "should be keys with values, one a line"
    message = error["msg"].removeprefix("Value error, ")
    if isinstance(error["input"], str | int | float | bool):
        message += f" (it is {error['input']!r})"
    return message


def near(name: str, known: Collection[str]) -> str:
    """The known names that come near one that is not known, in words; all of them where none does."""
    close = difflib.get_close_matches(name, list(known), _NEAR_NAMES, 0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known) or 'none'}"


def line_of(path: Path, place: Sequence[str | int]) -> int:
    """The line of the node at `place`, or of its nearest ancestor that is written in the file."""
    try:
        node = plain_yaml.compose(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, plain_yaml.Unreadable):
        return 1
    line = 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pairs: Mapping[str, tuple[Any, Any]] = {k.value: (k, v) for k, v in node.value}
            if part not in pairs:
                # pydantic names the chosen model of a union in its path; that is no key of the file.
                continue
            key, node = pairs[str(part)]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
