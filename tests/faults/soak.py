"""Many kills, one seed each, over every step: `python -m tests.faults.soak --kills 125 --seed 1 --json FILE`.

Prints what came of each that ended otherwise than it should, and a table of steps and victims. Ends 1 where one did.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from . import kills, undisturbed
from .steps import world


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kills", type=int, default=125)
    asked.add_argument("--seed", type=int, default=1, help="of the first; each further one has the next")
    asked.add_argument("--json", type=Path, help="file for every outcome")
    options = asked.parse_args()
    outcomes = soak(range(options.seed, options.seed + options.kills))
    print(table(outcomes))
    if options.json is not None:
        options.json.write_text(json.dumps([outcome.to_dict() for outcome in outcomes], indent=1) + "\n")
    return int(not all(outcome.is_good for outcome in outcomes))


def soak(seeds: range) -> list[kills.Outcome]:
    """Do every step once undisturbed, then kill one for each seed."""
    with tempfile.TemporaryDirectory(prefix="m5-") as scratch, world(Path(scratch) / "world") as here:
        folder = Path(scratch) / "line"
        references = undisturbed.Line(here.all, folder).all()
        started, outcomes = time.monotonic(), list[kills.Outcome]()
        for number, seed in enumerate(seeds, 1):
            outcomes.append(kills.strike(*kills.draw(seed, references), folder))
            if not outcomes[-1].is_good:
                print(_short(outcomes[-1]), flush=True)
            elif number % 10 == 0:
                print(
                    f"{number} of {len(seeds)} kills, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True
                )
        return outcomes


def _short(outcome: kills.Outcome) -> str:
    body = outcome.to_dict()
    return json.dumps(
        {k: [*v[:5], f"{len(v)} in all"] if isinstance(v, list) and v[5:] else v for k, v in body.items()}
    )


def table(outcomes: list[kills.Outcome]) -> str:
    """Kills by step and victim, as Markdown."""
    dealt = Counter((o.kill.step, o.kill.victim) for o in outcomes)
    steps = list(dict.fromkeys(o.kill.step for o in sorted(outcomes, key=lambda o: o.kill.seed)))
    rows = ["| step | parent | worker | both | survived | resumed | as undisturbed |", "|---|--:|--:|--:|--:|--:|--:|"]
    for name in (*steps, "all"):
        mine = [o for o in outcomes if name in (o.kill.step, "all")]
        victims = [
            sum(n for (step, who), n in dealt.items() if who == v and name in (step, "all")) for v in kills.VICTIMS
        ]
        survived = sum(o.survived for o in mine)
        cells = [*victims, survived, len(mine) - survived, sum(o.is_good for o in mine)]
        rows.append(f"| {name} | {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
