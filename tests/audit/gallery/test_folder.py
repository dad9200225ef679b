"""The folder of a gallery: the same bytes every time, hostile text as text, whole or the old one."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from selectolax.lexbor import LexborHTMLParser

from m5tools.audit import Audit, audit, gallery, places, write
from m5tools.audit.gallery import folder, pages
from m5tools.cli.audit import write_audit
from m5tools.dataset import Dataset
from m5tools.media.audio import encode_ulaw
from m5tools.media.image import encode_jpeg

from ..conftest import product_id

Make = Callable[..., Any]
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script>",
    '"><svg onload=alert(1)>',
    "</style></svg>",
    "../../{{ 7 * 7 }}",
)
MODALITIES = ("image", "text", "table", "audio", "video")
JPEG = encode_jpeg(np.zeros((8, 8, 3), np.uint8))
WAV = encode_ulaw(np.zeros(800, np.float32), 8_000)


@pytest.fixture
def finished(make_dataset: Callable[..., Dataset], product: Make, states: Make) -> Dataset:
    """Thirty products, hostile text wherever text can be, a file of every kind."""
    numbers, ids = range(30), [product_id(i) for i in range(30)]
    verdict = {"signal": "url_share", "value": 1.0, "threshold": 0.5, "comparison": "at_least", "policy": "default"}
    listed = [(i, kind) for i in numbers for kind in ("image", "video", "audio")]
    return make_dataset(
        {
            "products": [
                product(i, [HOSTILE[i % 5]], title=HOSTILE[i % 5], description=f"{HOSTILE[1]} www.{HOSTILE[i % 5]}",
                        source=HOSTILE[0], url="javascript:alert(1)", native_id=HOSTILE[2],
                        raw=[("title", HOSTILE[0])]) for i in numbers
            ],
            "attributes": [
                {"product_id": i, "crawl_id": "c1", "position": at, "is_option": False, "name_raw": HOSTILE[0],
                 "value_raw": HOSTILE[at], "name": HOSTILE[0], "value": HOSTILE[at]} for i in ids for at in (1, 2)
            ],
            "media": [
                {"product_id": product_id(i), "crawl_id": "c1", "source": "shop", "position": 0, "modality": kind,
                 "location_raw": HOSTILE[0], "location": HOSTILE[0], "location_id": f"{kind}{i}"} for i, kind in listed
            ],
            "fetched": [
                {"location_id": f"{kind}{i}", "asset_id": f"{kind}{i}{HOSTILE[0]}", "state": 0, "reason": 0}
                for i, kind in listed
            ],
            "modalities": [row for i in numbers for row in states(i, i)],
            "tags": [
                {"product_id": product_id(i), "asset_id": f"{m}{i}{HOSTILE[0]}" if m in ("image", "video", "audio") else None,
                 "tag": f"{m}.{HOSTILE[i % 5]}", "modality": m, **verdict} for i in numbers for m in MODALITIES
            ],
            "previews_image": [{"asset_id": f"image{i}{HOSTILE[0]}", "preview": JPEG} for i in numbers],
            "previews_video": [{"asset_id": f"video{i}{HOSTILE[0]}", "preview": JPEG, "frames": [JPEG]} for i in numbers],
            "previews_audio": [
                {"asset_id": f"audio{i}{HOSTILE[0]}", "preview": WAV, "envelope": bytes(range(128))} for i in numbers
            ],
            "clusters": [
                {"relation": "variant", "cluster_id": ids[0], "product_id": i, "is_survivor": i == ids[0]}
                for i in ids[:4]
            ],
            "edges": [
                {"product_a": min(ids[:2]), "product_b": max(ids[:2]), "relation": "variant", "evidence": HOSTILE[0],
                 "score": 1.0, "detail": HOSTILE[0]}
            ],
        }
    )  # fmt: skip


def bytes_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_foreign_text_stays_text_on_every_page(finished: Dataset, tmp_path: Path) -> None:
    links = gallery.write(finished, tmp_path)
    written = sorted((tmp_path / "gallery").rglob("*.html"))
    assert {tmp_path / link for link in links.values()} < set(written)
    said = ""
    for path in written:
        page = path.read_text(encoding="utf-8")
        tree = LexborHTMLParser(page)
        assert len(tree.css("script")) == len(tree.css("style")) == len(tree.css("h1")) == 1
        assert not tree.css("link, iframe, object, embed, base, form")
        for node in tree.css("*"):
            assert not [name for name in node.attributes if name.startswith("on")], node.html[:200]
            assert "style" not in node.attributes
            for name in ("src", "href"):
                target = node.attributes.get(name)
                assert target is None or re.fullmatch(r"#content|(?:\.\./)*[a-z0-9./-]+\.(?:html|jpg|wav)", target)
        said += tree.body.text()
    assert all(text in said for text in HOSTILE)
    assert "../../49" not in said


def test_the_policy_names_exactly_this_style_and_script(finished: Dataset, tmp_path: Path) -> None:
    page = (tmp_path / gallery.write(finished, tmp_path)[""]).read_text(encoding="utf-8")
    policy = LexborHTMLParser(page).css_first("meta[http-equiv=Content-Security-Policy]").attributes["content"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        body = re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1]
        assert f"{tag}-src 'sha256-{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}'" in policy


def test_the_same_dataset_gives_the_same_bytes(finished: Dataset, tmp_path: Path) -> None:
    gallery.write(finished, tmp_path / "one")
    gallery.write(finished, tmp_path / "two")
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_equal_previews_lie_there_once(finished: Dataset, tmp_path: Path) -> None:
    made = (tmp_path / gallery.write(finished, tmp_path)[""]).parent
    files = {path.suffix: path.read_bytes() for path in (made / "media").iterdir()}
    assert files == {".jpg": JPEG, ".wav": WAV}


def test_a_products_page_tells_what_show_tells(finished: Dataset, tmp_path: Path) -> None:
    made = (tmp_path / gallery.write(finished, tmp_path)[""]).parent
    known = finished.show(product_id(3))
    page = (made / "products" / f"{product_id(3)}.html").read_text(encoding="utf-8")
    tree = LexborHTMLParser(page)
    assert {node.attributes["id"] for node in tree.css("section")} >= set(known)
    for label, rows in known.items():
        counted = len(tree.css(f"section[id='{label}'] tbody tr"))
        assert counted == len(rows) if len(rows) > 1 else counted > 0
    assert tree.css(".sound audio")
    assert len(tree.css(".frame img")) == 2


def test_a_gallery_that_is_not_finished_is_not_seen(
    finished: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = tmp_path / "reports"
    gallery.write(finished, reports)
    before = bytes_of(reports)

    def fails(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(pages.Pages, "all", fails)
    with pytest.raises(RuntimeError, match="full"):
        gallery.write(finished, reports, seed=1)
    assert {k: v for k, v in bytes_of(reports).items() if not k.startswith(".")} == before
    monkeypatch.undo()
    gallery.write(finished, reports)
    assert bytes_of(reports) == before, "and what was left half done is gone"


class Killed(BaseException):
    """The end of the process, where a test wants it."""


STEPS = ((Path, "rename"), (Path, "replace"), (shutil, "rmtree"), (Path, "unlink"))
"""Every call by which something appears in the reports' folder or goes from it."""


def written(found: Audit, dataset: Dataset, reports: Path, seed: int, killed_at: int = -1) -> int:
    """Write report and gallery, killed before that step (none if -1); gives how many steps there were."""
    steps = itertools.count()

    def guarded(step: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **more: Any) -> Any:
            if next(steps) >= killed_at >= 0:
                raise Killed
            return step(*arguments, **more)

        return called

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in STEPS:
            patch.setattr(owner, name, guarded(getattr(owner, name)))
        write(found, reports, gallery.write(dataset, reports, seed=seed, examples=3))
    return next(steps)


def linked_from(page: Path) -> set[Path]:
    """All files that a reader can reach from a page, which must be there."""
    seen, ahead = {page}, [page]
    while ahead:
        here = ahead.pop()
        for target in re.findall(r'(?:href|src)="([^"#:]+)"', here.read_text(encoding="utf-8")):
            there = (here.parent / target).resolve()
            assert there.is_file(), f"{here.name} links to {target}"
            if there not in seen:
                seen.add(there)
                ahead += [there] if there.suffix == ".html" else []
    return seen


@pytest.mark.slow
def test_wherever_it_is_killed_the_page_has_its_whole_gallery(finished: Dataset, tmp_path: Path) -> None:
    reports, before, after = (tmp_path / name for name in ("reports", "before", "after"))
    found = audit(finished)
    written(found, finished, before, seed=0)
    written(found, finished, after, seed=1)
    whole = [{path.relative_to(root) for path in linked_from(root / "audit.html")} for root in (before, after)]
    assert min(map(len, whole)) > 10
    steps = itertools.takewhile(lambda step: killed(found, finished, before, reports, step), itertools.count())
    seen = []
    for _ in steps:
        seen.append({path.relative_to(reports) for path in linked_from(reports / "audit.html")})
        assert seen[-1] in whole
        written(found, finished, reports, seed=1)
        assert bytes_of(reports) == bytes_of(after), "and what a killed run left goes with the next"
    assert len(seen) >= 3
    assert (seen[0], seen[-1]) == tuple(whole)


def killed(found: Audit, dataset: Dataset, before: Path, reports: Path, step: int) -> bool:
    """Whether the report of seed 1 was killed at a step, on its way to take the place of the one before."""
    shutil.rmtree(reports, ignore_errors=True)
    shutil.copytree(before, reports)
    try:
        written(found, dataset, reports, seed=1, killed_at=step)
    except Killed:
        return True
    return False


def test_two_runs_at_once_do_not_remove_each_others_gallery(finished: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    reports, found, draw = finished.root / "reports", audit(finished), gallery.write
    counted, drawn = Event(), Event()

    def counts(*_: object, **__: object) -> Audit:
        counted.set()
        return found

    def draws(*arguments: Any, **more: Any) -> dict[str, str]:
        drawn.set()
        return draw(*arguments, **more)

    monkeypatch.setattr("m5tools.audit.audit", counts)
    monkeypatch.setattr(gallery, "write", draws)
    other = Thread(target=write_audit, args=(finished, "default", None, None, 3, 1), daemon=True)
    with places.one_at_a_time(reports):
        links = draw(finished, reports, examples=3)
        other.start()
        assert counted.wait(60)
        assert not drawn.wait(1), "it waits for this one, which is between gallery and page"
        write(found, reports, links)
        assert len(linked_from(reports / "audit.html")) > 10
    other.join(60)
    assert drawn.is_set()
    assert len(linked_from(reports / "audit.html")) > 10


def test_a_gallery_that_stands_is_mended(finished: Dataset, tmp_path: Path) -> None:
    links = gallery.write(finished, tmp_path)
    before = bytes_of(tmp_path)
    (tmp_path / links[""]).write_text("changed")
    next((tmp_path / links[""]).parent.glob("media/*")).unlink()
    assert gallery.write(finished, tmp_path) == links
    assert bytes_of(tmp_path) == before


def test_a_linked_gallery_gives_way_and_what_it_leads_to_stays(finished: Dataset, tmp_path: Path) -> None:
    reports, elsewhere = tmp_path / "reports", tmp_path / "elsewhere"
    for folder_ in (reports, elsewhere):
        folder_.mkdir()
    (elsewhere / "kept").write_text("mine")
    for link in ("gallery", f".gallery-{os.getpid()}"):
        (reports / link).symlink_to(elsewhere)
    gallery.write(finished, reports)
    assert [path.name for path in reports.iterdir()] == ["gallery"]
    assert not (reports / "gallery").is_symlink()
    assert [path.name for path in elsewhere.iterdir()] == ["kept"]


def test_no_examples_and_nothing_measured_leave_no_gallery(
    finished: Dataset, make_dataset: Callable[..., Dataset], product: Make, tmp_path: Path
) -> None:
    gallery.write(finished, tmp_path)
    assert gallery.write(finished, tmp_path, examples=0) == {}
    write(audit(finished), tmp_path, {})
    assert not (tmp_path / "gallery").exists()
    assert gallery.write(make_dataset({"products": [product(0)]}, name="fresh"), tmp_path) == {}


def test_the_report_links_to_the_galleries(finished: Dataset, tmp_path: Path) -> None:
    links = gallery.write(finished, tmp_path)
    page = LexborHTMLParser(write(audit(finished), tmp_path, links)[0].read_text(encoding="utf-8"))
    there = {node.attributes["href"] for node in page.css("main a")} - {"#content"}
    assert there <= set(links.values())
    assert there >= {link for key, link in links.items() if " " in key and key.split()[0] in MODALITIES}
    assert links["variant"] in there


@pytest.mark.parametrize("key", ["a/b", "../x", "CON", "é" * 90, "", "image.blank"])
def test_page_names_are_safe_and_differ(key: str) -> None:
    name = folder.page_name(folder.Shelf("tag", key, "image", 1))
    assert re.fullmatch(r"tag-[a-z0-9-]{0,40}-[0-9a-f]{8}\.html", name)
    assert name != folder.page_name(folder.Shelf("tag", f"{key} ", "image", 1))
