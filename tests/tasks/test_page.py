"""The tables of an evaluation."""

from __future__ import annotations

from pathlib import Path

from m5tools.tasks.config import EvaluateConfig
from m5tools.tasks.metrics import METRICS
from m5tools.tasks.page import markdown, sheets, write
from m5tools.tasks.report import (
    Classification,
    Clustering,
    Difference,
    Evaluation,
    Interval,
    Measured,
    Retrieval,
    Spread,
    System,
)


def system(value: float) -> System:
    metrics = dict.fromkeys(METRICS, value)
    ends = {name: Interval(value - 0.1, value + 0.1) for name in METRICS}
    less = {name: Difference(-0.25, -0.5, 0.0) for name in METRICS}
    bands = {"tail": Measured(count=3, metrics=metrics, interval=ends)}
    return System(count=12, metrics=metrics, interval=ends, against_fused=less, answered=0.75, bands=bands)


def evaluation() -> Evaluation:
    systems, chance = {"fused": system(0.5), "text": system(0.25)}, dict.fromkeys(METRICS, 0.0625)
    found = Retrieval(
        protocol="roles", queries=12, gallery=1_234, distractors=5, chance=chance, systems=systems,
        combinations={"image+text": system(0.375)}, removed={"0.4": system(0.125)},
    )  # fmt: skip
    nothing = Retrieval(protocol="roles", queries=0, gallery=7)
    clusters = {"fused": {m: Spread(mean=0.5, low=0.25, high=0.75) for m in ("nmi", "purity")}}
    return Evaluation(
        model="abc", checkpoint="run", step=1_000, shards="shop", config=EvaluateConfig(), products=1_234, fine=nothing,
        coarse=found, classification=Classification(protocol="roles", train_rows=0, test_rows=0),
        clustering=Clustering(products=9, clusters=3, runs=5, systems=clusters, chance={"nmi": 0.1, "purity": 0.2}),
    )  # fmt: skip


def test_every_figure_stands_in_its_place() -> None:
    found = {sheet.title.split(" (")[0]: sheet for sheet in sheets(evaluation())}
    main = found["Coarse retrieval: same category"]
    assert main.head == ("system", "mAP@1", "mAP@10", "95 %", "less fused", "answered")
    assert main.rows[1] == ("text", "0.250", "0.250", "[0.150, 0.350]", "-0.250 [-0.500, +0.000]", "75%")
    assert main.rows[-1][:3] == ("chance", "0.062", "0.062")
    assert "1,234" in next(s.title for s in sheets(evaluation()) if s.title.startswith("Coarse retrieval: same"))
    assert found["Coarse retrieval, mAP@10 by band"].rows[0] == ("fused", "0.500 [0.400, 0.600]")
    assert found["Coarse retrieval, mAP@10 when modalities are lost at random"].rows[0][:2] == ("40%", "0.125")
    assert found["Coarse retrieval, mAP@10 by combination of modalities"].rows[0][:2] == ("image+text", "0.375")
    assert found["Clustering"].rows[0] == ("fused", "0.500 (0.250–0.750)", "0.500 (0.250–0.750)")
    assert not found["Fine retrieval: same product"].rows


def test_the_page_is_markdown_with_every_table(tmp_path: Path) -> None:
    page = markdown(evaluation())
    assert page.count("\n## ") == len([*sheets(evaluation())])
    assert "Nothing to judge." in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)
    figures, written = write(evaluation(), tmp_path / "judged")
    assert (figures.name, written.read_text()) == ("evaluation.json", page)
    assert Evaluation.model_validate_json(figures.read_bytes()) == evaluation()
