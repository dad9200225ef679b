"""What the released SCALE computes in one pre-training step, written again from its description.

Shapes and arithmetic only, as the other side of `scale_step.py`: six post-norm layers a modality (video through the
layers of the image, table through those of the text), six pre-norm layers over all 231 tokens, prediction heads on
every position of the unimodal outputs, and a cosine graph and NT-Xent in Python loops. The layers that the release
declares and never calls are left out; they would only cost it memory. Its BERT library, an old
`pytorch_pretrained_bert`, writes GELU and layer normalisation out in single operations; `fused` puts the kernels of
today's PyTorch in their place, to tell what that costs.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH, DROPOUT, VOCABULARY, SHARED, TAU = 768, 0.1, 21_128, 1024, 0.07
TEXT, TABLE, REGIONS, FRAMES, BANDS = 36, 64, 36, 12, 80
FEATURES = {"image": 2048, "video": 1024, "audio": 751}
ORDER = ("text", "table", "image", "video", "audio")


class WrittenOut(nn.Module):
    """Layer normalisation in single operations."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, hidden: Tensor) -> Tensor:
        mean = hidden.mean(-1, keepdim=True)
        variance = (hidden - mean).pow(2).mean(-1, keepdim=True)
        return self.weight * ((hidden - mean) / torch.sqrt(variance + 1e-12)) + self.bias


def written_out(x: Tensor) -> Tensor:
    """GELU in single operations."""
    return x * 0.5 * (1.0 + torch.erf(x / 2.0**0.5))


class Attention(nn.Module):
    """Queries, keys and values apart, weights in full, dropout on the weights."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        def split(x: Tensor) -> Tensor:
            return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

        query, key, value = (split(f(hidden)) for f in (self.query, self.key, self.value))
        weights = query @ key.transpose(-1, -2) / (WIDTH // self.heads) ** 0.5 + bias
        mixed = self.dropout(weights.softmax(-1)) @ value
        return mixed.transpose(1, 2).reshape(hidden.shape)


class PostNorm(nn.Module):
    """A layer of BERT."""

    def __init__(self, heads: int, inner: int, fused: bool) -> None:
        super().__init__()
        self.gelu = functional.gelu if fused else written_out
        self.attention, self.out = Attention(heads), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, inner), nn.Linear(inner, WIDTH)
        self.norms = nn.ModuleList((nn.LayerNorm if fused else WrittenOut)(WIDTH) for _ in range(2))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        hidden = self.norms[0](hidden + self.dropout(self.out(self.attention(hidden, bias))))
        inner = self.gelu(self.up(hidden))
        out: Tensor = self.norms[1](hidden + self.dropout(self.down(inner)))
        return out


class PreNorm(nn.Module):
    """A layer of the joint co-transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 8, dropout=DROPOUT, batch_first=True)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        normed = self.norms[0](hidden)
        hidden = hidden + self.attention(normed, normed, normed, attn_mask=mask, need_weights=False)[0]
        inner = self.up(self.norms[1](hidden))
        out: Tensor = hidden + self.down(inner * torch.sigmoid(1.702 * inner))
        return out


class Head(nn.Module):
    """A transform and a projection, applied to every position."""

    def __init__(self, out: int, fused: bool) -> None:
        super().__init__()
        self.gelu = functional.gelu if fused else written_out
        self.transform, self.project = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, out)
        self.norm = (nn.LayerNorm if fused else WrittenOut)(WIDTH)

    def forward(self, hidden: Tensor) -> Tensor:
        projected: Tensor = self.project(self.norm(self.gelu(self.transform(hidden))))
        return projected


class Released(nn.Module):
    """All five masked losses and the contrastive one."""

    def __init__(self, fused: bool = False) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(512, WIDTH)
        self.project = nn.ModuleDict({name: nn.Linear(size, WIDTH) for name, size in FEATURES.items()})
        self.boxes = nn.Linear(5, WIDTH)
        self.norms = nn.ModuleDict({name: (nn.LayerNorm if fused else WrittenOut)(WIDTH) for name in ORDER})
        kinds = {"words": (12, 3072), "pictures": (8, 1024), "sounds": (8, 1024)}
        self.layers = nn.ModuleDict({k: nn.ModuleList(PostNorm(*v, fused) for _ in range(6)) for k, v in kinds.items()})
        self.pool = nn.ModuleDict({name: nn.Linear(WIDTH, SHARED) for name in ORDER})
        self.joint_places = nn.Embedding(TEXT + TABLE + REGIONS + FRAMES + BANDS + 3, WIDTH)
        self.joint = nn.ModuleList(PreNorm() for _ in range(6))
        self.heads = nn.ModuleDict({name: Head(FEATURES.get(name, VOCABULARY), fused) for name in ORDER})
        for name in ("text", "table"):
            self.heads[name].project.weight = self.words.weight
        self.dropout = nn.Dropout(DROPOUT)

    def embedded(self, name: str, values: Tensor) -> Tensor:
        if name in FEATURES:
            values = torch.cat([values.mean(1, keepdim=True), values], 1)
            hidden = self.project[name](values)
            if name == "image":
                hidden = hidden + self.boxes(values[..., :5])
        else:
            hidden = self.words(values) + self.places(torch.arange(values.shape[1]))
        out: Tensor = self.dropout(self.norms[name](hidden))
        return out

    def forward(self, values: dict[str, Tensor], hidden_tokens: dict[str, Tensor]) -> Tensor:
        kind = {"text": "words", "table": "words", "image": "pictures", "video": "pictures", "audio": "sounds"}
        encoded = {}
        for name in ORDER:
            hidden = self.embedded(name, values[name])
            bias = hidden.new_zeros(len(hidden), 1, 1, hidden.shape[1])  # everything is attended to
            for layer in self.layers[kind[name]]:
                hidden = layer(hidden, bias)
            encoded[name] = hidden
        unimodal = torch.stack([functional.relu(self.pool[n](encoded[n][:, 0])) for n in ORDER], 1)
        joint = torch.cat(list(encoded.values()), 1)
        joint = joint + self.joint_places(torch.arange(joint.shape[1]))
        mask = joint.new_zeros(joint.shape[1], joint.shape[1])
        for layer in self.joint:
            joint = layer(joint, mask)
        starts = torch.tensor([0, *(encoded[n].shape[1] for n in ORDER)]).cumsum(0)[:-1]
        importance = graph(joint[:, starts])
        loss = contrast_loops(unimodal)
        for column, name in enumerate(ORDER):
            scores = self.heads[name](encoded[name]) * importance[:, column, column, None, None]
            scores, chosen = scores[:, -values[name].shape[1] :], hidden_tokens[name]
            if name in FEATURES:
                loss = loss + (scores - values[name]).square().mean(2)[chosen].mean()
            else:
                target = values[name].masked_fill(~chosen, -100)
                loss = loss + functional.cross_entropy(scores.flatten(0, 1), target.flatten(), ignore_index=-100)
        return loss


def graph(z: Tensor) -> Tensor:
    """Per-sample importance `[B, 5, 5]`: cosines times the softmax of their row, rows normalised; sample by sample."""
    out = []
    for sample in z:
        unit = functional.normalize(sample, dim=1)
        cosine = unit @ unit.T
        out.append(functional.normalize(cosine * cosine.softmax(1), dim=1))
    return torch.stack(out)


def contrast_loops(z: Tensor) -> Tensor:
    """NT-Xent of the ten pairs, pair by pair, its logits scaled by each sample's importance."""
    importance = graph(z)
    losses = []
    for i, j in combinations(range(z.shape[1]), 2):
        both = functional.normalize(torch.cat([z[:, i], z[:, j]]), dim=1)
        scale = importance[:, i, j].repeat(2)
        logits = both @ both.T / TAU * scale[:, None]
        logits = logits.masked_fill(torch.eye(len(both), dtype=torch.bool), float("-inf"))
        rows = len(z)
        losses.append(functional.cross_entropy(logits, torch.arange(2 * rows).roll(rows)))
    return torch.stack(losses).mean()


def pairs_loops(z: Tensor) -> Tensor:
    """The same loops around the contrast that m5tools trains with: InfoNCE between the two modalities of a pair."""
    unit = functional.normalize(z, dim=2)
    importance = graph(unit)
    losses = []
    for i, j in combinations(range(z.shape[1]), 2):
        logits = unit[:, i] @ unit[:, j].T / TAU
        target = torch.arange(len(z))
        there = functional.cross_entropy(logits * importance[:, i, j, None], target)
        back = functional.cross_entropy(logits.T * importance[:, j, i, None], target)
        losses.append((there + back) / 2)
    return torch.stack(losses).mean()
