"""The command `m5`: its commands, and what becomes of errors.

Exit codes: 0 done · 1 a stage failed · 2 the command or a config is wrong · 3 not built yet · 130 interrupted.
"""

from __future__ import annotations

import os
import sys

import typer

from m5tools.cli import audit, learn, look, make, papers, stages
from m5tools.cli.interrupt import insisting
from m5tools.cli.run import run_pipeline
from m5tools.errors import M5Error, UsageError, told_by_the_system

INTERRUPTED = 130

app = typer.Typer(
    name="m5",
    help="Raw product crawls in, clean five-modality training data out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo", rich_help_panel="Start here")(make.demo)
app.command("synth", rich_help_panel="Start here")(make.synth)
app.command("sniff", rich_help_panel="Start here")(look.sniff)
app.command("run", rich_help_panel="Start here")(run_pipeline)
for name, command in stages.commands():
    app.command(name, rich_help_panel="Stages")(command)
app.command("audit", rich_help_panel="Look")(audit.audit)
app.command("papers", rich_help_panel="Look")(papers.papers)
app.command("status", rich_help_panel="Look")(look.status)
app.command("show", rich_help_panel="Look")(look.show)
app.command("check", rich_help_panel="Look")(look.check)
app.add_typer(look.explain, name="explain", rich_help_panel="Look")
app.command("compact", rich_help_panel="Look")(look.compact)
app.command("train", rich_help_panel="Learn")(learn.train)
app.command("evaluate", rich_help_panel="Learn")(learn.evaluate)
app.command("embed", rich_help_panel="Learn")(learn.embed)
app.command("study", rich_help_panel="Learn")(learn.study)
app.command("bench-loader", rich_help_panel="Learn")(learn.bench_loader)


@app.callback(invoke_without_command=True)
def _top(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        from m5tools import __version__

        typer.echo(__version__)
        raise typer.Exit


def run() -> None:
    """Run the command line; a user's mistake is one line, a bug is a traceback."""
    try:
        with insisting():
            code = app(prog_name="m5", standalone_mode=False)
        # Under torchrun one process speaks for all.
        if code == INTERRUPTED and os.environ.get("RANK", "0") == "0":
            print("m5: interrupted; the same command goes on where this one stopped", file=sys.stderr)
        sys.exit(code if isinstance(code, int) else 0)
    except typer.TyperException as error:
        # "m5" alone shows its help, which is no mistake to name.
        if mistake := error.format_message().replace("\n", " "):
            print(f"m5: {mistake.rstrip('.')} (see m5 --help)", file=sys.stderr)
        sys.exit(UsageError.exit_code)
    except M5Error as error:
        print(f"m5: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        told = told_by_the_system(error)
        if told is None:
            raise
        print(f"m5: {told}", file=sys.stderr)
        sys.exit(UsageError.exit_code)


if __name__ == "__main__":
    run()
