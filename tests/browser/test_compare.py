"""The page of a comparison, opened by file:// in Chromium as a user opens it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from m5tools.audit.compare import compare, side_of, write

from .window import HOSTILE, PHONE, WIDE, Window

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def cut_compared(demo_report: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated crawl and its cut: every product of one side stands on the other."""
    dataset = demo_report.parent
    return written(str(dataset), f"{dataset}#default", tmp_path_factory.mktemp("compared"))


@pytest.fixture(scope="session")
def hostile_compared(demo_report: Path, hostile_report: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same crawl and one whose every text, its folder's name included, tries to become markup."""
    return written(str(demo_report.parent), str(hostile_report.parent), tmp_path_factory.mktemp("compared"))


def written(a: str, b: str, folder: Path) -> Path:
    """The page of a comparison."""
    return write(compare(side_of(a), side_of(b)), folder / "compare.html")[0]


@pytest.fixture(params=["cut_compared", "hostile_compared"])
def page(request: pytest.FixtureRequest) -> Path:
    made: Path = request.getfixturevalue(request.param)
    return made


def test_it_opens_without_a_complaint_and_asks_nobody(window: Window, page: Path) -> None:
    for size in (WIDE, PHONE):
        for scheme in ("light", "dark"):
            window.open(page, size, scheme)
            assert window.complaints() == []
            assert window.requests() == [page.as_uri()]
            assert window.run("return document.documentElement.scrollWidth") <= size[0]


def test_nothing_foreign_runs_or_becomes_markup(window: Window, hostile_compared: Path) -> None:
    window.open(hostile_compared)
    assert window.complaints() == []
    assert len(window.all("script")) == len(window.all("style")) == 1
    assert not window.all("img, [onerror], [onload], [onclick], [style], a:not([href^='#'])")
    seen = window.run("return document.body.textContent + document.title")
    for text in HOSTILE:
        assert text in seen


def test_links_lead_to_sections(window: Window, page: Path) -> None:
    window.open(page)
    dead = "return [...document.querySelectorAll('a')].filter((a) => !document.querySelector(a.getAttribute('href'))).length"
    assert window.run(dead) == 0


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_sides_are_drawn_apart(window: Window, page: Path, size: tuple[int, int], scheme: str) -> None:
    window.open(page, size, scheme)
    for drawing, mark in ((".two", "rect"), (".curves", "polyline")):
        one = window.run(
            "return [...document.querySelectorAll(args[0])].find((drawing) => [...'ab'].every((side) => {"
            "  const mark = drawing.querySelector(`${args[1]}.${side}`); return mark && mark.getBBox().width > 0"
            "}))",
            drawing,
            mark,
        )
        # On a phone a table is as wide as it must be, and its last columns are scrolled to.
        window.run("args[0].scrollIntoView({block: 'center', inline: 'center'})", one)
        assert len(np.unique(window.picture(one).reshape(-1, 3), axis=0)) >= 3
        colours = "const s = getComputedStyle(args[0].querySelector(args[1])); return [s.fill, s.stroke]"
        assert window.run(colours, one, f"{mark}.a") != window.run(colours, one, f"{mark}.b")


def test_tables_sort_and_are_searched(window: Window, page: Path) -> None:
    window.open(page)
    order = "return [...document.querySelectorAll('#categories table[data-search] tbody tr')].map((r) => r.cells[0].textContent)"
    button = window.all("#categories table[data-search] th button")[0]
    button.click()
    up = window.run(order)
    button.send_keys("\n")
    down = window.run(order)
    assert len(up) > 1
    assert up == down[::-1] != down
    field = window.all("#categories input[type=search]")[0]
    assert field.accessible_name.startswith("Search ")
    field.send_keys(" nowhere to be found")
    rows = window.all("#categories table[data-search] tbody tr")
    assert not [row for row in rows if row.is_displayed()]


def test_dark_and_light_can_be_chosen_and_the_keyboard_skips_to_the_content(window: Window, page: Path) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    window.open(page, scheme="light")
    light = window.run(ground)
    window.open(page, scheme="dark")
    assert window.run(ground) != light
    window.all("button.theme")[0].click()
    assert window.run(ground) == light
    window.open(page)
    window.all("body")[0].send_keys("\t")
    link = window.driver.switch_to.active_element
    assert link.location["x"] >= 0
    link.send_keys("\n")
    assert window.run("return document.activeElement.id") == "content"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_barrier(window: Window, page: Path, scheme: str) -> None:
    window.open(page, scheme=scheme)
    assert window.faults() == []
