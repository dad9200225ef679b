"""Pictures against texts through the whole stage: which picture stands for a product, and how often it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.measure import similarity
from m5tools.measure.stage import Measure, MeasureConfig
from m5tools.survey.stage import Survey, SurveyConfig

from ..media.files import encoded
from .test_image import photo
from .test_stage import asset

SHADES = (10, 80, 150, 220)


@pytest.fixture
def dataset(tmp_path: Path, make_dataset: Callable[..., Dataset]) -> Dataset:
    """Twelve products of four pictures: product n shows a broken file first, then picture n % 4, then another one."""
    files = [asset(tmp_path / "files", f"p{n}", "image", encoded(np.full((90, 90, 3), s, np.uint8), "JPEG")) for n, s in
             enumerate(SHADES)]  # fmt: skip
    files += [asset(tmp_path / "files", "broken", "image", encoded(photo(), "JPEG")[:300])]
    ids = [f"{n * 5003 % 65536:04x}{n:028x}" for n in range(12)]
    products = [
        {"product_id": i, "crawl_id": "c1", "source": "shop", "content_hash": "0" * 32, "origin_file": "f",
         "origin_offset": 0, "category": ["Mugs"], "title": f"mug {n}"}
        for n, i in enumerate(ids)
    ]  # fmt: skip
    media = [
        {"product_id": i, "crawl_id": "c1", "source": "shop", "position": place, "modality": "image",
         "location_raw": name, "location": name, "location_id": name}
        for n, i in enumerate(ids)
        for place, name in enumerate(("broken", f"p{n % 4}", f"p{(n + 1) % 4}"))
    ]  # fmt: skip
    fetched = [{"location_id": f["asset_id"], "asset_id": f["asset_id"], "state": 0, "reason": 0} for f in files]
    tables = {"products": products, "attributes": [], "media": media, "fetched": fetched, "assets": files}
    dataset = make_dataset(tables)
    run_stage(dataset, Survey(SurveyConfig()))
    return dataset


def test_each_picture_is_encoded_once_and_the_first_that_decoded_counts(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def encoded_as_shade(model: str, items: list[Any]) -> np.ndarray[Any, Any]:
        """A picture is its shade; every text says the darkest."""
        shades = [np.asarray(i).mean() if not isinstance(i, str) else SHADES[0] for i in items]
        seen.extend(round(float(s), -1) for s, i in zip(shades, items, strict=True) if not isinstance(i, str))
        angles = np.array(shades, np.float32) / 100
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    monkeypatch.setattr(similarity, "encoded", encoded_as_shade)
    run_stage(dataset, Measure(MeasureConfig(languages=False, image_model="shades", images_per_unit=2)), workers=0)
    assert sorted(seen) == [10, 80, 150, 220]
    found = dataset.read("signals_pair").join(dataset.read("products").select("product_id", "title"), on="product_id")
    for title, cosine in found.select("title", "image_text_similarity").iter_rows():
        shade = SHADES[int(title.split()[1]) % 4]
        assert cosine == pytest.approx(np.cos((shade - SHADES[0]) / 100), abs=0.02)
    assert found.height == 12
    assert isinstance(found, pl.DataFrame)
