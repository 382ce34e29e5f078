#!/usr/bin/python3
"""Makes the fixtures of this folder from the reference formulas: weights of seeded tiny models, inputs, unit vectors.

    make_golden.py ORACLE_FOLDER BPE_VOCABULARY OUT
"""
import os
import sys
import tempfile

sys.path.insert(0, sys.argv[1])
import dump_golden  # noqa: E402
import stio  # noqa: E402

KEEP = ("pixels", "tokens", "image.unit", "text.unit")


def main():
    _, _, vocab, out = sys.argv
    with tempfile.TemporaryDirectory() as top:
        for name, spec in sorted(dump_golden.CASES.items()):
            dump_golden.dump(top, name, spec, vocab, spec["seed"])
            weights, meta = stio.load(os.path.join(top, name, "weights.safetensors"))
            tensors, _ = stio.load(os.path.join(top, name, "golden.safetensors"))
            stio.save(os.path.join(out, name + ".weights.safetensors"), weights, meta)
            kept = {k: v for k, v in tensors.items() if k in KEEP or k.startswith("image")}
            stio.save(os.path.join(out, name + ".golden.safetensors"), kept)


main()
