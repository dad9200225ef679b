"""Which tokens the masked tasks hide: a function of the product's place in the global order, and of nothing else.

So the same tokens are hidden on any number of ranks, in whatever company a product comes, and after a restart.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from m5tools.loader.draws import mixed
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import Modality


def hidden(tokens: Tokens, seeds: Tensor, share: float) -> dict[Modality, Tensor]:
    """Tokens to hide, bool `[P, L]` a modality. In a table that is a whole name or a whole value.

    Args:
        tokens: of `B` products.
        seeds: int64 `[B]`, as :attr:`m5tools.loader.batch.Batch.seeds`.
        share: of the tokens.
    """
    out = {}
    for modality, part in tokens.parts.items():
        stream = mixed(seeds.numpy().astype(np.uint64), np.array(modality.bit))[part.row.numpy()]
        numbers = mixed(stream[:, None], np.arange(part.mask.shape[1]))
        out[modality] = part.mask & torch.from_numpy((numbers >> np.uint64(11)) * 2.0**-53 < share)
    return out
