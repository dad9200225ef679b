"""What the audit says of data whose shape is known: M5Product's label counts, and which of its modalities are missing.

    python -m benchmarks.audit_m5product census                      # 6,313,065 products, 6,522 labels, JSON lines
    python -m benchmarks.audit_m5product census --neighbours 10      # a tenth: one label for ten of neighbouring rank
    python -m benchmarks.audit_m5product listed --products 1000000   # the profile without media: what the crawl lists
    python -m benchmarks.audit_m5product listed --dataset DATASET    # the same of a dataset that is there
    python -m benchmarks.audit_m5product present --products 20000    # with media, through fetch, measure and tag

Right answers are what `m5tools/synth/profile_m5product.py` was fitted to: label counts and empty fields of the
distributed master file, joint counts of the paper.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from m5tools.audit import audit
from m5tools.audit.whole import Audit
from m5tools.dataset import Dataset
from m5tools.synth.profile_m5product import LABELS, label_counts

M5 = (sys.executable, "-m", "m5tools.cli.main")
MAPPING = """
source: census
format: json_lines
fields: {native_id: id, title: title}
category: {from: label}
"""
CENSUS = {"Gini": 0.66, "top 1 %": 0.179, "top 10 %": 0.484, "top 20 %": 0.673, "bottom half": 0.066}
EMPTY = {"video": 936_223 / 6_313_067, "table": 4_895 / 6_313_067, "image": 373 / 6_313_067}
JOINT = {
    ("image", "text"): 6_230_490 / 6_313_067,
    ("image", "text", "table"): 6_225_598 / 6_313_067,
    ("image", "text", "table", "video", "audio"): 5_050_078 / 6_313_067,
}


def census_sizes(neighbours: int) -> np.ndarray:
    """Products of every label, int64; of `neighbours` labels of neighbouring rank one of their mean size is left."""
    counts = label_counts(LABELS)
    starts = np.arange(0, LABELS, neighbours)
    of_each = np.minimum(neighbours, LABELS - starts)
    return np.maximum(1, np.rint(np.add.reduceat(counts, starts) / of_each)).astype(np.int64)


def write_crawl(file: Path, sizes: np.ndarray) -> None:
    """One JSON line a product."""
    with file.open("w", encoding="utf-8", buffering=1 << 20) as out:
        for label, size in enumerate(sizes.tolist()):
            out.writelines(
                f'{{"id":"{label}-{i}","title":"product {i}","label":"label {label}"}}\n' for i in range(size)
            )


def ingest(root: Path, workers: int, **settings: str) -> Dataset:
    given = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    run("ingest", "--dataset", str(root), *given, "--workers", str(workers))
    return Dataset(root)


def run(*arguments: str) -> None:
    done = subprocess.run([*M5, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)


def census(folder: Path, neighbours: int, workers: int) -> None:
    (folder / "mapping.yaml").write_text(MAPPING)
    write_crawl(folder / "census.jsonl", census_sizes(neighbours))
    files = f"['{folder}/census.jsonl']"
    dataset = ingest(folder / "dataset", workers, source="census", mapping=f"{folder}/mapping.yaml", files=files)
    tail = audit(dataset).categories.tail
    print(f"{tail.items:,} products, {tail.classes:,} labels, {tail.singletons} singletons (47 of 6,522)")
    print(f"{tail.up_to_10:,} of at most 10 (344), {tail.up_to_100:,} of at most 100 (1,725)")
    print(f"median {tail.median:g} (406)")
    found = (tail.gini, tail.top_1, tail.top_10, tail.top_20, tail.bottom_half)
    for (name, right), value in zip(CENSUS.items(), found, strict=True):
        print(f"{name:12} {value:.4f}, known {right:.3f}, off by {abs(value - right):.4f}")


def simulated(folder: Path, products: int, seed: int, workers: int, *, media: bool) -> Dataset:
    crawl = folder / "crawl"
    shape = ["--profile", "m5product", "--products", str(products), "--seed", str(seed), "--workers", str(workers)]
    run("synth", str(crawl), *shape, *([] if media else ["--no-media"]))
    files = f"['{crawl}/crawl/products.json']"
    settings = {"source": "shop", "mapping": "m5product", "files": files}
    if media:
        settings["media_root"] = f"{crawl}/crawl"
    return ingest(folder / "dataset", workers, **settings)


def listed(dataset: Dataset) -> None:
    found = audit(dataset).completeness
    print(f"{found.products:,} products, counted as {found.basis}")
    shares = {m.modality: (m.unlisted_share, found.products - m.listed) for m in found.modalities}
    for name, right in EMPTY.items():
        share, n = shares[name]
        print(f"{name:6} not listed {100 * share:.4f} % ({n:,}), master file {100 * right:.4f} %")


def present(found: Audit) -> None:
    complete = found.completeness
    print(f"{complete.products:,} products, counted as {complete.basis}")
    joint = {c.modalities: c.at_least_share for c in complete.combinations}
    for wanted, right in JOINT.items():
        share = joint[wanted]
        off = 100 * abs(share - right)
        print(f"{' + '.join(wanted)}: {100 * share:.2f} %, known {100 * right:.2f} %, off by {off:.2f} points")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["census", "listed", "present"])
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--neighbours", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--dataset", type=Path, help="count this one")
    parser.add_argument("--folder", type=Path, help="work here instead of in the temporary folder")
    arguments = parser.parse_args()
    if arguments.dataset is not None:
        listed(Dataset(arguments.dataset))
        return
    with tempfile.TemporaryDirectory(prefix="m5-audit-", dir=arguments.folder) as scratch:
        folder = Path(scratch)
        if arguments.what == "census":
            census(folder, arguments.neighbours, arguments.workers)
            return
        with_media = arguments.what == "present"
        dataset = simulated(folder, arguments.products, arguments.seed, arguments.workers, media=with_media)
        if not with_media:
            listed(dataset)
            return
        for stage in ("fetch", "survey", "measure", "tag"):
            run(stage, "--dataset", str(dataset.root), "--workers", str(arguments.workers))
        listed(dataset)
        present(audit(dataset))


if __name__ == "__main__":
    main()
