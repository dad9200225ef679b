"""One command for every stage, all with the same options; their settings are config fields, never flags."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from m5tools.cli.options import (
    DatasetOption,
    EngineOption,
    FailedOption,
    LogJsonOption,
    RankOption,
    RefreshOption,
    SetOption,
    UntilOption,
    WorkersOption,
    WorldOption,
)

if TYPE_CHECKING:
    from m5tools.shards.overlay import Overlay
    from m5tools.tag.stage import Tag

ABOUT = {
    "ingest": "One delivery of a source → typed product tables.",
    "fetch": "Listed media → assets; every location gets a state and a reason. Say who asks: --set contact=URL.",
    "survey": "Count over the corpus what one product cannot know.",
    "measure": "Decode every file once; signals and previews of five modalities.",
    "tag": "Signals → tags, by policy; states of all modalities. --set what_if=POLICY tells what another would change.",
    "compare": "Find products that may be duplicates and lay each pair side by side.",
    "dedup": "Decide which are same offers, same products and variants, with evidence.",
    "split": "Train, val and test; no cluster crosses them.",
    "cut": "Select products and modalities for training.",
    "shard": "Write a cut as WebDataset tars with a Parquet index.",
    "overlay": "Lay later media, tags, columns, vectors or sampling weights over shards. "
    "--set name=NAME and one of cut, policy, table, model, weights.",
}


def commands() -> Iterator[tuple[str, Callable[..., None]]]:
    """Name and function of every stage command."""
    for name, about in ABOUT.items():
        yield name, _command(name, about)


def _command(name: str, about: str) -> Callable[..., None]:
    def command(
        dataset: DatasetOption,
        config: Annotated[
            Path | None, typer.Option("--config", help="A YAML file with the stage's settings, or a pipeline.")
        ] = None,
        changes: SetOption = None,
        workers: WorkersOption = None,
        engine: EngineOption = "local",
        rank: RankOption = 0,
        world_size: WorldOption = 1,
        refresh: RefreshOption = False,
        until: UntilOption = None,
        max_failed_share: FailedOption = 1.0,
        log_json: LogJsonOption = False,
    ) -> None:
        from m5tools.cli import session

        address, settings = session.ray_address(changes or ())
        if name == "tag":
            from m5tools.cli.what_if import asked, print_what_if

            other, settings = asked(settings)
            if other is not None:
                from m5tools.cli.settings import stage_runs

                print_what_if(dataset, cast("Tag", stage_runs(name, config, settings)[0]), other)
                return
        # Entered first: workers load while the settings are read.
        with session.engine(
            workers=workers, engine=engine, address=address, rank=rank, world_size=world_size, refresh=refresh,
            until=until, max_failed_share=max_failed_share, log_json=log_json,
        ) as running:  # fmt: skip
            from m5tools.cli.settings import stage_runs
            from m5tools.dataset import Dataset

            for stage in stage_runs(name, config, settings):
                if not running.run(Dataset(dataset), stage).finished:
                    return
                if name == "overlay" and not log_json:
                    from m5tools.cli.balance import print_balance

                    print_balance(Dataset(dataset), cast("Overlay", stage).config)

    command.__doc__ = about
    command.__name__ = name
    return command
