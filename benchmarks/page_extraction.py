"""Claim: product fields of saved pages are read better than by three other extractors.

Scores this reader beside the answers of extruct, Diffbot and Zyte that the product-extraction-benchmark published with
its pages, on its hand-made truth. The metric is the published one: a page counts as a true positive when the one answer
is among the accepted values, as a false positive when it is not, and as a false negative when there are accepted values
and none was hit; a wrong answer therefore costs both. Prices compare as decimal numbers, the rest as exact text.

The pages are cut in two halves by a hash of their id. Rules were chosen on the half `chosen on`.

    python benchmarks/page_extraction.py DATA [--peer-python PYTHON_WITH_EXTRUCT]
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import statistics
import subprocess
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from m5tools.ingest.pages.money import currency_of
from m5tools.ingest.readers.page_row import page_row

PEERS = ("extruct", "Diffbot", "Zyte")
PUBLISHED = {
    "price": {"extruct": 0.72, "Diffbot": 0.77, "Zyte": 0.91},
    "sku": {"extruct": 0.55, "Diffbot": 0.77, "Zyte": 0.77},
    "availability": {"extruct": 0.68, "Diffbot": 0.94, "Zyte": 0.98},
}
FIELDS = ("price", "sku", "availability", "InStock", "OutOfStock", "currency", "brand", "mpn", "gtin")
# The truth knows two states; these say that an order is taken.
_ORDERABLE = {
    "InStock",
    "LimitedAvailability",
    "OnlineOnly",
    "InStoreOnly",
    "PreOrder",
    "PreSale",
    "BackOrder",
    "MadeToOrder",
}
_DOLLARS = {"CAD", "AUD", "NZD", "USD", "HKD", "SGD", "TWD", "MXN", "CLP", "COP", "ARS"}
_RUPEES = {"PKR", "INR", "LKR", "NPR"}

Answers = Mapping[str, Mapping[str, Any]]


class Score(NamedTuple):
    """Counts over pages, and what follows from them."""

    hits: int
    wrong: int
    missed: int

    @property
    def f1(self) -> float:
        return 2 * self.hits / total if (total := 2 * self.hits + self.wrong + self.missed) else 1.0


def score(truth: Answers, answers: Answers, field: str, pages: Iterable[str]) -> Score:
    """The published metric for one field over some pages."""
    hits = wrong = missed = 0
    for page in pages:
        accepted = {_comparable(field, value) for value in truth[page].get(field, ())}
        given = answers[page].get(field)
        hit = given is not None and _comparable(field, given) in accepted
        hits += hit
        wrong += given is not None and not hit
        missed += bool(accepted) and not hit
    return Score(hits, wrong, missed)


def _comparable(field: str, value: str) -> Any:
    if field == "price":
        return Decimal(value)
    if field == "currency":
        # Truth and answers mix signs and codes; a sign that countries share stands for all of them.
        code = currency_of(value.upper() if len(value) == 3 else value) or value
        return "$" if code in _DOLLARS else "Rs" if code in _RUPEES else code
    return value


def spread(truth: Answers, answers: Answers, field: str, pages: list[str], draws: int = 1_000) -> float:
    """Standard deviation of F1 over bootstrap draws of pages."""
    random.seed(0)
    return statistics.stdev(score(truth, answers, field, random.choices(pages, k=len(pages))).f1 for _ in range(draws))


def chosen_on(page: str) -> bool:
    """Whether rules may have been chosen on a page."""
    return int(hashlib.sha256(page.encode()).hexdigest(), 16) % 2 == 0


def answers_of(data: Path, truth: Answers) -> tuple[dict[str, dict[str, Any]], float]:
    """This reader's answers for all pages, and the seconds of processor time it took, unzipping apart."""
    answers = {}
    seconds = 0.0
    for page, about in truth.items():
        content = gzip.decompress((data / "html" / f"{page}.html.gz").read_bytes())
        begin = time.process_time()
        row = page_row(0, content, address=about["url"])
        seconds += time.process_time() - begin
        answers[page] = as_benchmark(row.record or {})
    return answers, seconds


def as_benchmark(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record in the benchmark's fields and its two states of stock."""
    answer = {f: record[f] for f in ("price", "sku", "currency", "brand", "mpn", "gtin") if record.get(f)}
    if state := record.get("availability"):
        answer["availability"] = "InStock" if state in _ORDERABLE else "OutOfStock"
        answer[answer["availability"]] = answer["availability"]
    return answer


def load(data: Path) -> tuple[Answers, dict[str, Answers]]:
    """Truth and the peers' answers."""
    truth = json.loads((data / "ground-truth.json").read_text())
    return truth, {peer: json.loads((data / "output" / f"{peer}.json").read_text()) for peer in PEERS}


_PEER = """
import gzip, sys, time, pathlib, extruct
files = sorted(pathlib.Path(sys.argv[1]).glob('*.gz'))
pages = [gzip.decompress(p.read_bytes()).decode('utf-8', 'replace') for p in files]
begin, failed = time.process_time(), 0
for page in pages:
    try: extruct.extract(page, syntaxes=['json-ld', 'microdata', 'opengraph', 'rdfa'], uniform=True)
    except Exception: failed += 1
print(len(pages) / (time.process_time() - begin), failed)
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    arguments.add_argument("data", type=Path, help="folder of product_pages_html")
    arguments.add_argument("--peer-python", help="a Python that has extruct, for the speed beside ours")
    given = arguments.parse_args()
    truth, answers = load(given.data)
    for field, figures in PUBLISHED.items():
        for peer, figure in figures.items():
            found = score(truth, answers[peer], field, truth).f1
            assert abs(found - figure) <= 0.006, f"{peer} {field}: {found:.3f} here, {figure} published"
    print("the published F1 of all three peers are reproduced\n")
    ours, seconds = answers_of(given.data, truth)
    answers["m5tools"] = ours
    pages = list(truth)
    halves = {
        "all": pages,
        "chosen on": [p for p in pages if chosen_on(p)],
        "held out": [p for p in pages if not chosen_on(p)],
    }
    for name, part in halves.items():
        print(f"{name} ({len(part)} pages)\n")
        print(f"| field | values | {' | '.join(answers)} | hits, wrong, missed |\n|---|---|{'---|' * len(answers)}---|")
        for field in FIELDS:
            values = sum(bool(truth[p].get(field)) for p in part)
            cells = [
                f"{score(truth, a, field, part).f1:.3f} ± {spread(truth, a, field, part):.3f}" for a in answers.values()
            ]
            print(
                f"| {field} | {values} | {' | '.join(cells)} | {', '.join(map(str, score(truth, ours, field, part)))} |"
            )
        print(f"\npages without a product found: {sum(not ours[p] for p in part)}\n")
    print(
        f"one process: {len(pages) / seconds:.1f} pages a second of processor time, decoding, parsing and all evidence"
    )
    if given.peer_python:
        out = subprocess.run(
            [given.peer_python, "-c", _PEER, str(given.data / "html")], capture_output=True, text=True, check=True
        )
        rate, failed = out.stdout.split()
        print(f"extruct: {float(rate):.1f} pages a second of processor time for four syntaxes; {failed} pages raised")


if __name__ == "__main__":
    main()
