"""Rules that only a study needs: ablations of the default one, and one that knows the answer."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from m5tools.errors import UsageError
from m5tools.scale import harmony
from m5tools.scale.harmony.harmonized import Harmonized
from m5tools.scale.harmony.rule import Harmony, Weights
from m5tools.scale.harmony.uniform import equal
from m5tools.study.config import Cell
from m5tools.study.world import STRENGTH
from m5tools.vocabulary import MODALITIES


class ContrastOnly(Harmonized):
    """The default weights on the contrastive tasks, none on the masked ones."""

    def _weights(self) -> Weights:
        return Weights(super()._weights().pair, equal(len(self.strength)).masked)


class MaskedOnly(Harmonized):
    """The default weights on the masked tasks, none on the contrastive ones."""

    def _weights(self) -> Weights:
        return Weights(equal(len(self.strength)).pair, super()._weights().masked)


class RowMean(Harmonized):
    """Agreement as measured, whether or not a third modality corroborates it."""

    @property
    def agreement(self) -> Tensor:
        return self.strength


class Eigenvector(RowMean):
    """A modality is as reliable as those that agree with it: the leading eigenvector of D."""

    @property
    def agreement(self) -> Tensor:
        leading: Tensor = torch.linalg.eigh(self.strength)[1][:, -1].abs()
        agreement: Tensor = self.strength * torch.outer(leading, leading).sqrt() / leading.max()
        return agreement


class Oracle(Harmony):
    """Told which modalities are noise, it leaves them out; a reference, not a rule."""

    def __init__(self, modalities: int = 5, noise: tuple[int, ...] = ()) -> None:
        super().__init__(modalities)
        self.register_buffer("informative", torch.ones(modalities))
        self.informative: Tensor
        self.informative[list(noise)] = 0

    def _weights(self) -> Weights:
        modalities = len(self.informative)
        pair = torch.outer(self.informative, self.informative) * (1 - torch.eye(modalities))
        scale = pair.sum() / (modalities * (modalities - 1))
        return Weights(pair / scale, self.informative / self.informative.mean())


RULES: Final[dict[str, type[Harmony]]] = {
    **harmony.RULES,
    "contrast_only": ContrastOnly,
    "masked_only": MaskedOnly,
    "row_mean": RowMean,
    "eigenvector": Eigenvector,
    "oracle": Oracle,
}


def rule_of(cell: Cell) -> Harmony:
    """The rule of a cell.

    Raises:
        UsageError: there is none of that name, or it has no floor to set.
    """
    learning = cell.learning
    if learning.rule not in RULES:
        raise UsageError(f"no rule '{learning.rule}'; there are {', '.join(RULES)}")
    if learning.rule == "oracle":
        return Oracle(noise=tuple(m.bit for m in MODALITIES if cell.world.strength.get(m, STRENGTH[m]) == 0))
    rule = RULES[learning.rule]()
    if learning.floor is not None:
        if not isinstance(rule, Harmonized):
            raise UsageError(f"the rule '{learning.rule}' has no floor")
        rule.floor = learning.floor
    return rule
