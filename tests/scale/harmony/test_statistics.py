"""What is measured equals its definition, adds up over ranks, and looks at nothing that is absent."""

from __future__ import annotations

import torch

from m5tools.scale.harmony import Harmonized, Sums, sums

from .vectors import measured, world


def test_strength_equals_its_definition_pair_by_pair() -> None:
    z, present = world(0, rows=30)
    harmony = measured(z, present)
    for i in range(5):
        for j in range(5):
            if i == j:
                continue
            matched = [float(z[n, i] @ z[n, j]) for n in range(30) if present[n, i] and present[n, j]]
            mismatched = torch.tensor(
                [
                    float(z[n, i] @ z[k, j])
                    for n in range(30)
                    for k in range(30)
                    if n != k and present[n, i] and present[k, j]
                ]
            )
            gap = sum(matched) / len(matched) - float(mismatched.mean())
            wanted = max(0.0, gap / float(mismatched.std(correction=0)))
            torch.testing.assert_close(float(harmony.strength[i, j]), wanted, rtol=1e-4, atol=1e-5)


def test_sums_of_parts_add_up_to_those_of_the_whole() -> None:
    z, present = world(1)
    parts = [sums(z[:100], present[:100]), sums(z[100:], present[100:]), sums(z[:0], present[:0])]
    together = Sums(*(sum(p[1:], start=p[0]) for p in zip(*parts, strict=True)))
    ranks, whole = Harmonized(), measured(z, present)
    ranks.observe(together)
    torch.testing.assert_close(ranks.strength, whole.strength, rtol=1e-6, atol=1e-7)
    assert torch.equal(together.rows, sums(z, present).rows)


def test_a_pair_without_rows_keeps_what_was_known() -> None:
    harmony = measured(*world(2))
    before = harmony.strength.clone()
    z, present = world(3)
    present = present.clone()
    present[:, 1] = False
    harmony.observe(sums(z, present))
    assert torch.equal(harmony.strength[1], before[1])
    assert not torch.equal(harmony.strength[0], before[0])
    assert bool(torch.isfinite(harmony.strength).all())


def test_vectors_of_absent_modalities_are_not_looked_at() -> None:
    z, present = world(4)
    garbage = torch.where(present[..., None], z, torch.nan)
    for clean, dirty in zip(sums(z, present), sums(garbage, present), strict=True):
        assert torch.equal(clean, dirty)


def test_statistics_are_averaged_and_restored() -> None:
    harmony = Harmonized()
    for seed in range(8):
        harmony.observe(sums(*world(seed)))
    before = harmony.strength.clone()
    z, present = world(8)
    fresh = measured(z, present).strength
    harmony.observe(sums(z, present))
    torch.testing.assert_close(harmony.strength, before + 0.2 * (fresh - before))
    restored = Harmonized()
    restored.load_state_dict(harmony.state_dict())
    assert torch.equal(restored.weights().pair, harmony.weights().pair)
    assert int(restored.updates) == 9


def test_noise_of_few_rows_is_near_zero() -> None:
    z, present = world(5)
    strength = measured(z, present).strength
    assert strength[4].max() < 0.25
