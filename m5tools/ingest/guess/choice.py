"""A line of a proposed mapping, with the field it takes and the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from m5tools.ingest.guess.profile import Profile


@dataclass(frozen=True)
class Choice:
    """One thing that the mapping takes from the records.

    Attributes:
        section: `fields`, `category`, `attributes`, `texts`, `image`, `video` or `audio`.
        target: the product field, where the section is `fields`.
        spec: what stands there: a field selector, or the words of the section.
        taken: the fields it takes, the first one first.
        why: what spoke for it.
    """

    section: str
    target: str
    spec: Any
    taken: tuple[Profile, ...]
    why: str

    @property
    def gives(self) -> str:
        """What the field becomes, in a few words."""
        if self.section == "texts":
            return f"text: {self.spec['role']}"
        return self.target or self.section
