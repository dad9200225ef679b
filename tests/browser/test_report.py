"""The report and its galleries, opened by file:// in Chromium as a user opens them."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from .window import HOSTILE, PHONE, WIDE, Window

pytestmark = pytest.mark.slow

COLOURS_OF_A_CHART = 8
REPORTS = ("demo_report", "luma_report", "hostile_report")


@pytest.fixture(params=REPORTS)
def report(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(request.param)
    return folder


def gallery_of(report: Path) -> Path:
    """The folder of the one gallery."""
    (found,) = (report / "gallery").iterdir()
    return found


def pages(report: Path) -> list[Path]:
    """The report, the overview, of tags and states one page a modality, of relations one, two products."""
    gallery = gallery_of(report)
    kinds = itertools.groupby(sorted(gallery.glob("*-*.html")), key=lambda path: path.name.split("-")[:2])
    return [
        report / "audit.html",
        gallery / "index.html",
        *(next(group) for _, group in kinds),
        *sorted((gallery / "products").iterdir())[:2],
    ]


def shelf(report: Path, start: str) -> Path:
    """The page of a gallery by how its name starts."""
    return next(iter(sorted(gallery_of(report).glob(f"{start}-*.html"))))


def test_pages_open_without_a_complaint_and_ask_nobody(window: Window, report: Path) -> None:
    for page in pages(report):
        for size, scheme in ((WIDE, "light"), (PHONE, "dark")):
            window.open(page, size, scheme)
            assert window.complaints() == [], page.name
            asked = window.requests()
            assert asked[0] == page.as_uri()
            for url in asked[1:]:
                inside = unquote(urlsplit(url).path).startswith(str(report / "gallery"))
                assert url.startswith("data:") or (url.startswith("file:") and inside), url
            if size == PHONE:
                assert window.run("return document.documentElement.scrollWidth") <= PHONE[0], page.name


def test_nothing_foreign_runs_or_becomes_markup(window: Window, hostile_report: Path) -> None:
    seen = ""
    for page in pages(hostile_report):
        window.open(page)
        seen += window.run("return document.body.innerText + document.title")
        assert len(window.all("script")) == len(window.all("style")) == 1
        assert not window.all("[onerror], [onload], [onclick], [style]:not(svg *), a[href^='javascript']")
        assert all(src.startswith(("data:image/jpeg", "media/", "../media/")) for src in window.run(
            "return [...document.querySelectorAll('img, audio')].map((e) => e.getAttribute('src'))"
        ))  # fmt: skip
        assert window.complaints() == []
    for text in HOSTILE:
        assert text in seen


def test_links_lead_somewhere(report: Path) -> None:
    for page in (report / "audit.html", *sorted((report / "gallery").rglob("*.html"))):
        for target in re.findall(r'(?:href|src)="([^"#]+)"', page.read_text(encoding="utf-8")):
            if not target.startswith("data:"):
                assert (page.parent / unquote(target)).is_file(), f"{page.name}: {target}"
    linked = re.findall(r'href="gallery/[0-9a-f]+/([^"]+)"', (report / "audit.html").read_text(encoding="utf-8"))
    assert set(linked) >= {path.name for path in gallery_of(report).glob("state-*.html")}


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_charts_are_drawn(window: Window, demo_report: Path, luma_report: Path, size: tuple[int, int]) -> None:
    for report in (demo_report, luma_report):
        window.open(report / "audit.html", size)
        charts = [chart for chart in window.all("figure svg") if chart.is_displayed()]
        assert len(charts) >= 5
        for chart in charts:
            drawn = window.picture(chart)
            assert min(drawn.shape[:2]) > 40
            assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > COLOURS_OF_A_CHART
            assert chart.get_attribute("aria-label")


def test_a_blank_chart_would_be_seen(window: Window, demo_report: Path) -> None:
    window.open(demo_report / "audit.html")
    chart = next(chart for chart in window.all("figure svg") if chart.is_displayed())
    window.run("args[0].replaceChildren()", chart)
    assert len(np.unique(window.picture(chart).reshape(-1, 3), axis=0)) == 1


def test_tables_sort_by_mouse_and_keyboard(window: Window, report: Path) -> None:
    window.open(report / "audit.html")
    table = "#categories table[data-search='categories']"
    order = f"return [...document.querySelectorAll(`{table} tbody tr`)].map((row) => row.cells[args[0]].textContent)"
    window.all(f"{table} th button")[1].click()
    up = window.run(order, 1)
    window.run(f"document.querySelectorAll(`{table} th button`)[1].focus()")
    window.driver.switch_to.active_element.send_keys("\n")
    down = window.run(order, 1)
    assert len(up) > 1
    assert up == down[::-1]
    assert up != down
    assert window.all(f"{table} th[aria-sort=descending]")


def test_tables_are_searched(window: Window, report: Path) -> None:
    window.open(gallery_of(report) / "index.html")
    shown = "return [...document.querySelectorAll('#state tbody tr')].filter((row) => row.checkVisibility()).length"
    every = window.run(shown)
    field = window.all("#state input[type=search]")[0]
    field.send_keys("image")
    some = window.run(shown)
    assert 0 < some < every
    assert window.all("#state output")[0].text == f"{some} found"
    field.send_keys(" nowhere")
    assert window.run(shown) == 0


def test_galleries_show_pictures(window: Window, demo_report: Path, luma_report: Path) -> None:
    for page in (
        shelf(demo_report, "tag-video"),
        shelf(demo_report, "relation"),
        shelf(luma_report, "state-image-present"),
    ):
        window.open(page)
        widths = window.run(
            "const pictures = [...document.querySelectorAll('.frame img')];"
            "for (const picture of pictures) { picture.loading = 'eager'; await picture.decode(); }"
            "return pictures.map((picture) => picture.naturalWidth)"
        )
        assert widths
        assert min(widths) > 0


def test_galleries_play_sounds(window: Window, demo_report: Path) -> None:
    window.open(shelf(demo_report, "state-audio-present"))
    assert window.run("return document.querySelectorAll('.sound .wave path[d^=M]').length") > 0
    button = window.all(".sound button")[0]
    assert button.accessible_name.startswith("Play ")
    button.click()
    ended = window.run(
        "const audio = document.querySelector('.sound audio');"
        "await new Promise((ready) => audio.currentTime > 0 ? ready() : audio.addEventListener('timeupdate', ready));"
        "const begun = audio.currentTime; audio.playbackRate = 8;"
        "await new Promise((ready) => audio.ended ? ready() : audio.addEventListener('ended', ready));"
        "return [begun, audio.currentTime, audio.duration]"
    )
    assert 0 < ended[0] <= ended[1] == ended[2]
    assert button.accessible_name.startswith("Play ")
    assert float(window.all(".sound .played")[0].get_attribute("width")) > 0


def test_text_is_marked_where_it_offends(window: Window, demo_report: Path) -> None:
    window.open(shelf(demo_report, "tag-text-mojibake"))
    marked = [mark.text for mark in window.all("mark")]
    assert marked
    assert all(any(ord(letter) > 127 for letter in text) for text in marked)


def test_dark_and_light_can_be_chosen(window: Window, report: Path) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    for page in (report / "audit.html", gallery_of(report) / "index.html"):
        window.open(page, scheme="light")
        light = window.run(ground)
        window.open(page, scheme="dark")
        dark = window.run(ground)
        assert light != dark
        window.all("button.theme")[0].click()
        assert window.run(ground) == light
        window.driver.refresh()
        assert window.run(ground) == light, "the choice is kept"


def test_the_keyboard_reaches_everything(window: Window, demo_report: Path) -> None:
    window.open(demo_report / "audit.html")
    body = window.all("body")[0]
    body.send_keys("\t")
    link = window.driver.switch_to.active_element
    assert link.get_attribute("href").endswith("#content")
    assert link.location["x"] >= 0
    outline = "const s = getComputedStyle(document.activeElement); return [s.outlineStyle, parseFloat(s.outlineWidth)]"
    assert window.run(outline)[0] != "none"
    link.send_keys("\n")
    assert window.run("return document.activeElement.id") == "content"
    window.run("document.querySelector('th button').focus({focusVisible: true})")
    style, width = window.run(outline)
    assert style != "none"
    assert width >= 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_barrier(window: Window, demo_report: Path, luma_report: Path, scheme: str) -> None:
    shelves = [
        shelf(demo_report, name) for name in ("tag-text", "tag-table", "state-audio-present", "state-image-failed")
    ]
    product = next((gallery_of(demo_report) / "products").iterdir())
    report, overview = demo_report / "audit.html", gallery_of(demo_report) / "index.html"
    for page in (report, overview, *shelves, shelf(demo_report, "relation"), product, luma_report / "audit.html"):
        window.open(page, scheme=scheme)
        assert window.faults() == [], page.name


def test_axe_would_find_a_barrier(window: Window, demo_report: Path) -> None:
    window.open(gallery_of(demo_report) / "index.html")
    window.run("document.querySelector('main a').style.color = '#ddd'; document.querySelector('input').removeAttribute('aria-label');"
               "document.querySelector('input').placeholder = ''")  # fmt: skip
    assert {fault.split()[0] for fault in window.faults()} >= {"color-contrast", "label"}
