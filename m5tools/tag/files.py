"""Every media file judged once, whoever lists it: what decoding made of it, and which rules hold for it.

The signals of files lie in many small parts and are as wide as there is to measure; products list files anywhere among
them. So the parts are read once, and only what partitions of products look up is kept: two narrow tables.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import polars as pl

from m5tools import atomic, schema
from m5tools.dataset import Dataset
from m5tools.stage import Unit, Work
from m5tools.tag import lookup
from m5tools.tag.policy import SHARED, Policy
from m5tools.tag.verdicts import judge, needed
from m5tools.vocabulary import Modality, State

BY_LOOKS: Final = (Modality.IMAGE,)
BY_THEMSELVES: Final = (Modality.VIDEO, Modality.AUDIO)
PARTS_A_UNIT: Final = 2_048
BYTES_A_UNIT: Final = 128 << 20
_OUTCOMES: Final = "outcomes"
_FOUND: Final = "found"


def units(dataset: Dataset, modalities: tuple[Modality, ...]) -> list[Unit]:
    """Runs of neighbouring parts of the signals of files: so many, or so many bytes, as a unit reads at once."""
    found = []
    for modality in modalities:
        home = dataset.folder(f"signals_{modality}")
        # One listing, and the names go with the unit: paths of very many parts cost more than reading them.
        with os.scandir(home) if home.is_dir() else nullcontext(()) as entries:
            sizes = sorted((e.name, e.stat().st_size) for e in entries if _is_part(e.name))
        first, held = 0, 0
        for place, (_, size) in enumerate(sizes):
            held += size
            if held >= BYTES_A_UNIT or place + 1 - first == PARTS_A_UNIT or place + 1 == len(sizes):
                parts = [name for name, _ in sizes[first : place + 1]]
                found.append(Unit(f"{modality}-{first:06d}", {"modality": modality.value, "parts": parts}))
                first, held = place + 1, 0
    return found


def _is_part(name: str) -> bool:
    return name.endswith(".parquet") and not name.startswith(".")


def process(policy: Policy, unit: Unit, alike: Path, work: Work) -> None:
    """Judge the files of some parts.

    Args:
        policy: the rules.
        unit: one of :func:`units`.
        alike: what :func:`m5tools.tag.looks.alike` found, as Parquet.
        work: of the unit.
    """
    modality = Modality(unit.args["modality"])
    table = f"signals_{modality}"
    wanted = needed(policy, modality)
    home = work.dataset.folder(table)
    parts = pl.scan_parquet([home / name for name in unit.args["parts"]], glob=False)
    track = pl.col("derived_from").is_not_null() if modality is Modality.AUDIO else pl.lit(False)
    own = [signal for signal in wanted if signal in schema.law(table).names]
    rows = parts.select("asset_id", "state", "reason", *own, track=track).collect()
    usable = rows.lazy().filter(pl.col("state") == State.PRESENT.value)
    if set(SHARED) & set(wanted):
        counts = work.dataset.scan("corpus_assets").select(
            "asset_id", *(pl.col(name.removeprefix("shared_")).alias(name) for name in SHARED)
        )
        between = pl.col("asset_id").is_between(rows["asset_id"].min(), rows["asset_id"].max())
        usable = usable.join(counts.filter(between), on="asset_id", how="left")
    if modality is Modality.IMAGE:
        usable = usable.join(pl.scan_parquet(alike, glob=False), on="asset_id", how="left")
    _keep(rows.select("asset_id", "state", "reason", "track"), _path(work, _OUTCOMES, modality, unit.key))
    _keep(judge(policy, modality, usable, "asset_id"), _path(work, _FOUND, modality, unit.key))


def outcomes(work: Work, modality: Modality, wanted: pl.Series) -> pl.DataFrame:
    """`asset_id`, `state`, `reason`, `track` (whether it is a video's sound) of the files that `wanted` names."""
    columns = {"asset_id": pl.String(), "state": pl.UInt8(), "reason": pl.UInt8(), "track": pl.Boolean()}
    return lookup.rows_of(_kept(work, _OUTCOMES, modality), wanted, pl.Schema(columns))


def found(work: Work, modality: Modality, usable: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `asset_id`, `rule`, `value`: the verdicts on the files that products list.

    Args:
        work: of the unit.
        modality: which files.
        usable: `product_id`, `asset_id` of files that decoded.
    """
    columns = {"asset_id": pl.String(), "rule": pl.UInt16(), "value": pl.Float64()}
    verdicts = lookup.rows_of(_kept(work, _FOUND, modality), usable["asset_id"], pl.Schema(columns))
    each = usable.join(verdicts, on="asset_id").select("product_id", *columns)
    return each.unique(["product_id", "asset_id", "rule"])  # a product may list a file twice


def _kept(work: Work, kind: str, modality: Modality) -> list[Path]:
    return sorted((work.scratch / kind / modality).glob("[!.]*.parquet"))


def _path(work: Work, kind: str, modality: Modality, key: str) -> Path:
    return work.scratch / kind / modality / f"{key}.parquet"


def _keep(rows: pl.DataFrame, path: Path) -> None:
    with atomic.whole_file(path) as temporary:
        rows.write_parquet(temporary, compression="lz4", statistics=False)
