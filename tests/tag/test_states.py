"""States of any products and files: one state and one reason each, the best file first."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from m5tools.tag import states
from m5tools.vocabulary import MEDIA, MODALITIES, Modality, Reason, State

FETCHED = ((State.PRESENT, Reason.NONE), (State.PENDING, Reason.NOT_FETCHED), (State.FAILED, Reason.DEAD_LINK))
DECODED = ((State.PRESENT, Reason.NONE), (State.FAILED, Reason.TRUNCATED), (State.FAILED, Reason.TIMEOUT))
FILE = st.tuples(st.sampled_from(MEDIA), st.sampled_from(FETCHED), st.sampled_from(DECODED), st.booleans())
PRODUCTS = st.lists(
    st.tuples(st.lists(FILE, max_size=5), st.integers(0, 2), st.integers(0, 2), st.integers(0, 3)), max_size=6
)


def judged(products: list[Any]) -> dict[tuple[str, str], list[tuple[int, int, int, int]]]:
    """`(product, modality)` → (state, reason, listed, usable) of every row."""
    listed, outcomes = [], {m: [] for m in MEDIA}  # type: ignore[var-annotated]
    for p, (files, *_) in enumerate(products):
        for position, (modality, (state, reason), decoded, has_track) in enumerate(files):
            asset = f"{p}-{position}" if state is State.PRESENT else None
            listed.append((f"p{p}", modality.value, position, asset, state.value, reason.value))
            if asset:
                outcomes[modality].append((asset, decoded[0].value, decoded[1].value, False))
                if modality is Modality.VIDEO and has_track:
                    outcomes[Modality.AUDIO].append((asset, decoded[0].value, decoded[1].value, True))
    columns = {"product_id": pl.String, "modality": pl.String, "position": pl.Int32, "asset_id": pl.String,
               "state": pl.UInt8, "reason": pl.UInt8}  # fmt: skip
    kinds = {"asset_id": pl.String, "state": pl.UInt8, "reason": pl.UInt8, "track": pl.Boolean}
    found = states.files(
        pl.DataFrame(listed, columns, orient="row"),
        {m: pl.DataFrame(rows, kinds, orient="row") for m, rows in outcomes.items()},
    )
    signals = pl.DataFrame(
        [(f"p{p}", title, words, max(filled, words), filled) for p, (_, title, words, filled) in enumerate(products)],
        {"product_id": pl.String, "title_chars": pl.Int32, "description_chars": pl.Int32, "attributes": pl.Int32,
         "filled": pl.Int32},
        orient="row",
    )  # fmt: skip
    rows = pl.concat([states.media_states(signals, found), states.text_states(signals), states.table_states(signals)])
    told: dict[tuple[str, str], list[tuple[int, int, int, int]]] = {}
    for product, modality, *values in rows.select(
        "product_id", "modality", "state", "reason", "listed", "usable"
    ).iter_rows():
        told.setdefault((product, modality), []).append(tuple(values))  # type: ignore[arg-type]
    return told


@given(PRODUCTS)
def test_every_product_and_modality_has_exactly_one_state_and_reason(products: list[Any]) -> None:
    told = judged(products)
    assert told.keys() == {(f"p{i}", m.value) for i in range(len(products)) for m in MODALITIES}
    words = {State.PRESENT: {Reason.NONE}, State.ABSENT: {Reason.NOT_LISTED}, State.PENDING: {Reason.NOT_FETCHED}}
    for rows in told.values():
        assert len(rows) == 1
        state, reason, listed, usable = rows[0]
        allowed = words.get(
            State(state), set(Reason) - {Reason.NONE, Reason.NOT_LISTED, Reason.NOT_FETCHED, Reason.POLICY}
        )
        assert Reason(reason) in allowed
        assert State(state) is not State.WITHHELD
        assert (state == State.PRESENT.value) == (usable > 0)
        assert listed >= usable


@given(PRODUCTS)
def test_failed_comes_before_pending_before_absent(products: list[Any]) -> None:
    told = judged(products)
    for p, (files, title, words, filled) in enumerate(products):
        mine = [(f[2][0] if f[1][0] is State.PRESENT else f[1][0]) for f in files if f[0] is Modality.IMAGE]
        order = (State.PRESENT, State.FAILED, State.PENDING)
        best = next((state for state in order if state in mine), State.ABSENT)
        assert told[f"p{p}", "image"][0][0] == best.value
        assert told[f"p{p}", "text"][0][0] == (State.PRESENT if title or words else State.ABSENT).value
        assert told[f"p{p}", "table"][0][0] == (State.PRESENT if filled else State.ABSENT).value


def test_a_silent_film_listed_as_sound_too_is_a_fault_there() -> None:
    """One asset, listed under both: the film's sound track is absent, the sound file is of the wrong type."""
    none, absent = Reason.NONE.value, (State.ABSENT.value, Reason.NOT_LISTED.value, True)
    listed = pl.DataFrame(
        {"product_id": ["both", "both", "film"], "modality": ["video", "audio", "video"], "position": [0, 0, 0],
         "asset_id": ["a", "a", "a"], "state": [State.PRESENT.value] * 3, "reason": [none] * 3},
        schema_overrides={"position": pl.Int32, "state": pl.UInt8, "reason": pl.UInt8},
    )  # fmt: skip
    kinds = {"asset_id": pl.String, "state": pl.UInt8, "reason": pl.UInt8, "track": pl.Boolean}
    decoded = {Modality.VIDEO: [("a", State.PRESENT.value, none, False)], Modality.AUDIO: [("a", *absent)]}
    outcomes = {m: pl.DataFrame(decoded.get(m, []), kinds, orient="row") for m in MEDIA}
    found = states.files(listed, outcomes).filter(pl.col("modality") == "audio").sort("product_id")
    assert found.select("product_id", "state", "reason").rows() == [
        ("both", State.FAILED.value, Reason.WRONG_TYPE.value),
        ("film", State.ABSENT.value, Reason.NOT_LISTED.value),
    ]
