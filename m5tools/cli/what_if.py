"""`m5 tag --set what_if=POLICY`: what another policy would change, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from m5tools import cut, notes
from m5tools.changes import split_change
from m5tools.cli.sniff import plain
from m5tools.cut import Selection
from m5tools.dataset import Dataset, open_dataset
from m5tools.tag.stage import Tag, TagConfig
from m5tools.tag.what_if import Changes, what_if
from m5tools.vocabulary import MODALITIES, Band

SETTING = "what_if"
_BANDS = [*(b.value for b in Band), None]
_MOVES = (("+", "gained"), ("−", "lost"))


@dataclass(frozen=True)
class _Made:
    """What is taken from `cut.json`."""

    selection: Selection


def asked(changes: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The policy that `--set what_if=` names, and the other changes."""
    found, others = None, []
    for change in changes:
        key, value = split_change(change)
        if key.removeprefix("tag.") == SETTING:
            found = str(value)
        else:
            others.append(change)
    return found, tuple(others)


def print_what_if(root: Path, standing: Tag, policy: str) -> None:
    """Judge by another policy and tell how that differs from what stands in the dataset.

    Args:
        root: the dataset folder.
        standing: the stage whose tags stand there.
        policy: the other policy's name or file.
    """
    dataset = open_dataset(root)
    other = Tag(TagConfig(policy=policy))
    changes = what_if(dataset, other, standing.policy.policy)
    console = Console()
    told = f"policy '{other.policy.policy}' ({policy}) against the tags of '{standing.policy.policy}' in {root}"
    console.print(f"{told}; nothing is written", markup=False, highlight=False, soft_wrap=True)
    console.print("in brackets: head / middle / tail / without a category", highlight=False)
    console.print()
    console.print(_tags(changes))
    for name, selection in _cuts(dataset, standing.policy.policy):
        told = f"products of which the cut '{name}' withholds a modality for its tags:"
        console.print(f"\n{told}", markup=False, highlight=False, soft_wrap=True)
        console.print(_withheld(changes, selection))


def _table(what: str, *heads: str) -> Table:
    table = Table(box=None)
    for head in (what, *heads):
        table.add_column(head, overflow="fold", justify="left" if head == what else "right")
    return table


def _tags(changes: Changes) -> Table:
    """Products per tag, now and then; gained and lost by band."""
    table = _table("products with the tag", "now", "then", "gained", "lost")
    for (tag,), rows in changes.tags.group_by("tag", maintain_order=True):
        moved = (_by_band(sign, dict(rows.select("band", name).iter_rows())) for sign, name in _MOVES)
        table.add_row(plain(str(tag)), f"{rows['now'].sum():,}", f"{rows['then'].sum():,}", *moved)
    return table


def _by_band(sign: str, counts: dict[str | None, int]) -> str:
    """A sum and its parts, or a dash."""
    total = sum(counts.values())
    parts = " / ".join(f"{counts.get(band, 0):,}" for band in _BANDS)
    return f"{sign}{total:,} ({parts})" if total else "–"


def _cuts(dataset: Dataset, policy: str) -> list[tuple[str, Selection]]:
    """The cuts that were made by the policy; where there is none, the shipped one."""
    found = []
    for file in sorted((dataset.root / "cuts").glob("*/cut.json")):
        selection = notes.read_of(dataset, f"cut/{file.parent.name}", file, _Made).selection
        if selection.policy == policy:
            found.append((selection.cut, selection))
    return found or [("default", cut.load("default"))]


def _withheld(changes: Changes, selection: Selection) -> Table:
    """Products per modality that the cut's tags withhold, now and then; newly withheld and given back by band."""
    table = _table("modality", "now", "then", "newly withheld", "given back")
    tags = list(selection.withhold)
    now, then = (pl.col(name).list.set_intersection(tags).list.len() > 0 for name in ("now", "then"))
    flags = changes.carried.select("modality", "band", now=now, then=then, gained=then & ~now, lost=now & ~then)
    for modality in (m for m in MODALITIES if m in selection.modalities):
        mine = flags.filter(pl.col("modality") == modality.value)
        moved = (_by_band(sign, dict(mine.filter(name).group_by("band").len().iter_rows())) for sign, name in _MOVES)
        table.add_row(modality.value, f"{mine['now'].sum():,}", f"{mine['then'].sum():,}", *moved)
    return table
