#!/usr/bin/python3
"""Checks that one model is the same model under every layout's names: the same fingerprint, the same id, the same vectors; that
files must agree with each other; that a tensor which is missing, too much or transposed is named; and that conversion loses
nothing unless it was asked to.

    layouts.py [layouts|faults|configs|convert|torch]...
"""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints as ck  # noqa: E402

COMMAND = os.environ["CLIPMOE_COMMAND"]
TESTS = os.environ["CLIPMOE_TEST_SOURCES"]
MODELS = os.environ["CLIPMOE_TEST_MODELS"]
TEXT = "a photo of two dogs near a red car."
TOP = tempfile.mkdtemp(prefix="clipmoe-layouts-")
passed, failed, skipped = [], [], []


def check(name, ok, why=""):
    (passed if ok else failed).append(name)
    if not ok:
        print("FAILED: %s: %s" % (name, str(why)[:500]))


def run(*arguments):
    done = subprocess.run([COMMAND] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def refuses(name, arguments, *words):
    code, out, err = run(*arguments)
    check(name, code == 1 and not out and len(err.strip().splitlines()) == 1 and all(w in err for w in words),
          "status %d, expected 1 and %s: %s%s" % (code, " and ".join(words), out, err))


def inspect(path):
    code, out, err = run("model", "inspect", "--json", path)
    return json.loads(out) if code == 0 else {"error": err, "fingerprint": err, "id": err, "layout": err}


def picture():
    """A PNG with edges and ramps."""
    y, x, c = np.meshgrid(np.arange(48), np.arange(64), np.arange(3), indexing="ij")
    rows = ((x * 7 + y * 13 + c * 61 + (x // 5 + y // 4) % 2 * 90) % 256).astype(np.uint8).reshape(48, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    path = os.path.join(TOP, "picture.png")
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in ((b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(raw)),
                           (b"IEND", b"")):
            f.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    return path


def embed(path):
    """Vectors of a picture and of words, one after the other."""
    code, out, err = run("embed", "--model", path, picture(), "--text", TEXT)
    vectors = [json.loads(line)["embedding"]["base64"] for line in out.splitlines()] if code == 0 else []
    return " ".join(vectors) if len(vectors) == 2 else "failed: " + err


def golden(name):
    return ck.load(os.path.join(MODELS, name + ".weights.safetensors"))[:2]


def vocabulary(folder, merges=254):
    """768 tokens: 512 bytes, the first merges of the default model, start and end."""
    source = os.path.join(os.path.dirname(TESTS), "models", "default", "merges.txt")
    lines = open(source, encoding="utf-8").read().split("\n")
    with open(os.path.join(folder, "bpe_simple_vocab_16e6.txt"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines[:merges + 1]) + "\n")


def folder(name, tensors, meta=None, file="model.safetensors", bf16=False, **files):
    """A model folder; files: config={...} and so on, without .json."""
    path = os.path.join(TOP, name)
    os.makedirs(path)
    vocabulary(path)
    ck.save(os.path.join(path, file), tensors, meta, bf16)
    for key, value in files.items():
        with open(os.path.join(path, key + ".json"), "w") as f:
            json.dump(value, f)
    return path


def same(name, path, first, layout=None, vector=None):
    got = inspect(path)
    check(name + ": fingerprint", got["fingerprint"] == first["fingerprint"], got["fingerprint"])
    if layout:
        check(name + ": layout", got["layout"] == layout, got["layout"])
    if vector:
        check(name + ": vector", embed(path) == vector)


def test_layouts():
    for case, meta in (("dense77", {}), ("long248", {}), ("moe-e4k2", {"clip.top_k": "2"}),
                       ("moe-last2-e3k1", {"clip.top_k": "1"})):
        sd = golden(case)[0]
        moe, two = case.startswith("moe"), "positional_embedding_res" in sd
        path = folder(case + "-ours", sd, meta)
        first, vector = inspect(path), embed(path)
        plain = "clip-moe" if moe else "long-clip" if two else "openai"
        check(case + ": opens", first["layout"] == plain, first)
        check(case + ": vectors", " " in vector and "failed" not in vector, vector)
        same(case + ", openai extras", folder(case + "-openai", ck.openai(sd), meta), first, plain, vector)
        for i, prefix in enumerate(("module.", "model.", "clip.", "_orig_mod.", "module.model.", "module._orig_mod.")):
            same("%s, %s" % (case, prefix), folder("%s-prefix%d" % (case, i), ck.prefixed(sd, prefix), meta), first,
                 plain, vector)
        same(case + ", merged positions", folder(case + "-merged", ck.merged(sd), meta), first, None, vector)
        same(case + ", openclip", folder(case + "-oc", ck.openclip_plain(sd), meta, "open_clip_model.safetensors",
                                         open_clip_config=ck.openclip_config(sd)), first, plain, vector)
        for linear in (False, True):
            name = "%s-custom%d" % (case, linear)
            same(name, folder(name, ck.openclip_custom(sd, linear), meta, open_clip_config=ck.openclip_config(sd)),
                 first, "openclip", vector)
        wide = {k: v.astype(np.float64) for k, v in sd.items()}
        same(case + ", f64", folder(case + "-f64", wide, meta), first, plain, vector)
        if not moe:
            files = {"config": ck.hf_config(sd), "preprocessor_config": ck.preprocessor(sd)}
            same(case + ", hf", folder(case + "-hf", ck.hugging_face(sd), **files), first, "huggingface", vector)
            same(case + ", hf in module.", folder(case + "-hf2", ck.prefixed(ck.hugging_face(sd), "module.")), first,
                 "huggingface", vector)
        half = {k: v.astype(np.float16) for k, v in sd.items()}
        a = inspect(folder(case + "-f16", half, meta))
        same(case + ", f16 widened", folder(case + "-f16w", {k: v.astype(np.float32) for k, v in half.items()}, meta), a)
        check(case + ", f16 is another model", a["fingerprint"] != first["fingerprint"])
        short = {k: ck.to_bf16(v) for k, v in sd.items()}
        back = {k: ck.from_bf16(v) for k, v in short.items()}
        same(case + ", bf16 widened", folder(case + "-bf16w", back, meta),
             inspect(folder(case + "-bf16", short, meta, bf16=True)))
        ids = {inspect(os.path.join(TOP, case + end))["id"].split("@")[1] for end in ("-ours", "-oc", "-custom1")}
        check(case + ": one id", len(ids) == 1 and ids == {first["id"].split("@")[1]}, ids)
        unused = dict(sd)
        if two:
            unused["positional_embedding"] = sd["positional_embedding"].copy()
            unused["positional_embedding"][ck.MERGED:] = 7
            same(case + ", rows that do not count", folder(case + "-rows", unused, meta), first)
    code, out, err = run("model", "verify", os.path.join(TOP, "moe-e4k2-ours"))
    check("verify", code == 0 and "0 failed" in out and out.count("ok ") >= 9, out + err)
    sd = golden("moe-e4k2")[0]
    got = inspect(folder("moe-unsaid", sd))
    check("mean is assumed and said", any("mean" in s for s in got["assumed"]), got)
    check("k is assumed and said", got["top_k"] == 2 and any("experts" in s for s in got["assumed"]), got)
    env = dict(os.environ, CLIPMOE_MODEL_PATH=TOP)
    done = subprocess.run([COMMAND, "model", "list"], env=env, stdout=subprocess.PIPE, timeout=120)
    lines = done.stdout.decode().splitlines()
    check("list", done.returncode == 0 and any(
        line.startswith("moe-e4k2-ours\t") and "2 of 4 experts" in line for line in lines), lines[:5])


def test_faults():
    at = os.path.join(TOP, "fault.safetensors")

    def faulty(name, tensors, *words):
        ck.save(at, tensors)
        refuses(name, ["model", "inspect", at], *(("fault.safetensors",) + words))

    dense, moe = golden("dense77")[0], golden("moe-e4k2")[0]
    hf = ck.hugging_face(dense)
    layouts = {"dense": dense, "hf": hf, "moe": moe, "custom": ck.openclip_custom(dense, True),
               "module": ck.prefixed(dense, "module.")}
    for kind, sd in layouts.items():
        some = sorted(k for k in sd if not k.endswith(("position_ids", "attn_mask", "_res")))
        for k in some if kind in ("hf", "moe") else some[::7]:
            # without its gate a block is a dense one with experts too many
            word = k[len("module."):] if kind == "module" else k
            word = word[:-len("gate.weight")] if word.endswith("gate.weight") else word
            faulty("%s without %s" % (kind, k), {n: v for n, v in sd.items() if n != k}, word)
        for k in some:
            if sd[k].ndim == 2 and sd[k].shape[0] != sd[k].shape[1] and (kind in ("dense", "hf") or "gate" in k):
                faulty("%s, %s transposed" % (kind, k), dict(sd, **{k: sd[k].T}), '"%s"' % k, "expected")
    shape = "[%d, %d], expected [%d, %d]"
    k = "visual.transformer.resblocks.0.mlp.c_fc.weight"
    faulty("shapes are said", dict(dense, **{k: dense[k].T}), shape % (dense[k].shape[::-1] + dense[k].shape))
    k = "visual_projection.weight"
    faulty("hf shapes as in the file", dict(hf, **{k: hf[k].T}), shape % (hf[k].shape[::-1] + hf[k].shape))
    k = "text_model.encoder.layers.0.self_attn.k_proj.weight"
    faulty("hf k alone", dict(hf, **{k: hf[k][:-1]}), k, "q_proj")
    extra = np.zeros((2, 2), np.float32)
    for kind, sd, k in (("dense", dense, "visual.extra"), ("hf", hf, "text_model.extra.weight"),
                        ("moe", moe, "transformer.resblocks.0.experts.4.c_fc.weight"),
                        ("moe", moe, "transformer.resblocks.0.mlp.c_fc.weight"),
                        ("dense", dense, "transformer.resblocks.x.ln_1.weight"),
                        ("hf", hf, "vision_model.encoder.layers.00.layer_norm1.weight")):
        faulty("%s with %s" % (kind, k), dict(sd, **{k: extra}), '"%s"' % k, "unexpected")
    faulty("a gap in the blocks", {k.replace("resblocks.1.", "resblocks.2."): v for k, v in dense.items()}, "resblocks.1.")
    custom = ck.openclip_custom(dense, False)
    faulty("twice after renaming", dict(custom, **{"ln_final.weight": dense["ln_final.weight"]}), "ln_final.weight", "twice")
    faulty("projection twice", dict(custom, **{"text.text_projection.weight": dense["text_projection"].T}), "text_projection",
           "twice")
    faulty("whole numbers", dict(dense, logit_scale=np.int64(1)), "logit_scale", "I64")
    faulty("NaN", dict(dense, **{"ln_final.bias": dense["ln_final.bias"] * np.float32("nan")}), "ln_final.bias", "NaN")
    for k, word in (("visual.layer1.0.conv1.weight", "ResNet"), ("visual.trunk.x", "timm"), ("vision_model.head.x", "SigLIP"),
                    ("visual.attn_pool.x", "pooling"), ("visual.transformer.resblocks.0.ls_1.gamma", "layer scale"),
                    ("text.transformer.embeddings.x", "Hugging Face")):
        faulty(word, dict(dense, **{k: extra}), k, word)
    faulty("something else", {"weight": extra}, "no CLIP checkpoint")


def test_configs():
    sd = golden("dense77")[0]

    def changed(config, path, value):
        out = json.loads(json.dumps(config))
        at = out
        for key in path[:-1]:
            at = at.setdefault(key, {})
        at[path[-1]] = value
        return out

    hf, oc, pre = ck.hf_config(sd), ck.openclip_config(sd), ck.preprocessor(sd)
    t, v = "text_config", "vision_config"
    cases = [
        ("config", hf, (t, "num_hidden_layers"), 12), ("config", hf, (v, "num_hidden_layers"), 12),
        ("config", hf, (t, "hidden_size"), 512), ("config", hf, (v, "intermediate_size"), 3),
        ("config", hf, (v, "image_size"), 336), ("config", hf, (v, "patch_size"), 7),
        ("config", hf, (t, "vocab_size"), 49408), ("config", hf, (t, "max_position_embeddings"), 248),
        ("config", hf, ("projection_dim",), 512), ("config", hf, (v, "num_attention_heads"), 5),
        ("config", hf, (v, "num_channels"), 4), ("config", hf, (t, "hidden_act"), "relu"),
        ("config", hf, (t, "layer_norm_eps"), 0), ("config", hf, (t, "num_hidden_layers"), "two"),
        ("config", hf, ("text_config_dict", "num_hidden_layers"), 12), ("config", hf, ("vision_config",), 5),
        ("open_clip_config", oc, ("model_cfg", "embed_dim"), 1),
        ("open_clip_config", oc, ("model_cfg", "vision_cfg", "layers"), 12),
        ("open_clip_config", oc, ("model_cfg", "vision_cfg", "head_width"), 77),
        ("open_clip_config", oc, ("model_cfg", "text_cfg", "heads"), 5),
        ("open_clip_config", oc, ("model_cfg", "text_cfg"), []),
        ("open_clip_config", oc, ("preprocess_cfg", "std"), [0, 1, 1]),
        ("preprocessor_config", pre, ("crop_size",), 336), ("preprocessor_config", pre, ("size", "shortest_edge"), 5),
        ("preprocessor_config", pre, ("resample",), 2), ("preprocessor_config", pre, ("image_mean",), [1, 2]),
    ]
    for i, (file, config, path, value) in enumerate(cases):
        where = folder("config%d" % i, sd, **{file: changed(config, path, value)})
        key = path[-1].replace("text_config_dict", "text_config")
        refuses("%s %s = %s" % (file, ".".join(path), value), ["model", "inspect", where], file + ".json", key)
    refuses("mean in two places", ["model", "inspect", folder("means", sd, {"clip.mean": "0.5, 0.5, 0.5"},
                                                               preprocessor_config=pre)], "clip.mean", "contradicts")
    other = changed(oc, ("preprocess_cfg", "mean"), [0.5, 0.5, 0.5])
    refuses("mean in two files", ["model", "inspect", folder("means2", sd, open_clip_config=other, preprocessor_config=pre)],
            "preprocessor_config.json", "image_mean", "contradicts")
    refuses("activation in two places", ["model", "inspect", folder("acts", sd, {"clip.activation": "gelu"}, config=hf)],
            "clip.activation", "config.json")
    for key, value in (("clip.top_k", "many"), ("clip.std", "1 1 0"), ("clip.activation", "relu")):
        refuses("metadata " + key, ["model", "inspect", folder("meta-" + key, sd, {key: value})], key)
    over = changed(changed(hf, (t, "num_hidden_layers"), 12), ("text_config_dict", "num_hidden_layers"), 2)
    got = inspect(folder("over", sd, config=over))
    check("_dict overrides", got.get("layout") == "openai", got)
    gelu = changed(hf, (v, "hidden_act"), "gelu")
    got = inspect(folder("gelu", sd, config=gelu))
    check("activation per tower", got["image"]["activation"] == "gelu" and got["text"]["activation"] == "quick-gelu", got)


def convert(name, source, out, *options):
    code, text, err = run("model", "convert", source, out, *options)
    check(name, code == 0, err)
    return text


def dtypes(path):
    return set(ck.load(path)[2].values())


def test_convert():
    p = lambda name: os.path.join(TOP, name)
    for case, meta in (("dense77", {"clip.name": "tiny", "clip.licence": "tests"}), ("long248", {})):
        sd = golden(case)[0]
        source = folder("c-" + case, sd, meta)
        first, vector = inspect(source), embed(source)
        convert(case + " to hf", source, p(case + ".hf"), "--to", "hf")
        same(case + " as hf", p(case + ".hf"), first, "huggingface", vector)
        expected = {k for k in ck.hugging_face(sd) if not k.endswith("position_ids")}
        check(case + ": hf names", set(ck.load(p(case + ".hf/model.safetensors"))[0]) == expected)
        convert(case + " back", p(case + ".hf"), p(case + ".back"), "--to", "clipmoe")
        same(case + " back", p(case + ".back"), first, "long-clip" if case == "long248" else "openai", vector)
        check(case + ": names of ours", set(ck.load(p(case + ".back/model.safetensors"))[0]) == set(sd))
        check(case + ": id", inspect(p(case + ".back"))["id"].split("@")[1] == first["id"].split("@")[1])
        os.mkdir(p(case + ".one"))
        convert(case + " to a file", p(case + ".hf"), p(case + ".one/x.safetensors"), "--to", "clipmoe")
        same(case + " as a file", p(case + ".one/x.safetensors"), first, None, vector)
    got = inspect(p("dense77.back"))
    check("name and licence travel", got["id"].startswith("tiny@") and got["licence"] == "tests", got)
    source = p("c-dense77")
    first = inspect(source)
    text = convert("f16 is lossy", source, p("half"), "--to", "clipmoe", "--dtype", "f16")
    check("f16 says so", "rounded" in text, text)
    half = inspect(p("half"))
    check("f16 is another model", half["fingerprint"] != first["fingerprint"] and half["dtype"] == "f16", half)
    text = convert("f16 kept", p("half"), p("half.hf"), "--to", "hf")
    check("f16 kept as f16", dtypes(p("half.hf/model.safetensors")) == {"F16"} and "no number changed" in text, text)
    convert("f16 widened", p("half.hf"), p("half.f32"), "--to", "clipmoe", "--dtype", "f32")
    same("f16 widened", p("half.f32"), half)
    convert("bf16", source, p("short"), "--to", "hf", "--dtype", "bf16")
    check("bf16 stored", dtypes(p("short/model.safetensors")) == {"BF16"})
    mixed = {k: v.astype(np.float16 if v.ndim > 1 else np.float32) for k, v in golden("dense77")[0].items()}
    convert("mixed kept", folder("mixed", mixed), p("mixed.hf"), "--to", "hf")
    same("mixed kept", p("mixed.hf"), inspect(p("mixed")))
    check("mixed as mixed", dtypes(p("mixed.hf/model.safetensors")) == {"F16", "F32"})

    moe = folder("c-moe", golden("moe-last2-e3k1")[0], {"clip.top_k": "1"})
    refuses("a mixture as hf", ["model", "convert", moe, p("moe.hf"), "--to", "hf"], "mixtures")
    convert("a mixture", moe, p("moe.two"), "--to", "clipmoe")
    same("a mixture", p("moe.two"), inspect(moe), "clip-moe", embed(moe))
    check("k travels", inspect(p("moe.two"))["top_k"] == 1)

    big = dict(golden("dense77")[0])
    big["ln_final.bias"] = big["ln_final.bias"] + np.float32(1e6)
    refuses("too large for f16", ["model", "convert", folder("big", big), p("big.out"), "--to", "clipmoe", "--dtype",
                                  "f16"], "ln_final.bias", "too large")
    check("nothing left behind", not [f for f in os.listdir(TOP) if f.startswith(("big.out", ".clipmoe-"))], os.listdir(TOP))

    heads = ck.hf_config(golden("dense77")[0])
    heads["vision_config"]["num_attention_heads"] = 4
    heads["text_config"]["layer_norm_eps"] = 1e-6
    odd = folder("odd", golden("dense77")[0], config=heads)
    os.mkdir(p("odd.one"))
    refuses("heads in a file", ["model", "convert", odd, p("odd.one/x.safetensors"), "--to", "clipmoe"], "heads", "folder")
    convert("heads in a folder", odd, p("odd.two"), "--to", "clipmoe")
    check("heads travel", inspect(p("odd.two"))["id"].split("@")[1] == inspect(odd)["id"].split("@")[1])

    before = open(p("half/model.safetensors"), "rb").read()
    refuses("no overwriting", ["model", "convert", source, p("half"), "--to", "clipmoe"], "already")
    check("untouched", open(p("half/model.safetensors"), "rb").read() == before)
    convert("force", source, p("half"), "--to", "clipmoe", "--force")
    same("force", p("half"), first)
    file = p("dense77.one/x.safetensors")
    refuses("no overwriting a file", ["model", "convert", source, file, "--to", "clipmoe"], "already")
    with open(os.path.join(p("half"), "notes.txt"), "w") as f:
        f.write("mine")
    refuses("a file of the user's", ["model", "convert", source, p("half"), "--to", "clipmoe", "--force"], "notes.txt")
    check("it is still there", open(os.path.join(p("half"), "notes.txt")).read() == "mine")
    os.unlink(os.path.join(p("half"), "notes.txt"))
    convert("force a file", source, file, "--to", "clipmoe", "--force", "--dtype", "f16")
    for out in (source, source + "/", source + "/model.safetensors", TOP):
        refuses("in place: " + os.path.basename(out), ["model", "convert", source, out, "--to", "clipmoe", "--force"],
                "another place")
    os.mkdir(p("half/keep"))
    refuses("a folder of folders", ["model", "convert", source, p("half"), "--to", "clipmoe", "--force"], "keep")
    refuses("hf in one file", ["model", "convert", source, p("n.safetensors"), "--to", "hf"], "folder")
    refuses("no such folder", ["model", "convert", source, p("none/there"), "--to", "hf"], "none/there")
    refuses("another model's configuration", ["model", "convert", source, p("odd.two/x.safetensors"), "--to", "clipmoe"],
            "config.json")
    stranger = p("stranger")
    os.mkdir(stranger)
    vocabulary(stranger, 100)
    refuses("another model's vocabulary", ["model", "convert", source, stranger + "/x.safetensors", "--to", "clipmoe"],
            "bpe_simple_vocab")
    check("nothing written beside it", os.listdir(stranger) == ["bpe_simple_vocab_16e6.txt"], os.listdir(stranger))
    for name in ("tokenizer.json", "vocab.json", "added_tokens.json"):  # read before the one that would be copied, or with it
        other = p("stranger of " + name)
        os.mkdir(other)
        with open(os.path.join(other, name), "w") as f:
            f.write("{}")
        refuses("another vocabulary's " + name, ["model", "convert", source, other + "/x.safetensors", "--to", "clipmoe"], name, "of its own")
        check("nothing written beside " + name, os.listdir(other) == [name], os.listdir(other))
    tiny = os.path.join(os.path.dirname(TESTS), "models", "clip-tiny")
    os.mkdir(p("later.one"))
    vocabulary(p("later.one"))
    convert("beside a vocabulary that is read after its own", tiny, p("later.one/x.safetensors"), "--to", "clipmoe")
    elsewhere = p("elsewhere")
    os.mkdir(elsewhere)
    vocabulary(elsewhere)
    os.rename(elsewhere + "/bpe_simple_vocab_16e6.txt", elsewhere + "/mine.txt")
    bare = os.path.join(MODELS, "dense77.weights.safetensors")
    convert("a vocabulary elsewhere", bare, p("with.two"), "--to", "hf", "--vocab", elsewhere + "/mine.txt")
    check("a vocabulary elsewhere comes along", embed(p("with.two")) == embed(source), os.listdir(p("with.two")))
    trained = os.path.join(os.path.dirname(TESTS), "models", "clip-tiny")
    convert("a trained model", trained, p("trained.hf"), "--to", "hf")
    same("a trained model", p("trained.hf"), inspect(trained), "huggingface", embed(trained))
    check("card and vocabulary come along", {"README.md", "vocab.json", "merges.txt", "config.json"}
          <= set(os.listdir(p("trained.hf"))), os.listdir(p("trained.hf")))
    check("licence comes along", inspect(p("trained.hf"))["licence"] == inspect(trained)["licence"])
    for wrong in ([], ["--to", "onnx"], ["--to", "hf", "--dtype", "int8"]):
        code, out, err = run("model", "convert", source, p("w"), *wrong)
        check("usage %s" % wrong, code == 2 and not out and "expected" in err, err)
    for sub in ("inspect", "list", "convert", "verify"):
        code, out, err = run("model", sub, "--help")
        check("help of " + sub, code == 0 and re.search(r"Examples?:\n  clipmoe model " + sub, out), out + err)
    check("no temporary names left", not [f for f in os.listdir(TOP) if len(f) > 7 and f[-7] == "."
                                          and os.path.splitext(f)[1][1:] not in ("safetensors",)
                                          and not f.endswith((".hf", ".one", ".two", ".back", ".f32"))], os.listdir(TOP))


def test_torch():
    """.pt files, once the reader takes them: until then each counts as skipped."""
    try:
        import torch
    except ImportError:
        skipped.append("torch is not there")
        print("skipped: no torch for .pt files")
        return
    sd = golden("moe-e4k2")[0]
    state = {k: torch.from_numpy(v.copy()) for k, v in sd.items()}
    first = inspect(folder("pt-first", sd))
    variants = {
        "plain": (state, {}),
        "state_dict": ({"epoch": 3, "name": "x", "state_dict": {"module." + k: v for k, v in state.items()}}, {}),
        "model": ({"model": state, "step": 1}, {}),
        "half": ({k: v.half() for k, v in state.items()}, {}),
        "legacy": (state, {"_use_new_zipfile_serialization": False}),
    }
    half = inspect(folder("pt-half-first", {k: v.astype(np.float16) for k, v in sd.items()}))
    for name, (value, options) in variants.items():
        where = os.path.join(TOP, "pt-" + name)
        os.mkdir(where)
        vocabulary(where)
        torch.save(value, os.path.join(where, "checkpoint.pt"), **options)
        got = inspect(where)
        if "error" in got:
            skipped.append(name)
            print("skipped: .pt, %s: %s" % (name, got["error"].strip()[:160]))
        else:
            check(".pt, " + name, got["fingerprint"] == (half if name == "half" else first)["fingerprint"], got)


    both = os.path.join(TOP, "pt-two")
    os.mkdir(both)
    vocabulary(both)
    other = {k: v + 1 for k, v in state.items()}
    for value, words in (({"model": state, "ema": other}, ('"model"', '"ema"')), ({"teacher": other, "state_dict": state}, ('"state_dict"', '"teacher"')),
                         ({"model": {"state_dict": state, "averaged": other}}, ('"state_dict"', '"averaged"')), ({"state_dict": state, "optimizer": {"state": {0: {"a": state["logit_scale"]}}}}, ())):
        torch.save(value, os.path.join(both, "checkpoint.pt"))
        got = inspect(both)
        said = [s for s in got.get("assumed", []) if "same file" in s]
        check(".pt of two models: %s" % (words,), got.get("fingerprint") == first["fingerprint"] and len(said) == (1 if words else 0)
              and all(w in s for s in said for w in words), got)


def main(parts):
    try:
        for name in sys.argv[1:] or parts:
            parts[name]()
    finally:
        shutil.rmtree(TOP)
    print("%d passed, %d failed, %d skipped" % (len(passed), len(failed), len(skipped)))
    return 1 if failed else 77 if skipped and not passed else 0


if __name__ == "__main__":
    sys.exit(main({"layouts": test_layouts, "faults": test_faults, "configs": test_configs, "convert": test_convert, "torch": test_torch}))
