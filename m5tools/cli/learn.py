"""Commands that train and judge; they need the `train` extra."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from m5tools import uris
from m5tools.cli.options import SetOption
from m5tools.errors import UsageError

ShardsArgument = Annotated[
    str, typer.Argument(help="A shard folder: a path, or a URI such as s3://bucket/shop/shards/default.")
]


def need_torch(what: str = "training", *more: str) -> None:
    """Refuse with the remedy where the `train` extra is not installed.

    Args:
        what: is to be done.
        more: packages of the extra that it needs beside the usual ones.
    """
    for package in ("torch", "tokenizers", *more):
        if importlib.util.find_spec(package) is None:
            raise UsageError(f"{what} needs {package}; install it with: pip install 'm5tools[train]'")


def not_in_a_store(what: str, *folders: Path | None) -> None:
    """Refuse a URI where a folder is asked for; as a path it would become the folder `s3:` of the current one."""
    for folder in folders:
        if folder is not None and uris.is_uri(folder):
            raise UsageError(f"{what} in folders of this machine, not at {uris.named(folder)}; name one")


def train(
    shards: ShardsArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for checkpoints and metrics.")] = Path("run"),
    config: Annotated[Path | None, typer.Option("--config", help="A YAML file with training settings.")] = None,
    changes: SetOption = None,
) -> None:
    """Train SCALE on shards; the same command goes on from the newest checkpoint in --out.

    Settings come from --config and --set: model, steps, batch_size, lr, seed, precision, sharding, workers,
    memory_mb, checkpoint_every, tensorboard and others (docs/guides/training.md lists them all).

    On several ranks: torchrun --no-python --nproc-per-node 2 m5 train SHARDS --out run
    """
    need_torch()
    not_in_a_store("checkpoints lie", out)
    from m5tools.cli.training import run_training

    run_training(shards, out, config, tuple(changes or ()))


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint, or the folder it lies in.")],
    shards: ShardsArgument,
    split: Annotated[
        str | None, typer.Option("--split", help="Split to judge on; several with commas (default: test).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for evaluation.json and .md (default: that of the run)."),
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help="A YAML file with settings.")] = None,
    changes: SetOption = None,
) -> None:
    """Judge a trained model on retrieval (product, category), classification and clustering, beside baselines."""
    need_torch("evaluation", "faiss")
    not_in_a_store("checkpoints and figures lie", checkpoint, out)
    from m5tools.cli.evaluation import run_evaluation

    run_evaluation(checkpoint, shards, split, out, config, tuple(changes or ()))


def embed(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint, or the folder it lies in.")],
    shards: ShardsArgument,
    split: Annotated[str, typer.Option("--split", help="Splits to embed, with commas.")] = "train,val,test",
    name: Annotated[
        str | None, typer.Option("--name", help="<dataset>/embeddings/<name>; default: that of the shards.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Another folder for the vectors.")] = None,
) -> None:
    """Write vectors of all products as Parquet; the same command goes on where it stopped."""
    need_torch("embedding")
    not_in_a_store("checkpoints and vectors lie", checkpoint, out)
    from m5tools.cli.evaluation import run_embedding

    run_embedding(checkpoint, shards, split, out, name)


def study(
    file: Annotated[Path, typer.Argument(help="A study: a YAML file such as pipelines/studies/claims.yaml.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for runs, tables and plots; default: study/<name>.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Every cell once, small and short: does all of it run?")
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Only print the matrix and its cost.")] = False,
    page: Annotated[
        bool, typer.Option("--page", help="Run nothing: only write the page of the runs there are.")
    ] = False,
    processes: Annotated[int, typer.Option("--processes", min=1, max=2, help="Of one thread each.")] = 2,
) -> None:
    """Run many trainings that answer a study's questions; the same command goes on where it stopped."""
    need_torch()
    not_in_a_store("studies and their runs lie", file, out)
    from m5tools.cli.study import run_study

    folder = out or Path("study") / (f"{file.stem}-quick" if quick else file.stem)
    run_study(file, folder, quick, plan, page, processes)


def bench_loader(
    shards: ShardsArgument,
    split: Annotated[str, typer.Option("--split", help="Split to read.")] = "train",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Products of a batch.")] = 64,
    image_size: Annotated[int, typer.Option("--image-size", help="Pixels a side of pictures and frames.")] = 224,
    modalities: Annotated[
        str, typer.Option("--modalities", help="Those to deliver, with commas.")
    ] = "image,text,table,video,audio",
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes; 0 = this one.")] = 1,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Decoding threads in each.")] = None,
    batches: Annotated[int, typer.Option("--batches", min=2, help="Batches to measure each stage on.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the loader stage by stage: read, decode, pack, hand-off, the whole, and the ceiling."""
    need_torch()
    from m5tools.cli.training import run_loader_bench

    sizes = {"split": split, "global_batch_size": batch_size, "image_size": image_size}
    chosen = tuple(modalities.split(","))
    run_loader_bench(shards, batches, workers, threads, as_json, {**sizes, "modalities": chosen})
