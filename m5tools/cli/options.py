"""What several commands share: their options, each declared once, and how a damaged dataset is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from m5tools.errors import UsageError

DatasetOption = Annotated[Path, typer.Option("--dataset", "-d", help="The dataset folder.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Change a config value: key=value, dots reach inside. Repeatable.")
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", "-w", min=0, help="Worker processes (default: one a core; 0 = in this one).")
]
EngineOption = Annotated[str, typer.Option("--engine", help="Where units of work run: local, or ray (a cluster).")]
RankOption = Annotated[int, typer.Option("--rank", min=0, help="This process among those that share the work.")]
WorldOption = Annotated[int, typer.Option("--world-size", min=1, help="How many processes share the work.")]
RefreshOption = Annotated[bool, typer.Option("--refresh", help="Do it again though it is up to date.")]
UntilOption = Annotated[
    str | None, typer.Option("--until", help="Begin nothing new after this time: 90s, 30m, 6h. Run again to go on.")
]
FailedOption = Annotated[
    float,
    typer.Option("--max-failed-share", min=0.0, max=1.0, help="Fail when more of a stage's items than this failed."),
]
LogJsonOption = Annotated[bool, typer.Option("--log-json", help="Tell progress as JSON lines on standard error.")]


@contextmanager
def readable_parts(dataset: Path) -> Iterator[None]:
    """A part that is no Parquet file any more ends in one line.

    Raises:
        UsageError: instead of what Polars said.
    """
    import polars as pl

    try:
        yield
    except pl.exceptions.ComputeError as error:
        what = str(error).splitlines()[0]
        raise UsageError(
            f"{dataset} is damaged ({what}); 'm5 check {dataset}' names the file and the remedy"
        ) from error
