"""What products show and play: pairs of products by pictures, clips and sounds, and what each pair has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from m5tools.dataset import Dataset
from m5tools.dedup.evidence import audio, image, video
from m5tools.dedup.evidence.files import listed, recorded_pairs
from m5tools.dedup.policy import ComparePolicy
from m5tools.joins import looked_up
from m5tools.joins.bands import Joined
from m5tools.vocabulary import Modality, State

FILES: Final = {
    "pictures": (Modality.IMAGE, image.COLUMNS),
    "clips": (Modality.VIDEO, video.COLUMNS),
    "sounds": (Modality.AUDIO, audio.COLUMNS),
}
"""Kinds of files: their modality, and what of its signals tells copies."""
_ROWS_A_FILE: Final = 1 << 17
"""Files, nearly, that are sorted at once: hashes of a picture take half a kilobyte, those of a clip several."""
_SHARE: Final = {"clips": "clip", "sounds": "sound"}
"""Kinds of recordings → the column that says how much of one the other is."""


def keep_telling(dataset: Dataset, folder: Path, kind: str, policy: ComparePolicy) -> None:
    """Keep the decoded files of one kind that show something and are no hub, for :func:`files_of` of every partition.

    Args:
        dataset: where they were measured.
        folder: where to.
        kind: of `FILES`.
        policy: its `picture` part.
    """
    rules = policy.picture
    modality, columns = FILES[kind]
    hubs = dataset.scan("corpus_assets").filter(
        (pl.col("titles") > rules.hub_titles) | (pl.col("categories") > rules.hub_categories)
    )
    present = dataset.scan(f"signals_{modality}").filter(
        pl.col("state") == State.PRESENT, pl.col(columns[0]).is_not_null()
    )
    if modality is Modality.IMAGE:
        present = present.filter(
            pl.col("pdq_quality") >= rules.min_quality, pl.col("luma_deviation") >= rules.min_deviation
        )
    telling = present.select("asset_id", *columns).join(hubs.select("asset_id"), on="asset_id", how="anti")
    looked_up.keep(folder, telling, "asset_id", _ROWS_A_FILE)


def files_of(folder: Path, media: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Files of one kind that tell products apart.

    Args:
        folder: what :func:`keep_telling` kept of the kind.
        media: listed files: row, stem (of the product), modality, asset_id.
        kind: of `FILES`.

    Returns:
        Columns row, stem, asset_id and what tells copies.
    """
    modality, _ = FILES[kind]
    own = media.filter(pl.col("modality") == modality).drop_nulls("asset_id").select("row", "stem", "asset_id").unique()
    return own.join(looked_up.rows_of(folder, own["asset_id"]), on="asset_id").sort("row", "asset_id")


def file_pairs(kind: str, assets: Sequence[pl.LazyFrame], policy: ComparePolicy, scratch: Path) -> Joined:
    """Pairs of products by one kind of files, with the columns that say how much they have in common.

    Args:
        kind: of `FILES`.
        assets: parts of what `files_of` returns.
        policy: its parts on pictures, clips, sounds and joins.
        scratch: a folder for hashes and landmarks.
    """
    if kind == "pictures":
        return Joined(*image.picture_pairs(assets, policy, scratch))
    known = listed(assets)
    if kind == "clips":
        related, hubs = video.same_clips(known.files, policy.picture, policy.clip, policy.join, scratch)
    else:
        related, hubs = audio.same_sounds(known.files, policy.sound, policy.join, scratch)
    found = recorded_pairs(related, known.by, policy.picture.hub_titles, policy.join, _SHARE[kind])
    return replace(found, hubs=found.hubs + hubs)


def nothing_shown(kind: str) -> Joined:
    """What :func:`file_pairs` finds among no files."""
    share = {"a": pl.UInt32, "b": pl.UInt32, _SHARE.get(kind, ""): pl.Float32}
    return Joined(pl.DataFrame(schema=image.PICTURED if kind == "pictures" else share))


def in_common(found: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """What pairs of products show in common: columns a, b, those of `picture_pairs`, `clip` and `sound`.

    Args:
        found: pairs of each kind of `FILES`.
    """
    shown, *others = found
    for other in others:
        shown = shown.join(other, on=["a", "b"], how="full", coalesce=True)
    return shown.sort("a", "b")
