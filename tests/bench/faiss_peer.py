#!/usr/bin/python3
"""faiss' side of tests/bench/archive: the commands of archive.c that have a meaning here.

    open PATH ROWS EMBED THREADS KIND    KIND: flat (IndexFlatIP), fp16 (the scalar quantizer), or these with -halves behind:
                                         faiss searches for one query with one thread; in two halves it takes two
    queries PATH N · write K PATH · time K _ N · memory · version
"""
import sys
import time

import faiss
import numpy as np

import vectorfile

state = {}


def make(kind, embed):
    if kind == "flat":
        return faiss.IndexFlatIP(embed)
    return faiss.IndexScalarQuantizer(embed, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)


def open_(path, rows, embed, threads, kind):
    rows, embed, threads = int(rows), int(embed), int(threads)
    faiss.omp_set_num_threads(threads)
    kind, _, halves = kind.partition("-")
    parts = [make(kind, embed) for _ in range(threads if halves else 1)]
    done = 0
    for some in vectorfile.parts(path, rows, embed):
        part = parts[min(done * len(parts) // rows, len(parts) - 1)]
        if not part.is_trained:
            part.train(some)
        part.add(some)
        done += len(some)
    index = parts[0]
    if halves:
        index = faiss.IndexShards(embed, True, True)
        for p in parts:
            index.add_shard(p)
    state.update(index=index, parts=parts, embed=embed, turn=0)


def answer(command, *w):
    if command == "open":
        open_(*w)
    elif command == "queries":
        state["queries"] = np.fromfile(w[0], np.float32).reshape(int(w[1]), state["embed"])
    elif command == "write":
        out = np.empty((len(state["queries"]), int(w[0])), [("row", "<u8"), ("cosine", "<f8")])
        for i in range(len(out)):
            cosines, rows = state["index"].search(state["queries"][i:i + 1], int(w[0]))
            out[i]["row"], out[i]["cosine"] = rows[0], cosines[0]
        out.tofile(w[1])
    elif command == "time":
        times = []
        for _ in range(int(w[2])):
            q = state["queries"][state["turn"] % len(state["queries"])][None]
            state["turn"] += 1
            wall, processor = time.perf_counter(), time.process_time()
            state["index"].search(q, int(w[0]))
            times += [(time.perf_counter() - wall) * 1e3, (time.process_time() - processor) * 1e3]
        return times
    elif command == "memory":
        with open("/proc/self/status", encoding="ascii") as f:
            return [next(int(line.split()[1]) for line in f if line.startswith("RssAnon")) * 1024]
    elif command == "version":
        return [faiss.__version__]
    else:
        raise ValueError("\"%s\" is no command here" % command)
    return []


for line in sys.stdin:
    try:
        reply = ["ok"] + list(map(str, answer(*line.rstrip("\n").split("\t"))))
    except Exception as e:  # whatever it is, the other side is told
        reply = ["error", "%s: %s" % (type(e).__name__, str(e).split("\n")[0])]
    print("\t".join(reply), flush=True)
