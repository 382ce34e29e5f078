"""Checkpoints of seeded random weights for the comparison, in OpenAI's and CLIP-MoE's names (numpy alone).

An image model has the image tower in full and a text tower that is as small as can be, a text model the other way
round. Scales are those of a model before training (OpenAI's initialisation), so that activations stay sane; no value is
left at zero.
"""
import json
import os
import shutil
import struct

import numpy as np

IMAGE = {  # width, layers, patch, embed
    "B-32": (768, 12, 32, 512), "B-16": (768, 12, 16, 512), "L-14": (1024, 24, 14, 768), "tiny": (128, 2, 32, 64)}
EXPERTS, TOP_K, SIDE = 4, 2, 224


def block(p, d, layers, experts):
    """Name, shape and deviation of a block's tensors; deviation None: about one."""
    attn, proj, fc = d ** -0.5, d ** -0.5 * (2 * layers) ** -0.5, (2 * d) ** -0.5
    out = [("attn.in_proj_weight", (3 * d, d), attn), ("attn.in_proj_bias", (3 * d,), 0.02),
           ("attn.out_proj.weight", (d, d), proj), ("attn.out_proj.bias", (d,), 0.02)]
    for norm in ("ln_1", "ln_2"):
        out += [(norm + ".weight", (d,), None), (norm + ".bias", (d,), 0.02)]
    if experts:
        out.append(("gate.weight", (experts, d), 1.5 * d ** -0.5))
    for q in ["experts.%d." % e for e in range(experts)] or ["mlp."]:
        out += [(q + "c_fc.weight", (4 * d, d), fc), (q + "c_fc.bias", (4 * d,), 0.02),
                (q + "c_proj.weight", (d, 4 * d), proj), (q + "c_proj.bias", (d,), 0.02)]
    return [(p + name, shape, scale) for name, shape, scale in out]


def tensors(dv, lv, patch, side, experts, dt, lt, vocab, embed):
    tokens = (side // patch) ** 2 + 1
    out = [("visual.conv1.weight", (dv, 3, patch, patch), (3 * patch * patch) ** -0.5),
           ("visual.class_embedding", (dv,), dv ** -0.5),
           ("visual.positional_embedding", (tokens, dv), dv ** -0.5),
           ("visual.proj", (dv, embed), dv ** -0.5),
           ("token_embedding.weight", (vocab, dt), 0.02), ("positional_embedding", (77, dt), 0.01),
           ("text_projection", (dt, embed), dt ** -0.5), ("logit_scale", (), 0.01)]
    for name, d in (("visual.ln_pre", dv), ("visual.ln_post", dv), ("ln_final", dt)):
        out += [(name + ".weight", (d,), None), (name + ".bias", (d,), 0.02)]
    for i in range(lv):
        out += block("visual.transformer.resblocks.%d." % i, dv, lv, experts)
    for i in range(lt):
        out += block("transformer.resblocks.%d." % i, dt, lt, 0)
    return out


def write(path, wanted, meta):
    """Values in the order of the names, each tensor from a generator of its own, so that nothing is held at once."""
    wanted = sorted(wanted)
    header, at = {"__metadata__": meta}, 0
    for name, shape, _ in wanted:
        size = 4 * int(np.prod(shape, dtype=np.int64))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".part", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for i, (name, shape, scale) in enumerate(wanted):
            values = np.random.default_rng((2026, i)).standard_normal(shape, np.float32)
            f.write(np.asarray(1 + 0.1 * values if scale is None else scale * values, np.float32).tobytes())
        f.flush()
        os.fsync(f.fileno())
    os.rename(path + ".part", path)


def fresh(path, *made_from):
    """Whether a file of the cache is there and no older than what it is made from."""
    return os.path.exists(path) and all(os.path.getmtime(path) >= os.path.getmtime(m) for m in (__file__,) + made_from)


def image_model(folder, name, moe):
    """The checkpoint's path; made once."""
    path = os.path.join(folder, "%s%s.safetensors" % (name, "-moe" if moe else ""))
    if not fresh(path):
        d, layers, patch, embed = IMAGE[name]
        meta = {"clip.activation": "quick_gelu", "clip.name": os.path.basename(path)[:-12]}
        if moe:
            meta["clip.top_k"] = str(TOP_K)
        write(path, tensors(d, layers, patch, SIDE, EXPERTS if moe else 0, 64, 1, 64, embed), meta)
    return path


def text_model(folder, vocab):
    """A text tower of ViT-B's size."""
    path = os.path.join(folder, "text-B-%d.safetensors" % vocab)
    if not fresh(path):
        write(path, tensors(64, 1, 32, 64, 0, 512, 12, vocab, 512), {"clip.activation": "quick_gelu"})
    return path


def with_words(folder, vocab):
    """A folder of ViT-B/32 with a small text tower and the vocabulary of @vocab beside it; made once."""
    out = os.path.join(folder, "index-B-32")
    os.makedirs(out, exist_ok=True)
    for file in ("vocab.json", "merges.txt"):
        shutil.copy(os.path.join(vocab, file), out)
    with open(os.path.join(vocab, "vocab.json"), encoding="utf-8") as f:
        tokens = len(json.load(f))
    path = os.path.join(out, "model.safetensors")
    if not fresh(path):
        width, layers, patch, embed = IMAGE["B-32"]
        write(path, tensors(width, layers, patch, SIDE, 0, 64, 1, tokens, embed), {"clip.activation": "quick_gelu", "clip.name": "B-32"})
    return out


def load(path):
    """The tensors, mapped."""
    with open(path, "rb") as f:
        n, = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(n))
    header.pop("__metadata__", None)
    data = np.memmap(path, np.uint8, "r", 8 + n)
    return {k: data[t["data_offsets"][0]:t["data_offsets"][1]].view(np.float32).reshape(t["shape"])
            for k, t in header.items()}


def pictures(n):
    """Squares as preprocessing leaves them: smooth shapes and some noise, each another."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    out = np.empty((n, 3, SIDE, SIDE), np.float32)
    for i in range(n):
        r = np.random.default_rng((7, i))
        for c in range(3):
            waves = sum(r.normal() * np.sin(r.uniform(2, 25) * x + r.uniform(2, 25) * y + r.uniform(0, 6)) for _ in range(6))
            out[i, c] = 0.6 * waves + 0.3 * r.standard_normal((SIDE, SIDE))
    return out
