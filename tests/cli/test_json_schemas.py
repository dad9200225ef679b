"""The JSON Schemas that editors complete YAML files with."""

from __future__ import annotations

import re

import pytest

from m5tools import resources
from m5tools.cli import json_schemas

FOLDER = resources.folder("schemas")


@pytest.mark.parametrize(
    ("name", "schema"), list(json_schemas.documents()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_written_schema_is_what_the_models_say(name: str, schema: dict[str, object]) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == json_schemas.text_of(schema), "run: make schemas"


def test_there_is_no_other() -> None:
    assert {p.name for p in FOLDER.glob("*.schema.json")} == {name for name, _ in json_schemas.documents()}


def test_the_schemas_that_documents_point_at_are_there() -> None:
    documents = [*resources.folder("pipelines").rglob("*.yaml"), *FOLDER.rglob("*.yaml")]
    named = [(d, m[1]) for d in documents if (m := re.match(r"# yaml-language-server: \$schema=(\S+)", d.read_text()))]
    assert named
    for document, schema in named:
        assert (document.parent / schema).is_file(), f"{document} points at {schema}"
