"""What a check of shards can find: faults, and where two ways of reading differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from m5tools.shards.readers import Found


@dataclass(frozen=True)
class Fault:
    """One fault: the file it is in, the sample or member where there is one, what is wrong, and what mends it."""

    file: str
    what: str
    where: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.file}{': ' * bool(self.where)}{self.where}: {self.what}{'; ' * bool(self.remedy)}{self.remedy}"


@dataclass
class Report:
    """What a check found.

    Attributes:
        shards, members: how many were compared, those of overlays included.
        samples: of the shards.
        bytes: of all tars read.
        faults: in the order of the files.
        skipped: what could not be checked here, and why.
    """

    shards: int = 0
    samples: int = 0
    members: int = 0
    bytes: int = 0
    faults: list[Fault] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.faults


def differences(file: str, expected: list[Found], found: list[Found], reader: str) -> Iterator[Fault]:
    """Where one way of reading does not see what the index lists.

    Args:
        file: named in the faults.
        expected: what the index lists; an offset is compared where both know it, a length where both tell it.
        found: what the other way sees.
        reader: what the other way is called.
    """
    there = {_name(f): f for f in found}
    behind = len(list(takewhile(lambda want: _name(want) not in there, reversed(expected))))
    if behind > 1:
        lost = expected[-behind:]
        samples = len({want.key for want in lost})
        what = f"{reader} ends before it; {behind:,} members of {samples:,} samples are lost from here on"
        yield Fault(file, what, f"{lost[0].key}.{lost[0].name}")
        expected = expected[:-behind]
    for want in expected:
        got = there.pop(_name(want), None)
        where = f"{want.key}.{want.name}"
        if got is None:
            yield Fault(file, f"{reader} does not hold it", where)
        elif got.length != want.length and got.length >= 0:
            yield Fault(file, f"{reader} gives {got.length:,} bytes, the index says {want.length:,}", where)
        elif got.offset is not None and got.offset != want.offset:
            yield Fault(file, f"{reader} has it at byte {got.offset}, the index says {want.offset}", where)
        elif got.xxh3 != want.xxh3:
            yield Fault(file, f"the bytes that {reader} gives do not match the checksum", where)
    for key, name in there:
        yield Fault(file, f"stray member: {reader} holds it, the index does not", f"{key}.{name}")


def adjacency(file: str, found: list[Found]) -> Iterator[Fault]:
    """Samples whose members do not lie together, which readers of streams take for several samples."""
    closed: set[str] = set()
    names: set[tuple[str, str]] = set()
    last = None
    for member in found:
        if member.key != last and member.key in closed:
            yield Fault(file, "its members do not lie together", f"{member.key}.{member.name}")
        if _name(member) in names:
            yield Fault(file, "occurs twice", f"{member.key}.{member.name}")
        closed.add(member.key)
        names.add(_name(member))
        last = member.key


def told(error: BaseException) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _name(found: Found) -> tuple[str, str]:
    return found.key, found.name
