"""A policy that no run could follow is refused before one begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from m5tools.dedup.policy import load_policy
from m5tools.errors import UsageError

from .test_decide import changed


@pytest.mark.parametrize(
    ("entry", "silly", "told"),
    [
        ("restraint: 1.0", "restraint: 1.0e-300", "taught.restraint"),
        ("restraint: 1.0", "restraint: 0.0", "taught.restraint"),
        ("restraint: 1.0", "restraint: .inf", "taught.restraint"),
        ("distance: 31", "distance: 128", "picture.distance"),
        ("mass: {g: 1, kg: 1000, mg", "mass: {g: 1, kg: 0, mg", "units.mass.kg"),
        ("mass: {g: 1, kg: 1000, mg", "mass: {g: 1, kg: .nan, mg", "units.mass.kg"),
        ("mass: {g: 1, kg: 1000, mg", "mass: {g: 1, kg: .inf, mg", "units.mass.kg"),
    ],
)
def test_values_that_no_run_could_follow_are_refused(tmp_path: Path, entry: str, silly: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_policy(changed(tmp_path, (entry, silly)))


def test_an_entry_that_an_older_copy_lacks_is_to_be_copied(tmp_path: Path) -> None:
    older = changed(tmp_path, ("hub_titles: 20      # one that", "# one that"))
    with pytest.raises(UsageError, match=r"identifier\.hub_titles: .*\n.*copy what is missing from .*duplicates\.yaml"):
        load_policy(older)
