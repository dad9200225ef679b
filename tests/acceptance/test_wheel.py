"""The wheel in a fresh environment outside the checkout: curation without torch, training with the `train` extra."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PINS = REPOSITORY / "constraints.txt"

pytestmark = pytest.mark.slow


def built(source: Path, out: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "build", "--quiet", "--wheel", "--no-isolation", "--outdir", out, source], check=True
    )
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(REPOSITORY, tmp_path_factory.mktemp("dist"))


def test_another_copy_of_the_sources_gives_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    """Copied at another time to another place, by another order of names, with other rights."""
    copy = tmp_path / "copy"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in sorted((p.name for p in REPOSITORY.iterdir()), reverse=True):
        if name in ("m5tools", "schemas", "pipelines"):
            shutil.copytree(REPOSITORY / name, copy / name, ignore=ignored, copy_function=shutil.copyfile)
        elif (REPOSITORY / name).is_file():
            shutil.copyfile(REPOSITORY / name, copy / name)
    assert built(copy, tmp_path / "dist").read_bytes() == wheel.read_bytes()


def test_the_wheel_holds_schemas_and_recipes_and_no_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("schemas", "pipelines"):
        shipped = {p.relative_to(REPOSITORY).as_posix() for p in (REPOSITORY / kind).rglob("*") if p.is_file()}
        assert shipped
        assert {f"m5tools/{name}" for name in shipped} <= names
    assert "m5tools/py.typed" in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"m5tools"}


def test_the_demo_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """First without the extra: up to the shards, saying so; then with it: to a judged model."""
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "M5_", "VIRTUAL_ENV"))}

    def call(program: str, *arguments: str) -> str:
        done = subprocess.run(
            [home / "bin" / program, *arguments], cwd=outside, env=clean, capture_output=True, text=True, timeout=1_200
        )
        assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]
        return done.stdout

    install = ("-m", "pip", "install", "--quiet", "--constraint", str(PINS))
    call("python", *install, str(wheel))
    where = call("python", "-c", "import m5tools, importlib.util as u; print(m5tools.__file__, u.find_spec('torch'))")
    assert where.startswith(str(home))
    assert where.strip().endswith("None"), "torch came in without the extra"
    bare = call("m5", "demo", "--products", "300", "--out", "bare")
    assert "training: skipped" in bare
    assert "m5tools[train]" in bare
    assert (outside / "bare/dataset/reports/audit.html").is_file()
    assert list((outside / "bare/dataset/shards/default").glob("*.tar"))
    call("m5", "check", "bare/dataset/shards/default")

    call("python", *install, "torch")
    call("python", *install, f"{wheel}[train]")
    trained = call("m5", "demo", "--products", "600", "--out", "trained")
    assert "finding the same product: fused mAP@10" in trained
    assert list((outside / "trained/run/checkpoints").glob("step-*/run.json"))
