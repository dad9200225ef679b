"""State and reason of every modality of every product.

Text is present with a title or description that is not blank, the table with a value that is not blank, a media
modality with at least one file that decoded. Otherwise `failed` comes before `pending` before `absent`, and among
failed files the reason of the first counts. A product without sound files has its video's sound track as audio.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from m5tools.vocabulary import MEDIA, Modality, Reason, State

# Which state wins among the files of one modality.
_RANK = {State.PRESENT: 0, State.FAILED: 1, State.PENDING: 2, State.ABSENT: 3}


def files(listed: pl.DataFrame, outcomes: Mapping[Modality, pl.DataFrame]) -> pl.DataFrame:
    """Every file of every product with what became of it: fetched, then decoded.

    Args:
        listed: product_id, modality, position, and as fetching left them asset_id, state, reason (null: never fetched).
        outcomes: per media modality what decoding said: asset_id, state, reason, track (it is a video's sound track).

    Returns:
        product_id, modality, position, asset_id, state, reason; sound tracks of videos included.
    """
    listed = listed.with_columns(
        pl.col("state").fill_null(State.PENDING.value), pl.col("reason").fill_null(Reason.NOT_FETCHED.value)
    )
    kinds = []
    for modality in MEDIA:
        decoded = outcomes[modality].select("asset_id", decoded="state", why="reason")
        mine = listed.filter(pl.col("modality") == modality.value)
        kinds.append(_decoded(mine, decoded))
    sounds = MEDIA.index(Modality.AUDIO)
    kinds[sounds] = _faulty_where_silent(kinds[sounds])
    own_sound = kinds[sounds].select("product_id").unique()
    clips = listed.filter(pl.col("modality") == Modality.VIDEO.value).join(own_sound, on="product_id", how="anti")
    tracks = outcomes[Modality.AUDIO].filter("track")
    tracks = tracks.select("asset_id", decoded="state", why="reason")
    sound = _decoded(clips.with_columns(modality=pl.lit(Modality.AUDIO.value)), tracks)
    columns = ["product_id", "modality", "position", "asset_id", "state", "reason"]
    return pl.concat([k.select(columns) for k in (*kinds, sound)])


def _decoded(listed: pl.DataFrame, decoded: pl.DataFrame) -> pl.DataFrame:
    """What decoding said overrides what fetching said, where a file was there to decode."""
    joined = listed.join(decoded, on="asset_id", how="left", maintain_order="left")
    here = pl.col("state") == State.PRESENT.value
    # A file that was fetched but has no decoding result was listed under two modalities and measured under the other.
    state = pl.coalesce("decoded", pl.lit(State.FAILED.value))
    reason = pl.coalesce("why", pl.lit(Reason.WRONG_TYPE.value))
    return joined.with_columns(
        state=pl.when(here).then(state).otherwise("state").cast(pl.UInt8),
        reason=pl.when(here).then(reason).otherwise("reason").cast(pl.UInt8),
    )


def _faulty_where_silent(listed: pl.DataFrame) -> pl.DataFrame:
    """A film without a sound track is no fault of the film; listed as a sound file it is one."""
    silent = pl.col("state") == State.ABSENT.value
    return listed.with_columns(
        state=pl.when(silent).then(State.FAILED.value).otherwise("state").cast(pl.UInt8),
        reason=pl.when(silent).then(Reason.WRONG_TYPE.value).otherwise("reason").cast(pl.UInt8),
    )


def media_states(products: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    """product_id, modality, state, reason, listed, usable for the three media modalities."""
    rank = pl.col("state").replace_strict({s.value: r for s, r in _RANK.items()}, return_dtype=pl.UInt8)
    best = (
        files.with_columns(rank=rank)
        .sort("product_id", "modality", "rank", "position")
        .group_by("product_id", "modality", maintain_order=True)
        .agg(
            pl.col("state").first(),
            pl.col("reason").first(),
            listed=pl.len().cast(pl.Int32),
            usable=(pl.col("state") == State.PRESENT.value).sum().cast(pl.Int32),
        )
    )
    everyone = products.select("product_id").join(pl.DataFrame({"modality": [m.value for m in MEDIA]}), how="cross")
    return _absent_where_missing(everyone.join(best, on=["product_id", "modality"], how="left", maintain_order="left"))


def text_states(signals: pl.DataFrame) -> pl.DataFrame:
    """The same for text, from `title_chars` and `description_chars`: title and description are what counts."""
    counted = pl.sum_horizontal(pl.col("title_chars") > 0, pl.col("description_chars") > 0).cast(pl.Int32)
    return _by_count(signals.select("product_id", modality=pl.lit("text"), listed=counted, usable=counted))


def table_states(signals: pl.DataFrame) -> pl.DataFrame:
    """The same for the attribute table, from `attributes` and `filled`: pairs with a value are what counts."""
    return _by_count(signals.select("product_id", modality=pl.lit("table"), listed="attributes", usable="filled"))


def _by_count(frame: pl.DataFrame) -> pl.DataFrame:
    there = pl.col("usable") > 0
    return frame.with_columns(
        state=pl.when(there).then(State.PRESENT.value).otherwise(State.ABSENT.value).cast(pl.UInt8),
        reason=pl.when(there).then(Reason.NONE.value).otherwise(Reason.NOT_LISTED.value).cast(pl.UInt8),
    ).select("product_id", "modality", "state", "reason", "listed", "usable")


def _absent_where_missing(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        pl.col("state").fill_null(State.ABSENT.value),
        pl.col("reason").fill_null(Reason.NOT_LISTED.value),
        pl.col("listed", "usable").fill_null(0),
    )
