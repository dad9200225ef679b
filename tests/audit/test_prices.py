"""Prices by currency."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from m5tools.audit import audit, prices
from m5tools.dataset import Dataset

Make = Callable[..., Any]


def test_quantiles_and_nonsense_by_currency(make_dataset: Callable[..., Dataset], product: Make) -> None:
    euros = [float(i) for i in range(1, 101)] + [0.0, -1.0, 51_000.0, 0.05]
    rows = [product(i, price=p, currency="EUR") for i, p in enumerate(euros)]
    rows += [product(200 + i, price=9.99, currency="USD") for i in range(3)]
    rows += [product(300, price=5.0), product(301), product(302, currency="USD"), product(303, price=float("nan"))]
    found = audit(make_dataset({"products": rows}, partitions=5)).prices
    assert (found.products, found.without, found.no_currency) == (111, 3, 1)
    assert (found.not_above_zero, found.far) == (2, 2)
    euro, dollar, none = found.currencies
    assert (euro.currency, euro.products, euro.share) == ("EUR", 104, pytest.approx(104 / 108))
    assert (euro.not_above_zero, euro.far) == (2, 2)
    above = np.array([p for p in euros if p > 0])
    for quantile in euro.quantiles:
        assert quantile.price == np.quantile(above, quantile.share, method="inverted_cdf")
    assert sum(b.products for b in euro.bins) == 102
    assert all(b.least < b.below for b in euro.bins)
    assert {q.price for q in dollar.quantiles} == {9.99}
    assert (none.currency, none.products) == (None, 1)


def test_a_currency_of_zeros_has_no_quantiles(make_dataset: Callable[..., Dataset], product: Make) -> None:
    rows = [product(i, price=0.0, currency="EUR") for i in range(3)]
    (euro,) = audit(make_dataset({"products": rows})).prices.currencies
    assert (euro.products, euro.not_above_zero, euro.quantiles, euro.bins) == (3, 3, (), ())


def test_rare_currencies_are_counted_together(make_dataset: Callable[..., Dataset], product: Make) -> None:
    codes = [chr(65 + i) * 3 for i in range(prices.LISTED + 2)]
    rows = [product(100 * i + j, price=1.0 + j, currency=code) for i, code in enumerate(codes) for j in range(1 + i)]
    found = audit(make_dataset({"products": rows})).prices
    assert [c.currency for c in found.currencies] == codes[:1:-1]
    assert (found.others, found.others_products) == (2, 3)


def test_without_prices(make_dataset: Callable[..., Dataset], product: Make) -> None:
    found = audit(make_dataset({"products": [product(0)]})).prices
    assert (found.without, found.currencies) == (1, ())
