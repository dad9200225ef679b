"""The command `m5 audit`: the report of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m5tools.cli.options import DatasetOption, readable_parts

if TYPE_CHECKING:
    from m5tools.dataset import Dataset


def audit(
    dataset: DatasetOption,
    policy: Annotated[str, typer.Option("--policy", help="Whose tags and states are shown.")] = "default",
    cut: Annotated[str | None, typer.Option("--cut", help="The cut whose losses are shown.")] = None,
    shards: Annotated[str | None, typer.Option("--shards", help="The shard folder whose samples are counted.")] = None,
    examples: Annotated[
        int, typer.Option("--examples", min=0, help="Products on each page of the gallery at most; 0 writes none.")
    ] = 24,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the draw of these products.")] = 0,
) -> None:
    """Write the report and its galleries: long tail, completeness, tags, duplicates, splits."""
    from m5tools.dataset import open_dataset

    with readable_parts(dataset):
        typer.echo(write_audit(open_dataset(dataset), policy, cut, shards, examples, seed))


def write_audit(
    dataset: Dataset, policy: str, cut: str | None, shards: str | None, examples: int = 24, seed: int = 0
) -> Path:
    """Write `reports/audit.html`, `.json` and `gallery/`; gives the page's path."""
    from m5tools.audit import audit as make
    from m5tools.audit import gallery, write

    found, reports = make(dataset, policy=policy, cut=cut, shards=shards), dataset.root / "reports"
    links = gallery.write(dataset, reports, policy=policy, examples=examples, seed=seed)
    return write(found, reports, links)[0]
