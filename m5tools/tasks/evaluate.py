"""Judge a trained network on four tasks, beside each modality alone, a baseline and chance (M5Product, section 5).

Coarse and fine retrieval, classification and clustering; all modalities, each of their 31 combinations, and what is
left when some are lost at test time; before and after fine-tuning. Every figure was measured on the products at hand;
nothing is carried over from the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.typing import NDArray

from m5tools.errors import UsageError
from m5tools.scale.checkpoint import Trained, load
from m5tools.scale.embed import fingerprint
from m5tools.scale.source import Products, Shards
from m5tools.scale.threads import threads
from m5tools.tasks import masks
from m5tools.tasks.benches import Group, View
from m5tools.tasks.config import EvaluateConfig
from m5tools.tasks.facts import Facts, facts_of
from m5tools.tasks.fine_tune import fine_tune
from m5tools.tasks.gathered import Gathered, Scratch, Tick, gather, gather_under
from m5tools.tasks.report import FINE_TUNED, FUSED, JOINT, TITLES, Evaluation
from m5tools.tasks.setting import Setting
from m5tools.tasks.titles import title_vectors
from m5tools.vocabulary import MODALITIES, Modality, Split


def evaluate(
    trained: Trained | str | Path,
    shards: str | None = None,
    config: EvaluateConfig | None = None,
    *,
    identity: Mapping[str, int] | None = None,
    products: Products | None = None,
    facts: pl.DataFrame | None = None,
    tick: Tick | None = None,
) -> Evaluation:
    """Measure fused vectors, each modality's own, the title baseline and chance on all tasks.

    The joint co-transformer's vector is measured too where it was trained to retrieve (`TrainConfig.fused_share`).

    A system that lacks a query's modality finds nothing for it. Vectors of many products lie in files of a temporary
    folder (`TMPDIR`), 4 × 7 × d bytes a product (twice that with fine-tuning), removed at the end.

    Args:
        trained: a loaded network, a checkpoint or a run's folder.
        shards: shard folder; by default the one it was trained on.
        config: what to judge.
        identity: product id → number of the real product, where that is known better than by clusters. The fine task
            then searches these products only, whatever roles they have: leave out re-listings, which text finds
            without effort.
        products: where splits are opened instead of `shards`.
        facts: band and roles of their products (:mod:`m5tools.tasks.facts`); by default those of the shard index.
        tick: called with what is being done, how much is done, how much there is.

    Raises:
        UsageError: no checkpoint, no usable product in a split, or no frozen features that the network reads.
    """
    trained = trained if isinstance(trained, Trained) else load(trained)
    config, tick = config or EvaluateConfig(), tick or (lambda what, done, total: None)
    place = shards or trained.config.shards
    trained = trained.at(place)
    if products is None:
        how = trained.config
        products = Shards(place, how.cut, trained.tokenizer.config, how.image_size, how.seed)
    splits = (*config.splits, Split.TRAIN.value)
    if len(set(splits)) < len(splits):
        raise UsageError("the train split cannot be judged on, nor another one twice; name val or test")
    facts = facts_of(products, splits) if facts is None else facts
    with TemporaryDirectory(prefix="m5-evaluate-") as folder, threads(config.threads):
        scratch = Scratch(Path(folder))
        found = gather(trained, products, splits, scratch, tick)
        setting = Setting(found, Facts.of(facts, found.ids), config)
        show = _Show(trained, products, setting, identity, scratch, tick)
        show.systems()
        show.what_masks_leave()
        if config.fine_tune_epochs and show.probes.possible:
            show.fine_tuned()
        return show.report(place)


class _Show:
    """Shows one set of vectors after another to the tasks."""

    def __init__(
        self,
        trained: Trained,
        source: Products,
        setting: Setting,
        identity: Mapping[str, int] | None,
        scratch: Scratch,
        tick: Tick,
    ) -> None:
        self.trained, self.source, self.setting, self.scratch, self.tick = trained, source, setting, scratch, tick
        self.products: Gathered = setting.products
        self.everyone = np.asarray(self.products.present.any(1))
        self.fine, self.coarse = setting.fine(identity), setting.coarse()
        self.probes, self.clusters = setting.probes(), setting.clusters()

    def systems(self) -> None:
        """The fused vectors, which others are compared with, the joint ones, each modality's own, then titles."""
        views = {FUSED: View(self.products.fused, self.everyone)}
        if self.products.joint is not None:
            views[JOINT] = View(self.products.joint, self.everyone)
        for modality in MODALITIES:
            has = self.products.present[:, modality.bit]
            if has.any():
                views[modality.value] = View(self._alone(modality), has)
        for done, (name, view) in enumerate(views.items()):
            self.tick("judging systems", done, len(views) + 1)
            for bench in (self.fine, self.coarse, self.probes, self.clusters):
                bench.take("systems", name, view)
        self.tick("judging systems", len(views), len(views) + 1)
        offered = self.setting.offered
        titles = title_vectors(t if at < offered else "" for at, t in enumerate(self.products.titles))
        for task in (self.fine, self.coarse):
            task.take_sparse(TITLES, titles)
        self.tick("judging systems", len(views) + 1, len(views) + 1)

    def what_masks_leave(self) -> None:
        """Product vectors of every combination of modalities, and of what random losses leave."""
        config, present = self.setting.config, self.products.present[: self.setting.offered]
        shown: list[tuple[Group, str]] = [("removed", f"{share:g}") for share in config.removed]
        if config.combinations:
            shown += [("combinations", masks.name_of(combination)) for combination in masks.COMBINATIONS]
        draw = masks.draws(self.products.ids[: len(present)], config.seed)
        vectors = self.scratch.array(*self.products.fused.shape)
        has = np.zeros(len(self.products), bool)
        for done, (group, name) in enumerate(shown, 1):
            mask = masks.thinned(present, draw, float(name)) if group == "removed" else masks.only(present, name)
            has[: len(mask)] = mask.any(1)
            self._fuse_under(mask, vectors)
            for bench in (self.fine, self.coarse, self.probes):
                bench.take(group, name, View(vectors, has))
            self.tick("judging combinations", done, len(shown))

    def _alone(self, modality: Modality) -> NDArray[np.float32]:
        """Vectors of a modality, `[N, d]`; for a network that has none, of products of which nothing else is shown."""
        if self.trained.model.apart:
            return self.products.of(modality)
        vectors = self.scratch.array(*self.products.fused.shape)
        self._fuse_under(masks.only(self.products.present, modality.value), vectors)
        return vectors

    def _fuse_under(self, mask: NDArray[np.bool_], into: NDArray[np.float32]) -> None:
        """Product vectors of what a mask leaves of the first products, those of whole splits."""
        if self.trained.model.apart:
            self.products.fuse_under(self.trained, mask, into)
            return
        splits = (*self.setting.config.splits, Split.TRAIN.value)
        held = int(self.products.split[len(mask) - 1]) + 1
        gather_under(self.trained, self.source, splits[:held], mask, into)

    def fine_tuned(self) -> None:
        """Product vectors after fine-tuning on the categories of the train split."""
        config = self.setting.config
        rate = config.fine_tune_rate or self.trained.config.lr
        tuned = fine_tune(
            self.trained,
            self.source,
            self.probes.classes,
            self.products.fused.shape[1],
            epochs=config.fine_tune_epochs,
            rate=rate,
            seed=config.seed,
            tick=self.tick,
        )
        splits = (*config.splits, *((Split.TRAIN.value,) if config.distractors else ()))
        after = gather(tuned.trained, self.source, splits, self.scratch, self.tick)
        assert after.ids == self.products.ids[: len(after)]
        vectors = self.scratch.array(*self.products.fused.shape)
        vectors[: len(after)] = after.fused
        for bench in (self.fine, self.coarse, self.clusters):
            bench.take("systems", FINE_TUNED, View(vectors, self.everyone))
        self.probes.take_answers(tuned.predict(vectors[self.probes.rows]), tuned.steps)

    def report(self, shards: str) -> Evaluation:
        """All that was found."""
        return Evaluation(
            model=fingerprint(self.trained),
            checkpoint=str(self.trained.path),
            step=self.trained.step,
            shards=shards,
            config=self.setting.config,
            products=int(self.setting.searched.sum()),
            fine=self.fine.report(),
            coarse=self.coarse.report(),
            classification=self.probes.report(),
            clustering=self.clusters.report(),
        )
