"""Hubs as `compare` noted them, and files that unlike products list."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from m5tools.audit import NotYet, audit
from m5tools.audit.hubs import HubKind, Hubs
from m5tools.dataset import Dataset
from m5tools.errors import UsageError

Make = Callable[..., Any]


def compared(dataset: Dataset) -> Dataset:
    """The dataset with an entry of `compare`."""
    with dataset.changing() as manifest:
        counts = {"hubs": 3, "hub_products": 700, "pairs_not_followed": 5}
        manifest["stages"]["compare"] = {
            **manifest["stages"]["ingest/c1"], "stage": "compare", "run": "r1", "counts": counts
        }  # fmt: skip
    return dataset


def test_hubs_by_kind_and_files(make_dataset: Callable[..., Dataset], product: Make) -> None:
    asset = {"modality": "image", "mime": "image/png", "uri": "a", "offset": 0, "length": 1}
    shared = [("x", 9, 9, 3), ("y", 40, 30, 5), ("z", 50, 1, 1)]
    corpus = [dict(zip(("asset_id", "products", "titles", "categories"), row, strict=True)) for row in shared]
    tables = {"products": [product(0)], "corpus_assets": corpus, "assets": [{"asset_id": "x", **asset}]}
    dataset = compared(make_dataset(tables))
    markers = dataset.root / "runs" / "compare" / "r1" / "evidence"
    markers.mkdir(parents=True)
    for name, counts in (
        ("identifiers", {"pairs_found": 8, "hubs": 0, "hub_products": 0}),
        ("bands-title_0", {"hubs": 1, "hub_products": 200}),
        ("bands-title_15", {"hubs": 2, "hub_products": 500}),
        ("rare-words-0", {}),
    ):
        (markers / f"{name}.json").write_text(json.dumps({"counts": counts, "outputs": []}))
    found = audit(dataset).hubs
    assert isinstance(found, Hubs)
    assert (found.hubs, found.products, found.pairs_not_followed) == (3, 700, 5)
    assert found.kinds == (HubKind("identifiers", 8, 0, 0), HubKind("titles alike", None, 3, 700))
    assert isinstance(found.files, tuple)
    assert [(f.asset_id, f.modality, f.products, f.titles, f.categories) for f in found.files] == [
        ("y", "", 40, 30, 5),
        ("x", "image", 9, 9, 3),
    ]


def test_a_damaged_marker_is_named_with_the_remedy(make_dataset: Callable[..., Dataset], product: Make) -> None:
    dataset = compared(make_dataset({"products": [product(0)]}))
    marker = dataset.root / "runs" / "compare" / "r1" / "evidence" / "identifiers.json"
    marker.parent.mkdir(parents=True)
    for body in ("{", "{}", "[]", '{"counts": {"hubs": "many"}}'):
        marker.write_text(body)
        with pytest.raises(
            UsageError, match=r"identifiers\.json is damaged .*; restore it, or run: m5 compare .*--refresh"
        ):
            audit(dataset)


def test_before_compare_and_survey(make_dataset: Callable[..., Dataset], product: Make) -> None:
    dataset = make_dataset({"products": [product(0)]})
    assert audit(dataset).hubs == NotYet("m5 compare")
    found = audit(compared(dataset)).hubs
    assert isinstance(found, Hubs)
    assert found.files == NotYet("m5 survey")
    assert found.kinds == ()
