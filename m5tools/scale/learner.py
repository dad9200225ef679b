"""One optimiser step: the network and its rule as one module, the optimiser, and what ranks do together.

Nothing here knows where batches come from or where checkpoints go.
"""

from __future__ import annotations

import inspect
import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from m5tools.errors import StageFailed
from m5tools.scale import ranks
from m5tools.scale.batches import Portion
from m5tools.scale.config import TrainConfig
from m5tools.scale.contrast import contrast_pairs
from m5tools.scale.fusion import contrast_fused
from m5tools.scale.harmony import Harmony, Weights, sums
from m5tools.scale.hiding import hidden
from m5tools.scale.network import Network
from m5tools.scale.terms import Terms
from m5tools.scale.tokens import Part, Tokens
from m5tools.vocabulary import MODALITIES, Modality

_DDP_OPTIONS: Final = inspect.signature(DistributedDataParallel).parameters


class Learner(nn.Module):
    """The network and the rule that weighs its losses.

    Every parameter takes part in every step, also on a rank that holds no product with a modality: an encoder of no
    rows has a gradient of zero. So no rank waits for a gradient that another does not send.
    """

    def __init__(self, model: Network, harmony: Harmony, config: TrainConfig) -> None:
        super().__init__()
        self.model, self.harmony, self.config = model, harmony, config

    def forward(self, tokens: Tokens, masked: dict[Modality, Tensor]) -> dict[str, Tensor]:
        """Losses of the whole global batch, the same on every rank: `loss`, `contrast`, `masked` `[5]`, `weight`."""
        with making_on(tokens.category.device):
            config = self.config
            terms = self.model(tokens, masked, config.temperature, self.harmony)
            z, present = ranks.gathered(terms.z), ranks.gathered(terms.present)
            if ranks.size() > 1:
                terms = globally(terms, z, present, self.harmony, config)
            if config.consensus_share:
                terms = replace(terms, consensus=self.harmony.consensus(z, present, config.temperature))
            objective = self.harmony.objective(terms, config.masked_share, config.fused_share, config.consensus_share)
        return {
            "loss": objective.loss,
            "contrast": objective.contrast.detach(),
            "masked": terms.masked.detach(),
            "weight": objective.weights.masked.detach(),
        }

    @torch.no_grad()
    def calibrate(self, tokens: Tokens) -> None:
        """Measure the rule's statistics on the calibration rows."""
        with making_on(tokens.category.device):
            z = self.model.vectors(self.model.encode(tokens), tokens)
            self.harmony.observe(sums(z, tokens.present))

    def weights(self) -> Weights:
        """Those of the losses as they stand; a rule's trained parameters may lie in shards, so every rank calls it."""
        with making_on(self.harmony.strength.device):
            return self.harmony.weights()


def globally(terms: Terms, z: Tensor, present: Tensor, harmony: Harmony, config: TrainConfig) -> Terms:
    """The losses of the global batch, from what each rank has of its own products; differentiable.

    Args:
        terms: of this rank's products.
        z, present: of all products, `[B, 5, d]` and bool `[B, 5]`.
        harmony, config: as in training.
    """
    pair, rows = contrast_pairs(z, present, config.temperature, harmony.scaling(z, present))
    fused = terms.fused
    if config.fused_share:
        fused = contrast_fused(ranks.gathered(terms.joint), z, ranks.gathered(terms.share), config.temperature)
    count = ranks.total(terms.masked_tokens)
    masked = ranks.summed(terms.masked * (terms.masked_tokens / count.clamp_min(1)))
    return replace(terms, pair=pair, pair_rows=rows, masked=masked, masked_tokens=count, fused=fused)


class Trainer:
    """A learner on a device, shared with other ranks.

    Args:
        learner: on the CPU, the same on every rank.
        config: of the run.
        held_out: calibration rows.
        device: of this rank.
    """

    def __init__(self, learner: Learner, config: TrainConfig, held_out: Tokens, device: torch.device) -> None:
        self.learner = learner.to(device)
        self.config, self.device = config, device
        self.held_out = moved(held_out, device)
        for layer in _layers(learner):
            if config.precision == "bfloat16":  # between layers, and in losses, numbers stay float32
                layer.forward = torch.autocast(device.type, torch.bfloat16)(layer.forward)
            if config.compile:
                layer.compile(dynamic=True)
        self.shared: nn.Module = _shared(learner, config.sharding, device)
        self.optimiser = torch.optim.AdamW(
            learner.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True
        )

    def take(self, step: int, portion: Portion) -> dict[str, Any]:
        """One step, the `step`-th from 0.

        Raises:
            StageFailed: the loss or its gradient is no number; nothing was changed.
        """
        config = self.config
        torch.manual_seed((config.seed * 1_000_003 + step) * 4099 + ranks.rank())  # of dropout, nothing else draws
        if step % config.calibration_every == 0 and len(self.held_out) >= 2:
            self.learner.eval()
            self.learner.calibrate(self.held_out)
            ranks.same_buffers(self.learner.harmony)
        for group in self.optimiser.param_groups:
            group["lr"] = config.lr * schedule(step, config.steps, config.warmup)
        self.learner.train()
        masked = {m: mask.to(self.device) for m, mask in hidden(portion.tokens, portion.seeds, config.masking).items()}
        told = self.shared(moved(portion.tokens, self.device), masked)
        self.optimiser.zero_grad()
        told["loss"].backward()
        norm = _whole(nn.utils.clip_grad_norm_(self.learner.parameters(), config.clip))
        loss = float(told["loss"].detach())
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise StageFailed(
                f"step {step + 1}: loss {loss}, gradient norm {norm}; the last checkpoint is "
                f"unharmed. Lower lr (now {config.lr}) and train into another folder"
            )
        self.optimiser.step()
        return {
            "loss": loss,
            "contrast": float(told["contrast"]),
            "masked": named(told["masked"]),
            "weight": named(told["weight"]),
            "gradient_norm": norm,
        }

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """All that was learned, by name; loading a checkpoint writes into these very tensors.

        A rank has its own part of them where they are sharded.
        """
        state = self.optimiser.state
        for parameter in self.learner.parameters():
            if not state[parameter]:
                state[parameter] = {
                    "step": torch.zeros((), dtype=torch.float32, device=self.device),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }
        optimiser = {
            f"{name}.{key}": value
            for name, parameter in self.learner.named_parameters()
            for key, value in state[parameter].items()
        }
        return {
            "model": self.learner.model.state_dict(),
            "harmony": self.learner.harmony.state_dict(),
            "optimiser": optimiser,
        }


def schedule(step: int, steps: int, warmup: int) -> float:
    """Share of the peak rate at a step: linear warm-up, then linear decay to 2 %."""
    warmup = min(warmup, steps // 4)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 1 - 0.98 * (step - warmup) / max(steps - warmup, 1)


def moved(tokens: Tokens, device: torch.device) -> Tokens:
    """The same products on another device."""
    if device.type == "cpu":
        return tokens
    parts = {
        m: Part(part.values.to(device), part.mask.to(device), part.row.to(device)) for m, part in tokens.parts.items()
    }
    return Tokens(tokens.ids, parts, tokens.category.to(device), tokens.cluster.to(device))


def named(values: Tensor) -> dict[str, float]:
    """Numbers `[5]` by modality."""
    return {m.value: float(v) for m, v in zip(MODALITIES, values.tolist(), strict=True)}


def making_on(device: torch.device) -> AbstractContextManager[Any]:
    """Where the network makes the tensors that it was not given."""
    return nullcontext() if device.type == "cpu" else device


def _layers(learner: Learner) -> list[nn.Module]:
    """The transformer layers: all that stands in a list of modules."""
    return [layer for module in learner.modules() if isinstance(module, nn.ModuleList) for layer in module]


def _shared(learner: Learner, sharding: str, device: torch.device) -> nn.Module:
    """The learner as ranks train it together."""
    if ranks.size() == 1:
        return learner
    ranks.same_buffers(learner)
    if sharding == "copies":
        # Buffers change at calibration alone, where they are made equal.
        still: Any = {"forward_sync_buffers" if "forward_sync_buffers" in _DDP_OPTIONS else "broadcast_buffers": False}
        devices = None if device.type == "cpu" else [device]
        return DistributedDataParallel(learner, device_ids=devices, **still)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    mesh = init_device_mesh(device.type, (ranks.size(),))
    for layer in _layers(learner):
        fully_shard(layer, mesh=mesh)
    fully_shard(learner, mesh=mesh)
    for method in ("calibrate", "weights"):
        register_fsdp_forward_method(learner, method)
    return learner


def _whole(norm: Tensor) -> float:
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
