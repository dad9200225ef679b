from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from m5tools.errors import UsageError
from m5tools.loader.buckets import Buckets, alike
from m5tools.loader.catalog import Catalog


def test_a_stretch_is_sorted_and_keeps_its_samples() -> None:
    rng = np.random.default_rng(0)
    order, lengths = rng.permutation(95), rng.integers(1, 50, 95).astype(float)
    out = alike(order, lengths, 20, None)
    for start in range(0, 95, 20):
        assert sorted(out[start : start + 20]) == sorted(order[start : start + 20])
        assert (np.diff(lengths[out[start : start + 20]]) >= 0).all()


def test_every_batch_keeps_the_shares_of_a_mixture() -> None:
    rng = np.random.default_rng(0)
    part = np.tile([0, 0, 0, 1], 20)
    lengths = rng.integers(1, 1000, 80) + 5000.0 * part  # one dataset is longer throughout
    out = alike(np.arange(80), lengths, 40, part)
    for start in range(0, 80, 8):
        assert np.bincount(part[out[start : start + 8]]).tolist() == [6, 2]
    assert (np.diff(lengths[out[:40]][part[out[:40]] == 1]) >= 0).all()


def test_lengths_are_those_of_the_members(folder: Path) -> None:
    index = Catalog.open(folder, "train").columns(["members", "start"])
    measured = {by: Buckets(by).lengths(index) for by in ("text", "pixels", "frames", "seconds")}
    for i, members in enumerate(index["members"].to_pylist()):
        assert measured["text"][i] == members[0]["length"]
        assert measured["pixels"][i] == sum(m["width"] * m["height"] for m in members if m["modality"] == "image")
        assert measured["frames"][i] == sum(m["modality"] == "video" for m in members)
        assert measured["seconds"][i] == pytest.approx(
            sum(m["duration_s"] for m in members if m["modality"] == "audio")
        )
    assert Buckets("start").lengths(index).tolist() == index["start"].to_pylist()
    assert all(len(set(lengths.tolist())) > 1 for lengths in measured.values())


@pytest.mark.parametrize(
    ("buckets", "message"),
    [
        (Buckets("smell"), "beside text, pixels, frames, seconds: the index has no column 'smell'; it has category"),
        (Buckets("category"), "holds string, no numbers"),
        (Buckets("text", 0), "window of 0 batches"),
    ],
)
def test_refusals(buckets: Buckets, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        buckets.lengths(pa.table({"category": ["a"]}))
