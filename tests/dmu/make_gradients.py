#!/usr/bin/python3
"""Makes gradients.safetensors from the reference formulas: losses and gradients, by automatic differentiation in
float64, of the models that tests/golden/models.py makes, with pictures and tokens of noise.

    make_gradients.py ORACLE_FOLDER BUILD/tests/golden OUT

Of each gradient at most 96 entries are kept, evenly spread, and its length. Texts are captions 0, 1, 2, short texts
captions 2, 0, 1. "plain" has no balance loss and no short texts, and no label smoothing.
"""
import sys

sys.path.insert(0, sys.argv[1])
import losses  # noqa: E402
import model  # noqa: E402
import stio  # noqa: E402
import torch  # noqa: E402

CASES = [("dense77", "quick_gelu"), ("dense77", "gelu"), ("long248", "quick_gelu"), ("moe-e4k2", "quick_gelu"),
         ("moe-e4k2", "gelu"), ("moe-last2-e3k1", "quick_gelu"), ("moe-e3k3", "quick_gelu")]
KEEP = 96


def main():
    _, _, golden, out = sys.argv
    torch.set_num_threads(1)
    gen = torch.Generator().manual_seed(5)
    tensors = {"pixels": torch.randn(3, 3, 32, 32, generator=gen)}
    for name, activation in CASES:
        weights, meta = stio.load("%s/%s.weights.safetensors" % (golden, name))
        cfg = model.infer_config(weights, top_k=int(meta.get("clip.top_k", 0)), activation=activation)
        pixels, tokens = tensors["pixels"].double(), torch.randint(1, cfg.vocab - 2, (3, cfg.context), generator=gen)
        for i, end in enumerate((6, 13, 76)):
            tokens[i, end], tokens[i, end + 1:] = cfg.vocab - 1, 0
        if name + "/tokens" in tensors:
            tokens = tensors[name + "/tokens"].long()
        tensors[name + "/tokens"] = tokens.int()
        for kind in ("published", "plain"):
            sd = {k: v.double().requires_grad_(True) for k, v in weights.items()}
            if kind == "published":
                parts = losses.total(sd, cfg, pixels, tokens, short=tokens[[2, 0, 1]])
            else:
                parts = losses.total(sd, cfg, pixels, tokens, smoothing=0, beta=0)
            parts["total"].backward()
            grads = {k: torch.zeros_like(v) if v.grad is None else v.grad for k, v in sd.items()}
            if cfg.long:  # the trainer knows one table, whose rows come from both
                rest = grads.pop("positional_embedding_res")
                grads["positional_embedding"][cfg.keep:] = rest[cfg.keep:]
            p = "%s/%s/%s/" % (name, activation, kind)
            for k, v in parts.items():
                tensors[p + "loss/" + k] = v.detach().reshape(1)
            for k, v in grads.items():
                flat = v.detach().reshape(-1)
                step = max(1, flat.numel() // KEEP)
                tensors[p + k] = torch.cat([flat.norm().reshape(1), flat[::step][:KEEP]])
    stio.save(out, tensors)


main()
