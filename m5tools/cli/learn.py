"""Commands that train and judge; they need the `train` extra."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from m5tools.cli.options import SetOption
from m5tools.errors import NotBuiltYet, UsageError


def need_torch() -> None:
    """Refuse with the remedy where the `train` extra is not installed."""
    for package in ("torch", "tokenizers"):
        if importlib.util.find_spec(package) is None:
            raise UsageError(f"training needs {package}; install it with: pip install 'm5tools[train]'")


def train(
    shards: Annotated[Path, typer.Argument(help="A shard folder: <dataset>/shards/<name>.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for checkpoints and metrics.")] = Path("run"),
    config: Annotated[Path | None, typer.Option("--config", help="A YAML file with training settings.")] = None,
    changes: SetOption = None,
) -> None:
    """Train SCALE on shards; the same command goes on from the checkpoint in --out."""
    need_torch()
    from m5tools.cli.training import run_training

    run_training(shards, out, config, tuple(changes or ()))


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint, or the folder it lies in.")],
    shards: Annotated[Path, typer.Argument(help="A shard folder.")],
    split: Annotated[str, typer.Option("--split", help="Split to judge on; several with commas.")] = "test",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Also write the figures as JSON.")] = None,
) -> None:
    """Judge a trained model: product retrieval, category retrieval, classification, beside baselines and chance."""
    need_torch()
    from m5tools.cli.training import run_evaluation

    run_evaluation(checkpoint, shards, split, out)


def embed() -> None:
    """Write embeddings of all products as Parquet (later release)."""
    raise NotBuiltYet("'m5 embed' comes with a later release; from Python: m5tools.scale.embed")


def study() -> None:
    """Run a study of many trainings (later release)."""
    raise NotBuiltYet("'m5 study' comes with a later release")


def bench_loader() -> None:
    """Measure the loader stage by stage (later release)."""
    raise NotBuiltYet("'m5 bench-loader' comes with a later release")
