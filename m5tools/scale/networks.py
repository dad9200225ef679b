"""The networks by name: SCALE, and what it is measured against on the same tokens, steps and products."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from m5tools.errors import UsageError
from m5tools.scale.baselines import Concatenation, PairwiseContrast, Unimodal
from m5tools.scale.coattention import CoAttended
from m5tools.scale.config import ScaleConfig
from m5tools.scale.fixed import FixedFeatures
from m5tools.scale.harmony import Harmony
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

SHARING: Final = ("scale", "pairwise_contrast")
"""Networks whose losses come with the vectors they were taken of (`Terms.z`)."""


def check(
    name: str,
    rule: Harmony,
    fused_share: float,
    consensus_share: float,
    shape: ScaleConfig,
    ranks: int = 1,
) -> None:
    """Whether the network of this name learns by what is asked for, and does not pass over it.

    Raises:
        UsageError: there is no such network, or it does not.
    """
    if name not in NETWORKS:
        raise UsageError(f"no model '{name}'; there are {', '.join(NETWORKS)}")
    joint = shape.masked_heads != "joint" or shape.modality_dropout > 0
    scales = type(rule).scaling is not Harmony.scaling
    refused = {
        "a rule that scales scores (paper, released); take harmony uniform": name != "scale" and scales,
        "fused_share: it has no joint vector": name != "scale" and fused_share > 0,
        "masked_heads or modality_dropout: it has no joint co-transformer": name != "scale" and joint,
        "consensus_share: its losses know no vectors": name not in SHARING and consensus_share > 0,
        "more than one rank: its losses know no vectors that ranks could share": name not in SHARING and ranks > 1,
    }
    for what, wrong in refused.items():
        if wrong:
            raise UsageError(f"network {name} cannot be trained with {what}")
