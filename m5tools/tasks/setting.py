"""Who takes part in which task: by the roles that `m5 split` gave, or everyone in the splits that are searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m5tools.tasks.benches import ClusterBench, ProbeBench, Protocol, RetrievalBench
from m5tools.tasks.bootstrap import Bootstrap
from m5tools.tasks.config import EvaluateConfig
from m5tools.tasks.facts import ROLES, Facts
from m5tools.tasks.gathered import Gathered
from m5tools.tasks.judging import Judge
from m5tools.tasks.metrics import METRICS
from m5tools.tasks.retrieval import Task
from m5tools.vocabulary import RetrievalRole, Split


@dataclass(frozen=True)
class Setting:
    """The products of an evaluation, and what is known of them.

    Attributes:
        products: all of them, those of the searched splits first, then those of the train split.
        facts: band and roles, row by row.
        config: what is judged.
    """

    products: Gathered
    facts: Facts
    config: EvaluateConfig

    @property
    def searched(self) -> NDArray[np.bool_]:
        """bool `[N]`: products of the splits that are judged."""
        return self.products.split < len(self.config.splits)

    @property
    def offered(self) -> int:
        """How many products, from the first on, may be found."""
        return len(self.products) if self.config.distractors else int(self.searched.sum())

    @property
    def by_roles(self) -> bool:
        """Whether roles say who takes part."""
        played = any((self.facts.role[name][self.searched] != "").any() for name in ROLES)
        return self.config.roles and played

    def coarse(self) -> RetrievalBench:
        """Retrieval by category."""
        return self._retrieval("coarse", self.products.category)

    def fine(self, identity: Mapping[str, int] | None) -> RetrievalBench:
        """Retrieval of the same product.

        Args:
            identity: product id → number of the real product; then no roles count.
        """
        if identity is None:
            return self._retrieval("fine", self.products.cluster)
        label = np.array([identity.get(name, -1) for name in self.products.ids], np.int64)
        known = label >= 0
        return self._bench(Task.between(label, self.searched & known, self._may_be_found() & known), "splits")

    def probes(self) -> ProbeBench:
        """Classification."""
        part, category = self.facts.role["classification"], self.products.category
        known, taught = category >= 0, self.products.split == len(self.config.splits)
        learns, asked = known & taught, known & self.searched
        if self.by_roles:
            learns, asked = learns & (part == Split.TRAIN.value), asked & (part == Split.TEST.value)
        return ProbeBench(
            np.where(learns, category, -1),
            np.where(asked, category, -1),
            self._judge(np.flatnonzero(asked), ("accuracy",)),
            self._protocol,
        )

    def clusters(self) -> ClusterBench:
        """Clustering of all judged products, whatever their roles."""
        label = np.where(self.searched, self.products.category, -1)
        return ClusterBench(label, self.config.cluster_runs, self.config.seed)

    @property
    def _protocol(self) -> Protocol:
        return "roles" if self.by_roles else "splits"

    def _retrieval(self, name: str, label: NDArray[np.int64]) -> RetrievalBench:
        if not self.by_roles:
            return self._bench(Task.between(label, self.searched, self._may_be_found()), "splits")
        role = self.facts.role[name]
        found = (role == RetrievalRole.GALLERY.value) | (role == RetrievalRole.DISTRACTOR.value)
        asking = self.searched & (role == RetrievalRole.QUERY.value)
        return self._bench(Task.between(label, asking, (found | ~self.searched) & self._may_be_found()), "roles")

    def _may_be_found(self) -> NDArray[np.bool_]:
        return np.arange(len(self.products)) < self.offered

    def _bench(self, task: Task, protocol: Protocol) -> RetrievalBench:
        return RetrievalBench(task, self._judge(task.queries, METRICS), protocol)

    def _judge(self, rows: NDArray[np.int64], names: tuple[str, ...]) -> Judge:
        cluster = self.products.cluster
        # Offers of one product are drawn together; who stands alone is a product of its own.
        unit = np.where(cluster >= 0, cluster, -1 - np.arange(len(cluster)))
        bootstrap = Bootstrap(self.config.bootstraps, self.config.seed)
        return Judge(names, unit[rows], self.facts.band[rows], bootstrap)
