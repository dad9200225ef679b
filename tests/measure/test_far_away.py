"""Files in a store are measured as those in a folder are, and none is blamed for a store that is slow."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.measure.stage import Measure, MeasureConfig
from m5tools.vocabulary import Reason

from ..media.files import encoded, sound_file, tone, video_file
from ..moto_server import moto_server
from .test_image import photo

LIMIT_S = 6.0


@pytest.mark.slow
def test_a_store_may_take_longer_to_answer_than_a_file_to_be_decoded(
    make_dataset: Callable[..., Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "a.jpg": ("image", encoded(photo(), "JPEG")),
        "b.wav": ("audio", sound_file(tone())),
        "c.mp4": ("video", video_file([photo(96, 64, seed) for seed in range(5)], sound=tone())),
    }

    def measured(root: str) -> list[dict[str, Any]]:
        assets = [
            {"asset_id": name, "modality": kind, "mime": "x", "uri": f"{root}/{name}", "offset": 0, "length": len(data)}
            for name, (kind, data) in files.items()
        ]
        corpus = ("phrases", "attributes", "names", "categories", "values", "brands")
        nothing = {"products": [], "attributes": []} | {f"corpus_{table}": [] for table in corpus}
        dataset = make_dataset(nothing | {"assets": assets})
        with Pool(1, item_limit_s=LIMIT_S) as pool:
            LocalEngine(pool, Silent()).run(dataset, Measure(MeasureConfig(languages=False)))
        rows = [dataset.read(f"signals_{kind}").sort("asset_id").to_dicts() for kind in ("image", "video", "audio")]
        dataset.root.rename(tmp_path / root.replace("/", "_"))
        return [row for table in rows for row in table]

    with moto_server(monkeypatch) as s3:
        for name, (_, data) in files.items():
            (tmp_path / name).write_bytes(data)
            s3.fs().pipe_file(f"{s3.bucket}/crawl/{name}", data)
        here = measured(str(tmp_path))
        assert {row["reason"] for row in here} == {Reason.NONE.value}

        def refuses(method: str, path: str) -> bool:
            time.sleep(2 * LIMIT_S if method == "GET" else 0)
            return False

        s3.refuses = refuses
        assert measured(f"s3://{s3.bucket}/crawl") == here
