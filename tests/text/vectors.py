#!/usr/bin/python3
"""Checks token ids: every reference vector, with CLIP's own vocabulary, at 77 and 248 positions."""
import json
import os
import subprocess
import sys

shared = os.path.join(os.environ["CLIPMOE_TEST_SOURCES"], "..", "..", "shared")
vectors = os.path.join(shared, "reference", "tokenizer-vectors.jsonl")
vocab = os.path.join(shared, "data", "bpe_simple_vocab_16e6.txt.gz")
if not (os.path.exists(vectors) and os.path.exists(vocab)):
    print("not at hand: " + ", ".join(path for path in (vectors, vocab) if not os.path.exists(path)))
    sys.exit(77)
rows = [json.loads(line) for line in open(vectors, encoding="ascii")]
# A line of standard input can hold a NUL, an argument can hold line ends: each text goes one of the two ways.
rows.sort(key=lambda row: "\n" in row["text"])
lines = [row["text"] + "\n" for row in rows if "\n" not in row["text"]]
arguments = [row["text"] for row in rows if "\n" in row["text"]]
bad = 0
for context in (77, 248):
    done = subprocess.run([os.environ["CLIPMOE_COMMAND"], "tokenize", "--vocab", vocab, "--context", str(context), "--", "-"]
                          + arguments, input="".join(lines).encode(), stdout=subprocess.PIPE, check=True)
    got = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(got) == len(rows)
    for row, answer in zip(rows, got):
        want = [49406] + row["ids"][:context - 2] + [49407]
        assert answer["text"] == row["text"]
        if answer["ids"] != want:
            bad += 1
            print("%r at %d: %s, expected %s" % (row["text"][:60], context, answer["ids"][:24], want[:24]))
print("%d texts at 77 and 248 positions" % len(rows))
print("%d passed, %d failed, 0 skipped" % (2 * len(rows) - bad, bad))
sys.exit(1 if bad else 0)
