"""What is planted is found, and what is not there is not."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace

import pytest

from m5tools.audit.columns import NotYet
from m5tools.audit.compare.whole import Comparison, compare

from .conftest import CATEGORIES, COUNT, Build


def movers(found: Comparison) -> dict[tuple[str, str], float]:
    return {(m.share.kind, m.share.label): m.share.score for m in found.movers}


def test_the_same_shuffled_and_partitioned_anew_shows_no_mover(build: Build) -> None:
    one, other = build("one"), build("other", seed=7, partitions=5)
    found = compare(one, other)
    assert (found.moved, found.movers, found.renames) == (0, (), ())
    assert (found.products.both, found.products.only_a, found.products.only_b) == (COUNT, 0, 0)
    assert found.products.content == sum(c.changed for c in found.products.changes) == 0
    assert found.compared > 400
    assert not isinstance(found.states, NotYet)
    for share in (*found.columns, *found.fields, *found.attributes, *found.categories, *found.states):
        assert (share.a, share.size_a) == (share.b, share.size_b)
        assert share.z == 0
    assert all(d.distance.total_variation == 0 for d in (*found.drifts, *found.state_drifts, *found.link_drifts))
    assert all(n.ks == n.wasserstein == 0 for n in found.numbers)
    # Exactly the same numbers from any partitioning of either side.
    assert replace(compare(other, one), a=found.a, b=found.b) == found


@pytest.mark.parametrize("seed", range(3))
def test_two_random_halves_show_no_mover(build: Build, seed: int) -> None:
    order = random.Random(seed).sample(range(COUNT), COUNT)
    found = compare(build("a", numbers=order[: COUNT // 2]), build("b", numbers=order[COUNT // 2 :]))
    assert found.products.both == 0
    assert found.movers == ()
    assert any(s.z for s in found.categories), "noise there is"


def test_a_renamed_field_is_one_mover_with_its_two_names(build: Build) -> None:
    found = compare(build("a"), build("b", fields={"colour_name": "color"}, repainted=50))
    (rename,) = found.renames
    assert (rename.kind, rename.old, rename.new, rename.by) == ("field", "colour_name", "color", "products")
    assert (rename.equal, rename.compared, rename.values) == (0.98, COUNT, 40)
    (first,) = found.movers
    assert (first.share.kind, first.rename) == ("field", rename)
    # Two shares of the list moved: a name that went and a name that came.
    assert found.moved == 2


def test_a_renamed_field_is_found_by_its_values_where_no_product_is_on_both_sides(build: Build) -> None:
    half = COUNT // 2
    new = {"colour_name": "color"}
    found = compare(build("a", numbers=range(half)), build("b", numbers=range(half, COUNT), fields=new))
    (rename,) = found.renames
    assert (rename.old, rename.new, rename.by, rename.equal) == ("colour_name", "color", "values", pytest.approx(1))


def test_a_name_that_comes_with_other_values_is_no_rename(build: Build) -> None:
    # "colour_name" vanished and "left" came, but what stands in it stood in "stock".
    found = compare(build("a"), build("b", fields={"colour_name": "stock", "stock": "left"}))
    assert found.renames == ()
    assert [(m.share.name, m.rename) for m in found.movers] == [("colour_name", None), ("left", None)]


def test_a_renamed_attribute(build: Build) -> None:
    found = compare(build("a"), build("b", names={"capacity": "volume"}))
    (rename,) = found.renames
    assert (rename.kind, rename.old, rename.new, rename.equal) == ("attribute", "capacity", "volume", 1.0)
    assert [m.rename for m in found.movers] == [rename]


def test_a_vanished_category_and_where_its_products_went(build: Build) -> None:
    moved = compare(build("a"), build("b", category=lambda i: CATEGORIES[0] if i % 5 == 1 else CATEGORIES[i % 5]))
    found = movers(moved)
    assert set(found) == {("category", "Home > Lamps"), ("category", "Home > Kettles")}
    assert (moved.came, moved.vanished) == (0, 1)
    first = moved.movers[0].share
    assert (first.name, first.a, first.b) == ("Home > Lamps", COUNT // 5, 0)
    (move,) = moved.products.moves
    assert (move.before, move.after, move.products) == ("Home > Lamps", "Home > Kettles", COUNT // 5)
    (drift,) = (d for d in moved.drifts if d.name == "category")
    assert drift.distance.total_variation == pytest.approx(0.2)


def test_a_doubled_dead_link_rate(build: Build) -> None:
    found = compare(build("a", dead=20), build("b", dead=10))
    assert not isinstance(found.states, NotYet)
    (dead,) = (s for s in found.states if s.name == "failed: dead link")
    assert (dead.group, dead.a, dead.b, dead.ratio) == ("image", 100, 200, pytest.approx(2))
    assert dead.z == pytest.approx(6.0, abs=0.1)
    assert set(movers(found)) == {
        *((kind, f"image: {word}") for kind in ("state", "link") for word in ("failed: dead link", "present"))
    }
    assert found.movers[0].share.name == "failed: dead link"


def test_a_handful_that_doubled_is_no_mover(build: Build) -> None:
    found = compare(build("a", dead=500), build("b", dead=250))
    assert not isinstance(found.states, NotYet)
    (dead,) = (s for s in found.states if s.name == "failed: dead link")
    assert (dead.a, dead.b, dead.ratio, dead.score) == (4, 8, pytest.approx(2), 0)
    assert found.movers == ()


def test_numbers_that_drift(build: Build) -> None:
    found = compare(build("a"), build("b", price=lambda i: float(i % 500) * 1.5))
    (price,) = (n for n in found.numbers if n.name == "price EUR")
    assert price.wasserstein == pytest.approx(0.5 * sum(range(500)) / 500)
    assert price.b.quantiles[-1] == 499 * 1.5
    assert [m.share.kind for m in found.movers] == ["number"]
    (change,) = (c for c in found.products.changes if c.changed)
    assert (change.column, change.changed) == ("price", COUNT - COUNT // 500)


def test_an_emptied_column_and_products_that_came_and_went(build: Build) -> None:
    found = compare(build("a", numbers=range(1500)), build("b", numbers=range(500, COUNT), brand=lambda i: None))
    assert (found.products.only_a, found.products.only_b, found.products.both) == (500, 500, 1000)
    (brand,) = (c for c in found.products.changes if c.column == "brand")
    assert (brand.changed, brand.emptied, brand.filled) == (1000, 1000, 0)
    assert ("column", "brand") in movers(found)


def test_what_one_side_has_not_been_asked_yet(build: Build) -> None:
    found = compare(build("a"), build("b", tagged=False))
    assert found.states == NotYet("m5 tag")
    assert found.links == NotYet("m5 fetch")
    assert found.movers == ()


def test_a_side_without_products_was_asked_all_the_same(build: Build) -> None:
    found = compare(build("none", numbers=range(0)), build("all"))
    assert (found.a.products, found.b.products) == (0, COUNT)
    assert (found.came, found.vanished) == (len(CATEGORIES), 0)
    assert not isinstance(found.states, NotYet)
    assert not isinstance(found.links, NotYet)


def test_sides_that_list_no_file_were_fetched_all_the_same(build: Build) -> None:
    sides = build("a"), build("b")
    for side in sides:
        for table in ("media", "fetched"):
            shutil.rmtree(side.dataset.folder(table))
    assert compare(*sides).links == ()


def test_a_name_that_came_is_a_mover_though_a_rare_one_was_renamed_to_it(build: Build) -> None:
    # Four hundred names of five products each become one: the rename explains five of its two thousand products.
    found = compare(build("a"), build("b", names={f"rare {k}": "rare" for k in range(400)}))
    assert [(r.new, r.compared) for r in found.renames] == [("rare", 5)]
    assert ("attribute", "rare") in movers(found)
