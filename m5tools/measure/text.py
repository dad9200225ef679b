"""Signals of a product's title and description, over whole columns."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import polars as pl

from m5tools import wording

_LETTERS_FOR_LANGUAGE: Final = 20
_CHARS_FOR_LANGUAGE: Final = 200

# How UTF-8 looks when read as cp1252: a lead byte, then what cp1252 makes of 80–BF. Dashes and quotes follow capital
# letters in honest text too („MENÜ“), so they count only behind the two leads that honest text hardly has.
_RARE_TAIL: Final = "€ƒ‚„†‡ˆ‰Š‹ŒŽ˜™š›œžŸ\u00a1-\u00bf\u0081\u008d\u008f\u0090\u009d"
_ANY_TAIL: Final = _RARE_TAIL + "\u00a0“”‘’•–—…\ufffd"
_MOJIBAKE: Final = "|".join(
    (
        f"[ÃÂ][{_ANY_TAIL}]",
        f"[ÄÅÆÇÈÉÊËÌÍÎÏÐÑØÙ][{_RARE_TAIL}]",
        f"[à-ï][{_ANY_TAIL}][{_ANY_TAIL}]",
        "ð[Ÿ\u0090\u009f]",
        "â€",  # whatever the third byte became when compatibility characters were folded
    )
)
_MARKUP: Final = r"(?i)</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>|&(?:[a-z]{2,8}|#\d{2,5});"
_EMAIL: Final = r"(?i)[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}"
_PHONE: Final = r"(?i)(?:\+|\b00|\b(?:tel|phone|whatsapp|mobile)[.: ]{1,3}\+?)[1-9(][\d ()/.-]{6,}\d"


def signals(products: pl.DataFrame, phrases: pl.DataFrame, languages: bool) -> pl.DataFrame:
    """Rows of `signals_text`.

    Args:
        products: `product_id`, `title`, `description`.
        phrases: `phrase` (uint64): the sentences that count as boilerplate.
        languages: detect languages (by far the dearest of the signals).
    """
    title, description = pl.col("title").fill_null(""), pl.col("description").fill_null("")
    whole = pl.col("whole")
    rows = products.select("product_id", "description", title=title, whole=title + "\n" + description)
    measured = rows.select(
        "product_id",
        title_chars=pl.col("title").str.len_chars(),
        title_words=pl.col("title").str.count_matches(wording.WORD),
        description_chars=description.str.len_chars(),
        digit_share=whole.str.count_matches(r"\d") / (whole.str.len_chars() - 1),
        replacement_chars=whole.str.count_matches("\ufffd", literal=True),
        mojibake_marks=whole.str.count_matches(_MOJIBAKE),
        markup_tags=whole.str.count_matches(_MARKUP),
        contacts=whole.str.count_matches(_EMAIL) + whole.str.count_matches(_PHONE),
        boilerplate_share=boilerplate_share(rows["description"], phrases),
    ).with_columns(pl.col("digit_share").fill_nan(None))
    measured = measured.with_columns(broken_chars=pl.col("replacement_chars") + pl.col("mojibake_marks"))
    if languages:
        measured = measured.hstack(language(rows["whole"]))
    return measured.with_columns(pl.selectors.unsigned_integer().cast(pl.Int32))


def boilerplate_share(descriptions: pl.Series, phrases: pl.DataFrame) -> pl.Series:
    """Characters in boilerplate phrases over characters in all phrases of each description; null without any."""
    texts = pl.DataFrame({"text": descriptions}).with_row_index("row")
    shares = (
        wording.phrases(texts)
        .with_columns(shared=pl.col("phrase").is_in(phrases["phrase"].implode()))
        .group_by("row")
        .agg(share=pl.col("chars").filter("shared").sum() / pl.col("chars").sum())
    )
    return texts.join(shares, on="row", how="left", maintain_order="left")["share"]


def language(texts: pl.Series) -> pl.DataFrame:
    """`language` and `language_margin` of each text; null where it has fewer than twenty letters."""
    long_enough = texts.str.count_matches(r"\p{L}") >= _LETTERS_FOR_LANGUAGE
    heads = texts.str.slice(0, _CHARS_FOR_LANGUAGE).set(~long_enough, None)
    distinct = heads.unique(maintain_order=True).drop_nulls()
    found = [_identify(text) for text in distinct]
    known = pl.DataFrame(
        {"text": distinct, "language": [f[0] for f in found], "language_margin": [f[1] for f in found]},
        schema={"text": pl.String, "language": pl.String, "language_margin": pl.Float64},
    )
    joined = pl.DataFrame({"text": heads}).join(known, on="text", how="left", maintain_order="left")
    return joined.select("language", "language_margin")


def _identify(text: str) -> tuple[str, float]:
    found, probability = _identifier().classify(text)
    return str(found), float(np.clip(probability, 0, 1))


@cache
def _identifier() -> Any:
    """py3langid's model, loaded once in a process that needs it: it takes a second."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
