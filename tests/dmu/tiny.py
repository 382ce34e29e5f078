"""A dense model of a few thousand weights, pairs of coloured pictures and a recipe: what tests of clipmoe-dmu train."""
import io
import json
import os
import shutil
import sys
import tarfile

import numpy as np
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "model"))
import checkpoints  # noqa: E402

COMMAND = os.environ["CLIPMOE_DMU"]
VOCAB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "models", "default")
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (30, 40, 220), "yellow": (230, 220, 30),
           "white": (245, 245, 245), "black": (10, 10, 10)}

RECIPE = """[run]
base = base
seed = 7
threads = 1
name = moe
dtype = f16
[data]
train = train
heldout = heldout
templates = a photo of a {}.;{}
[dense]
steps = 5
batch = 8
warmup = 2
rate = 1e-3
average = 0.9
save-every = 2
train-scale = true
[cluster]
text = 2
image = 2
[finetune]
steps = 5
batch = 8
micro-batch = 5
warmup = 2
rate = 1e-3
save-every = 1
crop = 0.6
mirror = true
jitter = 0.2
smoothing = 0.1
[upcycle]
experts = 3
top-k = 2
image-blocks = last:1
[route]
steps = 4
batch = 8
warmup = 1
rate = 1e-2
save-every = 1
balance = per-layer
[tune]
steps = 3
batch = 8
warmup = 1
rate = 1e-3
save-every = 1
"""


def weights(seed=1, width=64, layers=2, side=16, patch=8, embed=32, context=24, vocab=6144):
    rng = np.random.RandomState(seed)

    def normal(*shape, std):
        return (rng.standard_normal(shape) * std).astype(np.float32)

    sd = {"positional_embedding": normal(context, width, std=0.1), "text_projection": normal(width, embed, std=width ** -0.5),
          "logit_scale": np.float32(2.5), "visual.class_embedding": normal(width, std=0.2),
          "visual.positional_embedding": normal((side // patch) ** 2 + 1, width, std=0.2),
          "visual.proj": normal(width, embed, std=width ** -0.5),
          "visual.conv1.weight": normal(width, 3, patch, patch, std=(3 * patch * patch) ** -0.5),
          "token_embedding.weight": normal(vocab, width, std=0.2)}
    for ln in ("visual.ln_pre", "visual.ln_post", "ln_final"):
        sd[ln + ".weight"], sd[ln + ".bias"] = np.ones(width, np.float32), np.zeros(width, np.float32)
    for tower in ("visual.transformer", "transformer"):
        for i in range(layers):
            p = "%s.resblocks.%d." % (tower, i)
            for ln in ("ln_1", "ln_2"):
                sd[p + ln + ".weight"], sd[p + ln + ".bias"] = np.ones(width, np.float32), np.zeros(width, np.float32)
            sd[p + "attn.in_proj_weight"] = normal(3 * width, width, std=width ** -0.5)
            sd[p + "attn.in_proj_bias"] = np.zeros(3 * width, np.float32)
            sd[p + "attn.out_proj.weight"] = normal(width, width, std=width ** -0.5 / 2)
            sd[p + "attn.out_proj.bias"] = np.zeros(width, np.float32)
            sd[p + "mlp.c_fc.weight"] = normal(4 * width, width, std=width ** -0.5)
            sd[p + "mlp.c_fc.bias"] = np.zeros(4 * width, np.float32)
            sd[p + "mlp.c_proj.weight"] = normal(width, 4 * width, std=width ** -0.5 / 4)
            sd[p + "mlp.c_proj.bias"] = np.zeros(width, np.float32)
    return sd


def model(path, sd=None, **more):
    os.makedirs(path, exist_ok=True)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(os.path.join(VOCAB, name), path)
    checkpoints.save(os.path.join(path, "model.safetensors"), sd or weights(**more), {"clip.activation": "quick_gelu"})
    return path


def member(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def pairs(path, n, seed):
    """Half of them with a class, half with captions."""
    rng = np.random.RandomState(seed)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for i in range(n):
            name = sorted(COLOURS)[i % len(COLOURS)]
            noise = rng.randint(-12, 13, (20, 22, 3)) + np.array(COLOURS[name])
            out = io.BytesIO()
            Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(out, "PNG")
            member(tar, "%04d.png" % i, out.getvalue())
            if i % 2:
                member(tar, "%04d.json" % i, json.dumps({"class": name, "source": "classes"}).encode())
            else:
                member(tar, "%04d.txt" % i, ("a %s wall\nsomething %s number %d\n" % (name, name, i)).encode())


def setup(top, recipe=RECIPE):
    """Everything in @top; returns the arguments of a run."""
    model(os.path.join(top, "base"))
    pairs(os.path.join(top, "train", "colours-0000.tar"), 64, 1)
    pairs(os.path.join(top, "heldout", "colours-0000.tar"), 24, 2)
    with open(os.path.join(top, "recipe.ini"), "w") as f:
        f.write(recipe)
    return [COMMAND, "run", os.path.join(top, "recipe.ini"), "--quiet"]


def files(folder):
    """Every file below @folder with its bytes, but for what may differ."""
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if name not in ("timing.jsonl", "lock"):
                with open(path, "rb") as f:
                    found[os.path.relpath(path, folder)] = f.read()
    return found
