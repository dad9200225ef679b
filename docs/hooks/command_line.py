"""The page of the command line, by Typer's own writer."""

from __future__ import annotations

import typer
from typer.cli import get_docs_for_click

from m5tools.cli.main import app

HEAD = """# Command line

Made from the commands themselves; `m5 COMMAND --help` says the same. Exit codes: 0 done (rejects and failed items are
reported, they are no errors) · 1 a stage failed, or `--max-failed-share` was passed · 2 the command or a file is
wrong · 3 not built yet · 130 interrupted.

"""


def page() -> str:
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="m5"), name="m5")
    # Its own title is that of a page; here it is a heading under ours.
    return HEAD + text.replace("# `m5`\n", "## `m5`\n", 1)
