"""Elements of XML as records: built while a parser runs, one at a time."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from typing import Any, Final
from xml.parsers import expat

TEXT: Final = "#text"
ATTRIBUTE: Final = "@"
MOST_ENTITIES: Final = 1_000
_KNOWN_NAMESPACES: Final = {"http://base.google.com/ns/1.0": "g"}
_Node = tuple[str, dict[str, Any], list[str]]


class Declared(Exception):
    """The declarations of a document have ended, and entities are among them: it must go on without them."""


class Unclosed(Exception):
    """A record begins directly inside of a record: the outer one has lost its end tag."""


class Records:
    """Handlers of one parser after another over one document.

    Args:
        name: of the element that is a record.
        found: called with a record, the place where it begins and where its end tag begins, by the parser's count.

    Attributes:
        outside: names of the open elements around records.
        begin: where the open record begins; None outside of records.
        entities: names that the document declares.
        fed: so many bytes the last parser was given before those of the document.
    """

    def __init__(self, name: str, found: Callable[[Any, int, int], None]) -> None:
        self._name = name
        self._found = found
        self._prefixes: dict[str, str] = {}
        self._place: Callable[[], int] = lambda: 0
        self._open: list[_Node] = []
        self.outside: list[str] = []
        self.begin: int | None = None
        self.entities: dict[str, None] = {}
        self.fed = 0
        self._has_entities = False

    def parser(self) -> expat.XMLParserType:
        """A new parser, at the beginning or after a resumption inside of the elements `outside`.

        Nothing outside of the document is read, and no entity that it declares is ever expanded: behind declarations
        the document goes on with a parser that has not heard them (`Declared`), to which a reference to one stands for
        itself. Entities of HTML are known, for many feeds use them as if they were declared.
        """
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.UseForeignDTD(True)
        parser.SkippedEntityHandler = self._entity
        before = _standing_for_themselves(self.entities) + "".join(f"<{name}>" for name in self.outside)
        self.fed = len(before.encode())
        if before:
            parser.Parse(before.encode(), False)
        parser.EntityDeclHandler = self._declared
        parser.EndDoctypeDeclHandler = self._behind_declarations
        self._open = []
        self.begin = None
        self._has_entities = False
        self._place = lambda: parser.CurrentByteIndex
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        return parser

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        content = self._attributes(attributes) if attributes else {}
        if name == self._name:
            if len(self._open) == 1:
                raise Unclosed
            if not self._open:
                self.begin = self._place()
        elif not self._open:
            self.outside.append(name)
            return
        self._open.append((name, content, []))

    def _end(self, name: str) -> None:
        if not self._open:
            self.outside.pop()
            return
        _, content, texts = self._open.pop()
        value: Any = texts[0] if len(texts) == 1 else "".join(texts)
        if content:
            if value and not value.isspace():
                content[TEXT] = value
            value = content
        if self._open:
            if ":" in name:
                name = self._called(name)
            inside = self._open[-1][1]
            if name not in inside:
                inside[name] = value
            else:
                _append(inside, name, value)
            return
        assert self.begin is not None
        begin, self.begin = self.begin, None
        self._found(value, begin, self._place())

    def _attributes(self, attributes: dict[str, str]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for key, value in attributes.items():
            if not key.startswith("xmlns"):
                given[f"{ATTRIBUTE}{key}"] = value
            elif value in _KNOWN_NAMESPACES and ":" in key:
                self._prefixes[key.partition(":")[2]] = _KNOWN_NAMESPACES[value]
        return given

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1][2].append(text)

    def _entity(self, name: str, is_parameter: bool) -> None:
        if self._open and not is_parameter:
            self._open[-1][2].append(html.unescape(f"&{name};"))

    def _declared(self, name: str, is_parameter: bool, *_: Any) -> None:
        if not is_parameter and len(self.entities) < MOST_ENTITIES:
            self.entities[name] = None
        self._has_entities = True

    def _behind_declarations(self) -> None:
        if self._has_entities:
            raise Declared

    def _called(self, name: str) -> str:
        """A name with the prefix its namespace usually has."""
        prefix, _, local = name.partition(":")
        return f"{self._prefixes.get(prefix, prefix)}:{local}"


def _standing_for_themselves(entities: Iterable[str]) -> str:
    """Declarations by which each reference is replaced by its own text, or by the character it is in HTML."""
    lines = []
    for name in entities:
        text = html.unescape(f"&{name};")
        own = f"&#38;#38;{name};" if text == f"&{name};" else "".join(f"&#38;#{ord(c)};" for c in text)
        lines.append(f'<!ENTITY {name} "{own}">')
    return f"<!DOCTYPE feed [{''.join(lines)}]>" if lines else ""


def _append(content: dict[str, Any], name: str, value: Any) -> None:
    """Put a further child of one name into its element: they become a list."""
    if isinstance(content[name], list):
        content[name].append(value)
    else:
        content[name] = [content[name], value]
