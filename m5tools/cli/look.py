"""Commands that look at what is there: a raw file, a dataset, shards, one product."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m5tools.cli.options import DatasetOption, readable_parts
from m5tools.cli.stages import ABOUT
from m5tools.errors import NotBuiltYet, UsageError

if TYPE_CHECKING:
    import polars as pl

    from m5tools.dataset import Dataset
    from m5tools.shards.faults import Fault, Report

explain = typer.Typer(help="Say in numbers what a cut, shards or a run do.", no_args_is_help=True)


def sniff(
    files: Annotated[list[str], typer.Argument(help="Files, folders or patterns of what a crawler wrote.")],
    write: Annotated[
        Path | None, typer.Option("--write", help="Save the mapping here: the known one, or the proposed.")
    ] = None,
) -> None:
    """Find out what files hold, which known layout they fit, and propose a mapping where none does."""
    from m5tools.cli.sniff import tell
    from m5tools.ingest.sniff import sniff as look_at

    if write is not None and write.exists():
        raise UsageError(f"{write} exists; name another file, or remove it first")
    tell(look_at(*files), files, write)


def status(dataset: DatasetOption) -> None:
    """Which stages are done, which are out of date."""
    from rich.console import Console
    from rich.table import Table

    from m5tools.dataset import open_dataset
    from m5tools.engine.progress import words
    from m5tools.freshness import changed, remake

    found = open_dataset(dataset)
    stages = found.manifest()["stages"]
    table = Table("stage", "state", "counts", box=None)
    order = list(ABOUT)
    for name, entry in sorted(stages.items(), key=lambda item: order.index(item[1]["stage"])):
        what = changed(name, stages)
        state = f"out of date ({what} changed)" if what else "deleted" if _deleted(found, name) else "done"
        table.add_row(name, state, words(entry["counts"]))
    console = Console()
    crawls = len(found.manifest()["crawls"])
    about = f"{found.place}: {crawls} {'crawl' if crawls == 1 else 'crawls'}, {found.partitions} partitions"
    console.print(about, markup=False, soft_wrap=True)
    console.print(table)
    stale = [name for name in stages if changed(name, stages)]
    for name in sorted(stale, key=lambda name: order.index(stages[name]["stage"])):
        console.print(f"next: {remake(found.place, stages[name])}", markup=False, soft_wrap=True, highlight=False)
    for remark in _remarks(found):
        console.print(remark, soft_wrap=True, markup=False)


def _deleted(dataset: Dataset, entry: str) -> bool:
    """Whether finished shards or an overlay are no more: their folders are whole, so people delete them by hand."""
    from m5tools.shards.manifest import MANIFEST, OVERLAY_MANIFEST, OVERLAYS

    match entry.split("/"):
        case ["shard", shards]:
            return not (dataset.root / "shards" / shards / MANIFEST).is_file()
        case ["overlay", shards, overlay]:
            return not (dataset.root / "shards" / shards / OVERLAYS / overlay / OVERLAY_MANIFEST).is_file()
    return False


def _remarks(dataset: Dataset) -> list[str]:
    """What the latest crawl of each source is remarkable for."""
    from m5tools.ingest import changes

    latest = {crawl["source"]: crawl["crawl_id"] for crawl in dataset.manifest()["crawls"]}
    return [
        f"{crawl}: {said}" for crawl in latest.values() for said in changes.remarks(changes.fields_of(dataset, crawl))
    ]


def show(
    product: Annotated[str, typer.Argument(help="Product id, or the source's own id.")],
    dataset: DatasetOption,
    other: Annotated[str | None, typer.Argument(help="A second product: why the two were joined, or were not.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Everything known about one product, and where each thing came from; or why two were joined, or were not."""
    from m5tools.dataset import open_dataset

    if other is not None:
        from m5tools.cli.show_pair import print_why

        with readable_parts(dataset):
            print_why(open_dataset(dataset), product, other, as_json)
        return
    with readable_parts(dataset):
        rows = open_dataset(dataset).show(product)
    if as_json:
        import json

        typer.echo(json.dumps(rows, default=_readable, ensure_ascii=False, indent=1))
        return
    from rich.console import Console

    from m5tools.cli.sniff import plain

    console = Console()
    for table, found in rows.items():
        console.print(f"[bold]{table}[/bold]")
        for row in found:
            filled = {k: v for k, v in row.items() if v is not None and v != [] and not isinstance(v, bytes)}
            console.print("  " + plain(", ".join(f"{k}={_named(k, v)}" for k, v in filled.items())), soft_wrap=True)


def check(path: Annotated[Path, typer.Argument(help="A dataset folder or a shard folder.")]) -> None:
    """Verify a dataset against its checksums, or shards against their index."""
    from m5tools.dataset import Dataset
    from m5tools.shards.manifest import is_shard_folder

    if is_shard_folder(path):
        from m5tools.shards.check import check as check_shards

        report = check_shards(path)
        for fault in (*report.faults, *(swapped := _other_manifest(path, report))):
            typer.echo(f"{fault}", err=True)
        for what in report.skipped:
            typer.echo(what, err=True)
        faults = len(report.faults) + len(swapped)
        typer.echo(f"{path}: {report.samples:,} samples, {report.members:,} members, {faults} faults")
        if faults:
            raise typer.Exit(1)
        return
    dataset = Dataset(path)
    if not dataset.exists:
        raise UsageError(f"{path} is neither a dataset (no dataset.json) nor a shard folder (no index/)")
    from m5tools.engine.verify import verify

    compared, wrong = verify(dataset)
    lines = [f"{one.path}: {one.what}; run: {one.remedy}" for one in wrong]
    lines += _outlines(dataset, {one.path for one in wrong})
    for line in lines:
        typer.echo(line, err=True)
    typer.echo(f"{path}: {compared:,} files compared, {len(lines)} faults")
    for manifest in sorted(path.glob("shards/*/dataset.json")):
        typer.echo(f"their members one by one, by every reader: m5 check {manifest.parent}")
    if lines:
        raise typer.Exit(1)


def _outlines(dataset: Dataset, known: Collection[str]) -> list[str]:
    """What shows of finished shard folders without reading their tars, beside the files that are known as damaged."""
    from m5tools.shards.manifest import MANIFEST, ShardManifest
    from m5tools.shards.outline import outline, strays

    found = []
    for name, entry in sorted(dataset.manifest()["stages"].items()):
        place = f"shards/{name.removeprefix('shard/')}"
        manifest = f"{place}/{MANIFEST}"
        if entry["stage"] == "shard" and manifest not in known and (dataset.root / manifest).is_file():
            try:
                shards = ShardManifest.read(dataset.root / place)
            except UsageError as error:
                found.append(f"{manifest}: {error}")
                continue
            # Papers tell of indexes, so of damaged ones there is nothing to compare.
            whole = not any(path.startswith(f"{place}/") for path in known)
            faults = (outline if whole else strays)(dataset.root / place, shards)
            found += [f"{place}/{fault}" for fault in faults if f"{place}/{fault.file}" not in known]
    return found


def _other_manifest(folder: Path, report: Report) -> list[Fault]:
    """Whether the manifest of shards is another than their dataset wrote, though it fits them."""
    from m5tools.engine.verify import changed
    from m5tools.shards.faults import Fault
    from m5tools.shards.manifest import MANIFEST
    from m5tools.shards.outline import again, home_of

    home = home_of(folder)
    if home is None or any(fault.file == MANIFEST for fault in report.faults):
        return []
    shards = folder.resolve().name
    wrong = changed(home, f"shard/{shards}", f"shards/{shards}/{MANIFEST}")
    return [] if wrong is None else [Fault(MANIFEST, wrong.what, remedy=again(folder, MANIFEST))]


def compact(dataset: DatasetOption) -> None:
    """Merge the small part files of many crawls into few; nothing that is read from them changes."""
    from m5tools.dataset import open_dataset
    from m5tools.engine.compaction import compact as compact_dataset

    found = open_dataset(dataset)
    if found.copy is not None:
        raise NotBuiltYet(f"m5 compact works on local folders only, not on {found.place}")
    with readable_parts(dataset):
        done = compact_dataset(found, ABOUT)
    if not done.bundles:
        typer.echo(f"{dataset}: no crawls with parts so small that several fill one")
        return
    typer.echo(f"{dataset}: {done.crawls:,} crawls merged, {done.before:,} part files became {done.after:,}")


@explain.command("cut")
def explain_cut(
    dataset: DatasetOption,
    cut: Annotated[str, typer.Option("--cut", help="Name of a cut that was made.")] = "default",
) -> None:
    """Who is lost to which rule, and what that does to the tail."""
    from m5tools.cli.explain_cut import print_cut
    from m5tools.dataset import open_dataset

    with readable_parts(dataset):
        print_cut(open_dataset(dataset), cut)


@explain.command("shards")
def explain_shards(
    path: Annotated[Path, typer.Argument(help="A shard folder.")],
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, help="Explain an epoch in global batches of this many.")
    ] = None,
    world_size: Annotated[int, typer.Option("--world-size", min=1, help="Ranks that share a batch.")] = 1,
    split: Annotated[str, typer.Option("--split", help="The split of the epoch.")] = "train",
    cut: Annotated[str | None, typer.Option("--cut", help="Folder of a narrower cut.")] = None,
    condition: Annotated[
        str | None, typer.Option("--filter", help="Condition on the index, in SQL: \"category = 'Toys'\".")
    ] = None,
    modalities: Annotated[str, typer.Option("--modalities", help="Those to deliver.")] = "image,text,table,video,audio",
    block: Annotated[
        int | None, typer.Option("--block", min=1, help="Shards that are shuffled together (default: all).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Samples, bytes and modalities of every split; with --batch-size, an epoch: its cost, balance and coverage."""
    from m5tools.cli.explain import explain_shards as tell

    epoch = None
    if batch_size is not None:
        from m5tools.cli.learn import need_torch

        need_torch()
        from m5tools.loader.explain import explain as explain_epoch
        from m5tools.loader.loader import Loader

        loader = Loader(
            path, split=split, cut=cut, filter=None if condition is None else _condition(condition),
            modalities=modalities.split(","), global_batch_size=batch_size, block=block,
        )  # fmt: skip
        epoch = explain_epoch(loader, world_size)
    tell(path, as_json, epoch)


def _condition(sql: str) -> pl.Expr:
    """A condition in SQL as an expression.

    Raises:
        UsageError: it is no SQL.
    """
    import polars as pl

    try:
        return pl.sql_expr(sql)
    except pl.exceptions.PolarsError as error:
        raise UsageError(f"--filter: {str(error).splitlines()[0]}") from error


@explain.command("run")
def explain_run() -> None:
    """What a training run saw (later release)."""
    raise NotBuiltYet("'m5 explain run' comes with a later release")


def _named(column: str, value: Any) -> Any:
    """Codes of states and reasons as words; who lists something, by source and product."""
    from m5tools.vocabulary import Reason, State

    if column == "listed_by":
        return " and ".join(f"{who['source']} {who['product_id']}" for who in value)
    codes: type[State] | type[Reason] | None = {"state": State, "reason": Reason}.get(column)  # type: ignore[assignment]
    if codes is None or isinstance(value, str):
        return value
    return [codes(v).word for v in value] if isinstance(value, list) else codes(value).word


def _readable(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else str(value)
