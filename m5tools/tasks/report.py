"""The form of `evaluation.json`; its JSON Schema is `schemas/evaluation.schema.json`.

Metrics go by name: `mAP@k`, `Prec@k`, `recall@k` in the usual definition, `mAP_released@k` and `Prec_released@k` in
that of M5Product's released evaluator, for k = 1, 5, 10. Systems: `fused`, `image`, `text`, `table`, `video`, `audio`,
in retrieval also `tfidf_title`, and `fine_tuned` (product vectors after fine-tuning); `joint`, the joint
co-transformer's vector, where it was trained to retrieve.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from m5tools.tasks.config import EvaluateConfig

FORMAT: Final = 2

FUSED: Final = "fused"
JOINT: Final = "joint"
TITLES: Final = "tfidf_title"
FINE_TUNED: Final = "fine_tuned"


class Interval(NamedTuple):
    """Both ends of a 95 % interval."""

    low: float
    high: float


class Difference(NamedTuple):
    """How far a system is from another, with a 95 % interval; paired, on the same draws of products."""

    mean: float
    low: float
    high: float


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measured(_Part):
    """A system on some queries or products.

    Attributes:
        count: how many.
        metrics: means, by name.
        interval: of each, by bootstrap over products; empty without.
    """

    count: int
    metrics: dict[str, float]
    interval: dict[str, Interval] = {}


class System(Measured):
    """A system on all queries or products of a task.

    Attributes:
        against_fused: this minus `fused`, on the same ones; empty for `fused` itself and without intervals.
        answered: share of them that it has a vector for.
        on_answered: this minus `fused` on those alone; empty where that is all or none.
        bands: by band of the tail (head, middle, tail) of the product that is asked for.
    """

    against_fused: dict[str, Difference] = {}
    answered: float = 1.0
    on_answered: dict[str, Difference] = {}
    bands: dict[str, Measured] = {}


class Retrieval(_Part):
    """Coarse (same category) or fine retrieval (same product).

    Attributes:
        protocol: `roles`, as `m5 split` gave them; `splits`, everyone asks and everyone answers.
        queries, gallery, distractors: how many; distractors are those of the gallery that are right for nobody.
        chance: expected usual metrics of a random ranking.
        systems: by name.
        combinations: product vectors of what each combination of modalities leaves, by name (`image+text`).
        removed: product vectors when this share of modalities is lost at random, by share (`0.2`).
    """

    protocol: Literal["roles", "splits"]
    queries: int
    gallery: int
    distractors: int = 0
    chance: dict[str, float] = {}
    systems: dict[str, System] = {}
    combinations: dict[str, System] = {}
    removed: dict[str, System] = {}


class Classification(_Part):
    """Category by a linear probe on frozen vectors, and by a fine-tuned network; the one metric is `accuracy`.

    Attributes:
        protocol: as of :class:`Retrieval`.
        train_rows, test_rows, classes: products learned from, products judged, classes among the former.
        chance: `accuracy` of always naming the most frequent class.
        systems: by name; a product without the modality is judged by a vector of zeros.
        combinations, removed: of product vectors, as of :class:`Retrieval`; the probe saw complete vectors.
        fine_tune_steps: steps that `fine_tuned` took; 0 where there is none.
    """

    protocol: Literal["roles", "splits"]
    train_rows: int
    test_rows: int
    classes: int = 0
    chance: dict[str, float] = {}
    systems: dict[str, System] = {}
    combinations: dict[str, System] = {}
    removed: dict[str, System] = {}
    fine_tune_steps: int = 0


class Spread(_Part):
    """Runs of k-means from different first centres."""

    mean: float
    low: float
    high: float


class Clustering(_Part):
    """k-means with as many clusters as there are categories, on all products of known category.

    Attributes:
        products, clusters, runs: how many.
        chance: `nmi` and `purity` of clusters of random members, as large as those of the first run.
        systems: by name, `nmi` and `purity`: mean, least and most over the runs. `fine_tuned` are the features that
            M5Product clusters.
    """

    products: int
    clusters: int
    runs: int
    chance: dict[str, float] = {}
    systems: dict[str, dict[str, Spread]] = {}


class Evaluation(_Part):
    """`evaluation.json`.

    Attributes:
        format: version of this form.
        model: fingerprint of the network (as in the embeddings of `m5 embed`).
        checkpoint, step, shards: what was judged, and on which shards.
        config: how.
        products: judged products that could be read.
        fine, coarse, classification, clustering: the four tasks.
    """

    format: int = FORMAT
    model: str
    checkpoint: str
    step: int
    shards: str
    config: EvaluateConfig
    products: int
    fine: Retrieval
    coarse: Retrieval
    classification: Classification
    clustering: Clustering
