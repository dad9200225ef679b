"""Commands and their help, what is imported when, and what becomes of errors."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import m5tools
from m5tools.cli import stages

from .conftest import M5

COMMANDS = (
    *("demo", "synth", "sniff", "run", *stages.ABOUT, "audit", "status", "show", "check", "explain", "compact"),
    *("train", "evaluate", "embed", "study", "bench-loader"),
)
LATER = (
    ("status", "--dataset", "gs://bucket/x"),
    ("explain", "run"),
)


def console(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The console script in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "m5tools.cli.main", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60
    )


def test_help_names_every_command(m5: M5) -> None:
    said = m5("--help")
    assert said.code == 0
    missing = [name for name in COMMANDS if f" {name} " not in said.out]
    assert missing == []


HELPFUL = [(name,) for name in COMMANDS] + [("explain", name) for name in ("cut", "shards", "run")]


@pytest.mark.parametrize("command", HELPFUL, ids=" ".join)
def test_every_command_has_help(m5: M5, command: tuple[str, ...]) -> None:
    said = m5(*command, "--help")
    assert said.code == 0
    usage, about, *_ = [text.strip() for text in said.out.splitlines() if text.strip()]
    assert usage.startswith(f"Usage: m5 {' '.join(command)}")
    assert about[0].isalpha(), "under the usage it says what the command does"
    assert len(about) > 20


def test_stages_share_their_options(m5: M5) -> None:
    shared = (
        "--dataset",
        "--config",
        "--set",
        "--workers",
        "--engine",
        "--rank",
        "--world-size",
        "--refresh",
        "--until",
    )
    for name in stages.ABOUT:
        text = m5(name, "--help").out
        assert [option for option in (*shared, "--max-failed-share") if option not in text] == [], name


def test_version(m5: M5) -> None:
    assert m5("--version").out.strip() == m5tools.__version__


@pytest.mark.parametrize("act", ["import m5tools", "main(['--help'])", "main(['run', '--help'])"])
def test_nothing_heavy_is_imported_before_it_is_needed(act: str, tmp_path: Path) -> None:
    """Importing torch, Polars or Arrow takes longer than half a second, which is what `m5 --help` may take."""
    script = f"""
import sys
import time

def main(arguments):
    from m5tools.cli.main import run
    sys.argv = ["m5", *arguments]
    try:
        run()
    except SystemExit as end:
        assert not end.code, end

{act}
heavy = {{"torch", "polars", "pyarrow", "numpy", "cv2", "av", "altair", "scipy"}} & sys.modules.keys()
assert not heavy, sorted(heavy)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", LATER, ids=" ".join)
def test_what_is_not_built_yet_says_so_and_exits_3(m5: M5, command: tuple[str, ...]) -> None:
    said = m5(*command)
    assert said.code == 3
    assert said.err.startswith("m5: ")
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_the_console_script_keeps_exit_code_and_message(tmp_path: Path) -> None:
    """The same as the calls in this process, through the real thing."""
    later = console("explain", "run", cwd=tmp_path)
    assert (later.returncode, later.stderr.count("\n"), later.stdout) == (3, 1, "")
    mistake = console("show", "nobody", "--dataset", "nowhere", cwd=tmp_path)
    assert mistake.returncode == 2
    assert mistake.stderr.startswith("m5: nowhere is not a dataset")
    assert list(tmp_path.iterdir()) == []


MISTAKES = (
    (("nosuch",), "No such command"),
    (("tag",), "--dataset"),
    (("run", "demoo"), "did you mean 'demo'?"),
    (("run", "gone.yaml"), "gone.yaml"),
    (("run", "demo", "--set", "noequals"), "key=value"),
    (("run", "demo", "--set", "nonsense=1"), "nonsense"),
    (("run", "demo", "--set", "nostage.policy=1"), "nostage"),
    (("run", "demo", "--set", "ingest.sources.7.source=x"), "no place in a list of 1"),
    (("run", "demo", "--set", "tag.policy=[1"), "not valid YAML"),
    (("run", "demo", "--engine", "spark"), "spark"),
    (("run", "demo", "--until", "soon"), "30m"),
    (("run", "demo", "--rank", "2"), "--world-size"),
    (("run", "demo", "--set", "ingest.sources.0.files=gone/*.jsonl"), "gone/*.jsonl"),
    (("ingest", "-d", "new", "--set", "source=s", "--set", "mapping=synth", "--set", "files=gone.csv"), "gone.csv"),
    (("ingest", "-d", "new", "--set", "source=s", "--set", "mapping=nosuch", "--set", "files=."), "nosuch"),
    (
        ("ingest", "-d", "new", "--set", "source=../s", "--set", "mapping=synth", "--set", "files=empty.yaml"),
        "'../s-1'",
    ),
    (("tag", "-d", "new", "--set", "polcy=x"), "policy"),
    (("tag", "-d", "new", "--config", "gone.yaml"), "gone.yaml"),
    (("tag", "-d", "new", "--config", "list.yaml"), "list.yaml:1"),
    (("tag", "-d", "new", "--config", "broken.yaml"), "broken.yaml:2"),
    (("fetch", "-d", "new"), "m5 ingest --dataset new"),
    (("status", "-d", "new"), "new is not a dataset"),
    (("audit", "-d", "new"), "new is not a dataset"),
    (("show", "x", "-d", "new"), "new is not a dataset"),
    (("explain", "cut", "-d", "new"), "new is not a dataset"),
    (("explain", "shards", "new"), "new"),
    (("check", "new"), "new is neither a dataset"),
    (("sniff", "gone.csv"), "gone.csv"),
    (("synth", "new", "--config", "gone.yaml"), "gone.yaml"),
    (("synth", "new", "--config", "list.yaml"), "list.yaml:1"),
    (("synth", "new", "--profile", "nosuch"), "m5product"),
    (("synth", "new", "--products", "0"), "--products"),
    (("demo", "--products", "3"), "--products"),
    (("run", "demo", "--set", "dataset="), "--set dataset=: "),
    (("run", "demo", "--set", "dataset=empty.yaml"), "empty.yaml is a file"),
    (("tag", "-d", "empty.yaml"), "empty.yaml is a file"),
    (("run", "demo", "--set", "tag.polcy=x"), "--set tag.polcy=x: is not a known key"),
    (("run", "demo", "--set", "ingest.sources.0.limit=many"), "--set ingest.sources.0.limit=many: "),
    (("run", "latin.yaml"), "latin.yaml:2: byte 0xe9 is not UTF-8"),
    (("run", "fly.yaml"), "fly.yaml:3: stages.0: there is no stage 'fly'; there are 'ingest'"),
    (("run", "many.yaml"), "many.yaml:4: stages.0.ingest.sources.0.limit: "),
    (("ingest", "-d", "new", "--set", "source=s", "--set", "mapping=synth", "--set", "files=."), ". is a folder; name"),
    (("sniff", "empty.yaml/x"), "empty.yaml/x"),
    (("sniff", "list.yaml"), "list.yaml: none of 0 rows"),
)


@pytest.mark.parametrize(("command", "expected"), MISTAKES, ids=[" ".join(command) for command, _ in MISTAKES])
def test_a_mistake_exits_2_names_it_and_leaves_nothing(
    m5: M5, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {
        "list.yaml": "- 1\n",
        "broken.yaml": "policy: x\n  y: [\n",
        "empty.yaml": "",
        "latin.yaml": "dataset: x\nabout: caf\xe9\n",
        "fly.yaml": "dataset: x\nstages:\n  - stage: fly\n",
        "many.yaml": "dataset: x\nstages:\n  - stage: ingest\n    sources: [{source: s, mapping: m, files: f, limit: many}]\n",
    }
    for name, text in files.items():
        Path(name).write_text(text, encoding="latin-1")
    said = m5(*command)
    assert said.code == 2
    assert expected in said.err
    assert "Traceback" not in said.err
    assert {p.name for p in tmp_path.iterdir()} == files.keys()


def test_errors_about_a_list_are_not_repeated_for_what_holds_it(m5: M5, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "dataset: x\nstages:\n  - {stage: ingest, sources: [{source: s, mapping: m, files: f, limit: z}]}\n"
    )
    said = m5("run", recipe)
    assert said.err.count("\n") == 1
    assert "limit" in said.err


def test_what_the_system_refuses_is_one_line(m5: M5, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    said = m5("synth", file, "--no-media", "--products", 1)
    assert said.code == 2
    assert said.err.count("\n") == 1
    below = m5("run", "demo", "--set", f"dataset={file}/below", "--set", f"ingest.sources.0.files={file}", "-w", 0)
    assert below.code == 2
    assert below.err.count("\n") == 1
    assert str(file) in below.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ingest"], "m5: Missing option '--dataset' / '-d' (see m5 --help)\n"),
        (["runn"], "m5: No such command 'runn'. Did you mean 'run'? (see m5 --help)\n"),
        (["synth", "--foo"], "m5: No such option: --foo (see m5 --help)\n"),
    ],
    ids=["option", "command", "unknown"],
)
def test_a_mistyped_command_is_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    found = console(*arguments, cwd=tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (2, "", said)


def test_an_interrupt_says_how_to_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "m5tools.cli.main", "synth", "out", "--products", "5000000", "--no-media"]
    command += ["--workers", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not any(file.stat().st_size for file in (tmp_path / "out").rglob("*.jsonl")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "m5: interrupted; the same command goes on where this one stopped\n" in said
