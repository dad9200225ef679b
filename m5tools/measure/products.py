"""Text, table and pair signals of the products of one partition.

What titles say about attributes must be weighed over the corpus before it counts: :func:`measure` notes it for each
partition, :func:`weigh` brings the notes together once, :func:`relate` reads the result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import polars as pl

from m5tools import atomic, wording
from m5tools.dataset import Dataset
from m5tools.measure import facts, pair, similarity, table, text
from m5tools.measure.config import WordsConfig
from m5tools.measure.corpus import corpus
from m5tools.partitions import by_partition, part_name
from m5tools.stage import Counts, Work
from m5tools.vocabulary import Modality

_COLUMNS: Final = ("product_id", "source", "title", "brand", "category")
_PAIRS_OF_TABLES: Final = ("product_id", "language", "name", "value", "number", "unit", "is_option")
_PAIRS_OF_MEANING: Final = ("product_id", "position", "name", "value")
_SOUND: Final = "sound"
_PICTURES: Final = "pictures"


def measure(partition: int, config: WordsConfig, work: Work) -> Counts:
    """Text and table signals of a partition, and what its titles say."""
    dataset = work.dataset
    counts = corpus(dataset, config)
    products = dataset.read("products", partition=partition, columns=(*_COLUMNS, "description")).sort("product_id")
    attributes = dataset.read("attributes", partition=partition, columns=_PAIRS_OF_TABLES)
    judged = table.judged(attributes, config.placeholders)
    homes = table.category_keys(products)
    texts = text.signals(products, counts.phrases, config.languages, config.placeholders, counts.words.words)
    work.write("signals_text", partition, texts)
    work.write("signals_table", partition, table.signals(homes, judged, counts.usual, counts.lists))
    said = pair.claims(
        _titled(products, attributes, config.placeholders), judged.filter(~pl.col("empty")), counts.vocabulary
    )
    notes = {
        "said": said,
        "names": pair.name_counts(said),
        "brands": pair.brand_counts(said),
        "empty": judged.select("empty"),
    }
    for kind, rows in notes.items():
        with atomic.whole_file(_partial(work, kind, partition)) as temporary:
            rows.write_parquet(temporary)
    return {"products": products.height}


def weigh(config: WordsConfig, video: Iterable[str], audio: Iterable[str], work: Work) -> Counts:
    """Which names and brands titles tell reliably; how long the sounds and videos of products are; who shows a picture
    that other categories show too.

    Args:
        config: what counts as reliable.
        video, audio: the parts of `signals_video` and `signals_audio` that this run has written.
        work: where the results go.
    """
    dataset, everywhere = work.dataset, range(work.dataset.partitions)
    names, brands = (
        pl.scan_parquet([_partial(work, kind, i) for i in everywhere], glob=False) for kind in ("names", "brands")
    )
    results = {
        "reliable": pair.reliable_names(names, config.name_reliability).collect().sort("name"),
        "true": pair.true_brands(brands, config.brand_reliability).collect().sort("run"),
    }
    for kind, rows in results.items():
        with atomic.whole_file(_whole(work, kind)) as temporary:
            rows.write_parquet(temporary)
    durations = pl.concat([_durations(dataset, "signals_video", video), _durations(dataset, "signals_audio", audio)])
    _by_partition(work, _SOUND, _listed(dataset, durations).sort("product_id", "modality", "position"))
    shared = _listed(dataset, corpus(dataset, config).spread).filter(pl.col("modality") == Modality.IMAGE.value)
    _by_partition(work, _PICTURES, shared.sort("product_id", "position"))
    return {}


def _durations(dataset: Dataset, table_name: str, parts: Iterable[str]) -> pl.DataFrame:
    files = [dataset.folder(table_name) / f"{part}.parquet" for part in parts]
    schema = {"asset_id": pl.String, "duration_s": pl.Float32}
    if not files:
        return pl.DataFrame(schema=schema)
    frame = pl.scan_parquet(files, glob=False)
    if table_name == "signals_audio":
        frame = frame.filter(pl.col("derived_from").is_null())
    return frame.select(*schema).drop_nulls().cast(schema).collect()  # type: ignore[arg-type]


def _listed(dataset: Dataset, assets: pl.DataFrame) -> pl.DataFrame:
    """Who lists these files: their rows with `product_id`, `modality`, `position`."""
    places = dataset.scan("fetched").select("location_id", "asset_id").join(assets.lazy(), on="asset_id")
    media = dataset.scan("media").select("product_id", "modality", "position", "location_id")
    return media.join(places, on="location_id").drop("location_id").collect(engine="streaming")


def _by_partition(work: Work, kind: str, rows: pl.DataFrame) -> None:
    """Keep rows that are in the order of their products by partition."""
    for partition, mine in enumerate(by_partition(rows, work.dataset.partitions)):
        with atomic.whole_file(_partial(work, kind, partition)) as temporary:
            mine.write_parquet(temporary)


def relate(partition: int, config: WordsConfig, shown: pl.DataFrame, work: Work) -> Counts:
    """Pair signals of a partition.

    Args:
        partition: which one.
        config: which models compare meanings.
        shown: `product_id`, `vector` of the picture that stands for each product; empty without a model.
        work: where the signals go.
    """
    dataset = work.dataset
    counts = corpus(dataset, config)
    read = (*_COLUMNS, "description") if config.text_model or config.image_model else _COLUMNS
    products = dataset.read("products", partition=partition, columns=read).sort("product_id")
    attributes = dataset.read("attributes", partition=partition, columns=_PAIRS_OF_MEANING)
    judged = attributes.hstack(pl.read_parquet(_partial(work, "empty", partition), glob=False))
    titled, telling = _titled(products, attributes, config.placeholders), judged.filter(~pl.col("empty"))
    homes = titled.select("product_id", "title", category=wording.category_key(pl.col("category")))
    rows = pair.agreement(
        titled,
        pl.read_parquet(_partial(work, "said", partition), glob=False),
        pl.read_parquet(_whole(work, "reliable"), glob=False),
        pl.read_parquet(_whole(work, "true"), glob=False),
    )
    columns = [
        facts.numbers(titled, telling),
        facts.colours(titled, telling),
        facts.category_support(homes, counts.words, counts.categories),
        pair.spread(pl.read_parquet(_partial(work, _PICTURES, partition), glob=False)),
        pair.lengths(pl.read_parquet(_partial(work, _SOUND, partition), glob=False)),
        *_similarities(config, products, telling, shown),
    ]
    for column in columns:
        rows = rows.join(column, on="product_id", how="left", maintain_order="left")
    work.write("signals_pair", partition, rows)
    return {}


def _similarities(
    config: WordsConfig, products: pl.DataFrame, attributes: pl.DataFrame, shown: pl.DataFrame
) -> list[pl.DataFrame]:
    found = []
    ids, files = products["product_id"], config.vectors
    if config.text_model:
        found.append(similarity.text_table(config.text_model, products, attributes))
    elif files:
        rows = similarity.from_vectors(files, ids, Modality.TEXT, Modality.TABLE)
        found.append(rows.rename({"similarity": "text_table_similarity"}))
    if config.image_model:
        found.append(similarity.image_text(config.image_model, products, shown))
    elif files:
        rows = similarity.from_vectors(files, ids, Modality.IMAGE, Modality.TEXT)
        found.append(rows.rename({"similarity": "image_text_similarity"}))
    if files:
        found.append(similarity.mismatches(files, ids))
    return found


def _titled(products: pl.DataFrame, attributes: pl.DataFrame, placeholders: Collection[str]) -> pl.DataFrame:
    """The products with the brand of field or table (words), and no title where it says nothing."""
    brands = wording.brands(products, attributes)
    one = brands.unique("product_id", keep="first", maintain_order=True)
    empty = wording.title_says_nothing(pl.col("title"), placeholders)
    return (
        products.drop("brand")
        .with_columns(title=pl.when(~empty).then("title"))
        .join(one, on="product_id", how="left", maintain_order="left")
    )


def _partial(work: Work, kind: str, partition: int) -> Path:
    return work.scratch / kind / f"{part_name(partition)}.parquet"


def _whole(work: Work, kind: str) -> Path:
    return work.scratch / f"{kind}.parquet"
