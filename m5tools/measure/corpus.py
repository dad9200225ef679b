"""What the survey counted, as the measuring of products needs it: read once in a process, not for every partition."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from m5tools import wording
from m5tools.dataset import Dataset
from m5tools.measure import table
from m5tools.measure.config import WordsConfig
from m5tools.measure.known import TitleWords, Vocabulary


@dataclass(frozen=True)
class Corpus:
    """The counts behind text, table and pair signals.

    Attributes:
        phrases: `phrase`: boilerplate.
        usual: `category`, `name` that it usually lists.
        lists: `source`, `name` under which shops list several values.
        vocabulary: short values that say something, and brands.
        categories: `category`, `products`.
        words: of titles.
        spread: `asset_id`, `categories`: pictures that several categories share.
    """

    phrases: pl.DataFrame
    usual: pl.DataFrame
    lists: pl.DataFrame
    vocabulary: Vocabulary
    categories: pl.DataFrame
    words: TitleWords
    spread: pl.DataFrame


def corpus(dataset: Dataset, config: WordsConfig) -> Corpus:
    """The counts of a dataset, kept for the next partition as long as the survey is the same."""
    files = tuple(
        (path.as_posix(), path.stat().st_mtime_ns)
        for name in ("phrases", "attributes", "names", "values", "brands", "categories", "words", "assets")
        for path in dataset.parts(f"corpus_{name}")
    )
    return _read(dataset.root.as_posix(), files, config)


@lru_cache(maxsize=1)
def _read(root: str, files: tuple[tuple[str, int], ...], config: WordsConfig) -> Corpus:
    dataset = Dataset(root)
    categories = dataset.read("corpus_categories").select("category", "products")
    products = dataset.scan("products").select(pl.len()).collect().item()
    phrases = dataset.scan("corpus_phrases")
    common = wording.boilerplate(
        phrases, config.boilerplate_titles, config.boilerplate_categories, products, categories.height
    )
    values = (
        dataset.scan("corpus_values")
        .select("name", "value")
        .filter(~wording.says_nothing(pl.col("value"), config.placeholders))
        .collect()
    )
    return Corpus(
        phrases=common.select("phrase").collect(),
        usual=table.usual_names(
            dataset.read("corpus_attributes"), categories, config.usual_products, config.usual_share
        ),
        lists=table.list_names(dataset.read("corpus_names"), config.list_share, config.list_share_of_all),
        vocabulary=Vocabulary.of(values, dataset.read("corpus_brands").select("brand")),
        categories=categories,
        words=TitleWords.of(dataset.read("corpus_words")),
        spread=dataset.scan("corpus_assets")
        .filter(pl.col("categories") > 1)
        .select("asset_id", "categories")
        .collect(),
    )
