#!/usr/bin/python3
"""Makes the fixtures of this folder: what the reference formulas say of the models that models.py writes, a stage at a time.

    make_golden.py ORACLE_FOLDER MERGES

ORACLE_FOLDER holds the formulas in PyTorch, MERGES is the default model's merges.txt. Everything is computed in double
from the models' f32 numbers and stored as f32.

inputs.safetensors, the same for all models:
  image{i}.rgb       U8 [height][width][3]
  image{i}.resized   U8 [32][32][3], after resize and crop
  pixels             F32 [3][3][32][32], normalised
  tokens77, tokens248  I32 [5][context]: the captions below, zeros behind the end
CASE.golden.safetensors, with a metadata entry `weights`, the SHA-256 of the file they were made from:
  image{i}.patches, .ln_pre            [tokens][width]
  image{i}.block{b}.attention          the residual stream after attention
  image{i}.block{b}.router             logits before the softmax, of a mixture
  image{i}.block{b}.chosen, .weights   [tokens][k], best first, chosen as I32
  image{i}.block{b}.block              the residual stream after the block
  image{i}.norm, .embedding            ln_post of the class token; the projection, before it gets length 1
  text{i}.rows                         I32: the positions that are kept of a text
  text{i}.embedded, then as above      .norm is ln_final of the end token
  image.unit, text.unit, label.unit    label: captions 0 to 2 as three templates of one label
  logits, probs                        exp (logit_scale) times the cosines, and their softmax over the captions
Of the last block the one row that is pooled is kept, as only that is worked out; but for
  features{i}.last, .norm              [tokens][width]: all its rows, and those through ln_post
"""
import hashlib
import os
import sys
import tempfile

import numpy as np
import torch

import models

sys.path.insert(0, sys.argv[1])
import model as formulas  # noqa: E402
import preprocess  # noqa: E402
import stio  # noqa: E402
import tokenizer  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
CAPTIONS = ["a photo of a cat.", "two dogs play on the grass near a red car", "It's an empty street at night, isn't it?",
            "caf\u00e9 \u6771\u4eac \U0001f600 &amp; co", "long " * 300]
SIZES = [(48, 37), (31, 64), (32, 32)]
TRACED_IMAGES, TRACED_TEXTS = (0, 1), (0, 4)
SEAM = 20  # where the second table of positions begins
GAP = 2e-4  # between the probabilities of the last expert that is chosen and the first that is not


def picture(w, h):
    """A pattern from integers alone."""
    y, x, c = np.meshgrid(np.arange(h), np.arange(w), np.arange(3), indexing="ij")
    v = (x * 7 + y * 13 + c * 61 + (x * y) // 3 + ((x // 5 + y // 4) % 2) * 90) % 256
    return v.astype(np.uint8)


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def clear(case, trace, ends, k):
    """Sees to it that no choice of experts hangs on rounding, for any row that has a say."""
    for name, logits in trace.items():
        if name.endswith(".router_logits") and k < logits.shape[-1]:
            p = torch.sort(torch.softmax(logits, -1), dim=-1, descending=True).values
            gap = p[..., k - 1] - p[..., k]
            rows = [gap[i, :end + 1].min() for i, end in enumerate(ends)] if name.startswith("text") else [gap.min()]
            if min(rows) < GAP:
                raise SystemExit("%s: %s: a choice of experts hangs on rounding: take another seed" % (case, name))


def stages(trace, tag, i, rows, pooled, layers, out):
    """Copies what was traced of picture or text number @i: @rows of every block, @pooled alone of the last."""
    to = "%s%d." % ("image" if tag == "vision" else "text", i)
    fixed = {"vision": ["patches", "ln_pre"], "text": ["embedded"]}[tag]
    for name in fixed:
        x = trace["%s.%s" % (tag, name)][i]
        out[to + name] = x if name == "patches" else x[rows]
    for b in range(layers):
        keep = [pooled] if b + 1 == layers else rows
        for ours, name in (("attention", ".attn"), ("router", ".router_logits"), ("chosen", ".chosen"),
                           ("weights", ".weights"), ("block", "")):
            key = "%s.block%d%s" % (tag, b, name)
            if key in trace:
                out["%sblock%d.%s" % (to, b, ours)] = trace[key][i][keep]
    out[to + "norm"] = trace["vision.ln_post" if tag == "vision" else "text.ln_final_eot"][i:i + 1]
    out[to + "embedding"] = trace[tag + ".embedding"][i:i + 1]


def features(sd, cfg, trace, i, out):
    """All rows of the last block for picture number @i, before and behind the last norm."""
    last = trace["vision.block%d" % (cfg.vision.layers - 1)][i]
    out["features%d.last" % i] = last
    out["features%d.norm" % i] = formulas.layer_norm(last, sd["visual.ln_post.weight"], sd["visual.ln_post.bias"], cfg.eps)


def make(case, path, pixels, tokens):
    spec = models.CASES[case]
    sd = {k: v.double() for k, v in stio.load(path)[0].items()}
    cfg = formulas.infer_config(sd, top_k=spec["k"], activation=spec["act"])
    trace, out = {}, {}
    image = formulas.encode_image(sd, cfg, pixels.double(), trace)[0]
    text = formulas.encode_text(sd, cfg, tokens, trace)[0]
    clear(case, trace, tokens.argmax(-1).tolist(), spec["k"])
    for i in TRACED_IMAGES:
        stages(trace, "vision", i, list(range(cfg.grid ** 2 + 1)), 0, cfg.vision.layers, out)
        features(sd, cfg, trace, i, out)
    for i in TRACED_TEXTS:
        end = int(tokens[i].argmax())
        rows = sorted({r for r in (0, 1, 2, SEAM - 1, SEAM, SEAM + 1, end // 2, end - 1, end) if r <= end})
        out["text%d.rows" % i] = torch.tensor(rows)
        stages(trace, "text", i, rows, end, cfg.text.layers, out)
    out["logits"], out["probs"] = formulas.scores(sd, image, text)
    out["image.unit"], out["text.unit"] = formulas.unit(image), formulas.unit(text)
    out["label.unit"] = formulas.label_embedding(sd, cfg, tokens[:3])
    kept = {k: v.int() if v.dtype == torch.int64 else v.float() for k, v in out.items()}
    stio.save(os.path.join(HERE, case + ".golden.safetensors"), kept, {"weights": digest(path)})


def main():
    torch.set_num_threads(1)
    raw = [picture(w, h) for w, h in SIZES]
    resized = [preprocess.image_to_pixels(r, models.PATCH * models.GRID) for r in raw]
    pixels = torch.from_numpy(np.stack([preprocess.normalise(r) for r in resized]))
    inputs = {"pixels": pixels}
    for i, (r, s) in enumerate(zip(raw, resized)):
        inputs["image%d.rgb" % i], inputs["image%d.resized" % i] = torch.from_numpy(r), torch.from_numpy(s)
    with tempfile.TemporaryDirectory() as top, torch.no_grad():
        vocab = os.path.join(top, "vocab.txt")
        models.vocabulary(sys.argv[2], vocab)
        tok = tokenizer.Tokenizer(vocab, models.VOCAB)
        tokens = {n: torch.tensor(tok.tokenize(CAPTIONS, context=n)) for n in (77, 248)}
        for n in tokens:
            inputs["tokens%d" % n] = tokens[n].int()
        stio.save(os.path.join(HERE, "inputs.safetensors"), inputs)
        for case, spec in models.CASES.items():
            path = os.path.join(top, case)
            models.save(path, *models.model(case))
            make(case, path, pixels, tokens[spec["context"]])


main()
