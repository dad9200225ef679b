"""Rows as they are delivered: every product's JSON text, in either layout, whole columns at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from m5tools.synth import strangers, words
from m5tools.synth.columns import glue, join, mask, number, otherwise, pick, table
from m5tools.synth.draws import Bools, Ints
from m5tools.synth.listing import Listing
from m5tools.synth.mess import Mess, Sound
from m5tools.synth.tables import Tables
from m5tools.synth.titles import texts
from m5tools.synth.world import Facts, World
from m5tools.vocabulary import Modality

MAX_IMAGES: Final = 3
IMAGE_FORMATS: Final = ("jpg", "png", "webp")
AUDIO_FORMATS: Final = ("wav", "mp3", "flac", "ogg")
_FOLDERS = table(f"{n:02x}" for n in range(256))
_IMAGE_SUFFIXES, _AUDIO_SUFFIXES = table(IMAGE_FORMATS), table(AUDIO_FORMATS)
_HUNDREDTHS = table(f"{n:02d}" for n in range(100))
_DAYS = table(str(np.datetime64("2024-01-01") + n) for n in range(366))
_SELLERS = table(f"{a}-{b}" for a in words.SELLER_STARTS for b in words.SELLER_ENDS)
_LANGUAGES, _CURRENCIES = table(words.LANGUAGES), table(words.CURRENCIES)
_AVAILABILITIES = table(words.AVAILABILITIES)
_GROUP_LISTED, _GTIN_LISTED, _BRAND_LISTED, _MPN_LISTED = 0.9, 0.55, 0.9, 0.4


@dataclass(frozen=True)
class Links:
    """Where each offer's files are, as delivered: String columns, null where nothing is listed."""

    images: tuple[pl.Series, ...]
    video: pl.Series
    audio: pl.Series


@dataclass(frozen=True)
class Records:
    """A batch in columns.

    `fields` holds one ready `"key":value` text per JSON field (null: no such key); the first and the last, which are
    never null, carry the braces. `reissued` replaces the columns that a later row with the same id says differently.
    `slipped`: bool, the image's link does not stand there as the shop wrote it; `misread`: bool, the description is in
    the wrong encoding and can be put right.
    """

    ids: pl.Series
    fields: pl.DataFrame
    reissued: pl.DataFrame
    links: Links
    slipped: Bools
    misread: Bools


def identifiers(world: World, index: Ints, series: int) -> pl.Series:
    """Distinct native ids, twelve digits, in the series 6 (products), 8 or 9 (rows that must fail)."""
    return number(series * 100_000_000_000 + index * 37 + world.draws.below("id", index, 37))


def records(world: World, tables: Tables, rows: Listing, facts: Facts, mess: Mess) -> Records:
    """The records of a batch in the configured layout."""
    told = texts(world, rows, facts, mess)
    listed = strangers.told(world, rows, facts, mess, Modality.TABLE)
    attributes = tables.attributes(rows, listed, mess, told.named)
    links = _links(world, rows, mess)
    ids = identifiers(world, rows.index, 6)
    if world.config.layout == "m5product":
        return _flat(world, rows, facts, ids, told.title, attributes, links)
    made = _nested(world, rows, facts, ids, told.title, told.description, attributes, links)
    return replace(made, misread=told.misread)


def lines(fields: pl.DataFrame) -> pl.Series:
    """JSON text of each row: an object, or in layout `m5product` a member `"id":{…}` of the one big object."""
    return join(",", *(fields[name] for name in fields.columns))


def _links(world: World, rows: Listing, mess: Mess) -> Links:
    draws, offer = world.draws, rows.offer
    stem = glue(pick(_FOLDERS, draws.below("folder", offer, 256)), "/", number(offer))
    root = "media/" if world.config.media else "https://media.example/"
    if world.of_release_length and not world.config.media:
        digits = 10**18 + (draws.below("link-high", offer, 2**28) << 31) + draws.below("link-low", offer, 2**31 - 1)
        stem = glue("shop-", number(10**9 + rows.seller), "/", stem, "_", number(digits))
    shares = (0.66, 0.20, 0.14)
    of_shop = draws.choice("placeholder-format", rows.seller, shares)
    nothing = pl.repeat(None, len(offer), dtype=pl.String, eager=True)
    images = []
    for k in range(MAX_IMAGES):
        listed = mess.images > k
        if not listed.any():
            images.append(nothing)
            continue
        kind = draws.choice(f"image-format-{k}", offer, shares)
        kind = np.where(mess.has("image.placeholder"), of_shop, kind)  # one file for the whole shop
        path = glue(root, "images/", stem, f"-{k}.", pick(_IMAGE_SUFFIXES, kind))
        images.append(mask(path, listed))
    video, audio = mask(glue(root, "videos/", stem, ".mp4"), mess.video), nothing
    if (alone := mess.sound == Sound.OWN_FILE).any():
        suffix = pick(_AUDIO_SUFFIXES, draws.below("audio-format", offer, len(AUDIO_FORMATS)))
        audio = mask(glue(root, "audios/", stem, ".", suffix), alone)
    return Links(images=tuple(images), video=video, audio=audio)


def _nested(
    world: World,
    rows: Listing,
    facts: Facts,
    ids: pl.Series,
    title: pl.Series,
    description: pl.Series,
    attributes: Sequence[pl.Series],
    links: Links,
) -> Records:
    draws, offer = world.draws, rows.offer
    style = draws.below("absence-style", offer, 3)
    fields: dict[str, pl.Series] = {}

    def text(key: str, value: pl.Series) -> None:
        fields[key] = _or_absence(key, glue(f'"{key}":"', value, '"'), style + len(fields), '""')

    def array(key: str, items: Sequence[pl.Series]) -> None:
        fields[key] = _or_absence(key, glue(f'"{key}":[', join(",", *items), "]"), style + len(fields), "[]")

    seller = pick(_SELLERS, rows.seller % (len(_SELLERS) - 1))
    shop = otherwise(
        rows.seller < len(_SELLERS) - 1, seller, glue(seller, "-", number(rows.seller // (len(_SELLERS) - 1)))
    )
    category = facts.category
    model = world.model(facts)
    cents = (facts.cents * (0.85 + 0.3 * draws.unit("price-level", rows.slot))).astype(np.int64)
    coded = ~draws.chance("no-gtin", offer, 1 - _GTIN_LISTED)
    fields["id"] = glue('{"id":"', ids, '"')
    text("url", glue("https://", shop, ".example/p/", ids))
    text("title", title)
    text("description", description)
    text("brand", pick(world.brands, facts.brand, draws.chance("lists-brand-field", offer, _BRAND_LISTED)))
    text("gtin", mask(number(facts.gtin), coded))
    text("mpn", mask(glue(model, "-", number(rows.option)), draws.chance("lists-mpn", offer, _MPN_LISTED)))
    text("sku", glue("S", number(rows.seller), "-", number(draws.below("sku", offer, 10**8))))
    grouped = rows.group_has_variants & draws.chance("lists-group", offer, _GROUP_LISTED)
    text("group_id", mask(glue("G", number(rows.group)), grouped))
    text("price", _price(cents))
    text("currency", pick(_CURRENCIES, facts.language))
    text("availability", pick(_AVAILABILITIES, draws.below("availability", rows.slot, len(words.AVAILABILITIES))))
    text("seller", shop)
    path = pl.select(pl.lit(pick(world.departments, category)).str.replace("/", '","', literal=True)).to_series()
    array("category", [glue('"', path, '","', pick(world.leaf_table, category), '"')])
    text("language", pick(_LANGUAGES, facts.language, draws.chance("lists-language", offer, 0.85)))
    moment = glue(pick(_DAYS, draws.below("day", rows.slot, 366)), "T",
                  pick(_HUNDREDTHS, draws.below("hour", rows.slot, 24)), ":00:00Z")  # fmt: skip
    array("attributes", attributes)
    array("images", [glue('"', path, '"') for path in links.images])
    array("videos", [glue('"', links.video, '"')])
    array("audios", [glue('"', links.audio, '"')])
    fields["crawled_at"] = glue('"crawled_at":"', moment, '"}')
    dearer = glue('"price":"', _price(cents + 100), '"').alias("price")
    nowhere = np.zeros(len(offer), np.bool_)
    return Records(ids, pl.DataFrame(fields), pl.DataFrame([dearer]), links, nowhere, nowhere)


def _flat(
    world: World,
    rows: Listing,
    facts: Facts,
    ids: pl.Series,
    title: pl.Series,
    attributes: Sequence[pl.Series],
    links: Links,
) -> Records:
    """The five fields of M5Product; what is missing is an empty string."""
    table_text = join("#;#", *attributes)
    slip = world.draws.choice("url-slip", rows.offer, (0.02, 0.02))
    url = links.images[0]
    hashed = otherwise(slip == 0, glue("#", url), url)
    if not world.config.media:  # a local path has no scheme to lose
        bare = pl.select(pl.lit(url).str.replace("https://", "//", literal=True)).to_series()
        hashed = otherwise(slip == 1, bare, hashed)
    columns = {"title": title, "label": pick(world.leaf_table, facts.category), "url": hashed, "video": links.video,
               "pv": table_text}  # fmt: skip
    ends = dict.fromkeys(columns, '"') | {"pv": '"}'}
    fields = {key: glue(f'"{key}":"', value.fill_null(""), ends[key]) for key, value in columns.items()}
    long = (title.str.len_chars() > 8).fill_null(False).to_numpy()  # a mark would make a short title long
    marked = otherwise(long, glue(title, " (new)"), title)
    first, again = (glue('"', ids, '":{"title":"', text.fill_null(""), '"').alias("title") for text in (title, marked))
    fields["title"] = first
    slipped = (hashed != url).fill_null(False).to_numpy()
    return Records(ids, pl.DataFrame(fields), pl.DataFrame([again]), links, slipped, np.zeros_like(slipped))


def _or_absence(key: str, written: pl.Series, style: Ints, empty: str) -> pl.Series:
    """Fill nulls in one of three styles: no key at all, a JSON null, an empty value."""
    absences = pl.Series([None, f'"{key}":null', f'"{key}":{empty}'], dtype=pl.String)
    if written.null_count() == 0:
        return written
    return pl.select(pl.coalesce(pl.lit(written), pl.lit(absences.gather(style % 3)))).to_series()


def _price(cents: Ints) -> pl.Series:
    return glue(number(cents // 100), ".", pick(_HUNDREDTHS, cents % 100))


def differs(records: Records) -> Bools:
    """Where a reissued row would really say something else."""
    changed = np.zeros(len(records.ids), np.bool_)
    for name in records.reissued.columns:
        changed |= (records.reissued[name] != records.fields[name]).to_numpy()
    return changed
