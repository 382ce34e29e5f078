#!/usr/bin/python3
"""Writes the tiny models of the tests: CASE.weights.safetensors and their vocabulary, golden.vocab.txt.

    models.py MERGES OUT

The build calls it; nothing of it is committed. Every number comes from SHAKE-128 over the case and the tensor's name and
from double arithmetic, so it is the same on every machine and with every Python. Heads are 64 wide, as OpenAI's.
MERGES: merges.txt of the default model, whose first lines make the vocabulary of 768 tokens.
"""
import array
import hashlib
import json
import math
import os
import struct
import sys

VOCAB, PATCH, GRID, EMBED = 768, 8, 4, 32
CASES = {
    # image and text: (width, layers, the last of them mixtures, experts); two: Long-CLIP's two tables of positions
    "dense77": dict(image=(128, 2, 0, 0), text=(64, 2, 0, 0), context=77, two=False, k=0, act="quick_gelu"),
    "long248": dict(image=(64, 2, 0, 0), text=(128, 2, 0, 0), context=248, two=True, k=0, act="quick_gelu"),
    "moe-e4k2": dict(image=(64, 2, 2, 4), text=(64, 1, 1, 4), context=248, two=True, k=2, act="quick_gelu"),
    "moe-last2-e3k1": dict(image=(64, 3, 2, 3), text=(64, 3, 2, 3), context=248, two=True, k=1, act="quick_gelu"),
    "moe-e3k3": dict(image=(64, 2, 1, 3), text=(64, 2, 1, 3), context=77, two=True, k=3, act="quick_gelu"),
    "moe-gelu-e3k2": dict(image=(64, 2, 1, 3), text=(64, 2, 1, 3), context=77, two=False, k=2, act="gelu"),
}
# Picked so that make_golden.py finds every choice of experts clear.
SEEDS = {"dense77": 1, "long248": 1, "moe-e4k2": 1, "moe-last2-e3k1": 1, "moe-e3k3": 1, "moe-gelu-e3k2": 1}


def root(x):
    """1 / sqrt (x): pow() may differ between machines."""
    return 1.0 / math.sqrt(x)


def values(key, n, std, mean):
    """n numbers of f32, evenly spread around @mean with deviation @std."""
    words = array.array("H", hashlib.shake_128(key.encode()).digest(2 * n))
    if sys.byteorder == "big":
        words.byteswap()
    reach = std * math.sqrt(3.0)
    step = 2 * reach / 65535
    return array.array("f", [mean - reach + step * w for w in words])


def model(case, seed=None):
    """{name: (shape, array of f32)} under OpenAI's and CLIP-MoE's names, and the metadata."""
    spec, out = CASES[case], {}
    seed = SEEDS[case] if seed is None else seed

    def put(name, *shape, std=1.0, mean=0.0):
        n = math.prod(shape)
        out[name] = (list(shape), values("%s %d %s" % (case, seed, name), n, std, mean))

    def norm(name, d):
        put(name + ".weight", d, std=0.2, mean=1.0)
        put(name + ".bias", d, std=0.1)

    def tower(prefix, d, layers, mixtures, experts):
        last = root(d) * root(2 * layers)
        for i in range(layers):
            p = "%stransformer.resblocks.%d." % (prefix, i)
            put(p + "attn.in_proj_weight", 3 * d, d, std=1.6 * root(d))
            put(p + "attn.in_proj_bias", 3 * d, std=0.1)
            put(p + "attn.out_proj.weight", d, d, std=2 * last)
            put(p + "attn.out_proj.bias", d, std=0.05)
            norm(p + "ln_1", d)
            norm(p + "ln_2", d)
            mixture = i >= layers - mixtures
            for q in ["experts.%d." % e for e in range(experts)] if mixture else ["mlp."]:
                put(p + q + "c_fc.weight", 4 * d, d, std=1.4 * root(d))
                put(p + q + "c_fc.bias", 4 * d, std=0.1)
                put(p + q + "c_proj.weight", d, 4 * d, std=1.4 * last)
                put(p + q + "c_proj.bias", d, std=0.05)
            if mixture:
                put(p + "gate.weight", experts, d, std=1.5 * root(d))

    image, text = spec["image"], spec["text"]
    put("visual.conv1.weight", image[0], 3, PATCH, PATCH, std=root(3 * PATCH * PATCH))
    put("visual.class_embedding", image[0], std=0.5)
    put("visual.positional_embedding", GRID * GRID + 1, image[0], std=0.5)
    norm("visual.ln_pre", image[0])
    tower("visual.", *image)
    norm("visual.ln_post", image[0])
    put("visual.proj", image[0], EMBED, std=root(image[0]))
    put("token_embedding.weight", VOCAB, text[0], std=0.5)
    put("positional_embedding", spec["context"], text[0], std=0.3)
    if spec["two"]:
        put("positional_embedding_res", spec["context"], text[0], std=0.3)
    tower("", *text)
    norm("ln_final", text[0])
    put("text_projection", text[0], EMBED, std=root(text[0]))
    out["logit_scale"] = ([], array.array("f", [4.6052]))
    meta = {"clip.activation": spec["act"]}
    if spec["k"]:
        meta["clip.top_k"] = str(spec["k"])
    return out, meta


def save(path, tensors, meta):
    header, chunks, at = {"__metadata__": meta}, [], 0
    for name in sorted(tensors):
        shape, numbers = tensors[name]
        if sys.byteorder == "big":
            numbers.byteswap()
        raw = numbers.tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(raw)]}
        chunks.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def vocabulary(merges, path):
    """In the form of bpe_simple_vocab_16e6.txt: a line of comment, then a merge a line."""
    with open(merges, encoding="utf-8") as f:
        lines = f.read().split("\n")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines[:VOCAB - 514 + 1]) + "\n")


def main():
    _, merges, out = sys.argv
    for case in CASES:
        save(os.path.join(out, case + ".weights.safetensors"), *model(case))
    vocabulary(merges, os.path.join(out, "golden.vocab.txt"))


if __name__ == "__main__":
    main()
