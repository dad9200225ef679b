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
) -> None:
    """Write the report: long tail, completeness, tags, duplicates, splits."""
    from m5tools.dataset import open_dataset

    with readable_parts(dataset):
        typer.echo(write_audit(open_dataset(dataset), policy, cut, shards))


def write_audit(dataset: Dataset, policy: str, cut: str | None, shards: str | None) -> Path:
    """Write `reports/audit.html` and `.json`; gives the page's path."""
    from m5tools.audit import audit as make
    from m5tools.audit import write

    return write(make(dataset, policy=policy, cut=cut, shards=shards), dataset.root / "reports")[0]
