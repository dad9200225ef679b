"""`m5 run`: bring a whole pipeline up to date."""

from __future__ import annotations

from typing import Annotated

import typer

from m5tools.cli.options import (
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


def run_pipeline(
    pipeline: Annotated[str, typer.Argument(help="A shipped recipe's name, or the path of a pipeline file.")],
    changes: SetOption = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="A sample of so many products, into a dataset of its own.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of that sample.")] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and what it costs; do nothing.")
    ] = False,
    workers: WorkersOption = None,
    engine: EngineOption = "local",
    rank: RankOption = 0,
    world_size: WorldOption = 1,
    refresh: RefreshOption = False,
    until: UntilOption = None,
    max_failed_share: FailedOption = 1.0,
    log_json: LogJsonOption = False,
) -> None:
    """Run a pipeline: every stage that is not up to date, in order."""
    from m5tools.cli import session

    address, settings = session.ray_address(changes or ())
    if dry_run:
        from m5tools import pipeline as pipelines
        from m5tools.cli.estimate import print_estimate

        recipe, _ = pipelines.load(pipeline, settings)
        print_estimate(recipe, pipelines.dataset_of(recipe, limit), workers)
        return
    # Entered first: workers load while the recipe is read.
    with session.engine(
        workers=workers, engine=engine, address=address, rank=rank, world_size=world_size, refresh=refresh,
        until=until, max_failed_share=max_failed_share, log_json=log_json,
    ) as running:  # fmt: skip
        from m5tools import pipeline as pipelines
        from m5tools.cli.audit import write_audit
        from m5tools.stage import Stage

        recipe, _ = pipelines.load(pipeline, settings)
        dataset = pipelines.dataset_of(recipe, limit)
        for step in recipe.stage_runs(limit, seed):
            if isinstance(step, Stage):
                if not running.run(dataset, step).finished:
                    return
            elif rank == 0:
                running.listener.note(f"report: {write_audit(dataset, step.policy, step.cut, step.shards)}")
