"""Checkpoints for tests: safetensors in and out, and one model under every layout's names (numpy alone)."""
import json
import struct

import numpy as np

TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "U16": np.uint16, "U8": np.uint8}
NAMES = {np.dtype(t): n for n, t in TYPES.items()}
MERGED = 20  # rows of Long-CLIP's first table that count


def load(path):
    with open(path, "rb") as f:
        data = f.read()
    n, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + n])
    meta = header.pop("__metadata__", {})
    out = {}
    for name, t in header.items():
        a, b = t["data_offsets"]
        kind = TYPES["U16"] if t["dtype"] == "BF16" else TYPES[t["dtype"]]
        out[name] = np.frombuffer(data[8 + n + a:8 + n + b], kind).reshape(t["shape"])
    return out, meta, {name: t["dtype"] for name, t in header.items()}


def save(path, tensors, meta=None, bf16=False):
    """@bf16: 16-bit words are bfloat16."""
    header, chunks, at = {}, [], 0
    if meta:
        header["__metadata__"] = meta
    for name in sorted(tensors):
        a = np.ascontiguousarray(tensors[name]).reshape(np.shape(tensors[name]))
        kind = NAMES[a.dtype]
        raw = a.tobytes()
        header[name] = {"dtype": "BF16" if bf16 and kind == "U16" else kind, "shape": list(a.shape),
                        "data_offsets": [at, at + len(raw)]}
        chunks.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def to_bf16(a):
    """Cuts the lower half off: what is given should have zeros there."""
    return (np.ascontiguousarray(a, np.float32).view(np.uint32) >> 16).astype(np.uint16).reshape(np.shape(a))


def from_bf16(a):
    return (np.atleast_1d(a).astype(np.uint32) << 16).view(np.float32).reshape(np.shape(a))


def merged(sd):
    """One table of positions from Long-CLIP's two."""
    out = dict(sd)
    second = out.pop("positional_embedding_res", None)
    if second is not None:
        out["positional_embedding"] = np.concatenate([sd["positional_embedding"][:MERGED], second[MERGED:]])
    return out


def prefixed(sd, prefix):
    return {prefix + k: v for k, v in sd.items()}


def openai(sd):
    """As in OpenAI's archives, with their three numbers."""
    return dict(sd, input_resolution=np.int64(1), context_length=np.int64(2), vocab_size=np.int64(3))


def openclip_plain(sd):
    mask = np.triu(np.full((77, 77), -np.inf, np.float32), 1)
    return dict(sd, attn_mask=mask)


def openclip_custom(sd, linear):
    out = {}
    for k, v in sd.items():
        out[k if k.startswith("visual.") or k == "logit_scale" else "text." + k] = v
    if linear:
        out["text.text_projection.weight"] = out.pop("text.text_projection").T
    out["text.attn_mask"] = np.triu(np.full((77, 77), -np.inf, np.float32), 1)
    return out


HF = {
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "logit_scale": "logit_scale",
}
HF_BLOCK = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj",
            "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}


def hugging_face(sd):
    out = {}
    for k, v in merged(sd).items():
        if k in HF:
            out[HF[k]] = v
        elif k == "text_projection":
            out["text_projection.weight"] = v.T
        elif k == "visual.proj":
            out["visual_projection.weight"] = v.T
        else:
            tower = "vision_model" if k.startswith("visual.") else "text_model"
            number, rest = k.split("resblocks.")[1].split(".", 1)
            layer = "%s.encoder.layers.%s." % (tower, number)
            if rest.startswith("attn.in_proj_"):
                for part, third in zip("qkv", np.split(v, 3)):
                    out[layer + "self_attn.%s_proj.%s" % (part, rest[len("attn.in_proj_"):])] = third
            else:
                stem, end = rest.rsplit(".", 1)
                out[layer + HF_BLOCK[stem] + "." + end] = v
    for tower, n in (("text_model", 77), ("vision_model", 50)):
        out[tower + ".embeddings.position_ids"] = np.arange(n)[None]
    return out


def sizes(sd):
    """What a config.json would say."""
    m = merged(sd)
    count = lambda p: 1 + max(int(k.split("resblocks.")[1].split(".")[0]) for k in m if k.startswith(p))
    ffn = lambda p: next(m[k].shape[0] for k in sorted(m) if k.startswith(p) and k.endswith("c_fc.bias"))
    dv, _, _, patch = m["visual.conv1.weight"].shape
    dt = m["ln_final.weight"].shape[0]
    side = patch * int(round((m["visual.positional_embedding"].shape[0] - 1) ** 0.5))
    return {"dv": dv, "dt": dt, "patch": patch, "side": side, "embed": m["visual.proj"].shape[1],
            "context": m["positional_embedding"].shape[0], "vocab": m["token_embedding.weight"].shape[0],
            "lv": count("visual.transformer.resblocks."), "lt": count("transformer.resblocks."),
            "fv": ffn("visual.transformer."), "ft": ffn("transformer.")}


def hf_config(sd):
    s = sizes(sd)
    return {"model_type": "clip", "projection_dim": s["embed"],
            "text_config": {"hidden_size": s["dt"], "intermediate_size": s["ft"],
                            "num_hidden_layers": s["lt"], "num_attention_heads": s["dt"] // 64,
                            "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "vocab_size": s["vocab"],
                            "max_position_embeddings": s["context"], "eos_token_id": 2},
            "vision_config": {"hidden_size": s["dv"], "intermediate_size": s["fv"],
                              "num_hidden_layers": s["lv"], "num_attention_heads": s["dv"] // 64,
                              "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "image_size": s["side"],
                              "patch_size": s["patch"], "num_channels": 3}}


def preprocessor(sd):
    side = sizes(sd)["side"]
    return {"crop_size": side, "size": {"shortest_edge": side}, "resample": 3,
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_std": [0.26862954, 0.26130258, 0.27577711]}


def openclip_config(sd):
    s = sizes(sd)
    return {"model_cfg": {"embed_dim": s["embed"], "quick_gelu": True,
                          "vision_cfg": {"image_size": s["side"], "layers": s["lv"], "width": s["dv"],
                                         "patch_size": s["patch"]},
                          "text_cfg": {"context_length": s["context"], "vocab_size": s["vocab"],
                                       "width": s["dt"], "heads": s["dt"] // 64, "layers": s["lt"]}},
            "preprocess_cfg": {"mean": [0.48145466, 0.4578275, 0.40821073],
                               "std": [0.26862954, 0.26130258, 0.27577711]}}
