"""Data, shards, settings and models are read and never run: what could run them is not called, and hostile files do not."""

from __future__ import annotations

import ast
import io
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m5tools import documents
from m5tools.errors import UsageError
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import READERS
from m5tools.pipeline import Pipeline
from tests.conftest import REPOSITORY
from tests.ingest.reading import read, records

from .poison_readers import mapping_of

MODULES: Final = sorted((REPOSITORY / "m5tools").rglob("*.py"))
UNPICKLING: Final = frozenset({"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"})
ANSWERED: Final = {
    "engine/ray.py": "tasks of one's own, to nodes of one's own cluster",
    "engine/ray_node.py": "the same tasks, there",
    "scale/dcp.py": "a reader that knows the plain types of a checkpoint and refuses all else",
}
SAFE_YAML: Final = frozenset({"_LOADER"})


def calls(module: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def bases(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            yield from map(ast.unparse, node.bases)


def keywords(call: ast.Call) -> dict[str | None, str]:
    return {word.arg: ast.unparse(word.value) for word in call.keywords}


def test_nothing_unpickles_but_what_is_answered_for() -> None:
    found = set()
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if {name.partition(".")[0] for name in names} & UNPICKLING:
                found.add(module.relative_to(REPOSITORY / "m5tools").as_posix())
    assert found == set(ANSWERED)


def test_nothing_is_evaluated_or_loaded_unsafely() -> None:
    loaders = 0
    for module in MODULES:
        for base in bases(module):
            if base.startswith("yaml.") and base.endswith(("Loader", "Constructor")):
                loaders += 1
                assert base == "yaml.SafeLoader", module
        for name, call in calls(module):
            assert name not in ("eval", "exec", "compile", "__import__", "os.system", "os.popen"), module
            assert keywords(call).get("shell") is None, module
            assert "allow_pickle" not in keywords(call), module
            assert "trust_remote_code" not in keywords(call), module
            if name == "torch.load":
                loaders += 1
                assert keywords(call).get("weights_only") == "True", module
            if name in ("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"):
                loaders += 1
                assert name == "yaml.load", module
                assert ast.unparse(call.args[1]) in SAFE_YAML, module
    assert loaders >= 3


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.mkdir [{trace}]",
        "!!python/name:os.system ''",
        "!!python/module:os ''",
        "!<tag:yaml.org,2002:python/object/new:os.mkdir> [{trace}]",
    ],
)
@pytest.mark.parametrize("model", [Mapping, Pipeline])
def test_tags_in_yaml_build_nothing(tmp_path: Path, tag: str, model: type[Any]) -> None:
    file, trace = tmp_path / "a.yaml", tmp_path / "trace"
    file.write_text(f"source: {tag.format(trace=trace)}\nformat: csv\n")
    with pytest.raises(UsageError, match="not valid YAML"):
        documents.load(file, model)
    assert not trace.exists()


def test_pickles_in_a_parquet_file_stay_bytes(tmp_path: Path) -> None:
    """In a value, in the metadata, as an extension type of Arrow: none is looked into."""
    trace = tmp_path / "trace"
    bomb = pickle.dumps(Bomb(trace))
    kind = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": bomb}
    schema = pa.schema(
        [pa.field("title", pa.string(), metadata=kind), pa.field("id", pa.binary())], metadata={b"pandas": bomb}
    )
    table = pa.Table.from_arrays([pa.array(["mug"]), pa.array([bomb])], schema=schema)
    pq.write_table(table, tmp_path / "a.parquet")
    (record,) = records(read(READERS["parquet"], tmp_path / "a.parquet", mapping_of("parquet")))
    assert record["title"] == "mug"  # type: ignore[index]
    assert not trace.exists()


def test_arrays_with_objects_in_them_are_refused(tmp_path: Path) -> None:
    """Vectors are kept as .npy, which may hold a pickle."""
    trace, body = tmp_path / "trace", io.BytesIO()
    np.save(body, np.array([Bomb(trace)], object), allow_pickle=True)
    body.seek(0)
    with pytest.raises(ValueError, match="allow_pickle"):
        np.load(body)
    assert not trace.exists()
