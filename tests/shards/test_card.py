from __future__ import annotations

import re

import yaml
from markdown_it import MarkdownIt

from m5tools.shards import card
from m5tools.shards.card import features
from m5tools.shards.facts import Facts

from .indexes import HOSTILE, index, lineage, manifest, source

HEAD = """\
pretty_name: Products in five modalities
language:
- de
- en
license: mit
size_categories:
- n<1K
task_categories:
- feature-extraction
- image-classification
- text-classification
- text-retrieval
tags:
- e-commerce
- webdataset
- image
- text
configs:
- config_name: default
  data_files:
  - split: train
    path: train-*.tar
dataset_info:
  features: [FEATURES]
  splits:
  - name: train
    num_bytes: 10240
    num_examples: 2
  download_size: 10240
  dataset_size: 10240
"""


def facts_of(*categories: str) -> Facts:
    facts = Facts()
    facts.add("train", index([{"category": category} for category in categories]))
    return facts


def head_of(text: str) -> dict[str, object]:
    head: dict[str, object] = yaml.safe_load(text.split("---\n")[1])
    return head


def test_the_head_is_the_golden_one() -> None:
    text = card.text(manifest(2), facts_of("Toys", "Toys"), lineage())
    features_of = re.compile(r"(?<=features:)\n(?:  - .*\n|    .*\n)*?(?=  splits:)")
    assert features_of.sub(" [FEATURES]\n", text.split("---\n")[1]) == HEAD
    assert [f["name"] for f in features({"json", "image_10.jpg", "image_2.jpg", "audio_0.flac"})] == [
        "__key__", "__url__", "json", "audio_0.flac", "image_2.jpg", "image_10.jpg",
    ]  # fmt: skip


def test_licences_of_several_sources() -> None:
    facts = facts_of("Toys")
    several = card.text(manifest(1), facts, lineage(source("a"), source("b", ("CC-BY-4.0",))))
    assert head_of(several)["license"] == ["cc-by-4.0", "mit"]
    unknown = card.text(manifest(1), facts, lineage(source("a"), source("b", ("MIT", None))))
    assert head_of(unknown)["license"] == "unknown"
    assert (
        "| b | 10 | shop-1 | 2026-01-02 to 2026-01-05 | [MIT](https://spdx.org/licenses/MIT.html), **unknown** |"
        in unknown
    )
    other = head_of(card.text(manifest(1), facts, lineage(source("a", ("LicenseRef-Shop terms",)))))
    assert (other["license"], other["license_name"]) == ("other", "licenseref-shop-terms")


def test_shards_without_lineage_say_so() -> None:
    text = card.text(manifest(1), facts_of("Toys"), None)
    assert head_of(text)["license"] == "unknown"
    assert "language" not in head_of(text)
    assert "Not recorded: these shards were written without their lineage." in text


def test_numbers_of_the_body() -> None:
    text = card.text(manifest(3), facts_of("Toys", "Toys", "Lamps"), lineage())
    assert "| train | 3 | 1 | 3 | 3 | 0 | 0 | 0 |" in text
    assert "| absent | `not_listed` | 0 | 0 | 3 | 3 | 3 |" in text
    assert "3 samples lie in 2 categories, 0 in none. The largest holds 2, 1 hold one. Gini" in text
    assert "| `cut/default` | 4 | cut strict | `0123456789abcdef` | `cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd` |" in text


def test_hostile_names_stay_text() -> None:
    plain = card.text(manifest(1), facts_of("Toys"), lineage())
    bad = lineage(
        source(HOSTILE, (HOSTILE,), homepage=f"https://x/{HOSTILE}", terms="javascript:alert(1)"),
        languages={HOSTILE: 9},
    )
    text = card.text(manifest(1), facts_of(HOSTILE), bad)
    assert head_of(text).keys() >= {"license", "configs", "dataset_info"}
    assert "language" not in head_of(text)
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")

    def structure(page: str) -> list[str]:
        body = page.split("---\n", 2)[2]
        inner = [t.type for token in reader.parse(body) for t in (token, *(token.children or ()))]
        return [
            kind for kind in inner if kind.split("_")[0] in ("html", "image", "heading", "table", "tr", "td", "fence")
        ]

    links = [t.attrs["href"] for token in reader.parse(text) for t in token.children or () if t.type == "link_open"]
    assert structure(text) == structure(plain)
    assert links == []
