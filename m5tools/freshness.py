"""What is out of date, and which command mends it.

A finished stage keeps the fingerprints of what it read. Where one of these is no longer that of the stage that wrote
it, the stage is stale, and so is all that was made from it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from m5tools.dataset import Dataset, StageEntry
from m5tools.errors import StaleError
from m5tools.stage import Stage


def fresh_inputs(stage: Stage, dataset: Dataset) -> dict[str, str]:
    """Fingerprints of everything a stage reads, by entry.

    Raises:
        StaleError: an input was never made, or was made from something that has changed since.
    """
    manifest = dataset.manifest()
    stages = manifest["stages"]
    found: dict[str, str] = {}
    for source in (*stage.inputs(), *stage.earlier(manifest)):
        entries = source.entries(stages)
        if not entries:
            raise StaleError(
                f"'{stage.name}' reads the table '{source.table}'{source.chosen}, which is not there yet; "
                f"run: {shlex.join(['m5', source.stage, '--dataset', str(dataset.root), *source.settings])}"
            )
        if source.stage == "ingest" and not source.choices:
            for crawl in manifest["crawls"]:
                name = crawl["crawl_id"]
                if f"ingest/{name}" not in entries:
                    raise StaleError(
                        f"'{stage.name}' reads the table '{source.table}', but the ingest of crawl '{name}' has not "
                        f"come to its end; run it again: m5 ingest --dataset {dataset.root}"
                    )
        for entry in entries:
            stale = stale_upstream(entry, stages)
            if stale:
                raise StaleError(
                    f"'{stage.name}' reads '{source.table}', which is out of date because '{stale}' changed; "
                    f"run: {remake(dataset.root, stages[entry])}"
                )
            found[entry] = stages[entry]["fingerprint"]
    return found


def remake(root: Path, entry: StageEntry) -> str:
    """The command that makes a finished stage anew, with the settings it was made with."""
    words = ["m5", entry["stage"], "--dataset", str(root)]
    for key, value in entry.get("settings", {}).items():
        words += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"]
    return shlex.join(words)


def stale_upstream(entry: str, stages: Mapping[str, StageEntry]) -> str | None:
    """The entry upstream that no longer is what `entry` was made from."""
    # Each entry once: every crawl reads all earlier ones, so there are 2ⁿ ways through n crawls.
    seen, ahead = {entry}, [entry]
    while ahead:
        for upstream, fingerprint in stages[ahead.pop()]["inputs"].items():
            if upstream not in stages or stages[upstream]["fingerprint"] != fingerprint:
                return upstream
            if upstream not in seen:
                seen.add(upstream)
                ahead.append(upstream)
    return None
