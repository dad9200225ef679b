"""The end of a run: what it did not write is removed, and `dataset.json` says that the stage is done."""

from __future__ import annotations

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.engine import earlier
from m5tools.engine.markers import Markers, fingerprint
from m5tools.engine.room import discard
from m5tools.engine.unlisted import SCRATCH
from m5tools.generations import NOTE
from m5tools.manifest import Document, StageEntry
from m5tools.stage import Counts, Stage


def commit(
    dataset: Dataset,
    stage: Stage,
    run: str,
    inputs: dict[str, str],
    documents: dict[str, Document],
    markers: Markers,
    counts: Counts,
) -> None:
    """Drop files that this run did not write, then say in the manifest that it is done.

    Args:
        dataset: the dataset.
        stage: the stage.
        run: the run's name.
        inputs: fingerprints of the entries that it read.
        documents: what its mapping, policy or cut said when it began.
        markers: the completion markers of all its units.
        counts: summed over its units.
    """
    written = markers.outputs()
    owned = [
        file
        for folder in stage.owned(dataset)
        for file in ([folder] if folder.is_file() else dataset.files_below(folder))
        if file.relative_to(dataset.root).as_posix() not in written
    ]
    # Who finds the note of a generation goes on from that and those before it, so no note outlives any of them.
    for file in sorted(owned, key=lambda file: file.name != NOTE):
        atomic.remove(file)
    entry = StageEntry(
        stage=stage.name,
        version=stage.version,
        config=stage.config.model_dump(mode="json"),
        settings=stage.config.model_dump(mode="json", exclude_defaults=True),
        run=run,
        inputs=inputs,
        fingerprint=fingerprint(written),
        counts=counts,
        writes=list(stage.writes),
    )
    if documents:
        entry["documents"] = documents
    with dataset.changing() as manifest:
        manifest["stages"][stage.entry] = entry
    earlier.forget(dataset, stage.entry)
    scratch = markers.folder / SCRATCH
    if scratch.is_dir():
        discard(scratch, markers.folder.parent)


def committed(dataset: Dataset, stage: Stage, run: str) -> bool:
    entry = dataset.manifest()["stages"].get(stage.entry)
    return entry is not None and entry["run"] == run
