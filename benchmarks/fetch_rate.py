"""Images a second: `m5 fetch` and img2dataset against the same loopback server, which takes 20 ms for an answer.

Both sides get the same list of URLs, two processes, and store the bytes as they come (img2dataset with re-encoding
off); the clock runs inside each side's own process around its one call, so imports count for neither. Sides alternate.

img2dataset cannot live in our environment; give it one of its own:

    python -m venv /tmp/i2d && /tmp/i2d/bin/pip install img2dataset
    python benchmarks/fetch_rate.py --img2dataset-python /tmp/i2d/bin/python
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import json
import multiprocessing as mp
import os
import random
import statistics
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from PIL import Image

DATA = Path(os.environ.get("M5_REAL_DATA", "../shared/data"))
PROCESSES = 2

OURS = """
import sys, time
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.stage import Fetch
if __name__ == "__main__":
    root, images, processes, connections = sys.argv[1], *map(int, sys.argv[2:])
    config = FetchConfig(
        allow_networks=("127.0.0.0/8",), per_host=connections, connections=connections,
        locations_a_unit=-(-images // (2 * processes)),
    )
    started = time.perf_counter()
    counts = run_stage(Dataset(root), Fetch(config), processes).counts
    print(counts["items"] - counts["failed"] - counts["pending"], time.perf_counter() - started)
"""
THEIRS = """
import sys, time
from img2dataset import download
if __name__ == "__main__":
    urls, out, images, processes, threads = *sys.argv[1:3], *map(int, sys.argv[3:])
    started = time.perf_counter()
    download(
        url_list=urls, output_folder=out, output_format="webdataset", processes_count=processes, thread_count=threads,
        disable_all_reencoding=True, number_sample_per_shard=-(-images // (2 * processes)), retries=2, timeout=10,
    )
    took = time.perf_counter() - started
    import glob, json
    print(sum(json.load(open(f))["successes"] for f in glob.glob(out + "/*_stats.json")), took)
"""


def pictures(count: int, seed: int) -> list[bytes]:
    """So many different JPEGs: the real ones, then crops of them; a damaged file among them would be refused."""
    files = sorted(f for f in DATA.rglob("*.jpg") if f.stat().st_size > 8_000 and f.read_bytes()[:2] == b"\xff\xd8")
    draw, made = random.Random(seed), []
    while len(made) < count:
        file = files[len(made) % len(files)]
        if len(made) < len(files):
            made.append(file.read_bytes())
            continue
        try:
            image = Image.open(file).convert("RGB")
        except OSError:
            files.remove(file)
            continue
        width, height = image.size
        left, top = draw.randrange(1 + width // 4), draw.randrange(1 + height // 4)
        out = io.BytesIO()
        image.crop((left, top, width - draw.randrange(1 + width // 4), height)).save(out, "jpeg", quality=90)
        made.append(out.getvalue())
    return made


class Answering(asyncio.Protocol):
    """HTTP/1.1 with connections kept open, no more of it than both sides need."""

    def __init__(self, bodies: list[bytes], latency_s: float) -> None:
        self._bodies, self._latency_s, self._read = bodies, latency_s, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while b"\r\n\r\n" in self._read:
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            name = head.split(b" ", 2)[1].rpartition(b"/")[2].removesuffix(b".jpg")
            body, status = (self._bodies[int(name)], b"200 OK") if name.isdigit() else (b"", b"404 Not Found")
            close = b"connection: close" in head.lower()
            answer = b"HTTP/1.1 %b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n" % (status, len(body))
            answer += b"Connection: close\r\n\r\n" if close else b"\r\n"
            asyncio.get_running_loop().call_later(self._latency_s, self._answer, answer + body, close)

    def _answer(self, answer: bytes, close: bool) -> None:
        self._transport.write(answer)
        if close:
            self._transport.close()


def serve(bodies: list[bytes], latency_s: float, told: Connection) -> None:
    """Serve until killed; tells its port."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(
            lambda: Answering(bodies, latency_s), "127.0.0.1", 0, backlog=4096
        )
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def dataset_of(root: Path, urls: list[str]) -> None:
    """A dataset whose products list these pictures, as ingest would leave it."""
    import polars as pl

    from m5tools.dataset import Dataset
    from m5tools.manifest import FORMAT

    dataset = Dataset(root)
    rows = pl.DataFrame({"location": urls, "location_raw": urls}).with_columns(
        product_id=pl.int_range(pl.len()).map_elements(lambda i: f"{i:032x}", pl.String), crawl_id=pl.lit("c1"),
        source=pl.lit("s"), position=pl.lit(0, pl.Int32), modality=pl.lit("image"),
        location_id=pl.Series([hashlib.sha256(url.encode()).hexdigest()[:32] for url in urls]),
    )  # fmt: skip
    dataset.write("media", "c1/part-00000", rows)
    with dataset.changing() as manifest:
        manifest["format"], manifest["partitions"] = FORMAT, 1
        manifest["crawls"].append({"source": "s", "crawl_id": "c1", "media_root": None})
        manifest["stages"]["ingest/c1"] = {
            "stage": "ingest", "version": 1, "config": {}, "run": "none", "inputs": {}, "fingerprint": "", "counts": {},
            "writes": ["media"],
        }  # fmt: skip


def rate(python: str, script: str, arguments: list[object], images: int) -> float:
    """Images a second of one run in a process of its own, all of which must have come."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "side.py").write_text(script)
        command = [python, f"{folder}/side.py", *map(str, arguments)]
        repository = str(Path(__file__).resolve().parent.parent)
        environment = {**os.environ, "PYTHONPATH": repository, "NO_ALBUMENTATIONS_UPDATE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    had, seconds = done.stdout.strip().splitlines()[-1].split()
    assert int(had) == images, f"{had} of {images} images came\n{done.stderr[-2000:]}"
    return images / float(seconds)


def spread(rates: list[float]) -> str:
    return f"{statistics.median(rates):7.0f} images/s (of {len(rates)}: {min(rates):.0f} to {max(rates):.0f})"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=4_000)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--latency-ms", type=float, default=20)
    options.add_argument("--connections", type=int, default=128, help="ours, to the one host, over all processes")
    options.add_argument("--threads", type=int, default=256, help="theirs, a process (256 is their default)")
    options.add_argument("--img2dataset-python", help="interpreter of an environment that has img2dataset")
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    if not DATA.is_dir():
        sys.exit(f"skipped: no real data at {DATA} (set M5_REAL_DATA)")
    theirs_too = asked.img2dataset_python and Path(asked.img2dataset_python).is_file()
    if not theirs_too:
        print("img2dataset is skipped: give --img2dataset-python (see --help)")
    bodies = pictures(asked.images, asked.seed)
    print(f"{len(bodies):,} JPEGs, {sum(map(len, bodies)) / len(bodies) / 1024:.0f} KiB each on average")
    ours: list[float] = []
    theirs: list[float] = []
    told, tells = mp.Pipe(duplex=False)
    server = mp.Process(target=serve, args=(bodies, asked.latency_ms / 1000, tells), daemon=True)
    server.start()
    try:
        port = told.recv()
        urls = [f"http://127.0.0.1:{port}/{i}.jpg" for i in range(len(bodies))]
        for run in range(asked.runs):
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder)
                dataset_of(root / "dataset", urls)
                (root / "urls.txt").write_text("\n".join(urls))
                sizes: list[object] = [len(urls), PROCESSES]
                ours.append(rate(sys.executable, OURS, [root / "dataset", *sizes, asked.connections], len(urls)))
                if theirs_too:
                    arguments = [root / "urls.txt", root / "out", *sizes, asked.threads]
                    theirs.append(rate(asked.img2dataset_python, THEIRS, arguments, len(urls)))
            print(f"run {run + 1}: m5 fetch {ours[-1]:.0f}" + (f", img2dataset {theirs[-1]:.0f}" if theirs else ""))
    finally:
        server.terminate()
        server.join()
    print(f"m5 fetch     {spread(ours)}")
    if theirs:
        ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
        ratio = statistics.median(ours) / statistics.median(theirs)
        print(f"img2dataset  {spread(theirs)}")
        print(f"ratio        {ratio:.2f} (pairs: {ratios[0]:.2f} to {ratios[-1]:.2f})")
        print(json.dumps({"ours": ours, "img2dataset": theirs, "ratio": ratio}))


if __name__ == "__main__":
    main()
