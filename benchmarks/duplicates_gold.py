"""Pairs of `same_product` against real gold: full catalogue against full catalogue, one default policy, no labels used.

    M5_REAL_DATA=… python -m benchmarks.duplicates_gold [--sets abt_buy …] [--policy FILE] [--peers] [--errors 20]

Every set is ingested through its mapping less the fields that hold its labels, curated up to `dedup` as `m5 run` does
it, and the pairs of its `same_product` clusters are held against the gold. `undeclared` is the same catalogue when
nobody says that each shop lists a product once. `--peers` adds MinHash as others set it, on the same titles and on the
same titles with descriptions (their parameters, by datasketch; their normalisation is written out below).
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import string
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from datasketch import MinHash, MinHashLSH

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import run_stage
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.stage import Fetch
from m5tools.ingest.stage import Ingest, IngestConfig
from m5tools.measure.stage import Measure, MeasureConfig
from m5tools.survey.stage import Survey, SurveyConfig

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("M5_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
csv.field_size_limit(1 << 27)

Key = tuple[str, str]
"""Source and native id."""
Pairs = set[frozenset[Key]]


@dataclass(frozen=True)
class GoldSet:
    """A set with known pairs.

    Attributes:
        name: of the set.
        sources: source → (mapping, file below the data).
        gold: reads the pairs.
        hidden: parts of the mapping that hold the labels.
        declared: whether the mapping may say `unique_products`.
        relation: which relation the gold speaks of.
    """

    name: str
    sources: dict[str, tuple[str, str]]
    gold: Callable[[], Pairs]
    hidden: tuple[str, ...] = ()
    declared: bool = True
    relation: str = "same_product"


def table(name: str, delimiter: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def listed(name: str, delimiter: str, a: str, b: str) -> Callable[[], Pairs]:
    """A file of pairs of ids, the first of source `a`, the second of source `b`."""
    return lambda: {frozenset(((a, row["D1"].strip()), (b, row["D2"].strip()))) for row in table(name, delimiter)}


def grouped(source: str, labels: Callable[[], Iterable[tuple[str, str]]]) -> Callable[[], Pairs]:
    """All pairs of ids that carry one label."""

    def read() -> Pairs:
        groups = defaultdict(set)
        for native_id, label in labels():
            groups[label].add((source, native_id))
        return {frozenset(pair) for members in groups.values() for pair in combinations(sorted(members), 2)}

    return read


def product1m_labels() -> Iterable[tuple[str, str]]:
    file = DATA / "product1m_dev_zh" / "product1m_dev_ossurl_v2.txt"
    for line in file.read_text(encoding="utf-8").splitlines():
        parts = line.split("#####")
        yield parts[0], "#;#".join(sorted(parts[4].split("#;#")))


def lazada_groups() -> Iterable[tuple[str, str]]:
    for row in table("brightdata_lazada/lazada-products.csv", ","):
        yield row["sku"], row["mpn"]


ABT = {"abt": ("abt_buy", "abt_buy/abt.csv"), "buy": ("abt_buy", "abt_buy/buy.csv")}
AMAZON = {
    "amazon": ("amazon_googleproducts", "amazon_googleproducts/amazon.csv"),
    "google": ("amazon_googleproducts", "amazon_googleproducts/gp.csv"),
}
ABT_GOLD = listed("abt_buy/gt.csv", "|", "abt", "buy")
AMAZON_GOLD = listed("amazon_googleproducts/gt.csv", "#", "amazon", "google")
PRODUCT1M = {"product1m": ("product1m", "product1m_dev_zh/product1m_dev_ossurl_v2.txt")}
LAZADA = {"lazada": ("lazada", "brightdata_lazada/lazada-products.csv")}

MORE = Path(os.environ.get("M5_MORE_GOLD", "/nonexistent"))
"""Sets that do not lie with the real data: the folder `datasets` of the package py-entitymatching 0.4.2."""

FOOD = {
    "fodors": ("fodors_zagats", "end-to-end/restaurants/fodors.csv"),
    "zagats": ("fodors_zagats", "end-to-end/restaurants/zagats.csv"),
}
PAPERS = {"dblp": ("dblp_acm", "DBLP.csv"), "acm": ("dblp_acm", "ACM.csv")}
OWN_MAPPINGS: dict[str, dict[str, Any]] = {
    "fodors_zagats": {
        "source": "fodors_zagats", "format": "csv", "language": "en", "unique_products": True,
        "fields": {"native_id": "id", "title": "name"},
        "attributes": [{"from": name, "name": name} for name in ("addr", "city", "phone", "type")],
    },
    "dblp_acm": {
        "source": "dblp_acm", "format": "csv", "language": "en", "unique_products": True,
        "fields": {"native_id": "id", "title": "title"},
        "attributes": [{"from": name, "name": name} for name in ("authors", "venue", "year")],
    },
}  # fmt: skip


def FOOD_GOLD() -> Pairs:  # noqa: N802
    file = MORE / "end-to-end/restaurants/matches_fodors_zagats.csv"
    with file.open(encoding="utf-8-sig", newline="") as text:
        return {frozenset((("fodors", row["fodors_id"]), ("zagats", row["zagats_id"]))) for row in csv.DictReader(text)}


def paper_pairs() -> Pairs:
    """No gold came with it: papers of equal title (letters and digits) and year, which nearly all are the same."""
    places = defaultdict(list)
    rows = {}
    for name in ("DBLP", "ACM"):
        with (MORE / f"{name}.csv").open(encoding="utf-8-sig", newline="") as text:
            rows[name] = [
                (row["id"], re.sub(r"\W+", "", row["title"].lower()), row["year"][:4]) for row in csv.DictReader(text)
            ]
    for paper, title, year in rows["ACM"]:
        places[title, year].append(paper)
    return {frozenset((("dblp", d), ("acm", a))) for d, title, year in rows["DBLP"] for a in places[title, year]}


SETS = (
    GoldSet("abt_buy", ABT, ABT_GOLD),
    GoldSet("abt_buy undeclared", ABT, ABT_GOLD, declared=False),
    GoldSet("amazon_google", AMAZON, AMAZON_GOLD),
    GoldSet("amazon_google undeclared", AMAZON, AMAZON_GOLD, declared=False),
    GoldSet("fodors_zagats", FOOD, FOOD_GOLD),
    GoldSet("fodors_zagats undeclared", FOOD, FOOD_GOLD, declared=False),
    GoldSet("dblp_acm", PAPERS, paper_pairs),
    GoldSet("product1m", PRODUCT1M, grouped("product1m", product1m_labels), ("attributes",)),
    GoldSet("lazada", LAZADA, grouped("lazada", lazada_groups), relation="variant"),
    GoldSet("lazada ungrouped", LAZADA, grouped("lazada", lazada_groups), ("group_id",), relation="variant"),
)


def mapping(name: str, gold: GoldSet, folder: Path) -> str:
    """The shipped mapping without the labels, as a file."""
    shipped = REPOSITORY / "schemas" / "sources" / f"{name}.yaml"
    body = dict(OWN_MAPPINGS[name]) if name in OWN_MAPPINGS else yaml.safe_load(shipped.read_text(encoding="utf-8"))
    for part in gold.hidden:
        body.pop(part, None)
        body["fields"].pop(part, None)
    if not gold.declared:
        body.pop("unique_products", None)
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(body), encoding="utf-8")
    return str(file)


def place(file: str) -> Path:
    return DATA / file if (DATA / file).exists() else MORE / file


def curated(gold: GoldSet, folder: Path) -> Dataset:
    """Everything that `compare` reads; nothing is downloaded."""
    dataset = Dataset(folder / "dataset")
    for source, (name, file) in gold.sources.items():
        config = IngestConfig(source=source, mapping=mapping(name, gold, folder), files=(str(place(file)),))
        run_stage(dataset, Ingest(config))
    for stage in (Fetch(FetchConfig(download=False)), Survey(SurveyConfig()), Measure(MeasureConfig())):
        run_stage(dataset, stage)
    return dataset


def pairs_of(clusters: pl.DataFrame, key: str = "cluster_id") -> pl.DataFrame:
    members = clusters.select("product_id", key)
    both = members.join(members, on=key, suffix="_b").filter(pl.col("product_id") < pl.col("product_id_b"))
    return both.select(a="product_id", b="product_id_b").unique()


def found_pairs(dataset: Dataset, relation: str) -> pl.DataFrame:
    """Pairs of product ids in one cluster; of variants those that are not the same product."""
    clusters = dataset.read("clusters")
    same = pairs_of(clusters.filter(pl.col("relation") == "same_product"))
    if relation != "variant":
        return same
    return pairs_of(clusters.filter(pl.col("relation") == relation)).join(same, on=["a", "b"], how="anti")


def gold_pairs(gold: GoldSet, products: pl.DataFrame) -> pl.DataFrame:
    ids = {(s, n): p for p, s, n in products.select("product_id", "source", "native_id").iter_rows()}
    rows = []
    for pair in gold.gold():
        if all(key in ids for key in pair):
            rows.append(sorted(ids[key] for key in pair))
    return pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String}, orient="row").unique()


@dataclass(frozen=True)
class Scored:
    """How found pairs agree with the gold."""

    found: int
    right: int
    gold: int

    @property
    def cells(self) -> str:
        p, r = self.right / max(self.found, 1), self.right / max(self.gold, 1)
        f1 = 2 * p * r / (p + r) if p + r else 0.0
        return f"{self.found:>7,} {self.right:>7,} {self.gold:>7,}   {p:.3f} {r:.3f} {f1:.3f}"


def score(found: pl.DataFrame, true: pl.DataFrame) -> Scored:
    return Scored(found.height, found.join(true, on=["a", "b"], how="semi").height, true.height)


def with_partner(found: pl.DataFrame, true: pl.DataFrame) -> pl.DataFrame:
    """Found pairs of which each side has some gold partner."""
    known = pl.concat([true["a"], true["b"]]).unique().to_list()
    return found.filter(pl.col("a").is_in(known) & pl.col("b").is_in(known))


# Peers: parameters as published, MinHash and LSH by datasketch -------------------------------------------------------


def _datatrove(text: str) -> set[str]:
    """Normalisation and 5-word shingles of datatrove's MinhashDedupSignature: lower case, numbers all one, no marks."""
    plain = re.sub(r"\d+", "0", text.lower())
    words = re.sub(f"[{re.escape(string.punctuation)}]", " ", plain).split()
    return {" ".join(words[i : i + 5]) for i in range(len(words) - 4)}


def _data_juicer(text: str) -> set[str]:
    """document_minhash_deduplicator: space tokens, 5-word windows, lower case; a shorter text has no window."""
    words = text.lower().split()
    return {" ".join(words[i : i + 5]) for i in range(len(words) - 4)} or {""}


def _text_dedup(text: str) -> set[str]:
    """text-dedup's minhash: lower-case words split at non-words, 5-grams; texts under 5 words are left out."""
    words = [w for w in re.split(r"\W", text.lower()) if w]
    return {" ".join(words[i : i + 5]) for i in range(len(words) - 4)}


@dataclass(frozen=True)
class Peer:
    name: str
    shingles: Callable[[str], set[str]]
    bands: int
    rows: int
    verified: float | None = None


PEERS = (
    Peer("datatrove 14×8, 5 words", _datatrove, 14, 8),
    Peer("data-juicer 0.7, 256 perm., 5 words", _data_juicer, 25, 10),
    Peer("text-dedup 0.7, 250 perm., 5-grams", _text_dedup, 25, 10, 0.7),
)


def peer_pairs(peer: Peer, products: pl.DataFrame, text: str) -> pl.DataFrame:
    """Pairs of the components that a peer's LSH makes."""
    lsh = MinHashLSH(num_perm=peer.bands * peer.rows, params=(peer.bands, peer.rows))
    root: dict[str, str] = {}

    def top(name: str) -> str:
        while root.setdefault(name, name) != name:
            name = root[name]
        return name

    shingles: dict[str, set[str]] = {}
    for product_id, words in products.select("product_id", text).iter_rows():
        mine = peer.shingles(words or "")
        if not mine:
            continue
        shingles[product_id] = mine
        digest = MinHash(num_perm=peer.bands * peer.rows)
        digest.update_batch([s.encode() for s in sorted(mine)])
        for other in lsh.query(digest):
            theirs = shingles[other]
            if peer.verified is None or len(mine & theirs) >= peer.verified * len(mine | theirs):
                root[top(product_id)] = top(other)
        lsh.insert(product_id, digest)
    groups = pl.DataFrame({"product_id": list(shingles), "cluster_id": [top(p) for p in shingles]})
    return pairs_of(groups)


# -----------------------------------------------------------------------------------------------------------------


def told(gold: GoldSet, dataset: Dataset, found: pl.DataFrame, true: pl.DataFrame, count: int) -> None:
    """Examples of pairs that are wrong, with their titles."""
    titles = dict(dataset.read("products", columns=("product_id", "title")).iter_rows())
    for what, rows in (
        ("false", found.join(true, on=["a", "b"], how="anti")), ("missed", true.join(found, on=["a", "b"], how="anti")),
    ):  # fmt: skip
        for a, b in rows.sort("a", "b").gather_every(max(1, rows.height // max(count, 1))).head(count).iter_rows():
            print(f"    {what}: {titles[a]}  |  {titles[b]}")


def judged(gold: GoldSet, arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="m5-") as made:
        kept = Path(arguments.keep) / gold.name.replace(" ", "-") if arguments.keep else Path(made)
        kept.mkdir(parents=True, exist_ok=True)
        dataset = curated(gold, kept)
        run_stage(dataset, Compare(CompareConfig(policy=arguments.policy)))
        run_stage(dataset, Dedup(DedupConfig(policy=arguments.policy)))
        products = dataset.read("products")
        found, true = found_pairs(dataset, gold.relation), gold_pairs(gold, products)
        print(f"{gold.name:28}{gold.relation:14}{score(found, true).cells}", flush=True)
        if len(gold.sources) > 1:
            print(f"{'  of records with a partner':42}{score(with_partner(found, true), true).cells}", flush=True)
        if gold.relation == "variant":
            wrong = found_pairs(dataset, "same_product").join(true, on=["a", "b"], how="semi").height
            print(f"{'  gold variants called same_product':42}{wrong:>7,}")
        told(gold, dataset, found, true, arguments.errors) if arguments.errors else None
        if arguments.peers and gold.declared and gold.relation != "variant":
            texts = products.with_columns(
                both=pl.concat_str(pl.col("title", "description").fill_null(""), separator=" ")
            )
            for peer in PEERS:
                for text, where in (("title", "titles"), ("both", "titles, descriptions")):
                    pairs = peer_pairs(peer, texts, text)
                    print(f"{'  ' + peer.name:42}{score(pairs, true).cells}   {where}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", help="names of sets; default: all")
    parser.add_argument("--policy", default="duplicates")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--errors", type=int, default=0, help="so many wrong pairs of each kind are shown")
    parser.add_argument("--keep", help="folder for the datasets, to go on with them")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"no real data at {DATA} (set M5_REAL_DATA)")
    print(f"{'set':28}{'relation':14}{'found':>7} {'right':>7} {'gold':>7}   {'P':5} {'R':5} {'F1':5}")
    for gold in SETS:
        here = all(place(file).exists() for _, file in gold.sources.values())
        if here and (not arguments.sets or gold.name in arguments.sets):
            judged(gold, arguments)


if __name__ == "__main__":
    main()
