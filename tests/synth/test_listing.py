"""Families stand side by side in the world and are scattered over the crawl."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.synth import SynthConfig
from m5tools.synth.draws import Draws
from m5tools.synth.listing import listing


@given(products=st.integers(1, 400), seed=st.integers(0, 50), span=st.integers(2, 8))
def test_every_slot_is_listed_once_and_families_are_nested(products: int, seed: int, span: int) -> None:
    config = SynthConfig.model_validate({"products": products, "seed": seed, "duplicates": {"span": span}})
    rows = listing(config, Draws(seed), 0, products)
    assert sorted(rows.slot.tolist()) == list(range(products))
    assert (rows.group <= rows.instance).all()
    assert (rows.instance <= rows.offer).all()
    assert (rows.offer <= rows.slot).all()
    assert (rows.slot - rows.group < span).all()
    of_slot = np.argsort(rows.slot)
    assert (rows.offer[of_slot][rows.offer] == rows.offer).all(), "the first listing of an offer is its own"
    assert (rows.instance[of_slot][rows.offer] == rows.instance).all()
    assert (rows.group[of_slot][rows.instance] == rows.group).all()
    members = np.array([len(set(rows.instance[rows.group == group].tolist())) for group in rows.group.tolist()])
    assert (rows.group_has_variants == (members > 1)).all()


def test_relatives_are_far_apart_in_the_crawl() -> None:
    config = SynthConfig(products=5000)
    rows = listing(config, Draws(0), 0, 5000)
    place = np.argsort(rows.slot)
    gaps = np.abs(np.diff(place))
    assert np.median(gaps) > 50


@pytest.mark.parametrize(
    "rates", [{"offer": 0.8, "product": 0, "variant": 0}, {"offer": 0, "product": 0, "variant": 0}]
)
def test_extreme_rates_hold(rates: dict[str, float]) -> None:
    config = SynthConfig.model_validate({"products": 6000, "duplicates": rates})
    rows = listing(config, Draws(0), 0, 6000)
    assert 1 - len(np.unique(rows.offer)) / 6000 == pytest.approx(rates["offer"], abs=0.02)
