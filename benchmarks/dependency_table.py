"""Writes `docs/reference/dependencies.md`: every package that m5tools and its extras bring along, with its licence.

`make dependencies`; from what is installed, by the packages' own metadata (PEP 639's expression, else the classifiers,
else the first line of what they call their licence).
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS: Final = ("train", "embed", "ray", "s3", "hf")
PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "dependencies.md"
_HEAD: Final = """\
# Dependencies

<!-- written by make dependencies -->

What is installed with m5tools, and by which of its extras first; with the licence that each package tells of itself.
`make sbom` lists all packages of an environment, with versions, as a CycloneDX bill of materials; `constraints.txt`
pins them.

| package | comes with | licence |
|---|---|---|
"""


def licence_of(package: Distribution) -> str:
    """What a package says its licence is, in one line."""
    told = package.metadata
    if expression := told.get("License-Expression"):
        return str(expression)
    classified = [
        line.rpartition(" :: ")[2] for line in told.get_all("Classifier", []) if line.startswith("License ::")
    ]
    if classified := [name for name in classified if name != "OSI Approved"]:
        return ", ".join(classified)
    return (told.get("License") or "not told").strip().partition("\n")[0][:60]


def brought_along(extra: str | None, known: set[str]) -> set[str]:
    """Names of what m5tools needs, with an extra or without, and what that needs; not those that are known already."""
    found: set[str] = set()
    ahead = [("m5tools", frozenset([extra or ""]))]
    while ahead:
        name, extras = ahead.pop()
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # for another system or version of Python
        for need in map(Requirement, needs):
            if need.marker and not any(need.marker.evaluate({"extra": one}) for one in extras):
                continue
            further = canonicalize_name(need.name)
            if further not in found | known:
                found.add(further)
                ahead.append((further, frozenset(need.extras) or frozenset([""])))
    return found


def main() -> None:
    """Write the page."""
    known: set[str] = {"m5tools"}
    rows = []
    for extra in (None, *EXTRAS):
        names = brought_along(extra, known)
        known |= names
        for name in sorted(names):
            try:
                licence = re.sub(r"\|", "/", licence_of(distribution(name)))
            except PackageNotFoundError:
                continue
            rows.append(f"| {name} | {extra or 'm5tools'} | {licence} |")
    PAGE.write_text(_HEAD + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
