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
    """Tokens to hide, bool `[P, L]` a modality: this share of words, regions, frames and seconds.

    In a table it is the share of pairs of which the name or else the value is hidden, whole.

    Args:
        tokens: of `B` products.
        seeds: int64 `[B]`, as :attr:`m5tools.loader.batch.Batch.seeds`.
        share: of the tokens, or pairs.
    """
    out: dict[Modality, Tensor] = {}
    for modality, part in tokens.parts.items():
        stream = mixed(seeds.numpy().astype(np.uint64), np.array(modality.bit))[part.row.numpy()]
        draws = torch.from_numpy((mixed(stream[:, None], np.arange(part.mask.shape[1])) >> np.uint64(11)) * 2.0**-53)
        if modality is Modality.TABLE:  # of a pair's two draws one chooses the pair, the other which half of it
            chosen, value = draws[:, 0::2] < share, draws[:, 1::2] < 0.5
            halves = torch.stack([chosen & ~value, chosen & value], dim=2).flatten(1)
            # A name or value without a word has nothing to tell.
            out[modality] = part.mask & halves & (part.values[..., 0] >= 0)
        else:
            out[modality] = part.mask & (draws < share)
    return out
