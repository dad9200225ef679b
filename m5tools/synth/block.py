"""One block of the crawl: products, the rows that must be rejected, shuffled together; and the truth about each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from m5tools.synth.columns import glue, mask, pick
from m5tools.synth.draws import Bools, Ints
from m5tools.synth.listing import Listing, listing
from m5tools.synth.mess import NEAR_MISSES, TAGS, Mess, Sound, decide
from m5tools.synth.records import Records, differs, identifiers, lines, records
from m5tools.synth.tables import Tables
from m5tools.synth.world import Facts, World
from m5tools.vocabulary import MODALITIES, Reason, RejectReason, State

_CODES: Final[dict[str, pl.DataType]] = {
    f"{what}_{modality}": pl.UInt8() for what in ("state", "reason") for modality in MODALITIES
}
_TRUTH: Final[dict[str, pl.DataType]] = {
    "row": pl.Int64(),
    "file": pl.String(),
    "native_id": pl.String(),
    "outcome": pl.String(),
    "reject_reason": pl.String(),
    "category": pl.String(),
    "instance": pl.Int64(),
    "offer": pl.Int64(),
    "variant_group": pl.Int64(),
    **_CODES,
    "tags": pl.List(pl.String()),
    "oddities": pl.List(pl.String()),
    "listed_images": pl.Int64(),
    "listed_videos": pl.Int64(),
    "listed_audios": pl.Int64(),
}
TRUTH_SCHEMA: Final = pl.Schema(_TRUTH)
# What was planted beside tags and states: a modality that is another product's, one broken image among several, a bare
# title that really different products share, a link with a slip of the crawler before it, a description in a wrong
# encoding that can be put right (text.mojibake is for what cannot); and the near misses.
ODDITIES: Final = (*(f"{modality}.stranger" for modality in MODALITIES), "image.partial", "text.generic_title",
                   "image.url_slip", "text.misread", *NEAR_MISSES)  # fmt: skip


class _Kind(IntEnum):
    """What a row is."""

    PRODUCT = 0
    IDENTICAL = 1
    DIFFERING = 2
    NOT_PARSEABLE = 3
    NOT_AN_OBJECT = 4
    NO_CONTENT = 5


_REASON_OF_KIND = pl.Series(
    [None, RejectReason.REPEATED_ID, RejectReason.REPEATED_ID, RejectReason.NOT_PARSEABLE, RejectReason.NOT_AN_OBJECT,
     RejectReason.NO_CONTENT],
    dtype=pl.String,
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """`text`: the rows' JSON in order, String; `truth`: one row each in `TRUTH_SCHEMA`, `row` counted from 0.

    The other fields are what media are made from, one entry per product, before the shuffle.
    """

    text: pl.Series
    truth: pl.DataFrame
    rows: Listing
    facts: Facts
    mess: Mess
    records: Records


def block(world: World, tables: Tables, start: int, stop: int, file: str) -> Block:
    """Products `start` to `stop` and the bad rows among them."""
    config = world.config
    rows = listing(config, world.draws, start, stop)
    facts = world.facts(rows.group, rows.instance, rows.option)
    mess = decide(config, world.draws, rows.offer)
    made = records(world, tables, rows, facts, mess)
    text = lines(made.fields)

    chosen = {kind: np.flatnonzero(found) for kind, found in _bad_rows(world, rows, made).items()}
    differing = chosen[_Kind.DIFFERING]
    reissued = made.fields.with_columns(made.reissued)[differing]
    parts = [
        text,
        text.gather(chosen[_Kind.IDENTICAL]),
        lines(reissued),
        *_unreadable(world, rows, text, chosen),
    ]
    source = np.concatenate([np.arange(len(rows.index)), *chosen.values()])
    kind = np.repeat(np.arange(len(_Kind)), [len(rows.index), *map(len, chosen.values())])
    order = np.argsort(world.draws.unit("order", rows.index[source] * len(_Kind) + kind), kind="stable")
    source, kind = source[order], kind[order]
    truth = _truth(world, rows, facts, mess, made, source, kind, file)
    return Block(pl.concat(parts).gather(order), truth, rows, facts, mess, made)


def _bad_rows(world: World, rows: Listing, made: Records) -> dict[_Kind, Bools]:
    """Which products are followed by which bad row, in the order of `_Kind`."""
    rates, draws = world.config.rejects, world.draws
    lines_only = world.config.layout == "json_lines"  # one broken member would break the whole big object
    again = draws.choice("repeat", rows.index, (rates.repeated_identical, rates.repeated_differing))
    return {
        _Kind.IDENTICAL: again == 0,
        _Kind.DIFFERING: (again == 1) & differs(made),
        _Kind.NOT_PARSEABLE: draws.chance("not-parseable", rows.index, rates.not_parseable * lines_only),
        _Kind.NOT_AN_OBJECT: draws.chance("not-an-object", rows.index, rates.not_an_object),
        _Kind.NO_CONTENT: draws.chance("no-content", rows.index, rates.no_content),
    }


def _unreadable(world: World, rows: Listing, text: pl.Series, chosen: dict[_Kind, Ints]) -> list[pl.Series]:
    """Rows cut in the middle, rows that are not objects, rows without content."""
    whole = text.gather(chosen[_Kind.NOT_PARSEABLE])
    cut = whole.str.head(whole.str.len_chars() // 2)
    scalars = rows.index[chosen[_Kind.NOT_AN_OBJECT]]
    bare = identifiers(world, rows.index[chosen[_Kind.NO_CONTENT]], 9)
    if world.config.layout == "m5product":
        deleted = glue('"', identifiers(world, scalars, 8), '":"deleted"')
        return [cut, deleted, glue('"', bare, '":{"title":"","label":"","url":"","video":"","pv":""}')]
    values = pl.Series(['"deleted"', "null", "404", '["moved"]', "true"])
    return [
        cut,
        values.gather(world.draws.below("scalar", scalars, len(values))),
        glue('{"id":"', bare, '","title":"","description":null,"price":"9.99","attributes":[],"images":[]}'),
    ]


def _truth(
    world: World, rows: Listing, facts: Facts, mess: Mess, made: Records, source: Ints, kind: Ints, file: str
) -> pl.DataFrame:
    listed = kind <= _Kind.DIFFERING  # a product, or one of the rows that repeat its id
    first_place = np.full(len(rows.index), len(source), np.int64)
    np.minimum.at(first_place, source[listed], np.flatnonzero(listed))
    product = listed & (first_place[source] == np.arange(len(source)))
    reason_kind = np.where(listed, np.where(product, _Kind.PRODUCT, _Kind.IDENTICAL), kind)
    ids = mask(made.ids.gather(source), listed)
    named_rows = {_Kind.NO_CONTENT: 9}
    if world.config.layout == "m5product":
        named_rows[_Kind.NOT_AN_OBJECT] = 8
    for other, series in named_rows.items():
        ids = pl.select(
            pl.when(pl.Series(kind == other)).then(identifiers(world, rows.index[source], series)).otherwise(ids)
        ).to_series()

    def of(column: Ints | NDArray[np.uint8], missing: int) -> Ints:
        return np.where(listed, column[source], missing)

    states = {f"state_{m}": of(mess.states[:, m.bit], State.ABSENT) for m in MODALITIES}
    reasons = {f"reason_{m}": of(mess.reasons[:, m.bit], Reason.NOT_LISTED) for m in MODALITIES}
    return pl.DataFrame(
        {
            "row": np.arange(len(source)),
            "file": pl.repeat(file, len(source), eager=True),
            "native_id": ids,
            "outcome": pl.Series(["reject", "product"]).gather(product.astype(np.int64)),
            "reject_reason": _REASON_OF_KIND.gather(reason_kind),
            "category": mask(pick(world.leaf_table, facts.category).gather(source), listed),
            "instance": of(rows.instance, -1),
            "offer": of(rows.offer, -1),
            "variant_group": of(np.where(rows.group_has_variants, rows.group, -1), -1),
            **states,
            **reasons,
            "tags": _named(TAGS, of(mess.tags, 0)),
            "oddities": _named(ODDITIES, of(_oddities(mess, made), 0)),
            "listed_images": of(mess.images, 0),
            "listed_videos": of(mess.video.astype(np.int64), 0),
            "listed_audios": of((mess.sound == Sound.OWN_FILE).astype(np.int64), 0),
        },
        schema=TRUTH_SCHEMA,
        strict=False,
    )


def _oddities(mess: Mess, made: Records) -> Ints:
    near = map(mess.is_near, NEAR_MISSES)
    planted = (*mess.noisy.T, mess.partial, mess.generic_title, made.slipped, made.misread, *near)
    return sum((found.astype(np.int64) << bit for bit, found in enumerate(planted)), np.zeros_like(mess.tags))


def _named(names: Sequence[str], masks: Ints) -> pl.Series:
    """Bit masks as lists of names."""
    distinct, place = np.unique(masks, return_inverse=True)
    named = [[name for bit, name in enumerate(names) if code >> bit & 1] for code in distinct.tolist()]
    return pl.Series(named, dtype=pl.List(pl.String)).gather(place)
