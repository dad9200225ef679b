"""The command `m5 papers`: the papers of shards that stand, written anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from m5tools.dataset import Dataset
    from m5tools.shards.lineage import Lineage
    from m5tools.shards.manifest import ShardManifest


def papers(
    shards: Annotated[Path, typer.Argument(help="A shard folder, in its dataset or moved elsewhere.")],
) -> None:
    """Write a shard folder's card, Croissant and datasheet anew; answers that people wrote are kept."""
    from m5tools.shards import datasheet
    from m5tools.shards import papers as of_shards
    from m5tools.shards.lineage import Lineage
    from m5tools.shards.manifest import DATASHEET, ShardManifest, local_folder
    from m5tools.shards.outline import home_of

    folder = local_folder(shards)
    manifest = ShardManifest.read(folder)
    home = home_of(folder)
    lineage = Lineage.read(folder) if home is None else _lineage(home, folder, manifest)
    checksums = of_shards.checksums_in(folder, manifest) or of_shards.taken_checksums(folder, manifest)
    of_shards.write(folder, manifest, of_shards.counted(folder, manifest), lineage, checksums)
    unknown = [source.source for source in lineage.sources if None in source.licenses] if lineage else []
    left_open = datasheet.left_open((folder / DATASHEET).read_text(encoding="utf-8"))
    typer.echo(f"{folder}: {', '.join(name for name in of_shards.PAPERS if (folder / name).is_file())}")
    if lineage is None:
        typer.echo("where these shards come from is not recorded; 'm5 papers' in their dataset would record it")
    if unknown:
        typer.echo(f"no licence is declared for {', '.join(map(repr, unknown))}; 'license' in the mapping does")
    typer.echo(f"{left_open} questions in {DATASHEET} are left to you")


def _lineage(dataset: Dataset, folder: Path, manifest: ShardManifest) -> Lineage:
    """What the dataset tells, with licences as the mappings declare them now.

    Raises:
        UsageError: the dataset is no longer what the shards were made from, and they have no lineage of their own.
    """
    from m5tools.errors import UsageError
    from m5tools.freshness import remake, stale_upstream
    from m5tools.shards.lineage import Lineage, StageFacts, redeclared, taken

    _declare(dataset)
    name = f"shard/{folder.resolve().name}"
    state = dataset.manifest()
    entry = state["stages"][name]
    changed = stale_upstream(name, state["stages"])
    if changed is None:
        return taken(
            dataset, manifest.config["cut"], entry["inputs"], StageFacts.of(name, {**entry, "fingerprint": None})
        )
    before = Lineage.read(folder)
    if before is None:
        raise UsageError(
            f"{folder} is out of date because '{changed}' changed, so the dataset cannot tell what it was made from; "
            f"run: {remake(dataset.place, entry)}"
        )
    return redeclared(before, state["crawls"])


def _declare(dataset: Dataset) -> None:
    """Note in the dataset what the mappings of its crawls declare now; one that is gone has declared what is noted."""
    from m5tools.errors import UsageError
    from m5tools.ingest import mapping

    stages = dataset.manifest()["stages"]
    with dataset.changing() as manifest:
        for crawl in manifest["crawls"]:
            ingest = stages.get(f"ingest/{crawl['crawl_id']}")
            if ingest is None:
                continue
            try:
                declared = mapping.load(ingest["config"].get("mapping", "")).declared
            except UsageError:
                continue
            for word in mapping.DECLARED:
                crawl.pop(word, None)  # type: ignore[misc]
            crawl.update(declared)  # type: ignore[typeddict-item]
