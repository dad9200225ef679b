"""The command `m5 audit`: the report of a dataset, or of two that are laid side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m5tools.cli.options import readable_parts
from m5tools.errors import UsageError

if TYPE_CHECKING:
    from m5tools.dataset import Dataset


def audit(
    dataset: Annotated[Path | None, typer.Option("--dataset", "-d", help="The dataset folder.")] = None,
    policy: Annotated[str, typer.Option("--policy", help="Whose tags and states are shown.")] = "default",
    cut: Annotated[str | None, typer.Option("--cut", help="The cut whose losses are shown.")] = None,
    shards: Annotated[str | None, typer.Option("--shards", help="The shard folder whose samples are counted.")] = None,
    examples: Annotated[
        int | None,
        typer.Option("--examples", min=0, help="Products on each page of the gallery at most (24); 0 writes none."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the draw of these products (0).")] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option("--compare", metavar="A B", help="Instead: what came, went and drifted from A to B."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="With --compare: the page to write (B's reports/compare.html); .json beside."),
    ] = None,
) -> None:
    """Write the report and its galleries: long tail, completeness, tags, duplicates, splits.

    m5 audit -d shop  writes shop/reports/audit.html, audit.json and gallery/.

    With --compare, A and B are each a dataset (shop), a crawl of it (shop@2026-06: what it delivered as new or changed)
    or a cut (shop#strict):

    m5 audit --compare shop-may shop-june

    m5 audit --compare shop@2026-05 shop@2026-06 --out drift.html

    m5 audit --compare shop#default shop#strict
    """
    if compare is not None:
        if dataset is not None or cut is not None or shards is not None:
            raise UsageError(
                "--compare names both sides itself: FOLDER, FOLDER@CRAWL or FOLDER#CUT; leave the rest out"
            )
        if examples is not None or seed is not None:
            raise UsageError(
                "--examples and --seed draw the gallery, which a comparison has not; leave them out, "
                "or give them to m5 audit --dataset FOLDER of either side"
            )
        page = write_comparison(*compare, policy, out)
        typer.echo(str(page).encode(errors="replace").decode())  # a name that is not UTF-8 cannot be printed
        return
    if out is not None:
        raise UsageError("--out goes with --compare; the report of one dataset is its reports/audit.html")
    if dataset is None:
        raise UsageError("give --dataset FOLDER, or --compare A B (see m5 audit --help)")
    from m5tools.dataset import open_dataset

    with readable_parts(dataset):
        drawn = 24 if examples is None else examples
        typer.echo(write_audit(open_dataset(dataset), policy, cut, shards, drawn, seed or 0))


def write_audit(
    dataset: Dataset, policy: str, cut: str | None, shards: str | None, examples: int = 24, seed: int = 0
) -> Path:
    """Write `reports/audit.html`, `.json` and `gallery/`; gives the page's path."""
    from m5tools.audit import audit as make
    from m5tools.audit import gallery, places, write

    reports = dataset.root / "reports"
    places.report(reports)  # refuses before anything is counted
    found = make(dataset, policy=policy, cut=cut, shards=shards)
    with places.one_at_a_time(reports):
        links = gallery.write(dataset, reports, policy=policy, examples=examples, seed=seed)
        return write(found, reports, links)[0]


def write_comparison(a: str, b: str, policy: str, out: Path | None) -> Path:
    """Write the comparison of two datasets, crawls or cuts; gives the page's path."""
    from m5tools.audit.columns import chosen
    from m5tools.audit.compare import compare, files, side_of, write

    sides = side_of(a), side_of(b)
    page, _ = files(sides[1].dataset.root / "reports" / "compare.html" if out is None else out)
    if policy != "default":
        for side in sides:
            chosen(side.dataset, "modalities", policy)
    with readable_parts(sides[0].dataset.root), readable_parts(sides[1].dataset.root):
        found = compare(*sides, policy=policy)
    return write(found, page)[0]
