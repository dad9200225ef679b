"""What the project says about the packages it needs."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = ("train", "embed", "ray", "s3", "hf")


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def test_the_page_of_dependencies_has_every_package_with_a_licence() -> None:
    """`make dependencies` writes it."""
    page = (REPOSITORY / "docs" / "reference" / "dependencies.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([a-z0-9-]+) \| \w+ \| (.+) \|$", page, re.MULTILINE))
    wanted = names(PROJECT["dependencies"]).union(*(names(PROJECT["optional-dependencies"][e]) for e in EXTRAS))
    assert wanted <= rows.keys()
    assert "not told" not in rows.values()
    assert not any(re.search(r"\bA?GPL|NonCommercial|NC\b", licence) for licence in rows.values())


def test_every_package_is_pinned() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}
    assert names(PROJECT["dependencies"]) <= pinned
    assert all(re.fullmatch(r"#.*|[A-Za-z0-9._-]+==\S+", line) for line in lines)
