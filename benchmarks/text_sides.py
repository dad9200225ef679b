"""The sides of `text_duplicates`, each a script for the interpreter that has its package.

Called with the folder of the texts, one for what it makes, and a number of workers, a side prints its work and its
groups as JSON. `CUT` cuts the words that all sides are given.
"""

CUT = """
import sys
from datatrove.utils.text import TextNormConfig, simplify_text
from datatrove.utils.word_tokenizers import load_word_tokenizer
tokenizer = load_word_tokenizer("en")
norm = TextNormConfig(norm_numbers=False)
def cut(text):
    return " ".join(tokenizer.word_tokenize(simplify_text(text, norm)))
for line in sys.stdin:
    once = cut(line.strip())
    print(once if cut(once) == once else "", flush=False)
"""

DATATROVE = """
import json, struct, sys, time
from pathlib import Path
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.text import TextNormConfig
folder, made, tasks = sys.argv[1], sys.argv[2], int(sys.argv[3])
config = MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5,
                       norm_config=TextNormConfig(norm_numbers=False))
if __name__ == "__main__":
    began = time.perf_counter()
    read = lambda: JsonlReader(f"{folder}/texts")
    def run(steps, count):
        LocalPipelineExecutor(pipeline=steps, tasks=count, workers=min(count, tasks), skip_completed=False,
            logging_dir=f"{made}/logs").run()
    run([read(), MinhashDedupSignature(output_folder=f"{made}/signatures", config=config)], tasks)
    run([MinhashDedupBuckets(f"{made}/signatures", f"{made}/buckets", config=config)], 14)
    run([MinhashDedupCluster(f"{made}/buckets", f"{made}/remove", config=config, save_cluster_id=True)], 1)
    run([read(), MinhashDedupFilter(f"{made}/remove"), JsonlWriter(f"{made}/kept")], tasks)
    work = time.perf_counter() - began
    groups = {}
    for task in range(tasks):
        ids = [json.loads(line)["id"] for line in open(f"{folder}/texts/{task}.jsonl")]
        data = Path(f"{made}/remove/{task:06d}.clusters").read_bytes()
        for place, group in struct.iter_unpack("<II", data):
            groups[int(ids[place])] = group
    print(json.dumps({"work": work, "groups": groups}))
"""

DATASKETCH = """
import json, sys, time
from datasketch import MinHash, MinHashLSH
folder, made, tasks = sys.argv[1], sys.argv[2], int(sys.argv[3])
began = time.perf_counter()
lines = [json.loads(line) for task in range(tasks) for line in open(f"{folder}/texts/{task}.jsonl")]
lsh = MinHashLSH(threshold=0.8, num_perm=128)
parent = {}
def root(x):
    while parent.get(x, x) != x:
        x = parent[x]
    return x
for line in lines:
    words = line["text"].split()
    mine = MinHash(num_perm=128)
    mine.update_batch([" ".join(words[i:i + 5]).encode() for i in range(max(1, len(words) - 4))])
    name = int(line["id"])
    for other in lsh.query(mine):
        one, two = sorted((root(name), root(other)))
        parent[two] = one
    lsh.insert(name, mine)
with open(f"{made}/kept.jsonl", "w") as file:
    file.writelines(json.dumps(line) + "\\n" for line in lines if root(int(line["id"])) == int(line["id"]))
work = time.perf_counter() - began
print(json.dumps({"work": work, "groups": {x: root(x) for x in {*parent, *(root(x) for x in parent)}}}))
"""

TEXT_DEDUP = """
import json, sys, time
folder, made, tasks = sys.argv[1], sys.argv[2], int(sys.argv[3])
if __name__ == "__main__":
    from text_dedup import minhash
    from text_dedup.utils import IOArgs, MetaArgs, MinHashArgs
    began = time.perf_counter()
    files = IOArgs(path="json", data_files=f"{folder}/texts/*.jsonl", split="train", output=f"{made}/kept",
                   cache_dir=f"{made}/cache", num_proc=tasks)
    minhash.main.callback(io_args=files, meta_args=MetaArgs("text"), minhash_args=MinHashArgs(threshold=0.8))
    work = time.perf_counter() - began
    count = sum(len(open(f"{folder}/texts/{task}.jsonl").readlines()) for task in range(tasks))
    print()
    print(json.dumps({"work": work, "groups": {i: int(minhash.uf.find(i)) for i in range(count)}}))
"""

OURS = """
import json, sys, time
import polars as pl
import scipy.sparse.csgraph  # loaded where it is first needed, which is start and not work
from m5tools.dedup.evidence.near_texts import near_texts
folder, made, tasks = sys.argv[1], sys.argv[2], int(sys.argv[3])
began = time.perf_counter()
lines = pl.concat(pl.read_ndjson(f"{folder}/texts/{task}.jsonl") for task in range(tasks))
groups = near_texts(lines["text"]).groups
copies = groups.filter(pl.col("row") != pl.col("label"))["row"]
lines.with_row_index().filter(~pl.col("index").is_in(copies.implode())).drop("index").write_ndjson(f"{made}/kept.jsonl")
work = time.perf_counter() - began
ids = lines["id"].cast(pl.Int64)
print(json.dumps({"work": work, "groups": dict(zip(ids.gather(groups["row"]), groups["label"].to_list()))}))
"""
