#!/usr/bin/python3
"""Makes scores.safetensors: what the reference formulas say of the golden models' five captions as labels.

    make_scores.py ORACLE_FOLDER BPE_VOCABULARY

The weights are those of tests/golden (same seeds); the captions stand in test_scores.c.
"""
import os
import sys
import tempfile

sys.path.insert(0, sys.argv[1])
import dump_golden  # noqa: E402
import stio  # noqa: E402

kept = {}
with tempfile.TemporaryDirectory() as top:
    for name in ("dense77", "moe-e4k2"):
        dump_golden.dump(top, name, dump_golden.CASES[name], sys.argv[2], dump_golden.CASES[name]["seed"])
        tensors, _ = stio.load(os.path.join(top, name, "golden.safetensors"))
        for key in ("image.unit", "text.unit", "label.unit", "logits", "probs"):
            kept[name + "." + key] = tensors[key]
stio.save(os.path.join(os.path.dirname(os.path.abspath(__file__)), "scores.safetensors"), kept)
