"""How much each modality, and each pair of them, counts: in the losses of training and in a product's vector.

One small interface (:mod:`~m5tools.scale.harmony.rule`), one page a rule. Statistics of alignment are measured the
same way under every rule (:mod:`~m5tools.scale.harmony.statistics`), so that rules can be compared on them.
"""

from __future__ import annotations

from typing import Final

from m5tools.scale.harmony.harmonized import Harmonized
from m5tools.scale.harmony.log_variance import LogVariance
from m5tools.scale.harmony.paper import Paper
from m5tools.scale.harmony.released import Released
from m5tools.scale.harmony.rule import Harmony, Objective, Pooled, Weights
from m5tools.scale.harmony.statistics import Sums, sums
from m5tools.scale.harmony.uniform import Uniform

__all__ = [
    "RULES", "Harmonized", "Harmony", "LogVariance", "Objective", "Paper", "Pooled", "Released", "Sums", "Uniform",
    "Weights", "sums",
]  # fmt: skip

RULES: Final[dict[str, type[Harmony]]] = {
    "harmonized": Harmonized,
    "uniform": Uniform,
    "paper": Paper,
    "released": Released,
    "log_variance": LogVariance,
}
"""Rules by the name a configuration gives them."""
