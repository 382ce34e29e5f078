#!/usr/bin/python3
"""PyTorch's side of tests/bench/compare: the commands of ours.c that have a meaning here.

    model PATH f32|int8 THREADS · pixels PATH N · tokens PATH · write images|texts PATH · time images|texts N · version
"""
import ctypes
import math
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import models  # noqa: E402


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


def linear(w, p, name="weight", bias="bias"):
    weight = torch.from_numpy(np.array(w[p + name]))
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(torch.from_numpy(np.array(w[p + bias])))
    return layer


def norm(w, p):
    layer = nn.LayerNorm(w[p + "weight"].shape[0])
    layer.weight, layer.bias = (nn.Parameter(torch.from_numpy(np.array(w[p + k]))) for k in ("weight", "bias"))
    return layer


class Mixture(nn.Module):
    def __init__(self, w, p, experts):
        super().__init__()
        self.gate = nn.Parameter(torch.from_numpy(np.array(w[p + "gate.weight"])))
        self.experts = nn.ModuleList(ffn(w, "%sexperts.%d." % (p, e)) for e in range(experts))

    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])
        top, chosen = torch.softmax(flat @ self.gate.T, -1).topk(models.TOP_K, -1)
        top, out = top / top.sum(-1, keepdim=True), torch.zeros_like(flat)
        for e, expert in enumerate(self.experts):
            rows, slot = (chosen == e).nonzero(as_tuple=True)
            if len(rows):
                out.index_add_(0, rows, expert(flat[rows]) * top[rows, slot, None])
        return out.reshape(x.shape)


def ffn(w, p):
    return nn.Sequential(linear(w, p + "c_fc."), QuickGELU(), linear(w, p + "c_proj."))


class Block(nn.Module):
    def __init__(self, w, p, causal):
        super().__init__()
        self.ln_1, self.ln_2, self.causal = norm(w, p + "ln_1."), norm(w, p + "ln_2."), causal
        self.qkv = linear(w, p + "attn.", "in_proj_weight", "in_proj_bias")
        self.out = linear(w, p + "attn.out_proj.")
        gate = w.get(p + "gate.weight")
        self.mlp = ffn(w, p + "mlp.") if gate is None else Mixture(w, p, gate.shape[0])

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = (z.reshape(n, t, d // 64, 64).transpose(1, 2) for z in self.qkv(self.ln_1(x)).split(d, -1))
        scores = (q / 8) @ k.transpose(-1, -2)
        if self.causal:
            scores = scores + torch.full((t, t), -math.inf).triu(1)
        x = x + self.out((torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(n, t, d))
        return x + self.mlp(self.ln_2(x))


class Image(nn.Module):
    def __init__(self, w):
        super().__init__()
        get = lambda name: nn.Parameter(torch.from_numpy(np.array(w[name])))
        self.conv, self.cls, self.positions = (get("visual." + k) for k in ("conv1.weight", "class_embedding",
                                                                           "positional_embedding"))
        self.ln_pre, self.ln_post, self.proj = norm(w, "visual.ln_pre."), norm(w, "visual.ln_post."), get("visual.proj")
        count = sum(k.startswith("visual.") and k.endswith("ln_1.weight") for k in w)
        self.blocks = nn.Sequential(*(Block(w, "visual.transformer.resblocks.%d." % i, False) for i in range(count)))

    def forward(self, x):
        x = F.conv2d(x, self.conv, stride=self.conv.shape[-1]).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        x = self.ln_post(self.blocks(self.ln_pre(x))[:, 0]) @ self.proj
        return x / x.norm(dim=-1, keepdim=True)


class Text(nn.Module):
    """All 77 tokens, as CLIP's own code runs it."""

    def __init__(self, w):
        super().__init__()
        get = lambda name: nn.Parameter(torch.from_numpy(np.array(w[name])))
        self.tokens, self.positions, self.proj = (get(k) for k in ("token_embedding.weight", "positional_embedding",
                                                                   "text_projection"))
        self.ln_final = norm(w, "ln_final.")
        count = sum(k.startswith("transformer.") and k.endswith("ln_1.weight") for k in w)
        self.blocks = nn.Sequential(*(Block(w, "transformer.resblocks.%d." % i, True) for i in range(count)))

    def forward(self, ids):
        x = self.ln_final(self.blocks(self.tokens[ids] + self.positions))
        x = x[torch.arange(len(x)), ids.argmax(-1)] @ self.proj
        return x / x.norm(dim=-1, keepdim=True)


class Peer:
    def __init__(self):
        self.inputs, self.towers = {}, {}

    def run(self, what):
        with torch.inference_mode():
            batches = self.inputs[what].split(32)
            return torch.cat([self.towers[what](b) for b in batches])

    def answer(self, command, *w):
        if command == "version":
            core = ctypes.CDLL("libopenblas.so.0").openblas_get_corename
            core.restype = ctypes.c_char_p
            return [torch.__version__, core().decode()]
        if command == "model":
            torch.set_num_threads(int(w[2]))
            weights = models.load(w[0])
            self.towers = {"images": Image(weights).eval(), "texts": Text(weights).eval()}
            if w[1] == "int8":
                self.towers = {k: torch.quantization.quantize_dynamic(t, {nn.Linear}) for k, t in self.towers.items()}
        elif command == "pixels":
            side = models.SIDE
            self.inputs["images"] = torch.from_numpy(np.fromfile(w[0], np.float32).reshape(-1, 3, side, side))
        elif command == "tokens":
            values = np.fromfile(w[0], np.uint32).astype(np.int64)
            n, lengths, at = int(values[0]), values[1:1 + values[0]], 1 + int(values[0])
            ids = torch.zeros(n, 77, dtype=torch.int64)
            for i, length in enumerate(lengths):
                ids[i, :length] = torch.from_numpy(values[at:at + length])
                at += int(length)
            self.inputs["texts"] = ids
        elif command == "write":
            self.run(w[0]).numpy().tofile(w[1])
        elif command == "time":
            times = []
            for _ in range(int(w[1])):
                wall, cpu = time.perf_counter(), time.process_time()
                self.run(w[0])
                times += [(time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3]
            return times
        else:
            raise ValueError('"%s" is no command here' % command)
        return []


def main():
    peer = Peer()
    for line in sys.stdin:
        try:
            reply = ["ok"] + list(map(str, peer.answer(*line.rstrip("\n").split("\t"))))
        except Exception as e:  # whatever it is, the other side must hear it
            reply = ["error", str(e).split("\n")[0]]
        print("\t".join(reply), flush=True)


if __name__ == "__main__":
    main()
