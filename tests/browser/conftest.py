"""A headless Chromium, and the reports of a demo, of a real catalogue and of a hostile crawl to open in it."""

from __future__ import annotations

import html
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from m5tools import demo, pipeline
from m5tools.audit import audit, gallery, write
from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.media.image import encode_jpeg
from m5tools.stage import Stage

from .window import HOSTILE, Window

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVER = "chromedriver"


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """One browser for all tests; they are skipped where there is none, but never in CI."""
    browser, driver = next(filter(None, map(shutil.which, BROWSERS)), None), shutil.which(DRIVER)
    if not browser or not driver:
        missing = "no Chromium with its driver: run 'make browser', or install Debian's chromium and chromium-driver"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    opened = Window(browser, driver, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def demo_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports' folder of a simulated crawl of 300 products."""
    folder = tmp_path_factory.mktemp("demo")
    demo.simulate(folder, products=300, seed=3, workers=1, progress=lambda done, total: None)
    with Pool(0) as pool:
        return demo.curate(folder, LocalEngine(pool, Silent())).report.parent


@pytest.fixture(scope="session")
def luma_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports' folder of a real catalogue, by its shipped recipe, up to the clusters."""
    data = Path(os.environ.get("M5_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (data / "magento_luma").is_dir():
        pytest.skip(f"no real catalogue at {data / 'magento_luma'} (set M5_REAL_DATA)")
    dataset = Dataset(tmp_path_factory.mktemp("luma") / "dataset")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("M5_REAL_DATA", str(data))
        recipe, _ = pipeline.load("magento_luma", (f"dataset={dataset.root}",))
    return _curated(dataset, recipe, "tag")


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports' folder of a crawl whose every text tries to become markup."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        {
            "id": f"{number}{text}",
            # Markup is taken out of titles at the door; what is escaped once is text, and stays.
            "title": f"{html.escape(text)} {number}",
            "description": f"{html.escape(text)} see https://shop.example/{html.escape(text)} {number}",
            "category": [text, HOSTILE[(number + 1) % len(HOSTILE)]],
            "brand": text,
            "attributes": [{"name": text, "value": text}, {"name": text, "value": f"{number} other"}],
            "images": [f"pictures/{text}.jpg"],
        }
        for number, text in enumerate(HOSTILE * 8)
    ]
    (folder / "crawl").mkdir()
    for seed, text in enumerate(HOSTILE):
        picture = folder / "pictures" / f"{text}.jpg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(encode_jpeg(np.random.default_rng(seed).integers(0, 256, (96, 96, 3), np.uint8)))
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "crawl" / "'><img src=x onerror=alert(3)>.jsonl").write_text(lines, encoding="utf-8")
    dataset = Dataset(folder / "<img src=x onerror=alert(4)>")
    recipe, _ = pipeline.load(
        "demo",
        (
            f"dataset={dataset.root}",
            f"ingest.sources.0.files=[{json.dumps(f'{folder}/crawl/*.jsonl')}]",
            f"ingest.sources.0.media_root={folder}",
            "ingest.sources.0.crawl_id=hostile",
        ),
    )
    return _curated(dataset, recipe, "split")


def _curated(dataset: Dataset, recipe: pipeline.Pipeline, last: str) -> Path:
    """Run a recipe up to a stage and write the report."""
    with Pool(0) as pool:
        for step in recipe.stage_runs():
            if isinstance(step, Stage):
                LocalEngine(pool, Silent()).run(dataset, step)
                if step.name == last:
                    break
    reports = dataset.root / "reports"
    write(audit(dataset), reports, gallery.write(dataset, reports))
    return reports
