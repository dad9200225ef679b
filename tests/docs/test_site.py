"""The site builds without a warning, asks no other host for anything, and its reference leaves nothing out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import m5tools
from m5tools import resources, schema
from m5tools.cli.json_schemas import MODELS

from .blocks import REPOSITORY


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=600,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Asked(HTMLParser):
    """What a browser asks for when it opens a page: the addresses of scripts, styles, pictures and frames."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if (name == "src" or (tag == "link" and name == "href")) and value:
                self.addresses.append(value)


def test_no_page_asks_another_host(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 35
    for page in pages:
        addresses = Asked(page.read_text(encoding="utf-8")).addresses
        assert addresses
        assert [a for a in addresses if re.match(r"(?:[a-z]+:)?//", a)] == [], page
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text(encoding="utf-8")
        assert "@import" not in style.read_text(encoding="utf-8")


def test_it_can_be_searched_without_a_server(site: Path) -> None:
    assert "longtail" in (site / "search" / "search_index.js").read_text(encoding="utf-8").lower()


def ids(page: Path) -> set[str]:
    return set(re.findall(r'id="([^"]+)"', page.read_text(encoding="utf-8")))


def test_the_reference_holds_every_table_and_column(site: Path) -> None:
    text = (site / "reference" / "tables.html").read_text(encoding="utf-8")
    anchors = ids(site / "reference" / "tables.html")
    for file in (resources.folder("schemas") / "tables").glob("*.yaml"):
        assert file.stem in anchors
        for column in schema.law(file.stem).columns:
            assert f"<code>{column.name}</code>" in text


def test_the_reference_holds_every_command_and_key(site: Path) -> None:
    from m5tools.cli.main import app

    commands = ids(site / "reference" / "cli.html")
    for command in app.registered_commands:
        assert f"m5-{command.name}" in commands
    keys = (site / "reference" / "yaml.html").read_text(encoding="utf-8")
    for name, model in MODELS.items():
        if name != "evaluation":  # what m5 evaluate writes; nobody writes it by hand
            assert [key for key in model.model_fields if f"<code>{key}</code>" not in keys] == []


def test_the_reference_holds_every_public_name(site: Path) -> None:
    anchors = ids(site / "reference" / "python.html")
    for name, (module, attribute) in m5tools._HOMES.items():
        assert f"{module}.{attribute}" in anchors, name
