"""One pre-training step at the paper's sizes: ours against the released model's computation.

    PYTHONPATH=. python benchmarks/scale_step.py --repeats 3
    PYTHONPATH=. python benchmarks/scale_step.py --peers-only --repeats 5     # the rows of docs/evidence/peers.md

fp32, one thread, the same batch of 8, forward and backward, the sides in turn; processor time, median and spread.
Step memory is the peak above what the built network takes, each side in a process of its own. `scale_released.py` is
the other side. Ours runs without attention dropout (both sides drop after attention and feed-forward parts) and once
more with it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks import beside, scale_released
from m5tools.scale import layers
from m5tools.scale.config import MODELS
from m5tools.scale.contrast import contrast_pairs
from m5tools.scale.harmony import Harmonized, Released
from m5tools.scale.hiding import hidden
from m5tools.scale.missing import zero_filled
from m5tools.scale.model import Scale
from m5tools.scale.tokens import Part, Tokens
from m5tools.vocabulary import MODALITIES, Modality

BATCH = 8
WITHOUT_SOUND = 2
"""Products of the batch that have neither video nor audio in the incomplete pattern: 25 %."""

Step = Callable[[], float]
SHAPE = MODELS["paper"]


def products(missing: bool) -> Tokens:
    """Random products with as many tokens as there is room for."""
    parts = {}
    for modality in MODALITIES:
        lacks = missing and modality in (Modality.VIDEO, Modality.AUDIO)
        row = torch.arange(WITHOUT_SOUND if lacks else 0, BATCH)
        shape = (len(row), SHAPE.tokens(modality))
        if modality is Modality.TEXT:
            values = torch.randint(SHAPE.vocabulary, shape)
        elif modality is Modality.TABLE:
            values = torch.randint(SHAPE.vocabulary, (*shape, SHAPE.entity_words))
        elif modality is Modality.AUDIO:
            values = torch.randn(*shape, SHAPE.features(modality))
        else:
            values = torch.randint(256, (*shape, SHAPE.features(modality)), dtype=torch.uint8)
        parts[modality] = Part(values, torch.ones(shape, dtype=torch.bool), row)
    unknown = torch.full((BATCH,), -1)
    return Tokens(tuple(map(str, range(BATCH))), parts, unknown, unknown)


def ours(attention_dropout: float = 0.0, *, missing: bool = False, zeros: bool = False, heads: float = 0.15) -> Step:
    """A step of the paper configuration; `heads` is the share of positions that the heads are applied to."""
    shape = SHAPE.model_copy(update={"attention_dropout": attention_dropout})
    network, rule, tokens = Scale(shape).train(), Harmonized(), products(missing)
    tokens = zero_filled(tokens) if zeros else tokens
    masks = hidden(tokens, torch.arange(len(tokens)), heads)
    if heads == 1:
        masks = {m: part.mask for m, part in tokens.parts.items()}

    def step() -> float:
        network.zero_grad()
        loss = rule.objective(network(tokens, masks, 0.1, rule), 1.0).loss
        loss.backward()
        return float(loss.detach())

    return step


def ungrouped() -> Step:
    """The incomplete pattern padded to the longest product."""
    step = ours(missing=True)

    def padded() -> float:
        before, layers.SHORTER = layers.SHORTER, 0.0
        try:
            return step()
        finally:
            layers.SHORTER = before

    return padded


def released(fused: bool = False) -> Step:
    """A step of the released computation; what is missing it is given as zeros, at the same cost."""
    network = scale_released.Released(fused).train()
    lengths = dict(zip(scale_released.ORDER, (36, 64, 36, 12, 80), strict=True))
    values = {
        name: torch.randn(BATCH, length, scale_released.FEATURES[name])
        if name in scale_released.FEATURES
        else torch.randint(scale_released.VOCABULARY, (BATCH, length))
        for name, length in lengths.items()
    }
    hidden = {name: torch.rand(BATCH, length) < 0.15 for name, length in lengths.items()}

    def step() -> float:
        network.zero_grad()
        loss = network(values, hidden)
        loss.backward()
        return float(loss.detach())

    return step


def contrast_batched(z: Tensor) -> Tensor:
    """What `scale_released.contrast_loops` computes, all samples and pairs at once."""
    rows, modalities, width = z.shape
    unit = functional.normalize(z, dim=2)
    cosine = torch.einsum("nid,njd->nij", unit, unit)
    importance = functional.normalize(cosine * cosine.softmax(2), dim=2)
    first, second = torch.tensor(list(combinations(range(modalities), 2))).T
    flat = unit.transpose(0, 1).reshape(-1, width)
    every = (flat @ flat.T / scale_released.TAU).view(modalities, rows, modalities, rows).transpose(1, 2)
    own = every.diagonal().permute(2, 0, 1).masked_fill(torch.eye(rows, dtype=torch.bool), float("-inf"))
    scale = importance[:, first, second].T[:, :, None]
    cross = every[first, second] * scale
    back = every[second, first] * scale
    loss = torch.logsumexp(torch.cat([own[first] * scale, cross], 2), 2)
    loss = loss + torch.logsumexp(torch.cat([own[second] * scale, back], 2), 2)
    matched = cross.diagonal(dim1=1, dim2=2) + back.diagonal(dim1=1, dim2=2)
    return (loss - matched).mean() / 2


def contrast_ours(z: Tensor) -> Tensor:
    """What `scale_released.pairs_loops` computes, as m5tools does."""
    unit, present = functional.normalize(z, dim=2), torch.ones(z.shape[:2], dtype=torch.bool)
    losses, _ = contrast_pairs(unit, present, scale_released.TAU, Released().scaling(unit, present))
    return losses.sum() / 20


def contrast(function: Callable[[Tensor], Tensor], rows: int) -> Step:
    z = torch.randn(rows, 5, 1024, generator=torch.Generator().manual_seed(0)).relu().requires_grad_()

    def step() -> float:
        z.grad = None
        loss = function(z)
        loss.backward()
        return float(loss.detach())

    return step


SIDES: dict[str, Callable[[], Step]] = {
    "released": released,
    "released, fused kernels": lambda: released(fused=True),
    "ours": ours,
    "ours, equal dropout": lambda: ours(0.1),
    "ours, 25 % without video and audio": lambda: ours(missing=True),
    "... padded to the longest": ungrouped,
    "... missing as attended zeros": lambda: ours(missing=True, zeros=True),
    "ours, heads on every position": lambda: ours(heads=1.0),
}


def alternate(sides: dict[str, Step], repeats: int) -> dict[str, list[float]]:
    """Processor seconds of every side, in turn, the first round thrown away."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats + 1):
        for name, step in sides.items():
            before = time.process_time()
            step()
            times[name].append(time.process_time() - before)
    return {name: taken[1:] for name, taken in times.items()}


def table(times: dict[str, list[float]], rows: int, against: str) -> None:
    base = statistics.median(times[against])
    for name, taken in times.items():
        middle = statistics.median(taken)
        spread = f"{min(taken):.3g}–{max(taken):.3g}"
        print(f"| {name} | {middle:.3g} | {spread} | {rows / middle:.3g} | {base / middle:.2f} |", flush=True)


def memory(side: str) -> None:
    """Step memory of one side, as JSON, in this process."""

    def read(key: str) -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(x for x in lines if x.startswith(key)).split()[1]) / 1024

    step = SIDES[side]()
    before = read("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    step()
    print(json.dumps([before, read("VmHWM")]))


def beside_released(repeats: int, file: Path | None) -> None:
    """A step on complete and on incomplete products, and the contrastive part, each beside the released computation.

    Weights are random, so the losses of a step cannot be equal: what is compared is that both are numbers and that the
    contrastive parts, given the same vectors, agree to 1e-5. The released loss at once is computed by this benchmark,
    for m5tools trains with another one (InfoNCE), which stands beside itself in loops.
    """
    peer = f"released shapes, torch {torch.__version__}"
    rows = 64
    found, offs = [], []
    for what, mine, theirs in (
        ("the released contrastive loss at once instead of in loops", contrast_batched, scale_released.contrast_loops),
        ("the contrastive loss of m5tools at once instead of in loops", contrast_ours, scale_released.pairs_loops),
    ):
        sides = {"at once": contrast(mine, rows), "loops": contrast(theirs, rows)}
        offs.append(abs(sides["at once"]() - sides["loops"]()))
        times = alternate(sides, repeats)
        equal = f"losses differ by {offs[-1]:.0e}"
        claim = f"{what}, batch {rows}, forward and backward"
        found.append(beside.Beside(claim, peer, "s", times["at once"], times["loops"], offs[-1] < 1e-5, equal))
    complete, incomplete = "ours", "ours, 25 % without video and audio"
    sides = {name: SIDES[name]() for name in ("released", complete, incomplete)}
    numbers = all(math.isfinite(step()) for step in sides.values())
    times = alternate(sides, repeats)
    for name, what in ((complete, "complete products"), (incomplete, "25 % without video and audio")):
        claim = f"step of SCALE at the paper's sizes, batch {BATCH}, one thread, {what}"
        agreed = f"equal shapes; contrastive losses differ by {max(offs):.0e}"
        fit = numbers and max(offs) < 1e-5
        found.append(beside.Beside(claim, peer, "s", times[name], times["released"], fit, agreed))
    beside.told(found, file)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--memory", choices=SIDES)
    options.add_argument("--only", choices=("step", "memory", "contrast"), action="append")
    options.add_argument("--peers-only", action="store_true", help="what benchmarks.peers puts into its table")
    options.add_argument("--json", type=Path, help="with --peers-only: append the results to this file")
    asked = options.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if asked.peers_only:
        beside_released(asked.repeats, asked.json)
        return
    if asked.memory:
        memory(asked.memory)
        return
    parts = asked.only or ["contrast", "memory", "step"]
    print(f"torch {torch.__version__}, one thread, load {os.getloadavg()[0]:.1f}")
    if "contrast" in parts:
        for rows in (8, 64, 256):
            for name, loops, batched in (
                ("NT-Xent", scale_released.contrast_loops, contrast_batched),
                ("InfoNCE", scale_released.pairs_loops, contrast_ours),
            ):
                sides = {"loops": contrast(loops, rows), "batched": contrast(batched, rows)}
                losses = [step() for step in sides.values()]
                assert abs(losses[0] - losses[1]) < 1e-5, losses
                print(f"{name}, batch {rows}: loss {losses[0]:.6f} and {losses[1]:.6f}")
                table(alternate(sides, 9), rows, "loops")
    if "memory" in parts:
        for side in list(SIDES)[:5]:
            command = [sys.executable, __file__, "--memory", side]
            out = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout
            before, peak = json.loads(out)
            print(f"| {side} | built {before:.0f} MiB | peak {peak:.0f} | step {peak - before:.0f} |", flush=True)
    if "step" in parts:
        sides = {name: build() for name, build in SIDES.items()}
        table(alternate(sides, asked.repeats), BATCH, "released")


if __name__ == "__main__":
    main()
