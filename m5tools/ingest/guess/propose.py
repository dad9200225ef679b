"""A mapping for records of an unknown layout: what each field seems to be, and the YAML that says so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import yaml

from m5tools.ingest.delivered import Record
from m5tools.ingest.guess import fields, places
from m5tools.ingest.guess.choice import Choice
from m5tools.ingest.guess.names import language_of
from m5tools.ingest.guess.profile import Profile, profiles
from m5tools.ingest.mapping import FIELDS

EXAMPLE_SHOWN = 48
_SCHEMA: Final = "mapping.schema.json"
_ALL_DIFFERENT: Final = 0.999
_WIDE: Final = 1 << 20


@dataclass(frozen=True)
class Proposal:
    """What a mapping could be.

    Attributes:
        choices: its lines, in the order of a mapping.
        unused: fields that none of them takes.
        language: of the texts, where the names of fields tell.
    """

    choices: tuple[Choice, ...]
    unused: tuple[Profile, ...]
    language: str | None

    def of(self, section: str) -> list[Choice]:
        return [choice for choice in self.choices if choice.section == section]

    @property
    def score(self) -> int:
        """How much like products the records are: the different things that were found in them."""
        return len({choice.gives for choice in self.choices})

    def becomes(self) -> dict[str, str]:
        """Field → what it becomes."""
        return {p.path: choice.gives for choice in reversed(self.choices) for p in choice.taken}


def propose(records: list[Record]) -> Proposal:
    """Look at the fields of some records and choose what each of them is.

    Attributes and media are told by their shape, and come first; the names of product fields are then believed only
    where the values agree; what no name told is told by values; the rest is further texts, or nothing.
    """
    seen = profiles(records)
    choices = [*places.attributes(seen)]
    choices += places.media(_free(seen, choices))
    choices += fields.named(_free(seen, choices))
    if (category := places.category(_free(seen, choices))) is not None:
        choices.append(category)
    have = {choice.target: choice for choice in choices}
    beside_price = _beside(have["price"].taken[0], seen) if "price" in have else []
    choices += fields.by_values(_free(seen, choices), set(have), beside_price)
    main = {choice.target: choice for choice in choices if choice.target}
    url = main.get("url")
    if url is not None and "native_id" not in main and url.taken[0].distinct < _ALL_DIFFERENT:
        # Without an id the address is the key of a product: one that comes again would cost the second its place.
        choices.remove(url)
    choices += fields.further_texts(_free(seen, choices), main)
    title = main.get("title")
    language = language_of(title.taken[0].path)[1] if title else None
    order = [*FIELDS, "", "category", "attributes", "texts", "image", "video", "audio"]
    choices.sort(key=lambda c: order.index(c.target or c.section))
    return Proposal(tuple(choices), tuple(_free(seen, choices)), language)


def _beside(inner: Profile, seen: list[Profile]) -> list[Profile]:
    """The other fields of the object that one lies in."""
    outer, dot, _ = inner.path.rpartition(".")
    return [p for p in seen if dot and p.values and p is not inner and p.path.rpartition(".")[0] == outer]


def _free(seen: list[Profile], choices: Iterable[Choice]) -> list[Profile]:
    """Fields that are not taken, nor lie in one that is, nor hold one."""
    taken = {p.path for choice in choices for p in choice.taken}
    inner = tuple(f"{path}." for path in taken)
    outer = {path[:i] for path in taken for i, c in enumerate(path) if c == "."}
    return [p for p in seen if p.path not in taken and p.path not in outer and not p.path.startswith(inner)]


def as_yaml(proposal: Proposal, head: dict[str, Any], note: str, detect: Iterable[str] = ()) -> str:
    """The mapping file, each line with the coverage, an example and the reason of its choice.

    Args:
        proposal: what was chosen.
        head: the words that stand before the fields: source, format …
        note: a sentence on where it comes from.
        detect: fields that tell the layout.
    """
    lines = [f"# {line}" for line in note.splitlines()]
    head = head | ({"language": proposal.language} if proposal.language else {})
    head |= {"detect": list(detect)} if detect else {}
    lines += [f"{key}: {_flow(value)}" for key, value in head.items()]
    lines.append("fields:" if proposal.of("fields") else "fields: {}")
    lines += [f"  {c.target}: {_flow(c.spec)}{_remark(c)}" for c in proposal.of("fields")]
    lines += [f"category: {_flow(c.spec)}{_remark(c)}" for c in proposal.of("category")]
    for section in ("attributes", "texts"):
        found = proposal.of(section)
        lines += [f"{section}:", *(f"  - {_flow(c.spec)}{_remark(c)}" for c in found)] if found else []
    media = [(modality, proposal.of(modality)) for modality in ("image", "video", "audio")]
    if any(found for _, found in media):
        lines.append("media:")
    for modality, found in media:
        lines += [f"  {modality}:", *(f"    - {_flow(c.spec)}{_remark(c)}" for c in found)] if found else []
    if proposal.unused:
        lines += ["", "# Not taken:", *(f"#   {_plain(p.path)}: {_seen(p)}" for p in proposal.unused)]
    return "\n".join(lines) + "\n"


def _remark(choice: Choice) -> str:
    return f"  # {_seen(choice.taken[0])}; {choice.why}"


def _seen(p: Profile) -> str:
    if not p.values:
        return "blank"
    example = _plain(p.example)
    cut = example if len(example) <= EXAMPLE_SHOWN else f"{example[:EXAMPLE_SHOWN]}…"
    return f"{p.filled:.0%} filled, {cut}"


def _plain(text: str) -> str:
    """Text of unknown origin on a line of its own."""
    return "".join(c if c.isprintable() else " " for c in text)


def _flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and not value.isprintable():
        return json.dumps(value, ensure_ascii=False)
    text = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=_WIDE, sort_keys=False)
    return text.strip()[1:-1]
