"""Reference pages that are made while the site is built, from what they describe: they cannot be stale."""

from __future__ import annotations

import re
from pathlib import Path

import command_line
import tables
import yaml_documents
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for path, text in (
        ("reference/cli.md", command_line.page()),
        ("reference/tables.md", tables.page()),
        ("reference/yaml.md", yaml_documents.page()),
    ):
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links out of `docs/` work where the repository is read; on the site the name of the file stays."""
    here = Path(page.file.abs_src_path).parent if page.file.abs_src_path else None

    def plain(link: re.Match[str]) -> str:
        if here is None or (target := (here / link[2]).resolve()).is_relative_to(REPOSITORY / "docs"):
            return link[0]
        if not target.exists():
            raise PluginError(f"{page.file.src_uri}: there is no {link[2]}")
        return link[1]

    return LINK.sub(plain, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Docstrings name things by Sphinx's roles, which Markdown shows as they are."""
    return re.sub(r":(?:class|func|meth|mod|attr|data):(?=<code>)", "", html)
