"""Every command and snippet of README and docs runs, in the order of its page; YAML fits its schema.

Shell goes through bash, Python through one namespace a page, in a folder of its own with a simulated crawl, the dataset
made of it and a trained network, as far as the page needs them. A training is shortened (`world.SHORT`).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from m5tools import resources
from m5tools.cli.json_schemas import MODELS

from .blocks import REPOSITORY, SHELL, Block, blocks, pages
from .world import World, run

ALL = {page: blocks(page) for page in pages()}
RUNNABLE = (*SHELL, "python")
NEEDS = {
    "README.md": ("crawl",),
    "docs/coming_from.md": ("crawl", "shop"),
    "docs/guides/clusters.md": ("shop",),
    "docs/guides/compare.md": ("shop-may", "shop-june"),
    "docs/guides/cut.md": ("shop",),
    "docs/guides/duplicates.md": ("shop",),
    "docs/guides/evaluation.md": ("shop", "run"),
    "docs/guides/fetch.md": ("shop",),
    "docs/guides/harmony.md": (),
    "docs/guides/loader.md": ("shop",),
    "docs/guides/longtail.md": ("shop",),
    "docs/guides/mappings.md": (),
    "docs/guides/papers.md": ("shop",),
    "docs/guides/shards.md": ("shop",),
    "docs/guides/split.md": ("shop", "eval-set"),
    "docs/guides/tag.md": ("shop",),
    "docs/guides/training.md": ("shop",),
    "docs/index.md": (),
    "docs/reference/formats.md": ("shop",),
    "docs/reference/python.md": (),
    "docs/tutorial.md": (),
}
NOT_RUN = 16
"""Blocks that are shown and not run, outside the evidence; each says why. One more is a reason to think again."""


def to_run(page: str) -> list[Block]:
    return [block for block in ALL[page] if block.language in RUNNABLE and block.not_run is None]


RUN = [page for page in ALL if to_run(page)]


def script(block: Block) -> str:
    """The commands of a block; of a console those behind the prompt."""
    if block.language != "console":
        return block.source
    return "\n".join(line[2:] for line in block.source.splitlines() if line.startswith("$ "))


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_a_page_runs(
    page: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if any("M5_REAL_DATA" in block.source for block in to_run(page)):
        request.getfixturevalue("real_data")
    world.give(NEEDS[page], tmp_path)
    for block in ALL[page]:
        if block.title:
            (tmp_path / block.title).parent.mkdir(exist_ok=True)
            (tmp_path / block.title).write_text(block.source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    space: dict[str, Any] = {"__name__": "__main__"}
    for block in to_run(page):
        if block.language == "python":
            # Blank lines before the code: a traceback names the line of the page.
            code = compile("\n" * block.line + block.source, str(REPOSITORY / page), "exec", dont_inherit=True)
            exec(code, space)
        else:
            try:
                run(script(block), tmp_path, world.environment)
            except AssertionError as error:
                raise AssertionError(f"{block.place}: {error}") from None


def test_every_page_that_runs_says_what_it_needs() -> None:
    assert set(RUN) == set(NEEDS)


def schema_of(block: Block) -> tuple[str, dict[str, Any]]:
    """The schema of a YAML block: the one it names, else the one whose required keys it has."""
    content = yaml.safe_load(block.source)
    schemas = {
        name: json.loads((resources.folder("schemas") / f"{name}.schema.json").read_text(encoding="utf-8"))
        for name in MODELS
    }
    if block.schema:
        return block.schema, {key: value for key, value in schemas[block.schema].items() if key != "required"}
    fitting = [name for name, schema in schemas.items() if set(schema.get("required", ["?"])) <= set(content)]
    assert len(fitting) == 1, f"{block.place}: is it {fitting or 'anything'}? say <!-- part of: NAME -->"
    return fitting[0], schemas[fitting[0]]


YAML = [block for page in ALL.values() for block in page if block.language == "yaml" and block.not_run is None]


@pytest.mark.parametrize("block", YAML, ids=lambda block: block.place)
def test_yaml_fits_its_schema(block: Block) -> None:
    name, schema = schema_of(block)
    for document in yaml.safe_load_all(block.source):
        mistakes = list(jsonschema.Draft202012Validator(schema).iter_errors(document))
        assert not mistakes, f"{block.place} is no {name}: {mistakes[0].json_path}: {mistakes[0].message}"


def evidence(block: Block) -> bool:
    return block.page.startswith("docs/evidence/")


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    shown = [b for page in ALL.values() for b in page if b.language in RUNNABLE and b.not_run is not None]
    assert all(len(block.not_run or "") > 10 for block in shown)
    assert len([b for b in shown if not evidence(b)]) == NOT_RUN, [b.place for b in shown if not evidence(b)]


def test_no_command_hides_in_a_block_without_a_language() -> None:
    bare = [block for page in ALL.values() for block in page if block.language not in (*RUNNABLE, "yaml")]
    assert [
        b.place
        for b in bare
        if b.source.lstrip().startswith(("$ ", "m5 run", "m5 demo", "pip install", "import m5tools as", "from m5tools"))
    ] == []


def test_benchmarks_that_the_evidence_names_are_there() -> None:
    for page, found in ALL.items():
        for block in found:
            for name in re.findall(r"python3?(?:\.\d+)? (?:-m )?(benchmarks[./]\w+)", block.source):
                path = REPOSITORY / (name.replace(".", "/").removesuffix("/py") + ".py")
                assert path.is_file(), f"{page}:{block.line}: there is no {name}"
