"""How texts are cut for counting: category keys, words, runs of words, phrases; and which values say nothing.

One definition for the survey, which counts over the corpus, and for the stages that look the counts up or compare.
Everything works on whole columns; only the hashing of distinct phrases is a Python loop.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
import xxhash

WORD: Final = r"[\p{L}\p{M}\p{N}]+(?:[.,]\p{N}+)*"
"""A word is letters and digits of any script; `15.6` and `0,5` stay whole."""

_UNSPACED: Final = r"\p{Han}\p{Hiragana}\p{Katakana}ー"
COUNTED_WORD: Final = (
    r"\p{Han}{1,3}|\p{Hiragana}+|[\p{Katakana}ー]+|"
    rf"[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+(?:[.,]\p{{N}}+)*"
)
"""A word, where words are only counted. Chinese and Japanese put no space between them, so a run of `WORD` may be a
whole title; there a change of script begins another word, and so does every fourth Chinese character (few words are
longer)."""

LONGEST_RUN: Final = 3
SHORTEST_PHRASE: Final = 12
"""UTF-8 bytes, not characters: four Chinese characters say as much as a dozen Latin letters."""

PLACEHOLDERS: Final = (
    "other", "others", "n/a", "n.a", "na", "not applicable", "none", "null", "nil", "nan", "undefined",
    "see description", "see details", "see picture", "see image", "see photo", "see below", "see title",
    "as described", "as shown", "as pictured", "refer to description", "read description", "unknown", "not specified",
    "unspecified", "not available", "unavailable", "not provided", "not stated", "no information", "no brand",
    "unbranded", "generic", "default", "does not apply", "tbd", "tba", "to be determined", "misc", "miscellaneous",
    "various", "sonstige", "sonstiges", "siehe beschreibung", "siehe bild", "siehe foto", "siehe text", "unbekannt",
    "keine angabe", "keine angaben", "k.a", "k. a", "nicht angegeben", "nicht zutreffend", "nicht verfügbar",
    "markenlos", "ohne marke", "autre", "autres", "inconnu", "non spécifié", "non précisé", "non renseigné",
    "voir description", "voir photo", "non applicable", "sans marque", "otro", "otros", "desconocido",
    "no especificado", "ver descripción", "no aplica", "sin marca", "altro", "altri", "sconosciuto",
    "non specificato", "vedi descrizione", "senza marca", "outro", "outros", "desconhecido", "não especificado",
    "ver descrição", "overig", "overige", "onbekend", "zie beschrijving", "niet van toepassing", "inne", "nieznany",
    "nie dotyczy", "zobacz opis", "другое", "неизвестно", "не указано", "нет данных", "см. описание", "其他", "其它",
    "无", "见描述", "详见描述", "见图", "见详情", "未知", "不详", "暂无", "その他", "不明", "なし", "기타", "없음",
    "상세설명 참조",
)  # fmt: skip
"""Values that say nothing, lower case."""

BRAND_NAMES: Final = (
    "brand", "brand name", "manufacturer", "marke", "hersteller", "marque", "marca", "merk", "marka", "merek",
    "jenama", "бренд", "品牌", "牌子", "ブランド", "브랜드",
)  # fmt: skip
"""Attribute names under which tables list the brand, normalised."""

_SAYS_NO_MORE: Final = (
    "items", "item", "products", "product", "articles", "article", "artikel", "produkte", "produkt", "produits",
    "produit", "articolo", "prodotto", "artículo", "articulo", "producto", "produto", "goods", "ware", "waren",
    "samples", "sample", "muster", "échantillon", "muestra", "testing", "tests", "test", "demo", "example",
    "beispiel", "exemple", "untitled", "no title", "no name", "noname", "ohne titel", "sans titre", "sin título",
    "senza titolo", "title", "titel", "titre", "placeholder", "lorem ipsum", "new", "neu", "nouveau", "nuevo",
    "nuovo", "asdf", "qwerty", "foo", "商品", "产品", "產品", "新款", "测试", "測試", "无标题", "テスト", "商品名",
    "상품",
)  # fmt: skip
# Longest first: the regex takes the first that fits.
_ANY_SUCH: Final = "|".join(sorted(_SAYS_NO_MORE, key=len, reverse=True))
_NO_MORE: Final = rf"^(?:(?:{_ANY_SUCH})(?: |\p{{N}}|$)+|\p{{N}}+ ?)+$"
_LONGEST_EMPTY_TITLE: Final = 32

# How UTF-8 looks when read as cp1252: a lead byte, then what cp1252 makes of 80–BF. Dashes and quotes follow capital
# letters in honest text too („MENÜ“), so they count only behind the two leads that honest text hardly has.
_RARE_TAIL: Final = "€ƒ‚„†‡ˆ‰Š‹ŒŽ˜™š›œžŸ\u00a1-\u00bf\u0081\u008d\u008f\u0090\u009d"
_ANY_TAIL: Final = _RARE_TAIL + "\u00a0“”‘’•–—…\ufffd"
MOJIBAKE: Final = "|".join(
    (
        f"[ÃÂ][{_ANY_TAIL}]",
        f"[ÄÅÆÇÈÉÊËÌÍÎÏÐÑØÙ][{_RARE_TAIL}]",
        f"[à-ï][{_ANY_TAIL}][{_ANY_TAIL}]",
        "ð[Ÿ\u0090\u009f]",
    )
)
"""Signs that a text was read in a wrong encoding: ingest repairs by them, measure counts what is left."""

BROKEN_WORD: Final = rf"\S*(?:\x{{FFFD}}|{MOJIBAKE})\S*"
"""A word that holds a sign of a wrong encoding."""

MARKUP: Final = r"(?i)</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>|&(?:[a-z]{2,8}|#\d{2,5});"
URL: Final = r"(?i)(?:https?://|\bwww\.)[^\s<>\"']+"
EMOJI: Final = r"[\p{Emoji_Presentation}\x{2600}-\x{27BF}]"
EMAIL: Final = r"(?i)[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}"
PHONE: Final = r"(?i)(?:\+|\b00|\b(?:tel|phone|whatsapp|mobile)[.: ]{1,3}\+?)[1-9(][\d ()/.-]{6,}\d"
"""What measure counts in texts, and what the audit marks in them."""

_NOTHING_MEASURED: Final = (
    r"^0+(?:[.,]0+)?(?:\s?[x×*]\s?0+(?:[.,]0+)?)*\s?"
    r"(?:kgs?|g|gr|grams?|mg|lbs?|pounds?|ounces?|oz|t|km|m|cm|mm|in|inch|inches|ft|l|cl|ml|w|kw|v|a|mah|gb|mb|tb)$"
)
_LONGEST_PLACEHOLDER: Final = 40
_ONLY_PUNCTUATION: Final = r"^[^\p{L}\p{N}]+$"

_ORNAMENT: Final = " *-–—_=~#>|★☆:,\"'()[]"
"""What a shop sets a sentence off with; it is no part of it."""
END_OF_PHRASE: Final = r"[.!?;]+(?:\s+|$)|[。！？✓•\n\r]+"
# "Please note: …", "Dear buyer, …": a greeting before a sentence makes no other sentence of it.
_LEAD_IN: Final = r"^[^:：,，]{2,24}[:：,，]\s*"
_SHORTEST_SENTENCE: Final = 24
_SMALL_CORPUS: Final = 5_000
_TITLES_IN_A_SMALL_CORPUS: Final = 3


def category_key(category: pl.Expr) -> pl.Expr:
    """A category path (list, root first) as one string joined by ' > '; null where it is unknown."""
    return pl.when(category.list.len() > 0).then(category.list.join(" > "))


def words(text: pl.Expr) -> pl.Expr:
    """The words of a text, NFKC, lower case, one space between them: the form in which two wordings are equal."""
    return text.str.normalize("NFKC").str.to_lowercase().str.extract_all(WORD).list.join(" ")


def brands(products: pl.DataFrame, attributes: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `brand` (words): of the brand field, and of the tables of products that have none there; "No Brand"
    and its like are none.

    Args:
        products: `product_id`, `brand`.
        attributes: `product_id`, `name`, `value`.
    """
    field = products.select("product_id", value="brand")
    table = attributes.filter(pl.col("name").is_in(list(BRAND_NAMES))).select("product_id", "value")
    told, listed = (
        rows.drop_nulls("value")
        .filter(~says_nothing(pl.col("value")))
        .select("product_id", brand=words(pl.col("value")))
        .filter(pl.col("brand") != "")
        for rows in (field, table)
    )
    return pl.concat([told, listed.join(told, on="product_id", how="anti")])


def says_nothing(value: pl.Expr, placeholders: Collection[str] = PLACEHOLDERS) -> pl.Expr:
    """True where a value says nothing: a word of the list, a measure of zero, or punctuation alone; null for null."""
    short = pl.when(value.str.len_bytes() <= _LONGEST_PLACEHOLDER).then(value)
    bare = short.str.to_lowercase().str.strip_chars(" .:")
    empty = bare.is_in(list(placeholders)) | bare.str.contains(_NOTHING_MEASURED)
    marks = ~value.str.contains(r"[\p{L}\p{N}]")
    return empty.fill_null(False) | marks


def title_says_nothing(title: pl.Expr, placeholders: Collection[str] = PLACEHOLDERS) -> pl.Expr:
    """True where a title names no product: "n/a", "Item 3", "test123", "No title"; null for null.

    A bare number is not among them: it may be a model.
    """
    short = pl.when(title.str.len_chars() <= _LONGEST_EMPTY_TITLE).then(title)
    told = words(short)
    empty = says_nothing(short, placeholders) | (told.str.contains(_NO_MORE) & told.str.contains(r"\p{L}"))
    return pl.when(title.is_not_null()).then(empty.fill_null(False))


def runs(texts: pl.DataFrame) -> pl.DataFrame:
    """Every run of one to three neighbouring words of each text.

    Args:
        texts: `row` (any integer), `words` as :func:`words` makes them.

    Returns:
        `row`, `run`; a run that a text repeats is repeated.
    """
    one = (
        texts.select("row", run=pl.col("words").str.split(" "))
        .explode("run", empty_as_null=True, keep_nulls=True)
        .filter(pl.col("run").fill_null("") != "")
    )
    lengths = [one]
    longer = one
    for distance in range(1, LONGEST_RUN):
        longer = longer.with_columns(run=longer["run"] + " " + one["run"].shift(-distance))
        lengths.append(longer.filter(one["row"].shift(-distance) == one["row"]))
    return pl.concat(lengths)


def phrases(texts: pl.DataFrame) -> pl.DataFrame:
    """The phrases of each text: cut at sentence ends, bullets and line ends, lower case, spaces collapsed; ornaments
    around them and a greeting before a whole sentence ("Please note: …") left out.

    Args:
        texts: `row` (any integer), `text`.

    Returns:
        `row`, `phrase` (uint64, xxh3-64 of the phrase), `chars` (its length), in reading order; phrases of fewer than
        twelve bytes are left out.
    """
    text = pl.col("text")
    cut = (
        texts.select("row", text=text.str.replace_all(END_OF_PHRASE, "\n").str.split("\n"))
        .explode("text", empty_as_null=True, keep_nulls=True)
        .filter(text.str.len_bytes() >= SHORTEST_PHRASE)
        .select("row", text=text.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars(_ORNAMENT))
        .filter(text.str.len_bytes() >= SHORTEST_PHRASE)
        .with_columns(rest=text.str.replace(_LEAD_IN, ""))
        .select(
            "row", text=pl.when(pl.col("rest").str.len_bytes() >= _SHORTEST_SENTENCE).then("rest").otherwise("text")
        )
        .with_columns(chars=text.str.len_chars().cast(pl.Int64))
    )
    return cut.select("row", hashed(cut["text"]).alias("phrase"), "chars")


def boilerplate(counted: pl.LazyFrame, titles: int, categories: int, products: int, known: int) -> pl.LazyFrame:
    """The phrases that are the shop's and no product's.

    Args:
        counted: rows of `corpus_phrases`.
        titles, categories: from so many different ones on.
        products: how many the corpus has; in a small one a shop's sentence in a rarer language stands under few titles,
            and so would a fact by chance.
        known: how many categories the corpus has.
    """
    least = [titles, min(categories, known)]
    if products < _SMALL_CORPUS:
        least = [min(n, _TITLES_IN_A_SMALL_CORPUS) for n in least]
    return counted.filter(pl.col("titles") >= least[0], pl.col("categories") >= least[1])


def hashed(texts: pl.Series) -> pl.Series:
    """xxh3-64 of each text as uint64; null stays null. Stable across versions, machines and runs."""
    coded = texts.cast(pl.Binary).to_arrow().dictionary_encode()
    digests = np.fromiter(map(xxhash.xxh3_64_intdigest, coded.dictionary.to_pylist()), np.uint64, len(coded.dictionary))
    return pl.Series(texts.name, pa.array(digests).take(coded.indices))
