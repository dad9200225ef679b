"""From metrics of single queries to what a report says of a system: means, intervals, differences, bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m5tools.tasks.bootstrap import Bootstrap
from m5tools.tasks.metrics import Values
from m5tools.tasks.report import Difference, Interval, Measured, System
from m5tools.vocabulary import Band


@dataclass(frozen=True)
class Judge:
    """Who asks, and with what.

    Attributes:
        names: of the metrics, M.
        unit: int64 `[Q]`, queries about one product have one number.
        band: `[Q]`, band of each query's product, "" where unknown.
        bootstrap: draws of units.
    """

    names: Sequence[str]
    unit: NDArray[np.int64]
    band: NDArray[np.str_]
    bootstrap: Bootstrap

    def system(self, values: Values, fused: Values | None = None, answered: NDArray[np.bool_] | None = None) -> System:
        """What there is to say of one system.

        Args:
            values: its metrics, `[Q, M]`.
            fused: those of the fused vectors, to compare with; None for these themselves.
            answered: bool `[Q]`, queries that it has a vector for; None = all.
        """
        some = np.ones(len(values), bool) if answered is None else answered
        partly = fused is not None and some.any() and not some.all()
        bands = {band.value: self.band == band.value for band in Band}
        return System(
            **self._measured(values, np.ones(len(values), bool)).model_dump(),
            against_fused={} if fused is None else self._difference(values - fused, np.ones(len(values), bool)),
            answered=float(some.mean()),
            on_answered=self._difference(values - fused, some) if partly and fused is not None else {},
            bands={name: self._measured(values, mine) for name, mine in bands.items() if mine.any()},
        )

    def _measured(self, values: Values, mine: NDArray[np.bool_]) -> Measured:
        interval = {name: Interval(low, high) for name, (low, high) in self._ends(values, mine).items()}
        return Measured(count=int(mine.sum()), metrics=self._named(values[mine].mean(0)), interval=interval)

    def _difference(self, less: Values, mine: NDArray[np.bool_]) -> dict[str, Difference]:
        mean = self._named(less[mine].mean(0))
        return {name: Difference(mean[name], *ends) for name, ends in self._ends(less, mine).items()}

    def _ends(self, values: Values, mine: NDArray[np.bool_]) -> dict[str, tuple[float, float]]:
        if not self.bootstrap.draws:
            return {}
        low, high = self.bootstrap.interval(values[mine], self.unit[mine]).tolist()
        return dict(zip(self.names, zip(low, high, strict=True), strict=True))

    def _named(self, row: Values) -> dict[str, float]:
        return dict(zip(self.names, row.tolist(), strict=True))
