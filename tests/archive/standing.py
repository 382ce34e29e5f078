#!/usr/bin/python3
"""Checks that the rule of what stands out is what the bench measures: figures in C and with NumPy are the same.

Runs alone: its argument is the program (figures.c), CLIPMOE_TEST_SOURCES the folder of the tests.
"""
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

SOURCES = os.environ["CLIPMOE_TEST_SOURCES"]
sys.path.insert(0, os.path.join(SOURCES, "bench", "standing"))
import figures  # noqa: E402


def unit(x):
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def rule():
    with open(os.path.join(os.path.dirname(SOURCES), "archive", "standing.c"), encoding="utf-8") as f:
        found = dict(re.findall(r"^#define (\w+) \(?(-?[\d.]+)\)?$", f.read(), re.M))
    return [float(found[n.upper()]) for n in figures.RULE], float(found["THRESHOLD"])


failed = 0
random = np.random.default_rng(19)
for words, embed, rows, scale, near in (300, 64, 500, 25.0, 0.0), (40, 512, 60, 100.0, 0.7), (12, 17, 3, 25.0, 0.0), (200, 32, 21, 4.6, 2.0), (90, 24, 3000, 25.0, 0.0), (9, 8, 1, 25.0, 0.0):
    common = random.normal(size=embed)
    bank = unit(random.normal(size=(words, embed)) + 0.4 * common)
    query = unit(random.normal(size=embed) + near * bank[3] * np.sqrt(embed))
    all_rows = unit(random.normal(size=(rows, embed)) + 0.3 * common)
    cosines = all_rows.astype(float) @ query.astype(float)
    hits = np.argsort(-cosines, kind="stable")[:figures.HITS + 5]
    some = figures.sample(rows)
    reached = figures.reach((all_rows[some].astype(float) @ bank.T.astype(float)), rows)
    with np.errstate(divide="ignore", invalid="ignore"):  # a single moment has no spread
        expected = figures.figures(figures.Bank(bank.astype(float), scale), query.astype(float), cosines, hits, all_rows[hits].astype(float), reached)
    with tempfile.NamedTemporaryFile() as f:
        f.write(bank.tobytes() + query.tobytes() + all_rows[hits].tobytes() + all_rows[some].tobytes())
        f.flush()
        r = subprocess.run([sys.argv[1], f.name, *map(str, (words, embed, len(hits), scale, rows, len(some)))], capture_output=True, check=True, timeout=60)
    lines = r.stdout.decode().split("\n")
    kept = figures.Bank(bank.astype(float), scale).keep(query.astype(float))[0].sum()
    got = np.array([[float(x) for x in line.split()] for line in lines[1:] if line])
    names = ("score",) + figures.RULE
    want = np.stack([expected[n] for n in names], 1)
    weights, threshold = rule()
    first = sum(w * expected[n][0] for w, n in zip(weights, figures.RULE)) - threshold
    want = np.c_[want, first - (expected["lead"][0] - expected["lead"])]
    off = np.abs(got - want).max(0) if got.shape == want.shape else np.inf
    if int(lines[0]) != kept or np.max(off) > 2e-4:
        failed += 1
        print("FAILED: %d words of %d: kept %s, expected %d; %s off by %s" % (words, embed, lines[0], kept, names + ("margin",), off))
    if near and kept == words:
        failed += 1
        print("FAILED: the word that the query lies close to was not left out")
print("%s" % ("FAILED" if failed else "figures in C and NumPy agree"))
sys.exit(failed > 0)
