#!/usr/bin/python3
"""Protects every reader from the list of hostile inputs: numbers at their limits, safetensors, what makes no model,
configurations, vocabularies, labels, pictures, paths. A refusal is one sentence that names the file and the fault, exit
status 1, nothing on stdout, in memory proportional to the file; what may be odd and sound is read.

usage: readers.py [numbers|safetensors|models|configs|vocabularies|labels|pictures|paths|input]...
"""
import gzip
import io
import json
import os
import shutil
import socket
import struct
import sys
import zlib

import numpy as np

from corpus import (ASAN, MODEL, SMALL, TESTS, TOP, Run, check, close, png, png_chunk, reads, safetensors, verdict, write)

sys.path.insert(0, os.path.join(TESTS, "model"))
import checkpoints as ck  # noqa: E402

NUMBERS = [0, 1, -1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64]
TEXTS = [str(n) for n in NUMBERS] + ["1e400", "-1e400", "NaN", "Infinity", "1.5", '"5"', "null", "true", "[]", "{}"]
F32 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
GOOD = os.path.join(TOP, "good.png")
TAG = ["tag", "--labels", "a,b"]


def dense():
    return ck.load(os.path.join(SMALL, "dense77.weights.safetensors"))[0]


def moe():
    return ck.load(os.path.join(SMALL, "moe-e4k2.weights.safetensors"))[0]


def weights(name, data, *says):
    path = write("w.safetensors", data)
    check(name, ["model", "inspect", path], "w.safetensors", *says, size=os.path.getsize(path))


def saved(name, tensors, *says, meta=None):
    ck.save(os.path.join(TOP, "w.safetensors"), tensors, meta)
    check(name, ["model", "inspect", os.path.join(TOP, "w.safetensors")], "w.safetensors", *says, size=3 << 20)


def numbers():
    entry = '{"a":{"dtype":"F32","shape":[%s],"data_offsets":[%s,%s]}}'
    for text in TEXTS:
        if text != "1":
            weights("dimension " + text, safetensors((entry % (text, 0, 4)).encode(), b"\0" * 4))
        if text != "0":
            weights("begin " + text, safetensors((entry % (1, text, 4)).encode(), b"\0" * 4))
        weights("end " + text, safetensors((entry % (1, 0, text)).encode(), b"\0" * 4))
        weights("both ends " + text, safetensors((entry % (1, text, text)).encode(), b"\0" * 4))
    for n in NUMBERS:
        weights("header of %d" % n, struct.pack("<Q", n % (1 << 64)) + b"{}" + b" " * 40)
    for dims in ([1 << 32, 1 << 32], [1 << 33, 1 << 31, 0], [(1 << 62) + 1], [(1 << 63) + 1, 2], [3, 6148914691236517206],
                 [1 << 61, 8, 1], [0, 1 << 62, 4], [-2, -2], [-1, -1]):
        weights("shape %s" % dims, safetensors({"a": dict(F32, shape=dims)}, b"\0" * 4))
    sd = dense()
    folder = os.path.join(TOP, "numbers")
    os.makedirs(folder)
    ck.save(os.path.join(folder, "model.safetensors"), sd)
    config = ck.hf_config(sd)
    for part, key in (("vision_config", "hidden_size"), ("text_config", "num_attention_heads"), ("vision_config", "layer_norm_eps"),
                      ("text_config", "vocab_size")):
        for text in TEXTS:
            if text == "null" or (text == "1" and key.endswith("heads")):
                continue
            c = json.loads(json.dumps(config))
            c[part][key] = "@"
            write(os.path.join(folder, "config.json"), json.dumps(c).replace('"@"', text))
            check("%s.%s %s" % (part, key, text), ["model", "inspect", folder], "config.json", (key, "JSON"), size=3 << 20)


def headers():
    for name, header in {
        "comment": b'{"a":1/**/}', "trailing text": b"{} x", "two documents": b"{}{}", "single quotes": b"{'a':1}", "null": b"null",
        "UTF-16": "{}".encode("utf-16"), "BOM": b"\xef\xbb\xbf{}", "overlong": b'{"\xc0\xaf":1}', "half a surrogate": b'{"\\ud800":{}}',
        "half the other": b'{"\\udc00":{}}', "NUL in a name": b'{"a\\u0000b":{}}', "raw control code": b'{"a\nb":{}}',
        "NaN": b'{"a":NaN}', "tensor null": b'{"a":null}', "tensor a list": b'{"a":[]}', "tensor a number": b'{"a":5}',
        "metadata a list": b'{"__metadata__":[]}', "metadata of metadata": b'{"__metadata__":{"a":{}}}',
        "lists side by side": b'{"a":[' + b"[]," * 3000000 + b"[]]}", "objects side by side": b'{"a":[' + b"{}," * 3000000 + b"{}]}",
        "numbers side by side": b'{"a":[' + b"0," * 9000000 + b"0]}", "keys side by side": b"{" + b",".join(
            b'"%d":0' % i for i in range(900000)) + b"}", "strings side by side": b'{"a":[' + b'"",' * 3000000 + b'""]}',
        "long text": b'{"a":"' + b"x" * 20000000 + b'"}', "blanks": b"{" + b" " * 20000000 + b"}",
        "metadata side by side": b'{"__metadata__":{' + b",".join(b'"%d":""' % i for i in range(900000)) + b"}}",
    }.items():
        weights("header: " + name, safetensors(header))
    weights("brackets in a string", safetensors(b'{"a":"' + b"[{" * 100000 + b'"}'), '"a"')
    for name, value in {"rank 9": {"shape": [1] * 9}, "rank 5000": {"shape": [1] * 5000}, "key missing": {"dtype": None}, "a key more": {"x": 1},
                        "dtype lower case": {"dtype": "f32"}, "dtype of another size": {"dtype": "F16"}, "dtype F4": {"dtype": "F4"},
                        "dtype empty": {"dtype": ""}, "dtype long": {"dtype": "F" * 100000}, "dtype with codes": {"dtype": "\x1b[31m"}}.items():
        weights(name, safetensors({"a": {k: v for k, v in dict(F32, **value).items() if v is not None}}, b"\0" * 4), '"a"')
    for name in ("", "n" * 257, "n" * 60000, "\x1b[31m", "a\tb", "\x7f", "\u202eevil", "\u2028", "\x85", "../../etc/passwd"):
        weights("tensor %r" % name[:9], safetensors({name: F32}, b"\0" * 4))
    weights("metadata with codes", safetensors({"__metadata__": {"\x1b[31m": 5}}))
    weights("one range of ten", safetensors({"t%d" % i: F32 for i in range(10)}, b"\0" * 4), ("hole", "overlap"))
    weights("200000 empty tensors", safetensors({"t%d" % i: dict(F32, shape=[0], data_offsets=[0, 0]) for i in range(200000)}), "tensors")
    weights("99000 empty tensors", safetensors({"t%d" % i: dict(F32, shape=[0], data_offsets=[0, 0]) for i in range(99000)}))
    for name, data in {"web page": b"<!DOCTYPE html><html>404</html>" * 40, "LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid " * 3,
                       "GGUF": b"GGUF" + b"\3" + b"\0" * 200, "zip": b"PK\3\4" + b"\0" * 200, "gzip": gzip.compress(b"{}" * 99),
                       "NumPy": b"\x93NUMPY\1\0" + b"\0" * 200, "HDF5": b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "picture": open(GOOD, "rb").read()}.items():
        weights("under the name of weights: " + name, data)
    # An odd length of header, so that every float lies unaligned, is sound.
    path, odd = os.path.join(TOP, "odd.safetensors"), dense()
    ck.save(path, odd)
    data = open(path, "rb").read()
    n, = struct.unpack("<Q", data[:8])
    for more in (1, 2, 3):
        write(path, struct.pack("<Q", n + more) + data[8:8 + n] + b" " * more + data[8 + n:])
        reads("header longer by %d" % more, ["model", "inspect", path])


def models():
    d, m = dense(), moe()
    for name, sd, says in (
        ("no image blocks", {k: v for k, v in d.items() if "visual.transformer" not in k}, "block"),
        ("no text blocks", {k: v for k, v in d.items() if not k.startswith("transformer.")}, ("block", "missing")),
        ("two blocks' numbers swapped", {k.replace("resblocks.1.", "resblocks.01."): v for k, v in d.items()}, "resblocks"),
        ("block 2^32", {k.replace("resblocks.1.", "resblocks.4294967296."): v for k, v in d.items()}, "resblocks"),
        ("block 999", {k.replace("visual.transformer.resblocks.1.", "visual.transformer.resblocks.999."): v for k, v in d.items()}, "resblocks.1."),
        ("block -1", {k.replace("resblocks.1.", "resblocks.-1."): v for k, v in d.items()}, "resblocks"),
        ("flattened", dict(d, **{"visual.proj": d["visual.proj"].reshape(-1)}), "visual.proj"),
        ("positions no square", dict(d, **{"visual.positional_embedding": d["visual.positional_embedding"][:-1]}), "square"),
        ("one position", dict(d, **{"visual.positional_embedding": d["visual.positional_embedding"][:0]}), "visual.positional_embedding"),
        ("patch no square", dict(d, **{"visual.conv1.weight": d["visual.conv1.weight"][:, :, :-1]}), "visual.conv1.weight"),
        ("patch of two channels", dict(d, **{"visual.conv1.weight": d["visual.conv1.weight"][:, :2]}), "visual.conv1.weight"),
        ("projections of two widths", dict(d, text_projection=d["text_projection"][:, :-1]), "text_projection"),
        ("no positions of words", dict(d, positional_embedding=d["positional_embedding"][:0]), "positional_embedding"),
        ("one position of words", dict(d, positional_embedding=d["positional_embedding"][:1]), "positions"),
        ("no tokens", dict(d, **{"token_embedding.weight": d["token_embedding.weight"][:0]}), "token_embedding"),
        ("second table of another size", dict(d, positional_embedding_res=d["positional_embedding"][:-1]), "positional_embedding_res"),
        ("scale a list", dict(d, logit_scale=np.zeros(2, np.float32)), "logit_scale"),
        ("scale 1000", dict(d, logit_scale=np.float32(1000)), "logit_scale"),
        ("scale NaN", dict(d, logit_scale=np.float32("nan")), "NaN"),
        ("gate of three experts", dict(m, **{k: v[:3] for k, v in m.items() if k.endswith("gate.weight")}), "expert"),
        ("gate of five experts", dict(m, **{k: np.concatenate([v, v[:1]]) for k, v in m.items() if k.endswith("gate.weight")}), "experts.4"),
        ("gate of no expert", dict(m, **{k: v[:0] for k, v in m.items() if k.endswith("gate.weight")}), "gate"),
        ("gate a scalar", dict(m, **{k: np.float32(1) for k, v in m.items() if k.endswith("gate.weight")}), "gate"),
        ("gate of 100000 experts", dict(m, **{k: np.zeros((100000, 1), np.float32) for k in m if k.endswith("0.gate.weight")}), "gate"),
        ("an expert missing in one block", {k: v for k, v in m.items() if not k.startswith("visual.transformer.resblocks.1.experts.2.")},
         ("experts.2", "experts")),
        ("f64 beyond f32", dict(d, **{"ln_final.bias": d["ln_final.bias"].astype(np.float64) + 1e300}), "ln_final.bias"),
        ("integers", dict(d, **{"ln_final.bias": np.zeros(d["ln_final.bias"].shape, np.int64)}), "I64"),
        ("only metadata", {}, "CLIP"),
    ):
        saved("model: " + name, sd, says)
    for k in ("visual.proj", "ln_final.weight", "transformer.resblocks.0.mlp.c_fc.weight", "token_embedding.weight"):
        for kind, v in (("NaN", "nan"), ("infinite", "inf"), ("infinite", "-inf")):
            bad = d[k].copy()
            bad.reshape(-1)[-1] = float(v)
            saved("model: %s in %s" % (v, k), dict(d, **{k: bad}), k, kind)
    for key, values in {"clip.top_k": ["0", "-1", "1e3", "1.5", "99999999999999999999", "", " ", "two", "5\x1b[31m"],
                        "clip.mean": ["", "0.5", "0.5 0.5 0.5 0.5", "nan nan nan", "1e999 0 0", "0.5;0.5;0.5", "x" * 9999],
                        "clip.std": ["0 0 0", "-1 1 1", "1e-30 1 1", "inf 1 1"], "clip.activation": ["", "relu", "QUICK_GELU", "gelu ", "g" * 9999]}.items():
        for v in values:
            saved("metadata %s = %r" % (key, v[:20]), m, key, meta={key: v})
    # Names of people's own come out without what a terminal obeys.
    folder = os.path.join(TOP, "named")
    os.mkdir(folder)
    evil = "a\x1b[31m\u202e\x07\x7f\x9b\nb"
    ck.save(os.path.join(folder, "model.safetensors"), d, {"clip.name": evil, "clip.licence": evil})
    bare_vocabulary(folder, d)
    reads("a name with codes", ["model", "inspect", folder], out=["a"])
    reads("a name with codes, as JSON", ["model", "inspect", folder, "--json"])
    reads("a name with codes, on looks", ["tag", "--json", "--model", folder, "--labels", "a,b", GOOD])
    reads("a name with codes, verified", ["model", "verify", folder])
    # Embeddings of length 0 must not divide by it.
    zero = dict(d, **{"visual.proj": d["visual.proj"] * 0, "text_projection": d["text_projection"] * 0})
    ck.save(os.path.join(folder, "model.safetensors"), zero)
    for arguments in (["embed", "--model", folder, GOOD], ["tag", "--json", "--model", folder, "--labels", "a,b", GOOD]):
        check("embeddings of length 0: " + arguments[0], arguments, size=4 << 20)


def bare_vocabulary(folder, sd):
    """One of made-up merges that fits the model's table of tokens."""
    size = ck.sizes(sd)["vocab"]
    letters = [chr(c) for c in range(33, 127)]
    merges = ["%s %s" % (a, b) for a in letters for b in letters][:size - 514]
    write(os.path.join(folder, "bpe_simple_vocab_16e6.txt"), "#version: 0.2\n" + "\n".join(merges) + "\n")


def configs():
    sd = dense()
    folder = os.path.join(TOP, "configs")
    os.mkdir(folder)
    ck.save(os.path.join(folder, "model.safetensors"), sd)
    bare_vocabulary(folder, sd)

    def refused(file, config, path, value):
        c = json.loads(json.dumps(config))
        at = c
        for key in path[:-1]:
            at = at.setdefault(key, {})
        at[path[-1]] = value
        write(os.path.join(folder, file), json.dumps(c))
        check("%s: %s = %s" % (file, ".".join(path), json.dumps(value)[:30]), ["model", "inspect", folder], file, path[-1], size=3 << 20)
        os.remove(os.path.join(folder, file))
    hf, oc, pre = ck.hf_config(sd), ck.openclip_config(sd), ck.preprocessor(sd)
    for value in (5, None, [], {}, "swish", "", True):
        if value is not None:
            refused("config.json", hf, ("text_config", "hidden_act"), value)
    for key in ("vision_config", "text_config", "text_config_dict"):
        for value in (5, "x", [], True):
            refused("config.json", hf, (key,), value)
    for value in ("yes", 1, "false", []):
        refused("open_clip_config.json", oc, ("model_cfg", "quick_gelu"), value)
    # Each would be another formula on the same shapes.
    for path, value in {
        ("model_cfg", "vision_cfg", "pool_type"): "avg", ("model_cfg", "text_cfg", "pool_type"): "last",
        ("model_cfg", "text_cfg", "no_causal_mask"): True, ("model_cfg", "vision_cfg", "norm_kwargs"): {"eps": 1e-6},
        ("model_cfg", "text_cfg", "norm_kwargs"): {"eps": 1e-6}, ("model_cfg", "vision_cfg", "act_kwargs"): {"approximate": "tanh"},
        ("model_cfg", "text_cfg", "act_kwargs"): {"approximate": "tanh"}, ("model_cfg", "vision_cfg", "timm_model_name"): "vit_base",
        ("model_cfg", "text_cfg", "hf_model_name"): "roberta-base", ("model_cfg", "vision_cfg", "final_ln_after_pool"): True,
        ("preprocess_cfg", "interpolation"): "bilinear", ("preprocess_cfg", "resize_mode"): "stretch", ("preprocess_cfg", "mode"): "L",
    }.items():
        refused("open_clip_config.json", oc, path, value)
    for key, value in {"do_resize": False, "do_rescale": False, "do_normalize": False, "do_center_crop": False, "rescale_factor": 1.0,
                       "resample": "3", "image_mean": "0.5", "image_std": [1, 1, "1"], "crop_size": "224", "size": [224, 224]}.items():
        refused("preprocessor_config.json", pre, (key,), value)
    for file in ("config.json", "open_clip_config.json", "preprocessor_config.json"):
        for name, text in {"empty": "", "not JSON": "{", "list": "[]", "number": "5", "deep": "[" * 100000, "deep objects": '{"a":' * 100000,
                           "wide": '{"a":[' + "[]," * 2000000 + "[]]}", "17 MiB": '{"a":"%s"}' % ("x" * (17 << 20)), "NUL": "{}\0", "twice": '{"a":1,"a":2}',
                           "UTF-16": json.dumps(hf).encode("utf-16"), "Latin-1": b'{"a":"\xe9"}', "codes": '{"\x1b[31m"'}.items():
            write(os.path.join(folder, file), text)
            check("%s: %s" % (file, name), ["model", "inspect", folder], file, size=20 << 20)
        os.remove(os.path.join(folder, file))
        os.mkfifo(os.path.join(folder, file))
        check("%s: a pipe" % file, ["model", "inspect", folder], file, "regular", size=3 << 20)
        os.remove(os.path.join(folder, file))
        os.symlink("nowhere", os.path.join(folder, file))
        check("%s: a dangling link" % file, ["model", "inspect", folder], file, "No such file", size=3 << 20)
        os.remove(os.path.join(folder, file))


def vocabularies():
    folder = os.path.join(TOP, "vocabulary")
    os.mkdir(folder)
    lines = open(os.path.join(MODEL, "merges.txt"), encoding="utf-8").read().splitlines()
    tokens = json.load(open(os.path.join(MODEL, "vocab.json"), encoding="utf-8"))

    def refused(name, file, data, *says):
        write(os.path.join(folder, file), data)
        check("vocabulary: " + name, ["tokenize", "--vocab", os.path.join(folder, file), "a dog"], *(says or (file,)),
              size=os.path.getsize(os.path.join(folder, file)) + (2 << 20))
    bpe = "bpe_simple_vocab_16e6.txt"
    full = "#version: 0.2\n" + "\n".join("%s %s" % (a, b) for a in map(chr, range(33, 127)) for b in (chr(c) + chr(d) for c in range(
        33, 58) for d in range(33, 58))) + "\n"
    packed = gzip.compress(full.encode())
    for name, data in {
        "empty": b"", "one line": b"#version: 0.2\n", "too few merges": full[:4000], "one token a line": full[:200] + "\nabc\n" + full[200:],
        "three tokens a line": full[:14] + "a b c\n" + full[14:], "NUL": full[:400] + "\0" + full[400:], "not UTF-8": full[:400].encode() + b"\xff\n" + full[400:].encode(),
        "UTF-16": full.encode("utf-16"), "one line of 60 MB": "a" * 60000000, "30 million empty lines": "\n" * 30000000, "70 MB": "\n" * 70000000,
        "merge of no tokens": full[:14] + "\u4e00 \u4e01\n" + full[14:], "codes": full[:14] + "\x1b[31m \x1b[0m\n" + full[14:],
        "a merge twice": full[:14] + full[14:].splitlines()[0] + "\n" + full[14:],
    }.items():
        refused("bpe " + name, bpe, data)
    for name, data in {
        "cut": packed[:-9], "checksum": packed[:-8] + b"\0\0\0\0" + packed[-4:], "length": packed[:-4] + b"\1\0\0\0", "header alone": packed[:10],
        "zlib": zlib.compress(full.encode()), "bytes behind": packed + b"x" * 40, "a second member": packed + packed, "flags": packed[:3] + b"\xff" + packed[4:],
        "method": packed[:2] + b"\7" + packed[3:], "name without end": packed[:3] + b"\x08" + packed[4:10] + b"a" * 100000,
        "of an empty text": gzip.compress(b""), "of zeros": gzip.compress(b"\0" * 50000000),
    }.items():
        refused("gzip " + name, bpe + ".gz", data)
    for line in ("a", "a b c", " a b", "a  b", "a b ", "\u4e00 \u4e01", "a\tb", lines[1], "x" * 3000 + " y", "\0 a", "a\x1b[31m b"):
        write(os.path.join(folder, "vocab.json"), json.dumps(tokens))
        write(os.path.join(folder, "merges.txt"), "\n".join(lines[:5] + [line] + lines[5:]) + "\n")
        check("merges.txt: %r" % line[:20], ["tokenize", "--vocab", folder, "a dog"], (folder,), size=2 << 20)
    write(os.path.join(folder, "merges.txt"), "\n".join(lines) + "\n")
    names = list(tokens)
    for name, changed in {
        "id negative": {names[3]: -1}, "id twice": {names[3]: 4}, "id with a hole": {names[-1]: len(names)}, "id 2^32": {names[3]: 1 << 32},
        "id 2^64": {names[3]: 1 << 64}, "id 1.5": {names[3]: 1.5}, "id text": {names[3]: "3"}, "id null": {names[3]: None}, "id a list": {names[3]: []},
        "one more": {"new\x1b[31m": 3}, "empty name": {"": len(names)},
    }.items():
        write(os.path.join(folder, "vocab.json"), json.dumps(dict(tokens, **changed)))
        if name != "empty name":
            check("vocab.json: " + name, ["tokenize", "--vocab", folder, "a dog"], "vocab.json", size=2 << 20)
    for lost in ("<|startoftext|>", "<|endoftext|>", "a", "a</w>", names[700]):
        less = [n for n in names if n != lost]
        write(os.path.join(folder, "vocab.json"), json.dumps({n: i for i, n in enumerate(less)}))
        check("vocab.json without %r" % lost, ["tokenize", "--vocab", folder, "a dog"], (folder,), size=2 << 20)
    write(os.path.join(folder, "vocab.json"), json.dumps(tokens))
    whole = {"model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": tokens, "merges": lines[1:]}, "added_tokens": []}
    for name, changed in {
        "no merges": {"merges": None}, "merges an object": {"merges": {}}, "merge a number": {"merges": [5]}, "merge of three": {"merges": [["a", "b", "c"]]},
        "merge of one": {"merges": [["a"]]}, "merge with numbers": {"merges": [[1, 2]]}, "merge with a blank": {"merges": [["a b", "c"]]}, "merge empty": {"merges": [""]},
        "merge null": {"merges": [None]}, "vocab a list": {"vocab": []}, "no vocab": {"vocab": None}, "suffix another": {"end_of_word_suffix": "@@"},
        "no suffix": {"end_of_word_suffix": None}, "suffix a number": {"end_of_word_suffix": 5}, "no merges at all": {"merges": []},
        "merges side by side": {"merges": ["a b"] * 2}, "type another": {"type": "WordPiece"},
    }.items():
        write(os.path.join(folder, "tokenizer.json"), json.dumps(dict(whole, model=dict(whole["model"], **changed))))
        check("tokenizer.json: " + name, ["tokenize", "--vocab", folder, "a dog"], "tokenizer.json", size=3 << 20)
    for name, added in {"added a number": [5], "added without id": [{"content": "x"}], "added id twice": [{"content": "x", "id": 5}],
                        "added id huge": [{"content": "x", "id": 1 << 40}], "added text for id": [{"content": "x", "id": "5"}],
                        "added an object": {"a": 5}, "added contradicts": [{"content": names[3], "id": 9}]}.items():
        write(os.path.join(folder, "tokenizer.json"), json.dumps(dict(whole, added_tokens=added)))
        check("tokenizer.json: " + name, ["tokenize", "--vocab", folder, "a dog"], "tokenizer.json", size=3 << 20)
    os.remove(os.path.join(folder, "tokenizer.json"))
    check("the vocabulary of another model", ["embed", "--model", MODEL, "--vocab", write(bpe, full), "--text", "a"], "tokens", size=12 << 20)


def labels():
    path = os.path.join(TOP, "labels.txt")

    def refused(name, data, *says):
        write(path, data)
        check("labels: " + name, TAG[:1] + ["--labels-file", path, GOOD], "labels.txt", *says, size=len(data))

    def taken(name, data, *out):
        write(path, data)
        return reads("labels: " + name, ["tag", "--json", "--threshold", "0", "--top-k", "999", "--labels-file", path, GOOD], out=out)
    for name, data, says in (
        ("empty", b"", "no label"), ("blanks", b" \n\t\n\r\n\x0c", "no label"), ("BOM alone", b"\xef\xbb\xbf", "no label"), ("remarks alone", b"# a\n#b\n", "no label"),
        ("NUL", b"a\0b\n", ":1:"), ("NUL in line 3", b"a\nb\nc\0\n", ":3:"), ("not UTF-8", b"a\n\xff\n", ":2:"), ("overlong", b"\xc0\xaf\n", ":1:"),
        ("half a surrogate", b"\xed\xa0\x80\n", ":1:"), ("UTF-16", "a\nb\n".encode("utf-16"), "UTF-16"), ("UTF-16 without BOM", "a\nb\n".encode("utf-16-le"), "NUL"),
        ("UTF-32", "a\n".encode("utf-32"), "UTF"), ("a line of 1 MB", b"a" * 1000000, "8192"), ("a prompt of 1 MB", b"a = " + b"b" * 1000000, "8192"),
        ("twice", b"a\nb\na\n", "twice"), ("twice with another prompt", b"a = x\na = y\n", "twice"), ("100001 labels", b"".join(b"l%d\n" % i for i in range(100001)), "100000"),
        ("a million lines", b"".join(b"l%d\n" % i for i in range(1000000)), "100000"), ("17 MiB", b"# " + b"x" * (17 << 20), "limit"), ("17 MiB of blanks", b"\n" * (17 << 20), "limit"),
        ("no name", b"= a prompt\n", ":1:"), ("no prompt", b"a =\n", ":1:"), ("threshold NaN", b"a @ nan\nb @ 1e999\n", ":2:"), ("threshold 0,5", b"a @ 0,5\n", "0,5"),
        ("threshold in front", b"a @ 0.5 = b\n", ":1:"), ("codes twice", b"\x1b[31m\n\x1b[31m\n", "twice"), ("binary", bytes(range(1, 256)) * 9, ":"),
        ("picture", open(GOOD, "rb").read(), ":"),
    ):
        refused(name, data, says)
    taken("BOM, CRLF, no last newline, blanks", b"\xef\xbb\xbfa dog\r\n\r\n  a cat  \r\n# b\n\na car", '"a dog"', '"a cat"', '"a car"')
    taken("lone carriage returns", b"a dog\ra cat\r", '"a dog"', '"a cat"')
    taken("quotes and braces", b'say "x" {y} \\ {}\nb\n', '"say \\"x\\" {y} \\\\ {}"')
    taken("printf", b"%s%n%x %1000000d\nb\n", '"%s%n%x %1000000d"')
    taken("terminal codes", "\x1b[31mred\x1b[0m\n\u202eback\n\x9bx\nb\x07c\n".encode(), "red", "back")
    taken("special tokens are text", b"<|endoftext|>\n<|startoftext|> <|endoftext|> x\nb\n", "<|endoftext|>")
    taken("a leading dash", b"-rf\n--help\nb\n", '"--help"')
    taken("a backslash at the end", b"a\\\nb\\@\n\\=\n", "a")
    taken("markup", b"<b>&amp;</b>\n<script>\n", "script")
    write(path, "a " + "very " * 500 + "long label\nb\n")
    reads("labels: longer than the context is said", ["tag", "--json", "--labels-file", path, GOOD], "context")
    for text in ("", " , ,", ";;", ", "):
        check("labels %r" % text, ["tag", "--labels", text, GOOD], "label")
    check("labels: twice in the property", ["tag", "--labels", "a,a", GOOD], "twice")
    check("labels not UTF-8", ["tag", "--labels", b"a,\xff", GOOD], "UTF-8")
    check("templates not UTF-8", ["tag", "--labels", "a,b", "--templates", b"\xff {}", GOOD], "UTF-8")
    os.environ["LC_ALL"] = "C"
    reads("labels without a locale", ["tag", "--json", "--threshold", "0", "--labels", "caf\u00e9,\u4e2d".encode(), GOOD], out=["caf\u00e9"])
    reads("words without a locale", ["tokenize", "caf\u00e9".encode()], out=["ids"])
    del os.environ["LC_ALL"]
    for text in ("a photo", "", ";", "@" + path + "x", "{}" * 5000, "@" + TOP):
        check("templates %r" % text[:20], ["tag", "--labels", "a,b", "--templates", text, GOOD])


def exif(orientation, count=1, kind=3, offset=8, entries=1):
    tiff = struct.pack("<2sHI", b"II", 42, offset) + struct.pack("<H", entries) + struct.pack("<HHIHH", 0x112, kind, count, orientation, 0)
    return tiff + b"\0" * 4


def jpeg(image, **how):
    out = io.BytesIO()
    image.save(out, "jpeg", **how)
    return out.getvalue()


def pictures():
    from PIL import Image
    pixels = np.random.default_rng(3).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    rgb = Image.fromarray(pixels)
    good = jpeg(rgb)

    def refused(name, data, *says):
        write("p.png", data)
        check("picture: " + name, TAG + [os.path.join(TOP, "p.png")], "p.png", *says, size=len(data))

    def seen(name, data, ending=".png"):
        path = write("q" + ending, data)
        reads("picture: " + name, ["embed", path], out=["embedding"])
    rows = b"".join(b"\0" + bytes(24) for _ in range(8))
    for name, data in {
        "cut": open(GOOD, "rb").read()[:-20], "cut in IHDR": open(GOOD, "rb").read()[:20], "signature alone": b"\x89PNG\r\n\x1a\n", "0 wide": png(0, 8, rows), "0 high": png(8, 0, rows),
        "2^31 wide": png(1 << 31, 1, rows), "2^31-1 wide": png((1 << 31) - 1, 1, rows), "2^32-1 both": png(-1, -1, rows), "60000 x 60000": png(60000, 60000, rows),
        "32769 wide": png(32769, 1, rows), "10001 x 10000": png(10001, 10000, rows), "too few rows": png(8, 8, rows[:50]), "no rows": png(8, 8, b""),
        "palette missing": png(8, 8, b"".join(b"\0" + bytes(8) for _ in range(8)), kind=3), "palette after the data": png(
            8, 8, b"".join(b"\0" + bytes(8) for _ in range(8)), kind=3, behind=png_chunk(b"PLTE", bytes(6))),
        "bit depth 3": png(8, 8, rows, bits=3), "colour type 5": png(8, 8, rows, kind=5), "filter 9": png(8, 8, b"\x09" + rows[1:]), "wrong IHDR checksum": png(
            8, 8, rows).replace(png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)), png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0), crc=5)),
        "chunk of 2^31": png(8, 8)[:33] + b"\x80\0\0\0IDAT" + b"x" * 50, "chunk of 2^32-1": png(8, 8)[:33] + b"\xff\xff\xff\xffIDAT" + b"x" * 50,
        "two headers": png(8, 8)[:33] + png(8, 8)[8:], "no data chunk": b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)) + png_chunk(b"IEND", b""),
        "JPEG cut in its header": good[:100], "JPEG start alone": b"\xff\xd8\xff", "JPEG without frame": b"\xff\xd8\xff\xd9", "JPEG 0 high": good.replace(b"\0\x28\0\x3c", b"\0\0\0\x3c", 1),
        "JPEG 65500 x 65500": good.replace(b"\0\x28\0\x3c", b"\xff\xdc\xff\xdc", 1), "JPEG of five components": good.replace(b"\0\x28\0\x3c\x03", b"\0\x28\0\x3c\x05", 1),
        "JPEG of 12 bits": good.replace(b"\x08\0\x28\0\x3c", b"\x0c\0\x28\0\x3c", 1), "JPEG segment beyond the end": b"\xff\xd8\xff\xe0\xff\xff" + b"x" * 50,
        "JPEG tables missing": good[:2] + good[good.index(b"\xff\xc0"):], "empty": b"", "text": b"hello\n" * 99, "noise": bytes(range(256)) * 40, "GIF header": b"GIF89a" + b"\0" * 40,
        "BMP header": b"BM" + b"\xff" * 60, "WebP header": b"RIFF\xff\xff\xff\xffWEBPVP8 " + b"\0" * 60, "TIFF header": b"II*\0\xff\xff\xff\xff" + b"\0" * 60,
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "MP4 header": b"\0\0\0\x18ftypmp42" + b"\0" * 300, "MP4 of 2^64": b"\0\0\0\1mdat" + b"\xff" * 8 + b"\0" * 300,
        "Matroska header": b"\x1a\x45\xdf\xa3\x01" + b"\xff" * 200, "AVI header": b"RIFF\xff\xff\xff\xffAVI LIST" + b"\xff" * 200, "Ogg header": b"OggS" + b"\xff" * 200,
        "FLV header": b"FLV\1\5\0\0\0\x09" + b"\xff" * 200, "MPEG-TS": (b"\x47\x40\0\x10" + b"\0" * 184) * 20,
    }.items():
        refused(name, data)
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"\0" * 60000000, 9))
    profile = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 60000000, 9))
    for name, chunk in {"text bomb": bomb, "many text bombs": bomb * 40, "profile bomb": profile}.items():
        path = write("bomb.png", png(8, 8, before=chunk))
        run = Run(["embed", path])
        verdict("picture: " + name, None if ASAN or (run.status in (0, 1) and run.memory < Run(["embed", GOOD]).memory + (64 << 20) + os.path.getsize(path))
                else "%s, %d MiB: %s" % (run.end, run.memory >> 20, run.err[:200]))
    for mode in ("L", "LA", "P", "1", "RGBA", "I;16"):
        image = Image.fromarray((pixels[:, :, 0].astype(np.uint16) << 8)) if mode == "I;16" else rgb.convert(mode)
        out = io.BytesIO()
        image.save(out, "png")
        seen(mode, out.getvalue())
    for name, data in {
        "1x1": png(1, 1), "1 wide": png(1, 500), "30000x1": png(30000, 1), "1x30000": png(1, 30000), "JPEG 1x1": jpeg(rgb.resize((1, 1))), "grey JPEG": jpeg(rgb.convert("L")),
        "CMYK": jpeg(rgb.convert("CMYK")), "progressive": jpeg(rgb, progressive=True), "JPEG under another name": good, "EXIF 6": jpeg(rgb, exif=b"Exif\0\0" + exif(6)),
        "EXIF 0": jpeg(rgb, exif=b"Exif\0\0" + exif(0)), "EXIF 9": jpeg(rgb, exif=b"Exif\0\0" + exif(9)), "EXIF of 2^32-1 values": jpeg(rgb, exif=b"Exif\0\0" + exif(6, 0xffffffff)),
        "EXIF at 2^32-1": jpeg(rgb, exif=b"Exif\0\0" + exif(6, offset=0xffffffff)), "EXIF of 65535 entries": jpeg(rgb, exif=b"Exif\0\0" + exif(5, kind=9, entries=65535)),
        "EXIF cut": jpeg(rgb, exif=b"Exif\0\0II*\0"), "EXIF pointing at its end": jpeg(rgb, exif=b"Exif\0\0" + exif(6, offset=25)), "PNG EXIF": png(8, 8, before=png_chunk(b"eXIf", exif(6))),
        "PNG EXIF at 2^32-1": png(8, 8, before=png_chunk(b"eXIf", exif(6, offset=0xffffffff))), "unknown chunk": png(8, 8, before=png_chunk(b"abCd", b"x" * 99)),
        "bytes behind": png(8, 8) + b"x" * 99,
    }.items():
        seen(name, data)
    out = io.BytesIO()
    rgb.save(out, "png", save_all=True, append_images=[rgb.rotate(90)] * 3)
    seen("animated", out.getvalue())


def paths():
    deep = os.path.join(TOP, "d" * 200)
    os.makedirs(deep)
    fifo, sock, loop, dangling = (os.path.join(TOP, n) for n in ("fifo", "socket", "loop", "dangling"))
    os.mkfifo(fifo)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sock)
    os.symlink(loop, loop)
    os.symlink(os.path.join(TOP, "nowhere"), dangling)
    empty = os.path.join(TOP, "empty")
    os.mkdir(empty)
    names = {"missing": os.path.join(TOP, "missing.mp4"), "folder": empty, "pipe": fifo, "socket": sock, "link to itself": loop, "dangling link": dangling, "/dev/zero": "/dev/zero",
             "/dev/null": "/dev/null", "terminal": "/dev/tty", "empty": "", "newline": os.path.join(TOP, "a\nb\x1b[31m.mp4"), "255 letters": os.path.join(TOP, "x" * 255),
             "300 letters": "x" * 300, "4096 bytes": "/" + "a/" * 2047 + "a", "5000 bytes": "x" * 5000, "not UTF-8": os.path.join(TOP, "a\udcff.mp4"), "below a file": GOOD + "/x",
             "dash": "./-x", "printf": "%s%n%s"}
    for name, path in names.items():
        path = path.encode("utf-8", "surrogateescape")
        check("video: " + name, TAG + [path])
        check("picture: " + name, ["embed", path])
        check("model: " + name, ["model", "inspect", path])
        check("vocabulary: " + name, ["tokenize", "--vocab", path, "a dog"])
        check("labels: " + name, ["tag", "--labels-file", path, GOOD])
        check("templates: " + name, ["tag", "--labels", "a", "--templates", b"@" + path, GOOD])
        check("model of the tagger: " + name, TAG + ["--model", path, GOOD])
        if name not in ("folder", "dash", "printf", "4096 bytes"):
            check("conversion from: " + name, ["model", "convert", path, os.path.join(TOP, "out"), "--to", "clipmoe"])
    verdict("nothing is left of a conversion", None if not [n for n in os.listdir(TOP) if n.startswith("out.")] else os.listdir(TOP))
    listener.close()
    # What is odd and sound.
    for name in ("-x.png", "a\udcffb.png", "new\nline.png", "x" * 251 + ".png", "%s%n.png", "a b'\".png"):
        path = os.path.join(TOP, name)
        shutil.copy(GOOD, path)
        reads("picture named %r" % name[:20], ["tag", "--json", "--labels", "a,b", path.encode("utf-8", "surrogateescape")], out=["tags"])
        reads("embedded %r" % name[:20], ["embed", path.encode("utf-8", "surrogateescape")], out=["embedding"])
        reads("table %r" % name[:20], TAG + [path.encode("utf-8", "surrogateescape")])
        reads("csv %r" % name[:20], TAG + ["--csv", path.encode("utf-8", "surrogateescape")] if "\n" not in name else TAG + [GOOD])


def standard_input():
    folder = os.open("/", os.O_RDONLY)
    zeros = open("/dev/zero", "rb")
    for name, stdin, says in (("a folder", folder, "standard input"), ("/dev/zero", zeros, "standard input")):
        check("standard input: " + name, ["tokenize", "-"], says, stdin=stdin, size=80 << 20)
    check("standard input: a line of 5 MB", ["tokenize", "-"], "limit", stdin=b"a " * 2500000, size=80 << 20)
    run = Run(["tokenize", "-"], stdin=b"a\0b\r\n\xff\xfe\n\n<|endoftext|>\x1b[31m\nlast")
    verdict("standard input: odd lines", None if run.status == 0 and len(run.out.splitlines()) == 5 and all(
        json.loads(line)["ids"] for line in run.out.splitlines()) else run.err)


def main():
    write(GOOD, png(8, 8))
    parts = {"numbers": numbers, "safetensors": headers, "models": models, "configs": configs, "vocabularies": vocabularies, "labels": labels,
             "pictures": pictures, "paths": paths,
             "input": standard_input}
    for name in sys.argv[1:] or parts:
        parts[name]()
    close()


if __name__ == "__main__":
    main()
