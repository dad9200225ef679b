"""The loader over shards with overlays: what came later is delivered, checked and replaced like all else."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from benchmarks import loader_index, loader_overlays
from m5tools.atomic import sha256_of
from m5tools.cli.explain import overlays_of, splits_of
from m5tools.cut import quarantine as ledgers
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.errors import UsageError
from m5tools.loader.batch import Batch
from m5tools.loader.bench import measure
from m5tools.loader.catalog import Catalog
from m5tools.loader.explain import explain
from m5tools.loader.loader import Loader
from m5tools.loader.pool import Part
from m5tools.shards.config import OverlayConfig
from m5tools.shards.manifest import OverlayManifest, ShardManifest
from m5tools.shards.overlay import Overlay
from m5tools.shards.overlays import merged
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

from ..shards.shop import product_id
from .overlaid import ALL, COUNT, LOUD, SCORE, dataset, folder, kept
from .test_guide import run

__all__ = ["dataset", "folder", "kept"]

SIZES: dict[str, Any] = {"global_batch_size": 5, "image_size": 16}
SOUND = Modality.AUDIO.bit


def assert_same(got: list[Batch], wanted: list[Batch]) -> None:
    assert [b.ids for b in got] == [b.ids for b in wanted]
    for a, b in zip(got, wanted, strict=True):
        for name in ("present", "state", "reason", "valid", "seeds", "category", "cluster"):
            assert torch.equal(getattr(a, name), getattr(b, name)), name
        for m in MODALITIES:
            assert torch.equal(a.part(m).data, b.part(m).data)
            assert torch.equal(a.part(m).row, b.part(m).row)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_are_those_of_shards_that_held_it_all(folder: Path, workers: int) -> None:
    options = {**SIZES, "shuffle": False}
    wanted = list(Loader(folder.parent / "whole", **options))
    assert sum(int(b.present[:, SOUND].sum()) for b in wanted) > 5
    loader = Loader(folder, workers=workers, **options)
    assert_same(list(loader), wanted)
    assert loader.overlays == ALL
    assert not loader.bad


def test_named_overlays_alone_and_none_at_all(folder: Path) -> None:
    def presence(**options: Any) -> list[int]:
        loader = Loader(folder, global_batch_size=25, **options)
        return [int(b.present.sum(0)[m.bit]) for b in loader for m in (Modality.VIDEO, Modality.AUDIO)]

    clips, sounds = presence()
    assert clips
    assert sounds
    assert presence(overlays=["sounds"]) == [0, sounds]
    assert presence(overlays=("scores", "clips")) == [clips, 0]
    assert presence(overlays=()) == [0, 0]
    batch = next(iter(Loader(folder, global_batch_size=25, overlays=())))
    assert set(batch.state[:, SOUND].tolist()) == {State.PENDING}
    shutil.rmtree(folder / "overlays")
    assert Loader(folder, **SIZES).fingerprint == Loader(folder, **SIZES, overlays=()).fingerprint


def test_every_column_is_that_of_the_merged_index(folder: Path) -> None:
    manifest = ShardManifest.read(folder)
    for overlays in (ALL, ("sounds",), ("scores",), ("loud", "scores"), ()):
        catalog = Catalog.open(folder, "train", overlays=overlays)
        whole = merged(folder, manifest, "train", overlays)
        assert list(catalog.column_names) == whole.column_names
        for name in whole.column_names:
            found = catalog.columns([name])[name].combine_chunks()
            if name == "members" and catalog.members.behind is None:
                continue  # without a second tar none is named
            assert found.to_pylist() == whole[name].to_pylist(), name
        part = merged(folder, manifest, "train", overlays, ["cost"])
        assert part["cost"].equals(whole["cost"])


def test_where_a_view_says_a_member_lies_the_merged_index_says_too(folder: Path) -> None:
    whole = merged(folder, ShardManifest.read(folder), "train", ALL).to_pylist()
    toys = Catalog.open(folder, "train").where(pl.col("category") == "Toys").view(MODALITIES)
    rows = {row["product_id"]: row for row in whole if row["category"] == "Toys"}
    assert toys.ids.to_pylist() == [*rows]
    for i, row in enumerate(rows.values()):
        mine = torch.arange(toys.first[i], toys.first[i + 1]).numpy()
        tars = toys.tars(toys.shard[i].repeat(len(mine)), mine).tolist()
        found = zip(
            [toys.shards[t] for t in tars], toys.offset[mine].tolist(), toys.name.take(mine).to_pylist(), strict=True
        )
        assert [*found] == [(m["tar"], m["offset"], m["name"]) for m in row["members"]]
        assert toys.length[mine].tolist() == [m["length"] for m in row["members"]]


def test_of_two_overlays_that_bring_the_same_the_first_does(dataset: Dataset, folder: Path) -> None:
    run_stage(dataset, Overlay(OverlayConfig(name="again", cut="default", modalities=(Modality.AUDIO, Modality.VIDEO))))
    names = ("sounds", "again")
    index = merged(folder, ShardManifest.read(folder), "train", names)
    whole = merged(folder.parent / "whole", ShardManifest.read(folder.parent / "whole"), "train")
    for name in ("product_id", "present", "state", "reason", "cost", "assets", "audio_s", "video_s"):
        assert index[name].to_pylist() == whole[name].to_pylist(), name
    tars = {(m["modality"], m["tar"].rpartition("/")[0]) for row in index["members"].to_pylist() for m in row}
    assert {t for t in tars if t[0] in ("audio", "video")} == {
        ("audio", "overlays/sounds"),
        ("video", "overlays/again"),
    }
    members = Catalog.open(folder, "train", overlays=names).members
    assert len(members.kind) == len(members.name) == sum(map(len, index["members"].to_pylist()))
    options = {**SIZES, "shuffle": False}
    assert_same(list(Loader(folder, overlays=names, **options)), list(Loader(folder.parent / "whole", **options)))


def test_later_columns_filter_and_weigh(folder: Path) -> None:
    def ids(**options: Any) -> set[str]:
        return {pid for b in Loader(folder, global_batch_size=2, drop_last=False, **options) for pid in b.ids} - {""}

    train = ids()
    assert ids(filter=pl.col("score") > 3) == {pid for pid in train if SCORE.get(pid, 0) > 3}
    assert ids(filter=pl.col("tags").list.contains("audio.loud")) == train & LOUD
    assert ids(filter=pl.col("tags").list.contains("table.sparse"), overlays=("sounds",)) == train
    assert set() < ids(filter=pl.col("audio_s") > 1, overlays=("sounds",)) < train
    factors = ids(filter=pl.col("score").is_not_null(), weights="score")
    assert factors <= {pid for pid in train if SCORE.get(pid, 0) > 0}
    with pytest.raises(UsageError, match="score"):
        ids(filter=pl.col("score") > 3, overlays=("sounds",))


def test_a_later_column_of_one_name_may_be_of_another_type(dataset: Dataset, folder: Path, tmp_path: Path) -> None:
    for name, value in (("x", 1), ("y", 0.5), ("z", "high")):
        table = tmp_path / f"{name}.parquet"
        pl.DataFrame({"product_id": [product_id(i) for i in range(COUNT)], "score": value}).write_parquet(table)
        run_stage(dataset, Overlay(OverlayConfig(name=name, table=str(table))))
        names = ["scores", "x", "y", "z"][: "xyz".index(name) + 2]
        assert len(Loader(folder, overlays=names, global_batch_size=4, filter=pl.col("score") == value).samples) == 25


def test_a_narrower_cut_withholds_what_overlays_bring(dataset: Dataset, folder: Path) -> None:
    batches = list(Loader(folder, cut=dataset.root / "cuts" / "early", **SIZES))
    assert not any(b.present[:, [3, 4]].any() for b in batches)


@pytest.mark.parametrize(("world", "workers"), [(1, 0), (2, 0), (1, 2)])
def test_an_epoch_goes_on_in_its_middle(folder: Path, world: int, workers: int) -> None:
    options: dict[str, Any] = {"global_batch_size": 4, "seed": 5, "image_size": 8}
    whole = [batch.ids for batch in Loader(folder, **options)]
    first = Loader(folder, **options)
    batches = iter(first)
    before = [next(batches).ids for _ in range(2)]
    state = json.loads(json.dumps(first.state_dict()))
    ranks = [Loader(folder, rank=r, world_size=world, workers=workers, **options) for r in range(world)]
    for loader in ranks:
        loader.load_state_dict(state)
    after = [sorted(pid for batch in step for pid in batch.ids) for step in zip(*ranks, strict=True)]
    assert [sorted(ids) for ids in before] + after == [sorted(ids) for ids in whole]


def test_other_overlays_are_refused_on_resume(folder: Path) -> None:
    state = Loader(folder, **SIZES).state_dict()
    for other in ((), ALL[:3], (*ALL[1:], ALL[0])):
        with pytest.raises(UsageError, match=r"cannot continue: fingerprint was .* same split, cut, overlays") as said:
            Loader(folder, overlays=other, **SIZES).load_state_dict(state)
        assert "\n" not in str(said.value)
    shutil.rmtree(folder / "overlays" / "sounds")
    with pytest.raises(UsageError, match="cannot continue: fingerprint"):
        Loader(folder, **SIZES).load_state_dict(state)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_flipped_byte_in_an_overlay_costs_its_sample_and_no_order(
    dataset: Dataset, folder: Path, tmp_path: Path, workers: int
) -> None:
    before = [b.ids for b in Loader(folder, **SIZES)]
    index = merged(folder, ShardManifest.read(folder), "train", ALL).to_pylist()
    row = next(r for r in index if r["product_id"] == product_id(4))
    member = next(m for m in row["members"] if m["modality"] == "audio")
    assert member["tar"].startswith("overlays/sounds/train-")
    tar = folder / member["tar"]
    body = bytearray(tar.read_bytes())
    body[member["offset"] + 40] ^= 4
    tar.write_bytes(body)
    loader = Loader(folder, run=tmp_path / "run", workers=workers, **SIZES)
    after = list(loader)
    changed = [
        (old, new) for a, b in zip(before, after, strict=True) for old, new in zip(a, b.ids, strict=True) if old != new
    ]
    assert [old for old, _ in changed] == [product_id(4)]
    assert sum(int(b.stand_in.sum()) for b in after) == 1
    assert pq.read_table(tmp_path / "run" / "quarantine" / "rank-0.parquet").to_pylist() == [
        {"product_id": product_id(4), "modality": "audio", "shard": member["tar"], "member": "audio_0.flac",
         "reason": "undecodable"}
    ]  # fmt: skip
    assert ledgers.read((str(tmp_path / "run" / "quarantine"),)).rows() == [(product_id(4), "audio")]
    assert not list(Loader(folder, overlays=(), **SIZES).bad)


def test_a_fault_below_still_names_the_shard(folder: Path) -> None:
    tar = folder / "train-000001.tar"
    loader = Loader(folder, stand_ins=False, max_bad_share=1.0, **SIZES)
    tar.write_bytes(bytes(tar.stat().st_size))
    list(loader)
    assert {bad.shard for bad in loader.bad} == {tar.name}
    assert {bad.reason for bad in loader.bad} == {Reason.UNDECODABLE}


def test_parts_of_a_mixture_have_their_overlays(dataset: Dataset, folder: Path) -> None:
    parts = [Part(folder.parent / "whole"), Part(folder), Part(folder.parent / "whole")]
    options = {"global_batch_size": 15, "image_size": 16, "shuffle": False}
    loader = Loader(parts, **options)
    assert_same(list(loader), list(Loader([Part(folder.parent / "whole")] * 3, **options)))
    some = Loader([Part(folder, overlays=("sounds",)), Part(folder, overlays=())], **options)
    assert any(b.present[:, SOUND].any() for b in some)
    none = Loader([Part(folder, overlays=())] * 2, **options)
    assert not any(b.present[:, SOUND].any() for b in none)
    with pytest.raises(UsageError, match=r"each part of a mixture has its own overlays: Part\(uri, overlays="):
        Loader(parts, overlays=("sounds",), **options)
    at = next(p for p in (folder / "overlays" / "sounds").glob("train-*.tar") if p.stat().st_size > 10_000)
    at.write_bytes(bytes(at.stat().st_size))
    damaged = Loader(parts, max_bad_share=1.0, **options)
    list(damaged)
    assert {bad.shard for bad in damaged.bad} == {str(at.resolve())}


def test_an_epoch_is_explained_and_measured_with_overlays(folder: Path) -> None:
    options: dict[str, Any] = {"global_batch_size": 5, "max_images": 3, "max_frames": 3}
    over, under, whole = (
        explain(Loader(where, overlays=overlays, **options), 1)
        for where, overlays in ((folder, None), (folder, ()), (folder.parent / "whole", None))
    )
    assert over.held["audio"].samples == whole.held["audio"].samples > under.held["audio"].samples == 0
    assert (over.read_bytes, over.shard_bytes, over.cost) == (whole.read_bytes, whole.shard_bytes, whole.cost)
    assert over.read_bytes > under.read_bytes
    assert (over.overlays, under.overlays) == (ALL, ())
    assert over.shards > under.shards == 4
    rates = [measure(folder, batches=5, workers=0, overlays=o, **options).bytes_a_sample for o in (None, ())]
    assert rates[0] * 25 == pytest.approx(over.read_bytes)
    assert rates[1] * 25 == pytest.approx(under.read_bytes)


def test_a_folder_is_told_with_what_lies_over_it(folder: Path) -> None:
    over, under, whole = splits_of(folder, ALL), splits_of(folder), splits_of(folder.parent / "whole")
    for split, told in whole.items():
        assert {m.value: over[split][m.value] for m in MODALITIES} == {m.value: told[m.value] for m in MODALITIES}
        assert over[split]["samples"] == told["samples"]
        assert under[split]["audio"] == 0 < over[split]["audio"]
    told = overlays_of(folder)
    assert [*told] == [*ALL]
    assert (told["loud"]["brings"], told["sounds"]["brings"]) == (["tags"], ["audio"])
    assert told["sounds"]["bytes"] == sum(p.stat().st_size for p in (folder / "overlays" / "sounds").glob("*.tar"))


def test_the_example_of_the_guide(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent.parent)
    space = run("overlays")
    assert space["loader"].overlays == ("scores",)
    assert space["plain"].overlays == ()
    assert 0 < len(space["loader"].samples) < len(space["plain"].samples)


def rewritten(folder: Path, **changes: Any) -> None:
    """The overlay `sounds` with another manifest, that agrees with itself."""
    where = folder / "overlays" / "sounds"
    old = OverlayManifest.read(where)
    told = {**old.model_dump(), **changes}
    names = ("base", "modalities", "columns", "splits", "made_with", "config")
    built = OverlayManifest.model_validate(told)
    OverlayManifest.of(*(getattr(built, name) for name in names)).write(where)


def splits(folder: Path, **changes: Any) -> dict[str, Any]:
    """Its splits, the first file of train told otherwise."""
    found = OverlayManifest.read(folder / "overlays" / "sounds").model_dump()["splits"]
    first = {**found["train"][0], **changes}
    return {**found, "train": (first, *found["train"][1:])}


def renamed(folder: Path, tar: str) -> None:
    """A manifest that no code of ours writes: its first tar under another name."""
    manifest = folder / "overlays" / "sounds" / "overlay.json"
    told = json.loads(manifest.read_text())
    told["splits"]["train"][0]["tar"] = tar
    manifest.write_text(json.dumps(told))


def reordered(folder: Path) -> None:
    """An index whose rows are in another order, and a manifest that vouches for it."""
    index = folder / "overlays" / "sounds" / "index" / "train-000000.parquet"
    pq.write_table(pq.read_table(index)[::-1], index)
    rewritten(folder, splits=splits(folder, index_sha256=sha256_of(index)))


def lying(folder: Path, column: str, value: Any) -> None:
    """An index with another value in a column, and a manifest that vouches for it."""
    index = folder / "overlays" / "sounds" / "index" / "train-000000.parquet"
    table = pq.read_table(index)
    place = table.column_names.index(column)
    values = pa.array([value] * table.num_rows, table.schema.field(column).type)
    pq.write_table(table.set_column(place, table.schema.field(column), values), index)
    rewritten(folder, splits=splits(folder, index_sha256=sha256_of(index)))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: lying(f, "state", [0, 0]), "'state' is not 5 codes a sample"),
        (lambda f: lying(f, "reason", [0, 0, 0, 0, 120]), "the code 120, which means nothing"),
        (lambda f: rewritten(f, base="0" * 32), r"sounds/overlay\.json was made for other shards than these; run 'm5 overlay'"),
        (lambda f: rewritten(f, splits=splits(f, tar="other-000000.tar")), "does not list the shards that it lies over"),
        (lambda f: renamed(f, "../../../../secret.tar"), r"not the manifest of an overlay \(splits\.train\.0\.tar: String should match"),
        (lambda f: renamed(f, "/etc/passwd"), r"not the manifest of an overlay \(splits\.train\.0\.tar: String should match"),
        (lambda f: rewritten(f, splits={}), "does not list the shards that it lies over"),
        (lambda f: rewritten(f, splits=splits(f, samples=6)), "does not list the shards that it lies over"),
        (lambda f: rewritten(f, modalities=(), columns=("split", "category")), "would hide category, split of the index"),
        (lambda f: rewritten(f, modalities=("text",)), "must bring either columns or some of image"),
        (lambda f: rewritten(f, modalities=()), "must bring either columns or some of image"),
        (reordered, "overlays/sounds lists other samples than the shards below; run 'm5 overlay' again"),
        (lambda f: (f / "overlays" / "sounds" / "overlay.json").write_text("{}"), r"overlay\.json is not the manifest of an overlay"),
        (lambda f: (f / "overlays" / "sounds" / "train-000001.tar").unlink(), r"sounds/train-000001\.tar is missing; copy"),
        (lambda f: (f / "overlays" / "sounds" / "train-000001.tar").write_bytes(b""), r"train-000001\.tar has 0 bytes, not"),
        (lambda f: (f / "overlays" / "sounds" / "index" / "train-000001.parquet").unlink(), r"index/train-000001\.parquet is missing"),
        (lambda f: (f / "overlays" / "sounds" / "index" / "train-000001.parquet").write_bytes(b"x"), r"that .*sounds/overlay\.json names; copy it again"),
    ],
)  # fmt: skip
def test_an_overlay_that_does_not_fit_is_refused(folder: Path, spoil: Callable[[Path], Any], said: str) -> None:
    spoil(folder)
    with pytest.raises(UsageError, match=said) as error:
        Loader(folder, **SIZES)
    assert "\n" not in str(error.value)
    assert Loader(folder, overlays=("clips", "scores"), **SIZES).overlays == ("clips", "scores")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["voices"], "overlays/voices is not an overlay"),
        (["../sounds"], "cannot be a folder name"),
        (["sounds", "sounds"], "names 'sounds' twice"),
        ("sounds", re.escape("a list of names: overlays=['sounds']")),
    ],
)
def test_names_that_name_no_overlay(folder: Path, names: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Loader(folder, overlays=names, **SIZES)


def test_a_stale_overlay_is_refused_with_the_way_round_it(folder: Path) -> None:
    rewritten(folder, base="0" * 32)
    with pytest.raises(UsageError) as error:
        Loader(folder, **SIZES)
    assert str(error.value) == (
        f"{folder}/overlays/sounds/overlay.json was made for other shards than these; run 'm5 overlay' again, "
        "or open the loader without it: overlays=['clips', 'loud', 'scores']"
    )


def test_tags_of_the_later_policy_are_one_column(folder: Path) -> None:
    catalog = Catalog.open(folder, "train")
    assert catalog.column_names.count("tags") == 1
    assert catalog.columns(["tags"]).schema.field("tags").type == pa.list_(pa.string())


def test_made_overlays_of_the_benchmark_are_laid(tmp_path: Path) -> None:
    loader_index.make(tmp_path / "shards", 250, 100)
    before = Catalog.open(tmp_path / "shards", "train").view(MODALITIES).present.sum(0)
    loader_overlays.lay(tmp_path / "shards")
    after = Catalog.open(tmp_path / "shards", "train").view(MODALITIES).present.sum(0)
    assert after[SOUND] > before[SOUND]
    assert after[:SOUND].tolist() == before[:SOUND].tolist()
