"""PyTorch's side of the bench: the same steps, on the same weights, pixels and tokens. Prints one JSON line."""
import json
import math
import os
import resource
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "model"))
import checkpoints  # noqa: E402

path, pixels_path, tokens_path, n, tokens, kind, threads, steps, rate, seen = sys.argv[1:]
n, tokens, steps, seen = int(n), int(tokens), int(steps), int(seen)
torch.set_num_threads(int(threads))
raw, meta, _ = checkpoints.load(path)
p = {k: torch.tensor(v.astype(np.float32)) for k, v in raw.items()}
del raw
k_experts = int(meta.get("clip.top_k", 0))
mlp = ("c_fc", "c_proj")
trained = {k: v for k, v in p.items() if (k != "logit_scale" if kind == "all" else "gate" in k if kind == "gate" else any(m in k for m in mlp))}
for v in trained.values():
    v.requires_grad_(True)
tables = ("token_embedding.weight", "positional_embedding", "visual.positional_embedding")
decay = [v for k, v in trained.items() if v.dim() > 1 and k not in tables]
rest = [v for k, v in trained.items() if v.dim() <= 1 or k in tables]
opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.2}] + ([{"params": rest, "weight_decay": 0.0}] if rest else []),
                        lr=float(rate), betas=(0.9, 0.999), eps=1e-8)


def norm(x, name):
    return F.layer_norm(x, x.shape[-1:], p[name + ".weight"], p[name + ".bias"], 1e-5)


def ffn(x, name):
    h = F.linear(x, p[name + "c_fc.weight"], p[name + "c_fc.bias"])
    return F.linear(h * torch.sigmoid(1.702 * h), p[name + "c_proj.weight"], p[name + "c_proj.bias"])


def mixture(x, name, routers):
    b, t, d = x.shape
    flat = x.reshape(-1, d)
    logits = F.linear(flat, p[name + "gate.weight"])
    prob = torch.softmax(logits, -1)
    weight, chosen = torch.topk(prob, k_experts, -1)
    weight = weight / weight.sum(-1, keepdim=True)
    routers.append((prob, chosen))
    out = torch.zeros_like(flat)
    for e in range(logits.shape[-1]):
        rows, slot = torch.where(chosen == e)
        if len(rows):
            out = out.index_add(0, rows, ffn(flat[rows], "%sexperts.%d." % (name, e)) * weight[rows, slot, None])
    return out.reshape(b, t, d)


def blocks(x, prefix, causal, routers):
    b, t, d = x.shape
    heads = d // 64
    mask = torch.full((t, t), -math.inf).triu(1) if causal else None
    i = 0
    while "%s%d.ln_1.weight" % (prefix, i) in p:
        q = "%s%d." % (prefix, i)
        y = F.linear(norm(x, q + "ln_1"), p[q + "attn.in_proj_weight"], p[q + "attn.in_proj_bias"])
        a, k, v = y.reshape(b, t, 3, heads, 64).permute(2, 0, 3, 1, 4)
        s = (a * 0.125) @ k.transpose(-1, -2)
        s = torch.softmax(s + mask if causal else s, -1)
        y = (s @ v).transpose(1, 2).reshape(b, t, d)
        x = x + F.linear(y, p[q + "attn.out_proj.weight"], p[q + "attn.out_proj.bias"])
        h = norm(x, q + "ln_2")
        x = x + (mixture(h, q, routers) if q + "gate.weight" in p else ffn(h, q + "mlp."))
        i += 1
    return x


def image(x, routers):
    w = p["visual.conv1.weight"]
    x = F.conv2d(x, w, stride=w.shape[-1]).flatten(2).transpose(1, 2) + p["visual.positional_embedding"][1:]
    if seen:
        x = x.gather(1, kept[..., None].expand(-1, -1, x.shape[-1]))
    x = torch.cat([(p["visual.class_embedding"] + p["visual.positional_embedding"][0]).expand(len(x), 1, -1), x], 1)
    x = blocks(norm(x, "visual.ln_pre"), "visual.transformer.resblocks.", False, routers)
    return F.normalize(norm(x[:, 0], "visual.ln_post") @ p["visual.proj"], dim=-1)


def text(ids, routers):
    x = p["token_embedding.weight"][ids] + p["positional_embedding"][:ids.shape[1]]
    x = blocks(x, "transformer.resblocks.", True, routers)
    return F.normalize(norm(x, "ln_final")[torch.arange(len(ids)), ids.argmax(-1)] @ p["text_projection"], dim=-1)


def balance(routers):
    prob, chosen = torch.cat([r[0] for r in routers]), torch.cat([r[1] for r in routers])
    e = prob.shape[-1]
    f = torch.bincount(chosen[:, 0], minlength=e).float() / len(prob)
    return e * (prob.mean(0) * f).sum()


side = int(round(math.sqrt(os.path.getsize(pixels_path) / 4 / 3 / n)))
x = torch.from_numpy(np.fromfile(pixels_path, np.float32)).reshape(n, 3, side, side)
ids = torch.from_numpy(np.fromfile(tokens_path, np.uint32).astype(np.int64)).reshape(n, tokens)
patches = (side // p["visual.conv1.weight"].shape[-1]) ** 2
kept = torch.tensor([[j for j in range(patches) if (j - i) % patches < seen] for i in range(n)])
target = torch.arange(n)
times, losses = [], []
for _ in range(steps):
    began = time.monotonic()
    opt.zero_grad(set_to_none=True)
    ri, rt = [], []
    logits = p["logit_scale"].exp() * image(x, ri) @ text(ids, rt).T
    loss = (F.cross_entropy(logits, target, label_smoothing=0.1) + F.cross_entropy(logits.T, target, label_smoothing=0.1)) / 2
    losses.append(loss.item())
    if kind == "gate":
        loss = loss + 0.01 * (balance(ri) + balance(rt) / 2)
    loss.backward()
    opt.step()
    times.append(time.monotonic() - began)
print(json.dumps({"seconds": times, "loss": losses, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                  "trained": sum(v.numel() for v in trained.values())}))
