"""YAML text as plain values: bounded before anything is built of it, every mistake with its line and column.

PyYAML counts nothing, builds what a tag names, and lets a value's own error through (`2024-99-99` is a `ValueError`).
Here the tags are those of JSON's values and of dates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import yaml

MOST_VALUES: Final = 200_000
"""Keys and values of a text, its aliases and merges written out; one counts again for every 1,000 of its characters."""
MOST_LEVELS: Final = 50
"""Of lists and objects in each other. PyYAML, pydantic and what reads the values call themselves for each."""
LONGEST_NUMBER: Final = 100
"""In characters: the time PyYAML takes for `1:59:59…`, to the base of 60, grows with the square."""
_CHARACTERS_OF_A_VALUE: Final = 1_000
_INTEGERS: Final = range(-(2**63), 2**64)
_SHOWN: Final = 40


class Unreadable(Exception):
    """Text that is not YAML, or more than plain values within bounds.

    Attributes:
        line: of the mistake, from 1.
        column: from 1.
    """

    def __init__(self, complaint: str, line: int, column: int) -> None:
        super().__init__(f"{complaint} (column {column})")
        self.line, self.column = line, column


def parse(text: str) -> Any:
    """The value of a text; None where there is none.

    Returns:
        None, bool, int (of 64 bits), float, str (UTF-8 can hold it; without NUL), date, datetime, and lists and objects
        of them. What an alias names is one object wherever it stands.

    Raises:
        Unreadable: a mistake in it, or it is larger or deeper than `MOST_VALUES` and `MOST_LEVELS` allow.
    """
    with _loader(text) as loader:
        node = loader.get_single_node()
        return None if node is None else loader.construct_document(node)


def compose(text: str) -> yaml.Node | None:
    """The nodes of a text, with their places; None where there is none.

    Raises:
        Unreadable: as `parse`, but for mistakes in single values.
    """
    with _loader(text) as loader:
        return loader.get_single_node()


class _OutOfBounds(yaml.MarkedYAMLError):
    """Valid, but more than is read."""


class _Loader(yaml.SafeLoader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._values = 0
        self._levels_below: list[int] = []  # of every node that is open
        self._written_out: dict[yaml.Node, tuple[int, int]] = {}  # values and levels of every node that is closed

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            node = super().compose_node(parent, index)
            if node not in self._written_out:
                raise _OutOfBounds(problem="its aliases make it endless", problem_mark=mark)
            self._count(*self._written_out[node], mark)
            return node
        before = self._values
        length = len(event.value) if isinstance(event, yaml.ScalarEvent) else 0
        self._levels_below.append(0)
        self._count(1 + length // _CHARACTERS_OF_A_VALUE, 0, mark)
        node = super().compose_node(parent, index)
        levels = self._levels_below.pop() + 1
        self._reach(levels)
        if node is not None:
            self._written_out[node] = (self._values - before, levels)
        return node

    def _count(self, values: int, levels: int, mark: yaml.Mark | None) -> None:
        self._values += values
        if self._values > MOST_VALUES:
            said = f"it is larger than {MOST_VALUES:,} keys and values, its aliases written out"
            raise _OutOfBounds(problem=said, problem_mark=mark)
        if len(self._levels_below) + levels > MOST_LEVELS:
            raise _OutOfBounds(problem=f"it is nested too deeply, in more than {MOST_LEVELS} levels", problem_mark=mark)
        self._reach(levels)

    def _reach(self, levels: int) -> None:
        if self._levels_below:
            self._levels_below[-1] = max(self._levels_below[-1], levels)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Keys given twice are refused: of two thresholds for one tag the first would silently not count."""
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise _mistake(key, f"{_shown(key.value)} is given twice")
                seen.add((key.tag, key.value))
        return node

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> str:
        # Of SafeConstructor's it is left out that an object with a key `=` is that key's value.
        if not isinstance(node, yaml.ScalarNode):
            raise _mistake(node, "a single value is expected here")
        text: str = node.value
        if "\0" in text:
            raise _mistake(node, "\\0 is in no text: neither a file's name nor a database could hold it")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            half = f"\\u{ord(text[error.start]):04x}"
            said = f"{half} is half a character; write the character itself, or \\U with its eight digits"
            raise _mistake(node, said) from error
        return text

    def construct_undefined(self, node: yaml.Node) -> Any:
        raise _mistake(node, f"plain values have no tag {_shown(node.tag)}; leave it out, or put text in quotes")


def _scalar(kind: str, build: Callable[[Any, yaml.ScalarNode], Any]) -> Callable[[_Loader, yaml.ScalarNode], Any]:
    """PyYAML's constructor of a kind of value, with its errors told at their place."""

    def construct(loader: _Loader, node: yaml.ScalarNode) -> Any:
        text = loader.construct_scalar(node)
        if kind != "date" and len(text) > LONGEST_NUMBER:
            raise _mistake(node, f"{_shown(text)} is longer than {LONGEST_NUMBER} characters, the most of a number")
        try:
            value = build(loader, node)
        except (ArithmeticError, AttributeError, LookupError, ValueError) as error:
            raise _mistake(node, f"{_shown(text)} is no {kind}; text stands in quotes, without a tag") from error
        if isinstance(value, int) and value not in _INTEGERS:
            raise _mistake(node, f"{_shown(text)} is larger than 64 bits, the most of an integer")
        return value

    return construct


_OF_PYYAML: Final = yaml.SafeLoader.yaml_constructors
_PLAIN: Final[dict[str | None, Any]] = {
    **{f"tag:yaml.org,2002:{name}": _OF_PYYAML[f"tag:yaml.org,2002:{name}"] for name in ("null", "str", "seq", "map")},
    "tag:yaml.org,2002:bool": _scalar("boolean", yaml.SafeLoader.construct_yaml_bool),
    "tag:yaml.org,2002:int": _scalar("integer", yaml.SafeLoader.construct_yaml_int),
    "tag:yaml.org,2002:float": _scalar("number", yaml.SafeLoader.construct_yaml_float),
    "tag:yaml.org,2002:timestamp": _scalar("date", yaml.SafeLoader.construct_yaml_timestamp),
    None: _Loader.construct_undefined,
}
_Loader.yaml_constructors = _PLAIN


@contextmanager
def _loader(text: str) -> Iterator[_Loader]:
    """A loader of a text; whatever PyYAML raises in between becomes `Unreadable`."""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line_start = text.rfind("\n", 0, error.position) + 1
        said = f"not valid YAML: the character U+{error.character:04X} may not stand in it"
        raise Unreadable(said, text.count("\n", 0, error.position) + 1, error.position - line_start + 1) from error
    try:
        yield loader
    except yaml.MarkedYAMLError as error:
        said = "cannot be read" if isinstance(error, _OutOfBounds) else "not valid YAML"
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        raise _unreadable(f"{said}: {problem}", error.problem_mark) from error
    except (ArithmeticError, LookupError, ValueError) as error:  # of the scanner, such as of a character beyond Unicode
        raise _unreadable(f"not valid YAML: {error}", loader.get_mark()) from error


def _unreadable(complaint: str, mark: yaml.Mark | None) -> Unreadable:
    return Unreadable(complaint, 1, 1) if mark is None else Unreadable(complaint, mark.line + 1, mark.column + 1)


def _mistake(node: yaml.Node, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(problem=problem, problem_mark=node.start_mark)


def _shown(text: str) -> str:
    """A text in quotes, of a long one its beginning, in one line."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
