"""The tasks as benches: each takes one set of product vectors after another and reports on all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from m5tools.tasks.classification import Probe, majority
from m5tools.tasks.clustering import k_means, nmi, purity
from m5tools.tasks.judging import Judge
from m5tools.tasks.metrics import Hits, Values
from m5tools.tasks.report import FINE_TUNED, FUSED, Classification, Clustering, Retrieval, Spread, System
from m5tools.tasks.retrieval import Task, dense_hits, sparse_hits

Protocol = Literal["roles", "splits"]
Group = Literal["systems", "combinations", "removed"]


@dataclass(frozen=True)
class View:
    """Vectors of all products by one system.

    Attributes:
        vectors: float32 `[N, d]`, unit length, zero where there is none.
        has: bool `[N]`, who has one.
    """

    vectors: NDArray[np.float32]
    has: NDArray[np.bool_]


@dataclass
class _Groups:
    """What was judged so far."""

    judge: Judge
    fused: Values | None = None
    found: dict[Group, dict[str, System]] = field(
        default_factory=lambda: {"systems": {}, "combinations": {}, "removed": {}}
    )

    def add(self, group: Group, name: str, values: Values, answered: NDArray[np.bool_]) -> None:
        self.found[group][name] = self.judge.system(values, self.fused, answered)
        if group == "systems" and name == FUSED:
            self.fused = values


class RetrievalBench:
    """Coarse or fine retrieval.

    Args:
        task: who asks, who answers, what is right.
        judge: its queries.
        protocol: where they come from.
    """

    def __init__(self, task: Task, judge: Judge, protocol: Protocol) -> None:
        self.task = task
        self.protocol = protocol
        self._groups = _Groups(judge)

    def take(self, group: Group, name: str, view: View) -> None:
        if len(self.task.queries):
            self._add(group, name, dense_hits(self.task, view.vectors, view.has), view.has)

    def take_sparse(self, name: str, vectors: sparse.csr_matrix) -> None:
        """A system of sparse unit rows; an empty row has no vector."""
        if len(self.task.queries):
            self._add("systems", name, sparse_hits(self.task, vectors), np.diff(vectors.indptr) > 0)

    def _add(self, group: Group, name: str, hits: Hits, has: NDArray[np.bool_]) -> None:
        self._groups.add(group, name, self.task.values(hits), has[self.task.queries])

    def report(self) -> Retrieval:
        """What came of it."""
        task, found = self.task, self._groups.found
        asked = len(task.queries) > 0
        return Retrieval(
            protocol=self.protocol,
            queries=len(task.queries),
            gallery=len(task.gallery),
            distractors=task.distractors if asked else 0,
            chance=task.chance() if asked else {},
            systems=found["systems"],
            combinations=found["combinations"],
            removed=found["removed"],
        )


class ProbeBench:
    """Classification: a probe a system, learned on complete vectors.

    Args:
        learned: int64 `[N]`, class of each product that probes learn from, else -1.
        asked: int64 `[N]`, class of each product that they are judged on, else -1.
        judge: the products of `asked`, in their order.
        protocol: where they come from.
    """

    def __init__(self, learned: NDArray[np.int64], asked: NDArray[np.int64], judge: Judge, protocol: Protocol) -> None:
        self.learned, self.asked = learned, asked
        self.protocol = protocol
        self.rows = np.flatnonzero(asked >= 0)
        self.steps = 0
        self._groups = _Groups(judge)
        self._probe: Probe | None = None

    @property
    def classes(self) -> NDArray[np.int64]:
        """Class numbers learned from, ascending."""
        return np.unique(self.learned[self.learned >= 0])

    @property
    def possible(self) -> bool:
        """Whether there is anything to learn and anything to ask."""
        return bool(len(self.rows) and len(self.classes))

    def take(self, group: Group, name: str, view: View) -> None:
        if not self.possible:
            return
        if group == "systems":
            probe = Probe.fit(view.vectors, self.learned)
            self._probe = probe if name == FUSED else self._probe
        else:
            assert self._probe is not None
            probe = self._probe
        self._add(group, name, probe.predict(view.vectors[self.rows]), view.has)

    def take_answers(self, answers: NDArray[np.int64], steps: int) -> None:
        """The classes `[len(rows)]` that a fine-tuned network names."""
        self.steps = steps
        self._add("systems", FINE_TUNED, answers, np.ones(len(self.asked), bool))

    def _add(self, group: Group, name: str, answers: NDArray[np.int64], has: NDArray[np.bool_]) -> None:
        right = (answers == self.asked[self.rows]).astype(np.float64)
        self._groups.add(group, name, right[:, None], has[self.rows])

    def report(self) -> Classification:
        """What came of it."""
        found = self._groups.found
        return Classification(
            protocol=self.protocol,
            train_rows=int((self.learned >= 0).sum()),
            test_rows=len(self.rows),
            classes=len(self.classes),
            chance={"accuracy": majority(self.learned, self.asked)} if self.possible else {},
            systems=found["systems"],
            combinations=found["combinations"],
            removed=found["removed"],
            fine_tune_steps=self.steps,
        )


class ClusterBench:
    """Clustering by k-means.

    Args:
        label: int64 `[N]`, category of each product that is clustered, else -1.
        runs: how often, from other first centres.
        seed: of the first run's centres; the next run has the next seed.
    """

    def __init__(self, label: NDArray[np.int64], runs: int, seed: int) -> None:
        self.rows = np.flatnonzero(label >= 0)
        self.label = label[self.rows]
        self.count = len(np.unique(self.label))
        self.runs = runs if self.count > 1 else 0
        self.seed = seed
        self.chance: dict[str, float] = {}
        self.systems: dict[str, dict[str, Spread]] = {}

    def take(self, group: Group, name: str, view: View) -> None:
        if group != "systems" or not self.runs:
            return
        vectors = view.vectors[self.rows]
        found = [k_means(vectors, self.count, self.seed + run) for run in range(self.runs)]
        if not self.chance:
            drawn = np.random.default_rng(self.seed).permutation(found[0])
            self.chance = {"nmi": nmi(self.label, drawn), "purity": purity(self.label, drawn)}
        self.systems[name] = {
            "nmi": _spread([nmi(self.label, one) for one in found]),
            "purity": _spread([purity(self.label, one) for one in found]),
        }

    def report(self) -> Clustering:
        """What came of it."""
        return Clustering(
            products=len(self.rows), clusters=self.count, runs=self.runs, chance=self.chance, systems=self.systems
        )


def _spread(values: list[float]) -> Spread:
    return Spread(mean=float(np.mean(values)), low=min(values), high=max(values))
