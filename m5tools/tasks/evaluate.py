"""Judge a trained network on retrieval and classification, beside each modality alone, a baseline and chance.

Every figure in the report was measured on the products at hand; nothing is carried over from the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from m5tools.errors import UsageError
from m5tools.loader.batch import Batch
from m5tools.scale.checkpoint import Trained, load
from m5tools.scale.embed import Embeddings, embed
from m5tools.scale.source import ProductLoader, Products, Shards
from m5tools.tasks import metrics
from m5tools.tasks.classification import Probe, majority
from m5tools.tasks.metrics import Hits
from m5tools.tasks.retrieval import Task, dense_hits, sparse_hits, title_vectors
from m5tools.vocabulary import MODALITIES, Modality

BATCH = 64
"""Products embedded at a time."""

TITLE_BASELINE: Final = "tfidf_title"


def evaluate(
    trained: Trained | str | Path,
    shards: str | None = None,
    *,
    splits: Sequence[str] = ("val", "test"),
    distractors: bool = False,
    identity: Mapping[str, int] | None = None,
    products: Products | None = None,
) -> dict[str, Any]:
    """Measure fused vectors, each modality's own, the title baseline and chance.

    The gallery is all products of `splits`, every one of which is a query too if it has something to find. A system
    that lacks a query's modality finds nothing for it; `answered` is the share of queries it has a vector for, and
    `on_answered` compares it with the fused vectors on those queries alone.

    Args:
        trained: a loaded network, a checkpoint or a run's folder.
        shards: shard folder; by default the one it was trained on.
        splits: searched splits, none of them trained on.
        distractors: add the training split to the gallery, as wrong answers of the fine task (its offers are never
            queries).
        identity: product id → number of the real product, where that is known better than by clusters. The fine task
            then searches these products only: leave out re-listings, which text finds without effort.
        products: where splits are opened instead of `shards`.

    Returns:
        `fine`, `coarse` and `classification`, each with `systems` by name (`fused`, `image`, `text`, `table`,
        `video`, `audio`; in retrieval also `tfidf_title`) and `chance`.

    Raises:
        UsageError: no checkpoint, or no usable product in a split.
    """
    trained = trained if isinstance(trained, Trained) else load(trained)
    config = trained.config
    if products is None:
        products = Shards(shards or config.shards, config.cut, trained.tokenizer.config, config.image_size, config.seed)
    train = _embed(trained, products, "train")
    searched = [_embed(trained, products, split) for split in splits]
    gallery = Embeddings.join([*searched, train] if distractors else searched)
    everyone = np.ones(len(gallery), dtype=bool)
    cluster, offered = gallery.cluster, everyone
    if identity is not None:
        cluster = np.array([identity.get(i, -1) for i in gallery.ids], np.int64)
        offered = np.array([i in identity for i in gallery.ids])
    askable = np.arange(len(gallery)) < sum(len(e) for e in searched)
    titles = _titles(products, [*splits, "train"] if distractors else splits)
    baseline = title_vectors(titles.get(name, "") for name in gallery.ids)

    def retrieval(label: NDArray[np.int64], among: NDArray[np.bool_]) -> dict[str, Any]:
        task = Task.of(label[among], askable[among])
        if not len(task.queries):
            return {"queries": 0, "gallery": int(among.sum()), "chance": {}, "systems": {}}
        fused = dense_hits(task, gallery.fused[among])
        systems = {"fused": _scores(task, fused, everyone[among], fused)}
        for modality in MODALITIES:
            has = gallery.present[among, modality.bit]
            if has.any():
                hits = dense_hits(task, gallery.z[among, modality.bit], has)
                systems[modality.value] = _scores(task, hits, has, fused)
        vectors = baseline[np.flatnonzero(among)]
        systems[TITLE_BASELINE] = _scores(task, sparse_hits(task, vectors), np.diff(vectors.indptr) > 0, fused)
        return {
            "queries": len(task.queries),
            "gallery": int(among.sum()),
            "chance": task.chance(),
            "systems": systems,
        }

    return {
        "checkpoint": str(trained.path),
        "step": trained.step,
        "splits": list(splits),
        "distractors": distractors,
        "fine": retrieval(cluster, offered),
        "coarse": retrieval(gallery.category, everyone),
        "classification": _classify(train, Embeddings.join(searched)),
    }


def _embed(trained: Trained, products: Products, split: str) -> Embeddings:
    found = embed(trained, _open(products, split, MODALITIES))
    if not len(found):
        raise UsageError(f"the {split} split holds no usable product")
    return found


def _open(products: Products, split: str, modalities: Sequence[Modality]) -> ProductLoader:
    return products.open(split, modalities, batch_size=BATCH, shuffle=False, drop_last=False)


def _titles(products: Products, splits: Sequence[str]) -> dict[str, str]:
    """The first string of each present text, by product id."""
    out: dict[str, str] = {}
    for split in splits:
        for batch in _open(products, split, (Modality.TEXT,)):
            out.update(_first_strings(batch))
    return out


def _first_strings(batch: Batch) -> dict[str, str]:
    here = (batch.valid & batch.present[:, Modality.TEXT.bit]).tolist()
    strings = batch.strings(Modality.TEXT)
    return {name: own[0] for name, known, own in zip(batch.ids, here, strings, strict=True) if known and own}


def _scores(task: Task, hits: Hits, has: NDArray[np.bool_], fused: Hits) -> dict[str, Any]:
    answered = has[task.queries]
    out: dict[str, Any] = {**metrics.summary(hits, task.positives), "answered": float(answered.mean())}
    if answered.any() and not answered.all():
        positives = task.positives[answered]
        out["on_answered"] = {
            "queries": int(answered.sum()),
            "own": metrics.summary(hits[answered], positives),
            "fused": metrics.summary(fused[answered], positives),
        }
    return out


def _classify(train: Embeddings, test: Embeddings) -> dict[str, Any]:
    """Accuracy of a linear probe; a product without the modality is judged by its zero vector."""
    if not ((train.category >= 0).any() and (test.category >= 0).any()):
        return {"train_rows": 0, "test_rows": 0, "chance": {}, "systems": {}}

    def accuracy(learn: NDArray[np.float32], judge: NDArray[np.float32]) -> dict[str, float]:
        return {"accuracy": Probe.fit(learn, train.category).accuracy(judge, test.category)}

    systems = {"fused": accuracy(train.fused, test.fused)}
    for modality in MODALITIES:
        if train.present[:, modality.bit].any():
            systems[modality.value] = accuracy(train.z[:, modality.bit], test.z[:, modality.bit])
    return {
        "train_rows": int((train.category >= 0).sum()),
        "test_rows": int((test.category >= 0).sum()),
        "chance": {"accuracy": majority(train.category, test.category)},
        "systems": systems,
    }
