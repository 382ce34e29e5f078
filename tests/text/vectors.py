#!/usr/bin/python3
"""Protects token ids: every reference vector, with CLIP's own vocabulary, at 77 and 248 positions."""
import json
import os
import subprocess
import sys

shared = os.path.join(os.environ["CLIPMOE_TEST_SOURCES"], "..", "..", "shared")
vectors = os.path.join(shared, "reference", "tokenizer-vectors.jsonl")
vocab = os.path.join(shared, "data", "bpe_simple_vocab_16e6.txt.gz")
if not (os.path.exists(vectors) and os.path.exists(vocab)):
    print("the tokenizer vectors or CLIP's vocabulary are not at hand")
    sys.exit(77)
rows = [json.loads(line) for line in open(vectors, encoding="ascii")]
rows = [row for row in rows if "\0" not in row["text"]]  # no argument of a command can hold it
bad = 0
for context in (77, 248):
    done = subprocess.run([os.environ["CLIPMOE_COMMAND"], "tokenize", "--vocab", vocab, "--context", str(context), "--"]
                          + [row["text"] for row in rows], stdout=subprocess.PIPE, check=True)
    got = [json.loads(line)["ids"] for line in done.stdout.splitlines()]
    assert len(got) == len(rows)
    for row, ids in zip(rows, got):
        want = [49406] + (row.get("without_mojibake_repair") or row["ids"])[:context - 2] + [49407]
        if ids != want:
            bad += 1
            print("%r at %d: %s, expected %s" % (row["text"][:60], context, ids[:24], want[:24]))
print("%d texts, %d wrong" % (len(rows), bad))
sys.exit(1 if bad else 0)
