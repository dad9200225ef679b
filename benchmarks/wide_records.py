"""Records whose keys are data, through the first round of ingest: processor time and memory by number of values.

    python benchmarks/wide_records.py [KEYS …]

Each measurement is a process of its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

from m5tools.ingest.mapping import Mapping
from m5tools.ingest.parse import Chunked, parse
from m5tools.ingest.readers import Batch

SHAPES = {"one row": lambda keys: (1, keys), "rows of 100 keys": lambda keys: (keys // 100, 100)}


def measure(shape: str, keys: int) -> str:
    """Seconds and MiB of one shape."""
    rows, each = SHAPES[shape](keys)
    records = [
        {"id": str(row), "title": "Lamp", **{f"k{row}_{key}": f"value {key}" for key in range(each)}}
        for row in range(rows)
    ]
    batch = Batch([*range(rows)], [json.dumps(record).encode() for record in records], records)
    fields = {"native_id": "id", "title": "title"}
    mapping = Mapping.model_validate({"source": "shop", "format": "json_lines", "fields": fields})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    parse([batch], mapping, Chunked("shop", "c1", "a.jsonl"))
    seconds = time.process_time() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    return f"{shape:<17} {keys:>9,} keys  {seconds:6.2f} s  +{grown:,} MiB"


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in SHAPES:
        print(measure(sys.argv[1], int(sys.argv[2])))
    else:
        for keys in map(int, sys.argv[1:] or ("25000", "50000", "100000", "200000")):
            for shape in SHAPES:
                subprocess.run([sys.executable, __file__, shape, str(keys)], check=True)
