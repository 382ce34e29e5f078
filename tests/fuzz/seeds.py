#!/usr/bin/python3
"""Makes seeds for one fuzz target in a folder of its own, and runs the target on them, on its findings in
corpus/TARGET and on mutations of both. A run that dies leaves its input as FAILED beside the seeds and is named.

usage: seeds.py TARGET PROGRAM SECONDS
"""
import gzip
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.argv, (TARGET, PROGRAM, SECONDS) = sys.argv[:1] + sys.argv[2:3], sys.argv[1:4]
sys.path[:0] = [os.path.join(TESTS, "hostile"), os.path.join(TESTS, "model")]


def safetensors(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tables():
    t = lambda dtype, shape, a, b: {"dtype": dtype, "shape": shape, "data_offsets": [a, b]}
    yield safetensors({})
    yield safetensors({"a": t("F32", [2, 2], 0, 16), "b": t("F16", [3], 16, 22), "c": t("BF16", [], 22, 24), "d": t("F64", [1], 24, 32)}, bytes(range(32)))
    yield safetensors({"__metadata__": {"clip.name": "x"}, "a": t("I64", [0, 4], 0, 0), "b": t("U8", [5], 0, 5)}, b"abcde")


def torch_files(pickles_only=False):
    import torch_files as tf
    good = [tf.state(("w", tf.tensor())), tf.state(("w", tf.tensor(size=(2, 2), stride=(1, 2))), ("v", tf.tensor(offset=2, size=(2,)))),
            tf.PROTO + tf.module("__torch__.M", ("x", tf.module("__torch__.N", ("w", tf.tensor())))) + b".",
            b"\x80\x04" + b"\x95" + struct.pack("<Q", 2) + b"}.", tf.PROTO + b"(lp0\nI5\na."[:3] + b"."]
    if pickles_only:
        yield from good
        return
    for p in good:
        yield tf.pt(p)
        yield tf.legacy(obj=p)
    yield tf.build([tf.Member("m/data.pkl", good[0]), tf.Member("m/data/0", b"\0" * 16)], zip64={})


def merges(size):
    letters = [chr(c) for c in range(33, 127)]
    return "#version: 0.2\n" + "".join("%s %s\n" % (a, b) for a in letters for b in letters[:1 + size // 90])


def vocabularies():
    for size in (514, 530, 755):
        text = merges(size)
        yield bytes([size - 500 if size < 756 else 0]) + text.encode()
        yield bytes([size - 500 if size < 756 else 0]) + gzip.compress(text.encode())
    symbols = []
    extra = 0
    for plain in (True, False):
        for b in range(256):
            if (33 <= b <= 126 or 161 <= b <= 172 or b >= 174) == plain:
                symbols.append(chr(b) if plain else chr(256 + extra))
                extra += not plain
    names = symbols + [s + "</w>" for s in symbols] + ["ab", "<|startoftext|>", "<|endoftext|>"]
    table = {n: i for i, n in enumerate(names)}
    yield bytes([len(names) - 500]) + json.dumps({"model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": table, "merges": ["a b"]},
                                                  "added_tokens": [{"content": "<|endoftext|>", "id": len(names) - 1}]}).encode()
    yield bytes([len(names) - 500]) + json.dumps(table).encode()


def configs():
    hf = {"projection_dim": 64, "text_config": {"hidden_size": 128, "num_attention_heads": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-5, "vocab_size": 768},
          "vision_config": {"hidden_size": 128, "num_hidden_layers": 2, "image_size": 32, "patch_size": 8}, "vision_config_dict": {"num_channels": 3}}
    oc = {"model_cfg": {"embed_dim": 64, "quick_gelu": True, "vision_cfg": {"width": 128, "head_width": 64, "pool_type": "tok"}, "text_cfg": {"heads": 2}},
          "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"}}
    pre = {"size": {"shortest_edge": 32}, "crop_size": 32, "resample": 3, "image_mean": [0.4, 0.4, 0.4], "image_std": [0.2, 0.2, 0.2], "rescale_factor": 1 / 255, "do_resize": True}
    for kind, value in ((0, hf), (0, oc), (1, pre)):
        yield bytes([kind]) + json.dumps(value).encode()
    for text in (b"\x030.5 0.5 0.5", b"\x050.5, 0.5, 0.5", b"gelu", b"2"):
        yield b"\x02" + text


def pictures():
    """Small ones of every kind, which Pillow writes."""
    import io
    from PIL import Image
    image = Image.frombytes("RGB", (19, 13), bytes(i * 7 % 256 for i in range(19 * 13 * 3)))
    exif = Image.Exif()
    exif[0x112] = 6
    frames = {"save_all": True, "append_images": [image.rotate(180)], "duration": 50}
    for kind, mode, more in (("JPEG", "RGB", {"exif": exif}), ("JPEG", "CMYK", {}), ("JPEG", "L", {"progressive": True}), ("PNG", "RGBA", {"exif": exif}),
                             ("PNG", "P", {}), ("GIF", "P", {}), ("GIF", "L", {"interlace": 0}), ("GIF", "P", frames), ("WEBP", "RGB", {"exif": exif}),
                             ("WEBP", "RGBA", {"lossless": True}), ("WEBP", "RGB", frames), ("BMP", "RGB", {}), ("BMP", "P", {}), ("BMP", "1", {}),
                             ("TIFF", "RGB", {"tiffinfo": {0x112: 6}}), ("TIFF", "P", {"compression": "tiff_lzw"}), ("TIFF", "L", {"compression": "packbits"}),
                             ("TIFF", "CMYK", {})):
        out = io.BytesIO()
        image.convert(mode).save(out, kind, **more)
        yield out.getvalue()
    yield b"<?xml version='1.0'?>\n<!-- a page --><html></html>"
    yield b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + bytes(40)


def seeds():
    rng = random.Random(1)
    yield b""
    if TARGET == "checkpoint":
        yield from tables()
        yield from torch_files()
    elif TARGET == "zip":
        yield from torch_files()
    elif TARGET == "pickle":
        yield from torch_files(True)
    elif TARGET == "json":
        yield from (t[8:8 + struct.unpack("<Q", t[:8])[0]] for t in tables())
        yield from (c[1:] for c in configs())
        yield b'{"a":[1,2.5e3,-0,"\\u00e9\\n",true,null,{}]}'
    elif TARGET == "labels":
        yield b"a dog\na cat = a photo of a cat @ 0.5\n# x\n\\@ home\nx @ 0.25\n"
        yield "\ufeffcafé\r\n中文 = {}\r".encode()
        yield b"a photo of {};{} drawn"
        yield b"a\n[group g]\nb @ 0.5\nc\n[]\n[group h i]\nd = x\n\\[e\n"
    elif TARGET == "tokenizer":
        yield "A photo of a dog's tail, &amp; 3 cats! <|endoftext|> ſ İ ǅ é 中文 🐕".encode()
        yield b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    elif TARGET == "vocab":
        yield from vocabularies()
    elif TARGET == "config":
        yield from configs()
    elif TARGET == "picture":
        yield from pictures()
    elif TARGET == "view":
        for fmt in range(20):
            yield struct.pack("<24I", fmt, 31, 22, 0, 0, 0, 0, 0, 1, 1, 4999, 2999, 1999, 301, 161, 161, fmt % 3, fmt % 8, 0, 0, 0, 0, 0, 0)
    elif TARGET == "lines":
        yield (b'{"schema":"clipmoe.tags/1","source":"street.mp4","time":12.48,"at":"2023-11-14T22:13:20.123Z","age":0.000000001,"fresh":true,'
               b'"model":"m@5f0c12ab34cd","region":[0,0.25,0.333333,1],"object_id":7,"tags":[{"label":"a bus","score":0.9,"cosine":0.2},{"label":"\\u000a","score":1,"cosine":-0}],'
               b'"embedding":{"dtype":"f32","shape":[3],"base64":"AAAAPwAAwL+PKE4x"}}')
        yield (b'{"schema":"clipmoe.event/1","type":"end","id":"0123","source":"cam","label":"a bus","group":null,"start":1.5,"end":4,"peak":0.913275,'
               b'"peak_time":2.000000001,"mean":0.5,"score":-0.25,"at":"2023-11-14T22:13:20.123Z","model":"m@1","object_id":-7,"snapshot":"x.jpg"}')
        yield (b'{"schema":"clipmoe.event/1","type":"start","id":"0","source":null,"label":"","group":"g","start":0,"end":null,"peak":0,'
               b'"peak_time":0,"mean":0,"score":0,"at":null,"model":null,"object_id":null,"snapshot":null}')
    elif TARGET == "broker":
        yield b"cat; dog"
        yield b"0.25\n"
        yield b"ON"
        yield "rtsp://cam/1+#\0rtsp:__cam_1__\0a \"bus\"\0it's {{ 1 }}\0caf\u00e9 \U0001f600\0unknown".encode()
    elif TARGET == "meta":
        yield ('meta, looks=(structure)< "look, source=(string)a, model=(string)b, time=(guint64)1, age=(guint64)0, fresh=(boolean)true, '
               'tags=(structure)< \\"tag\\, label\\=\\(string\\)x\\, score\\=\\(double\\)0.5\\, cosine\\=\\(double\\)0.1\\;\\" >;" >;').encode()
        yield (b"clipmoe-event, schema=(uint)1, type=(string)end, id=(string)01, label=(string)x, start=(guint64)1, end=(guint64)2, peak=(double)0.5, "
               b"peak-time=(guint64)1, mean=(double)0.5, score=(double)0.5, source=(string)s, group=(string)g, at=(gint64)1700000000000000, "
               b"object-id=(gint64)7, tagger=(string)t, sequence=(guint64)3;")
        yield b"meta, looks=(int)< 1, 2 >;"
        yield b"meta, looks=(structure)< \"look, time=(guint64)1, age=(guint64)0, fresh=(boolean)true, tags=(int)<1>;\" >;"
        yield "look\0a dog\0source é\0model".encode() + struct.pack("<QQd", 5, 1 << 63, 0.5)
    for _ in range(3):
        yield rng.randbytes(200)


def main():
    top = tempfile.mkdtemp(prefix="clipmoe-fuzz-")
    for i, data in enumerate(seeds()):
        with open(os.path.join(top, "%03d" % i), "wb") as f:
            f.write(data)
    last = os.path.join("/dev/shm" if os.access("/dev/shm", os.W_OK) else top, "clipmoe-fuzz-last-%d" % os.getpid())
    vocabulary = os.path.join(os.path.dirname(TESTS), "models", "default", "vocab.json")
    found = os.path.join(HERE, "corpus", TARGET)
    done = subprocess.run([PROGRAM, SECONDS, "1", top] + ([found] if os.path.isdir(found) else []),
                          env=dict(os.environ, CLIPMOE_FUZZ_LAST=last, CLIPMOE_FUZZ_VOCABULARY=vocabulary))
    if done.returncode:
        kept = os.path.join(os.getcwd(), "FAILED-" + TARGET)
        if os.path.exists(last):
            shutil.copy(last, kept)
        print("%s: status %d; its input is %s: keep it in tests/fuzz/corpus/%s" % (TARGET, done.returncode, kept, TARGET))
    elif os.path.exists(last):
        os.remove(last)
    shutil.rmtree(top)
    return 1 if done.returncode else 0


sys.exit(main())
