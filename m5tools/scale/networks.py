"""The networks by name: SCALE, and what it is measured against on the same tokens, steps and products."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from m5tools.scale.baselines import Concatenation, PairwiseContrast, Unimodal
from m5tools.scale.coattention import CoAttended
from m5tools.scale.config import ScaleConfig
from m5tools.scale.fixed import FixedFeatures
from m5tools.scale.model import Scale
from m5tools.scale.network import Network
from m5tools.vocabulary import MODALITIES

NETWORKS: Final[dict[str, Callable[[ScaleConfig], Network]]] = {
    "scale": Scale,
    **{f"{m.value}_alone": partial(Unimodal, modalities=(m,)) for m in MODALITIES},
    "late_fusion": Unimodal,
    "pairwise_contrast": PairwiseContrast,
    "concatenation": Concatenation,
    "co_attention": CoAttended,
    "fixed_features": FixedFeatures,
}
"""Builds a network of one shape."""
