#!/usr/bin/python3
"""Bad input of every kind gets one clear sentence, exit status 1, nothing on stdout, and never a crash or a hang.

Makes a corpus of hostile weights, configurations, vocabularies, .pt files, label files, pictures and videos
from a small dense model, and gives each to the command that reads it.
"""
import io
import json
import os
import pickle
import shutil
import struct
import zipfile
import zlib

from corpus import MODEL, TOP, check, close, failures, png, safetensors, write

WORDS = ["--labels", "a dog,a car"]


def weights_cases():
    with open(os.path.join(MODEL, "model.safetensors"), "rb") as f:
        whole = f.read()
    (n,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8:8 + n])
    data = whole[8 + n:]

    def changed(edit):
        h = json.loads(json.dumps(header))
        edit(h)
        return safetensors(h, data)

    def shape(name, value):
        def edit(h):
            h[name]["shape"] = value
        return changed(edit)

    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    for cut in (0, 1, 7, 8, 9, 8 + n // 2, 8 + n, 8 + n + 1, len(whole) // 2, len(whole) - 1):
        yield "cut at %d" % cut, whole[:cut]
    yield "trailing bytes", whole + b"\0" * 34
    yield "header length past the end", struct.pack("<Q", 1 << 40) + whole[8:]
    yield "header length wraps", struct.pack("<Q", (1 << 64) - 1) + whole[8:]
    yield "header is a list", safetensors([])
    yield "header is not UTF-8", safetensors(b"\xff\xfe{}")
    yield "header has a BOM", safetensors(b"\xef\xbb\xbf{}")
    yield "deep nesting", safetensors(b'{"a":' * 100000 + b"1" + b"}" * 100000)
    yield "deep lists", safetensors(b"[" * 200000)
    yield "duplicate key", safetensors(b'{"a":%s,"a":%s}' % ((json.dumps(entry).encode(),) * 2), b"\0" * 4)
    yield "duplicate key, escaped", safetensors(b'{"a":%s,"\\u0061":%s}' % ((json.dumps(entry).encode(),) * 2), b"\0" * 4)
    yield "comment", safetensors(b'{/* */}')
    yield "NaN offset", safetensors(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[NaN,4]}}', b"\0" * 4)
    yield "float offsets", safetensors({"a": dict(entry, data_offsets=[0.0, 4.0])}, b"\0" * 4)
    yield "one offset", safetensors({"a": dict(entry, data_offsets=[0])}, b"\0" * 4)
    yield "end before begin", safetensors({"a": dict(entry, data_offsets=[4, 0])}, b"\0" * 4)
    yield "negative dimension", safetensors({"a": dict(entry, shape=[-1])}, b"\0" * 4)
    yield "wrapping shape", safetensors({"a": dict(entry, shape=[2, 18446744073709551614])}, b"\0" * 4)
    yield "wrapping shape 2", safetensors({"a": dict(entry, shape=[1 << 62, 1 << 62, 4])}, b"\0" * 4)
    yield "rank 5000", safetensors({"a": dict(entry, shape=[1] * 5000)}, b"\0" * 4)
    yield "unknown dtype", safetensors({"a": dict(entry, dtype="f32")}, b"\0" * 4)
    yield "hole", safetensors({"a": entry, "b": dict(entry, data_offsets=[8, 12])}, b"\0" * 12)
    yield "overlap", safetensors({"a": entry, "b": dict(entry, data_offsets=[2, 6])}, b"\0" * 6)
    yield "same range", safetensors({"t%d" % i: entry for i in range(10)}, b"\0" * 4)
    yield "metadata not strings", safetensors({"__metadata__": {"a": 1}})
    yield "long name", safetensors({"n" * 60000: entry}, b"\0" * 4)
    yield "no tensors", safetensors({})
    yield "other tensors", safetensors({"conv.weight": entry}, b"\0" * 4)
    yield "web page", b"<!DOCTYPE html><html><body>404 not found</body></html>" * 40
    yield "LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"
    yield "GGUF", b"GGUF" + b"\0" * 200
    yield "transposed projection", shape("visual.proj", [512, 256])
    yield "flattened", shape("visual.proj", [512 * 256])
    yield "positions no square", shape("visual.positional_embedding", [5 * 13, 64 * 4])\
        if header["visual.positional_embedding"]["shape"] != [65, 256] else shape("visual.positional_embedding", [130, 128])

    def drop(h):
        h["visual.transformer.resblocks.77.ln_1.bias"] = h.pop("visual.transformer.resblocks.2.ln_1.bias")
    yield "missing and unexpected", changed(drop)

    def big(h):
        h["visual.transformer.resblocks.4294967296.ln_1.bias"] = h.pop("visual.transformer.resblocks.2.ln_1.bias")
    yield "layer index 2^32", changed(big)

    def topk(h):
        h["__metadata__"]["clip.activation"] = "relu"
    yield "unknown activation", changed(topk)

    def mean(h):
        h["__metadata__"]["clip.std"] = "0,0,0"
    yield "deviation 0", changed(mean)
    name = "visual.ln_post.weight"
    begin = header[name]["data_offsets"][0]
    size = {"F16": 2, "F32": 4}[header[name]["dtype"]]
    nan = {2: b"\x00\x7e", 4: b"\x00\x00\xc0\x7f"}[size]
    yield "NaN weight", whole[:8 + n + begin] + nan + whole[8 + n + begin + size:]
    inf = {2: b"\x00\x7c", 4: b"\x00\x00\x80\x7f"}[size]
    yield "infinite weight", whole[:8 + n + begin] + inf + whole[8 + n + begin + size:]


def archive(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for member, content in members:
            z.writestr(member, content)
    return out.getvalue()


class Call:
    def __init__(self, what):
        self.what = what

    def __reduce__(self):
        return self.what


def pickle_cases(flag):
    marker = "touch %s" % flag
    evil = [pickle.dumps(Call((os.system, (marker,))), p) for p in (0, 1, 2, 4)]
    evil.append(pickle.dumps(Call((eval, ("__import__('os').system(%r)" % marker,))), 2))
    evil.append(b"\x80\x02cos\nsystem\nU%c%s\x85R." % (len(marker), marker.encode()))
    for i, p in enumerate(evil):
        yield "call %d" % i, archive([("m/data.pkl", p), ("m/version", "3\n")])
        yield "bare call %d" % i, p
    proto = b"\x80\x02"
    for name, body in {
        "empty": b"", "stop": b".", "underflow": b"0000.", "no mark": b"t.", "memo never set": b"h\x05.",
        "memo 2^32-1": b"j\xff\xff\xff\xff.", "string 2^32-1": b"X\xff\xff\xff\xffabc.", "frame lies": b"\x95" + b"\xff" * 8 + b".",
        "deep tuples": b")" + b"\x85" * 300000 + b".", "deep lists": b"]" * 200000 + b"a" * 199999 + b".",
        "self reference": b"]q\x00h\x00a.", "opcode unknown": b"\xfe.", "inst": b"(ios\nsystem\n.", "int": b"K\x05.",
        "list doubling": b"]q\x00" + b"h\x00h\x00\x86q\x00" * 64 + b".",
        "no tensors": b"}.", "bad utf-8": b"X\x02\x00\x00\x00\xff\xfe.", "persid of nothing": b"NQ.",
    }.items():
        yield name, archive([("m/data.pkl", proto + body), ("m/version", "3\n")])

    def tensor(numel, offset, size, stride, storage=b"FloatStorage"):
        def integer(v):
            return b"\x8a\x08" + struct.pack("<q", v)
        return (proto + b"}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n" + storage
                + b"\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + integer(numel) + b"tQ" + integer(offset)
                + b"(" + b"".join(map(integer, size)) + b"t(" + b"".join(map(integer, stride))
                + b"t\x89ccollections\nOrderedDict\n)RtRs.")
    for name, args in {
        "storage too short": (100, 0, [100], [1]), "numel negative": (-1, 0, [1], [1]), "numel 2^40": (1 << 40, 0, [4], [1]),
        "offset outside": (4, 4, [1], [1]), "offset negative": (4, -1, [1], [1]), "stride negative": (4, 3, [4], [-1]),
        "size wraps": (4, 0, [1 << 62, 8], [1, 1]), "stride wraps": (4, 0, [3], [1 << 62]), "size negative": (4, 0, [-4], [1]),
        "broadcast bomb": (4, 0, [1 << 20, 1 << 20], [0, 0]), "ranks differ": (4, 0, [2, 2], [1]),
        "unknown storage": (4, 0, [4], [1], b"EvilStorage"),
    }.items():
        yield name, archive([("m/data.pkl", tensor(*args)), ("m/data/0", b"\0" * 16), ("m/version", "3\n")])
    yield "storage missing", archive([("m/data.pkl", tensor(4, 0, [4], [1])), ("m/version", "3\n")])
    good = archive([("m/data.pkl", tensor(4, 0, [4], [1])), ("m/data/0", b"\0" * 16), ("m/version", "3\n")])
    for cut in (3, 4, 30, len(good) // 2, len(good) - 22, len(good) - 1):
        yield "archive cut at %d" % cut, good[:cut]
    yield "no CLIP inside", good
    yield "wrong checksum", good.replace(b"\0" * 16, b"\1" + b"\0" * 15, 1)
    yield "deflated bomb", archive([("m/data.pkl", proto + b"}."), ("m/data/0", b"\0" * 20000000)], zipfile.ZIP_DEFLATED)
    yield "names out of the folder", archive([("../data.pkl", proto + b"}."), ("../version", "3\n")])
    yield "big endian", archive([("m/data.pkl", tensor(4, 0, [4], [1])), ("m/data/0", b"\0" * 16), ("m/byteorder", "big")])
    yield "not an archive", b"PK\x03\x04" + b"\xff" * 400
    directory = good.rfind(b"PK\x05\x06")
    yield "65534 entries", good[:directory + 8] + struct.pack("<HH", 65534, 65534) + good[directory + 12:]
    yield "directory outside", good[:directory + 16] + struct.pack("<I", 0xfffffff0) + good[directory + 20:]
    yield "bytes in front", b"x" * 100 + good


def main():
    top = TOP
    path = os.path.join(top, "file")
    picture = write(os.path.join(top, "good.png"), png(8, 8, b"".join(b"\0" + bytes([40 * y % 256] * 24) for y in range(8))))
    vocab = MODEL

    for name, data in weights_cases():
        check("weights: " + name, ["model", "inspect", write(path + ".safetensors", data), "--vocab", vocab], size=len(data))
    flag = os.path.join(top, "executed")
    for name, data in pickle_cases(flag):
        check("pt: " + name, ["model", "inspect", write(path + ".pt", data), "--vocab", vocab], size=len(data))
    if os.path.exists(flag):
        failures.append("pt: code in a pickle was executed")

    folder = os.path.join(top, "folder")
    os.mkdir(folder)
    for f in ("model.safetensors", "vocab.json", "merges.txt"):
        shutil.copy(os.path.join(MODEL, f), folder)
    with open(os.path.join(MODEL, "config.json"), encoding="utf-8") as f:
        config = json.load(f)

    def config_with(tower, key, value):
        c = json.loads(json.dumps(config))
        c[tower][key] = value
        return json.dumps(c)
    for name, text in {
        "not JSON": "{", "list": "[]", "deep": "[" * 100000, "empty": "", "width": config_with("vision_config", "hidden_size", 768),
        "width a string": config_with("vision_config", "hidden_size", "256"), "layers": config_with("text_config", "num_hidden_layers", 5),
        "heads that do not divide": config_with("vision_config", "num_attention_heads", 3),
        "heads 0": config_with("vision_config", "num_attention_heads", 0),
        "heads negative": config_with("text_config", "num_attention_heads", -4),
        "patch": config_with("vision_config", "patch_size", 16), "image": config_with("vision_config", "image_size", 224),
        "activation": config_with("vision_config", "hidden_act", "swish"), "eps": config_with("text_config", "layer_norm_eps", -1),
        "vocabulary": config_with("text_config", "vocab_size", 49408), "positions": config_with("text_config", "max_position_embeddings", 248),
    }.items():
        write(os.path.join(folder, "config.json"), text)
        check("config: " + name, ["model", "inspect", folder], "config.json", size=12 << 20)
    write(os.path.join(folder, "config.json"), json.dumps(config))
    for name, text in {"deviation 0": {"image_std": [0, 0, 0]}, "two means": {"image_mean": [0.5, 0.5]},
                       "nearest": {"resample": 0}, "size": {"size": 224, "crop_size": 224}}.items():
        write(os.path.join(folder, "preprocessor_config.json"), json.dumps(text))
        check("preprocessor: " + name, ["model", "inspect", folder], "preprocessor_config.json", size=12 << 20)
    os.remove(os.path.join(folder, "preprocessor_config.json"))

    merges = open(os.path.join(MODEL, "merges.txt"), encoding="utf-8").read()
    for name, text in {
        "empty": "", "three words a line": merges.replace("\n", " x\n", 3), "NUL": merges[:400] + "\0" + merges[400:],
        "merge twice": merges + merges.splitlines()[1] + "\n", "unknown token": merges + "qqqqqq zzzzzz\n",
        "not UTF-8": merges.encode() + b"\xff\xfe \xff\n", "one long line": "a" * 3000000,
    }.items():
        write(os.path.join(folder, "merges.txt"), text)
        check("merges: " + name, ["tokenize", "--vocab", folder, "a dog"], size=5 << 20)
    write(os.path.join(folder, "merges.txt"), merges)
    tokens = json.load(open(os.path.join(MODEL, "vocab.json"), encoding="utf-8"))
    first = next(iter(tokens))
    for name, text in {
        "not JSON": "{", "list": "[]", "deep": "[" * 100000, "empty object": "{}", "negative id": json.dumps(dict(tokens, **{first: -1})),
        "same id twice": json.dumps(dict(tokens, **{first: 5})), "huge id": json.dumps(dict(tokens, **{first: 1 << 40})),
        "id a string": json.dumps(dict(tokens, **{first: "0"})), "duplicate key": '{"a":1,"a":2}',
    }.items():
        write(os.path.join(folder, "vocab.json"), text)
        check("vocab.json: " + name, ["tokenize", "--vocab", folder, "a dog"], size=5 << 20)
    write(os.path.join(folder, "vocab.json"), json.dumps(tokens))
    for name, data in {"not gzip": b"hello", "cut gzip": zlib.compress(b"x" * 100, 9)[:10], "gzip header only": b"\x1f\x8b\x08\0\0\0\0\0\0\3",
                       "bomb": None}.items():
        if data is None:
            packer = zlib.compressobj(9, zlib.DEFLATED, 31)
            data = b"".join(packer.compress(b"\n" * (1 << 20)) for _ in range(300)) + packer.flush()
        check("bpe: " + name, ["tokenize", "--vocab", write(os.path.join(top, "bpe_simple.txt.gz"), data), "a dog"])
    os.remove(os.path.join(folder, "merges.txt"))
    os.remove(os.path.join(folder, "vocab.json"))
    weights = os.path.getsize(os.path.join(folder, "model.safetensors"))
    check("no vocabulary", ["embed", "--model", folder, "--text", "a dog"], "vocab", size=weights)

    for name, data in {
        "empty": b"", "blank": b" \n\n\t\n", "only BOM": b"\xef\xbb\xbf", "NUL": b"a dog\0\n", "not UTF-8": b"a \xff dog\n",
        "UTF-16": "a dog\n".encode("utf-16"), "twice": b"a dog\na car\na dog\n", "a megabyte a line": b"a" * 1000000,
        "a million": b"".join(b"l%d\n" % i for i in range(200001)),
    }.items():
        check("labels: " + name, ["tag", picture, "--labels-file", write(os.path.join(top, "labels.txt"), data)])
    check("labels: missing file", ["tag", picture, "--labels-file", os.path.join(top, "nowhere.txt")], "nowhere.txt")
    check("labels: none", ["tag", picture, "--labels", " , ,"])
    check("templates: no hole", ["tag", picture, "--templates", "a photo"] + WORDS)

    good = open(picture, "rb").read()
    for name, data in {
        "cut PNG": good[:50], "PNG signature": good[:8], "garbage": bytes(range(256)) * 8, "empty": b"",
        "60000x60000": png(60000, 60000, b"\0" * 100), "0x0": png(0, 0, b""), "2^31 wide": png(1 << 31, 1, b"\0"),
        "cut JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0", "text": b"hello world\n" * 50, "cut MP4": b"\0\0\0\x18ftypmp42" + b"\0" * 300,
    }.items():
        for ending in (".png", ".mp4"):
            check("picture: %s %s" % (name, ending), ["tag", write(os.path.join(top, "x" + ending), data)] + WORDS, "x" + ending)
    fifo = os.path.join(top, "fifo")
    os.mkfifo(fifo)
    link = os.path.join(top, "loop")
    os.symlink(link, link)
    empty = os.path.join(top, "empty")
    os.mkdir(empty)
    for name in (os.path.join(top, "missing.mp4"), empty, fifo, link, "/dev/null", "", os.path.join(top, "new\nline.mp4"), "x" * 300):
        check("path %r" % name[-20:], ["tag", name] + WORDS)
        check("model path %r" % name[-20:], ["model", "inspect", name])
        check("vocab path %r" % name[-20:], ["tokenize", "--vocab", name, "a dog"])
    check("model missing", ["tag", picture, "--model", os.path.join(top, "no-model.pt")] + WORDS, "no-model.pt")

    close()


if __name__ == "__main__":
    main()
