"""What a trained network is worth: every pooling of its vectors, on both kinds of retrieval, probe and clusters.

Instance retrieval: the gallery holds one other listing of the query's product. Class retrieval: that listing is left
out, and any listing of the query's class is right. Average precision is the usual one. Everything is judged again with
modalities taken away from queries, gallery and probe alike: each on its own, or video and sound together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from m5tools.scale.harmony import Harmony, Pooled, Uniform, sums
from m5tools.scale.harmony.harmonized import Harmonized
from m5tools.scale.harmony.rule import pooled
from m5tools.scale.model import Scale
from m5tools.scale.tokens import Tokens
from m5tools.study.config import Cell
from m5tools.study.learn import Learned, treated, vectors
from m5tools.study.world import World
from m5tools.tasks import metrics
from m5tools.tasks.classification import Probe
from m5tools.tasks.clustering import k_means, nmi, purity
from m5tools.vocabulary import MODALITIES, Modality


@dataclass(frozen=True)
class Removal:
    """What is taken away at test time, on top of what is missing: each modality at a rate, or video and sound both."""

    rate: float
    together: bool = False

    def __str__(self) -> str:
        return f"{self.rate:.0%}{' together' * self.together}"


WHOLE: Final = Removal(0.0)

REMOVALS: Final = (WHOLE, *(Removal(rate, together) for together in (False, True) for rate in (0.2, 0.4, 0.6)))

POOLINGS: Final = ("uniform", "rho", "rho_q")
"""The plain mean; weights by measured reliability; these times each listing's own agreement (the default)."""

BANDS: Final = {"head": 0.1, "middle": 0.5, "tail": 1.0}
"""Bands of the classes by frequency: the share of classes up to the end of each."""

PLACES: Final = max(metrics.KS)

Vectors = NDArray[np.float32]
Figures = dict[str, float]


def judge(cell: Cell, world: World, learned: Learned) -> dict[str, Any]:
    """All figures of a run, as plain values.

    Returns:
        `scores` by pooling, rate of removal and metric; `alone`, each modality's vector by metric; `mismatch`, by
        modality the AUC of 1 - q; `share`, what each modality is of the default vector; `weights`, `agreement` and
        `reliability` as the rule ended; `strength` and `strength_train`, D of the finished network on calibration and
        on training listings.
    """
    network, rule = learned.network, learned.rule
    ruler = _ruler(rule)
    ruler.observe(sums(*vectors(network, treated(cell, world.calibration))))
    seen = world.train.select(torch.arange(min(len(world.train), world.config.calibration_rows)))
    memorised = Uniform()
    memorised.observe(sums(*vectors(network, treated(cell, seen))))
    scores: dict[str, dict[str, Figures]] = {}
    alone: dict[str, Figures] = {}
    mismatch: Figures = {}
    share: list[float] = []
    for removal in REMOVALS:
        rng = np.random.default_rng([cell.seed, round(100 * removal.rate), removal.together])
        splits = [_without(t, removal, rng) for t in (world.queries, world.gallery, world.probe)]
        found = [vectors(network, treated(cell, tokens)) for tokens in splits]
        views = {name: [_pool(name, ruler, *one).fused.numpy() for one in found] for name in POOLINGS}
        if cell.learning.fused_share and isinstance(network, Scale):
            views["joint"] = [_joint(network, treated(cell, tokens)) for tokens in splits]
        for name, (query, gallery, probe) in views.items():
            scores.setdefault(name, {})[str(removal)] = _figures(world, query, gallery, probe, removal is WHOLE)
        if removal is WHOLE:
            for column, modality in enumerate(MODALITIES):
                query, gallery, probe = (z[:, column].numpy() for z, _ in found)
                if query.any():
                    alone[modality.value] = _figures(world, query, gallery, probe, whole=False)
            mismatch = _mismatch(world, ruler.match(*found[1]).numpy(), found[1][1].numpy())
            share = _share(_pool("rho_q", ruler, *found[1]).share, found[1][1])
    weights = rule.weights()
    return {
        "scores": scores,
        "alone": alone,
        "mismatch": mismatch,
        "share": share,
        "weights": {"pair": weights.pair.tolist(), "masked": weights.masked.tolist()},
        "reliability": rule.reliability.tolist(),
        "agreement": rule.agreement.tolist() if isinstance(rule, Harmonized) else rule.strength.tolist(),
        "strength": ruler.strength.tolist(),
        "strength_train": memorised.strength.tolist(),
        "parameters": network.parameter_count,
    }


def _ruler(rule: Harmony) -> Harmonized:
    """What pools the vectors of every rule: the default, or the ablation of it that was trained with."""
    return type(rule)() if isinstance(rule, Harmonized) else Harmonized()


def _without(tokens: Tokens, removal: Removal, rng: np.random.Generator) -> Tokens:
    """The same listings without some modalities; one of each listing is kept, whatever was drawn."""
    if removal is WHOLE:
        return tokens
    if removal.together:
        present = tokens.present.numpy()
        kept = present.copy()
        gone = rng.random(len(tokens)) < removal.rate
        for modality in (Modality.VIDEO, Modality.AUDIO):
            kept[gone, modality.bit] = False
        kept[~kept.any(1)] = present[~kept.any(1)]
        return tokens.only(torch.from_numpy(kept))
    draw = rng.random((len(tokens), len(MODALITIES)))
    draw[~tokens.present.numpy()] = -1
    kept = (draw >= removal.rate) | (draw == draw.max(1, keepdims=True))
    return tokens.only(torch.from_numpy(kept) & tokens.present)


def _pool(name: str, ruler: Harmonized, z: Tensor, present: Tensor) -> Pooled:
    if name == "rho_q":
        return ruler.pool(z, present)
    here = present.to(z.dtype)
    return pooled(z, here if name == "uniform" else ruler.worth() * here, here)


@torch.no_grad()
def _joint(network: Scale, tokens: Tokens) -> Vectors:
    found: Vectors = network.joint(network.encode(tokens), tokens).vector.numpy()
    return found


def _figures(world: World, query: Vectors, gallery: Vectors, probe: Vectors, whole: bool) -> Figures:
    """Metrics of one kind of vectors; `whole` adds what is not asked of every removal: clusters and bands."""
    asked, category = len(query), world.gallery.category.numpy()
    score = query @ gallery.T
    own = np.arange(asked)
    same = np.zeros(score.shape, dtype=bool)
    same[own, own] = True
    one = np.ones(asked, dtype=np.int64)
    found = _hits(score, same)
    score[own, own] = -np.inf
    alike = (category[:asked, None] == category) & ~same
    positives = alike.sum(1)
    able = positives > 0
    hits, positives = _hits(score, alike)[able], positives[able]
    out = {}
    for k in metrics.KS:
        out[f"instance@{k}"] = float(metrics.average_precision(found, one, k).mean())
        out[f"class@{k}"] = float(metrics.average_precision(hits, positives, k).mean())
    right = Probe.fit(probe, world.probe.category.numpy()).predict(gallery) == category
    out["probe"] = float(right.mean())
    if whole:
        clusters = k_means(gallery, world.config.classes, world.seed)
        out["nmi"], out["purity"] = nmi(category, clusters), purity(category, clusters)
        products = metrics.average_precision(found, one, PLACES)
        classes = metrics.average_precision(hits, positives, PLACES)
        start = 0
        for band, end in BANDS.items():
            last = round(end * world.config.classes)
            inside = (category >= start) & (category < last)
            out[f"instance@{PLACES} {band}"] = float(products[inside[:asked]].mean())
            out[f"class@{PLACES} {band}"] = float(classes[inside[:asked][able]].mean())
            out[f"probe {band}"] = float(right[inside].mean())
            start = last
    return out


def _hits(score: Vectors, right: NDArray[np.bool_]) -> metrics.Hits:
    """Relevance of the first places, bool `[Q, 10]`; ties fall in gallery order."""
    negative = -score
    border = np.partition(negative, PLACES - 1, axis=1)[:, PLACES - 1 : PLACES]
    within = negative <= border
    # Where as many are within the border as there are places, nobody ties with it: those few are all to be sorted.
    plain = within.sum(1) == PLACES
    best = np.empty((len(score), PLACES), dtype=np.int64)
    columns = np.nonzero(within[plain])[1].reshape(-1, PLACES)
    order = np.argsort(np.take_along_axis(negative[plain], columns, axis=1), axis=1, kind="stable")
    best[plain] = np.take_along_axis(columns, order, axis=1)
    best[~plain] = np.argsort(negative[~plain], axis=1, kind="stable")[:, :PLACES]
    return np.take_along_axis(right, best, axis=1)


def _share(share: Tensor, present: Tensor) -> list[float]:
    """Mean share of each modality in the vectors of listings that have all there are."""
    found: list[float] = share[(present == present.any(0)).all(1)].mean(0).tolist()
    return found


def _mismatch(world: World, match: Vectors, present: NDArray[np.bool_]) -> Figures:
    """AUC with which 1 - q tells the listings whose modality shows another product, where there are any."""
    out = {}
    for column, modality in enumerate(MODALITIES):
        here = present[:, column]
        strange, doubt = world.strange[here, column], 1 - match[here, column]
        if strange.any() and not strange.all():
            rank = doubt.argsort(kind="stable").argsort(kind="stable") + 1
            wrong = int(strange.sum())
            out[modality.value] = float(
                (rank[strange].sum() - wrong * (wrong + 1) / 2) / (wrong * (len(strange) - wrong))
            )
    return out
