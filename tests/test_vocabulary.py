"""The codes are a file format: this test is the list that may only grow."""

from __future__ import annotations

from m5tools.vocabulary import MODALITIES, Modality, Reason, State, bit_mask


def test_modalities_keep_their_order() -> None:
    assert [m.value for m in MODALITIES] == ["image", "text", "table", "video", "audio"]
    assert bit_mask((Modality.IMAGE, Modality.AUDIO)) == 0b10001


def test_codes_never_change() -> None:
    assert {s.word: s.value for s in State} == {"present": 0, "absent": 1, "pending": 2, "failed": 3, "withheld": 4}
    words = (
        "none not_listed not_fetched missing_file connection_error redirect_loop memory_limit dead_link http_error "
        "dns_error timeout too_large blocked_by_robots blocked_address outside_media_root wrong_type empty truncated "
        "undecodable decoder_crash policy"
    )
    assert [r.word for r in Reason] == words.split()
    assert [r.value for r in Reason] == list(range(21))
