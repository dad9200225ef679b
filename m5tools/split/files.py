"""Files that products list, looked up partition by partition: which were had, and what measuring told of their looks.

Neither table knows partitions, so both are kept sorted by what they are looked up by: once for all partitions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from m5tools.dataset import Dataset
from m5tools.joins import looked_up
from m5tools.vocabulary import State

KINDS: Final = ("had", "pictures", "clips")
"""What is kept of a dataset."""
LEAST_QUALITY: Final = 10
"""PDQ quality (0–100) below which a hash tells nothing."""
_PICTURES_A_FILE: Final = 1 << 18
"""A picture is some 350 bytes, for it has a hash in each of its eight orientations."""
_CLIPS_A_FILE: Final = 1 << 15
"""A clip is 36 bytes for each of its frames, of which one a second is kept."""


def keep(dataset: Dataset, folder: Path, kind: str) -> None:
    """Keep what is looked up of a dataset; one that is not measured has no looks."""
    present = pl.col("state") == State.PRESENT.value
    match kind:
        case "had":
            rows = dataset.scan("fetched").drop_nulls("asset_id").select("location_id", "asset_id", "state")
            looked_up.keep(folder / kind, rows, "location_id")
        case "pictures":
            rows = dataset.scan("signals_image").filter(present, pl.col("pdq_quality") >= LEAST_QUALITY)
            looked_up.keep(folder / kind, rows.select("asset_id", "pdq", "pdq_turned"), "asset_id", _PICTURES_A_FILE)
        case _:
            rows = dataset.scan("signals_video").filter(present).select("asset_id", "frame_pdq", "frame_pdq_quality")
            looked_up.keep(folder / kind, rows, "asset_id", _CLIPS_A_FILE)


def had(folder: Path, listed: pl.DataFrame) -> pl.DataFrame:
    """Of listed files (location_id, and more) those that were had, with asset_id and state."""
    return listed.join(looked_up.rows_of(folder / "had", listed["location_id"]), on="location_id")


def measured(folder: Path, kind: str, shown: pl.DataFrame) -> pl.DataFrame:
    """What was measured of files (asset_id): the columns kept of `pictures` or `clips`."""
    return looked_up.rows_of(folder / kind, shown["asset_id"])
