"""The files that tests/recorded/record gives to a build, the same ones every time, and pipelines to play."""
import json
import os
import shutil
import struct
import subprocess
import sys
import zlib

import numpy
from PIL import Image

import checkpoints as ck
import models as golden

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = ["dense77.safetensors", "long248.safetensors", "moe-e4k2.safetensors", "moe-last2-e3k1.safetensors"]
WIDTH, HEIGHT = 96, 72


def read(place, name):
    with open(os.path.join(place.inputs, name), "rb") as f:
        return f.read()


def picture(width, height, seed):
    """A background that changes, discs, stripes and noise, from integers alone."""
    y, x = numpy.mgrid[0:height, 0:width]
    noise = numpy.random.RandomState(seed).randint(0, 40, (height, width, 3))
    out = numpy.stack([x * 255 // width, y * 255 // height, (x + y) * 4 % 256], 2) * 3 // 4 + noise
    cx, cy, r = width * (seed * 37 % 100) // 100, height * (seed * 61 % 100) // 100, height // 3
    disc = (x - cx) ** 2 + (y - cy) ** 2 < r * r
    out[disc] = [(220, 30, 40), (30, 200, 60), (40, 60, 230), (240, 230, 40)][seed % 4]
    out[(y // 8 % 2 == 0) & (x < width // 6)] = 255
    return out.clip(0, 255).astype(numpy.uint8)


def pictures(top):
    """Stills of every kind."""
    def save(name, image, **more):
        image.save(os.path.join(top, name), **more)

    a, b = (Image.fromarray(picture(120, 90, seed)) for seed in (1, 2))
    save("a.png", a)
    save("b.png", b)
    save("wide.png", Image.fromarray(picture(301, 77, 3)))
    save("one.png", Image.fromarray(picture(1, 1, 1)))
    save("grey.png", a.convert("L"))
    save("palette.png", a.quantize(100))
    save("alpha.png", a.convert("RGBA"))
    save("deep.png", Image.fromarray((numpy.asarray(a.convert("L")).astype(numpy.uint16) * 257)))
    exif = Image.Exif()
    exif[0x112] = 6  # shown after a quarter turn
    save("turned.jpg", a.transpose(Image.ROTATE_90), exif=exif, quality=95)
    save("a.gif", a.quantize(200), save_all=True, append_images=[b.quantize(200)], duration=200)
    save("a.webp", a, lossless=True)
    save("a.bmp", a)
    os.makedirs(os.path.join(top, "pictures", "inner"))
    for name in "pictures/2.png", "pictures/inner/1.png":
        save(name, b)
    with open(os.path.join(top, "pictures", "notes.txt"), "w") as f:
        f.write("neither\n")
    # cut from where everything was read
    for name, source, n in (("cut.png", "a.png", 900), ("cut.jpg", "turned.jpg", 700)):
        with open(os.path.join(top, source), "rb") as f, open(os.path.join(top, name), "wb") as g:
            g.write(f.read(n))
    with open(os.path.join(top, "text.png"), "w") as f:
        f.write("this is no picture\n")
    open(os.path.join(top, "empty"), "wb").close()


def videos(place):
    top = place.inputs
    frames = [picture(WIDTH, HEIGHT, 1 + i // 9) for i in range(45)]
    with open(os.path.join(top, "frames.rgb"), "wb") as f:
        f.write(b"".join(x.tobytes() for x in frames))
    raw = "filesrc location=frames.rgb ! rawvideoparse format=rgb width=%d height=%d framerate=10/1 ! " % (WIDTH, HEIGHT)
    env = dict(place.env, GST_PLUGIN_PATH="", GST_REGISTRY=os.path.join(place.work, "other.bin"))
    for line in (raw + "videoconvert ! video/x-raw,format=I420 ! jpegenc ! matroskamux version=2 ! filesink location=frames.mkv",
                 "videotestsrc num-buffers=40 ! video/x-raw,width=160,height=120,framerate=10/1 ! jpegenc ! matroskamux ! filesink location=bars.mkv",
                 raw + "videoconvert ! x264enc speed-preset=ultrafast key-int-max=10 threads=1 ! h264parse ! mp4mux ! filesink location=frames.mp4"):
        subprocess.run(["gst-launch-1.0", "-q"] + line.split(), check=True, cwd=top, env=env, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    whole = read(place, "bars.mkv")
    for name, n in (("headers.mkv", 200), ("cut.mkv", len(whole) * 2 // 3)):
        with open(os.path.join(top, name), "wb") as f:
            f.write(whole[:n])
    sample = os.environ.get("CLIPMOE_SAMPLE_VIDEO") or os.path.expanduser("~/.cache/clipmoe/vtest.avi")
    place.sample = os.path.exists(sample)
    if place.sample:
        os.symlink(sample, os.path.join(top, "sample.avi"))


def golden_models(place):
    top = place.inputs
    for name in GOLDEN:
        golden.save(os.path.join(top, name), *golden.model(name.split(".")[0]))
    golden.vocabulary(os.path.join(place.work, "models", "default", "merges.txt"), os.path.join(top, "golden.vocab.txt"))


def checkpoint_files(place):
    """One model in many layouts and containers."""
    top = place.inputs
    dense, meta, _ = ck.load(os.path.join(top, GOLDEN[0]))
    moe = ck.load(os.path.join(top, GOLDEN[2]))[0]

    def folder(name, tensors, **files):
        path = place.folder("inputs", name)
        shutil.copy(os.path.join(top, "golden.vocab.txt"), os.path.join(path, "bpe_simple_vocab_16e6.txt"))
        if tensors:
            ck.save(os.path.join(path, "model.safetensors"), tensors, meta)
        for key, value in files.items():
            with open(os.path.join(path, key + ".json"), "w") as f:
                f.write(value if isinstance(value, str) else json.dumps(value))

    config = ck.hf_config(dense)
    folder("hf", ck.hugging_face(dense), config=config, preprocessor_config=ck.preprocessor(dense))
    folder("folder", dense)
    folder("config-other-width", ck.hugging_face(dense), config=dict(config, projection_dim=7))
    folder("config-no-json", ck.hugging_face(dense), config="{nope")
    folder("config-twice", ck.hugging_face(dense), config='{"model_type":"clip","model_type":"clip"}')
    folder("config-activation", ck.hugging_face(dense), config=dict(config, vision_config=dict(config["vision_config"], hidden_act="relu")))
    folder("config-alone", None, config=config)
    folder("config-openclip", ck.openclip_plain(dense), open_clip_config={"model_cfg": {"embed_dim": 3}})
    ck.save(os.path.join(top, "openclip.safetensors"), ck.openclip_custom(dense, True))
    ck.save(os.path.join(top, "bf16.safetensors"), {k: ck.to_bf16(v) for k, v in moe.items()}, None, bf16=True)
    # written by torch itself: its files are not the same in every version
    code = ("import sys, torch; sys.path[:0] = [%r]; import checkpoints as ck\n"
            "sd = {k: torch.from_numpy(v.copy()) for k, v in ck.load(%r)[0].items()}\n"
            "torch.save(sd, 'torch.pt')\n"
            "torch.save({'epoch': 3, 'state_dict': {'module.' + k: v.half() for k, v in sd.items()}}, 'trainer.pt')\n")
    subprocess.run([sys.executable, "-c", code % (os.path.join(os.path.dirname(HERE), "model"), GOLDEN[2])], cwd=top, check=True)


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


BROKEN = ["lfs.safetensors", "web.safetensors", "gguf.safetensors", "empty", "cut-header.safetensors", "cut-data.safetensors", "long.safetensors",
          "wrong-shape.safetensors", "missing.safetensors", "twice.safetensors", "list.safetensors", "hole.safetensors", "dtype.safetensors",
          "nan.safetensors", "activation.safetensors", "zip.pt", "pickle.pt", "a.png", "config-other-width", "config-no-json",
          "config-twice", "config-activation", "config-alone", "config-openclip", "pictures", "/nonexistent", "/dev/full"]


def broken(place):
    top = place.inputs
    whole = read(place, GOLDEN[0])
    n, = struct.unpack("<Q", whole[:8])
    header, data = json.loads(whole[8:8 + n]), whole[8 + n:]
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}

    def changed(name, **fields):
        return safetensors(dict(header, **{name: dict(header[name], **fields)}), data)

    at = header["visual.ln_post.weight"]["data_offsets"][0]
    renamed = {k.replace("resblocks.1.ln_1", "resblocks.7.ln_1"): v for k, v in header.items()}
    for name, content in (
            ("lfs.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"),
            ("web.safetensors", b"<!DOCTYPE html><html><body>404 not found</body></html>" * 40), ("gguf.safetensors", b"GGUF" + bytes(200)),
            ("cut-header.safetensors", whole[:8 + n // 2]), ("cut-data.safetensors", whole[:-1]), ("long.safetensors", whole + bytes(4)),
            ("wrong-shape.safetensors", changed("visual.proj", shape=header["visual.proj"]["shape"][::-1])),
            ("missing.safetensors", safetensors(renamed, data)),
            ("twice.safetensors", safetensors(b'{"a":%s,"a":%s}' % ((json.dumps(entry).encode(),) * 2), bytes(4))),
            ("list.safetensors", safetensors([])), ("hole.safetensors", safetensors({"a": entry, "b": dict(entry, data_offsets=[8, 12])}, bytes(12))),
            ("dtype.safetensors", changed("logit_scale", dtype="F8")), ("nan.safetensors", whole[:8 + n + at] + b"\0\0\xc0\x7f" + whole[8 + n + at + 4:]),
            ("activation.safetensors", safetensors(dict(header, __metadata__={"clip.activation": "relu"}), data)),
            ("zip.pt", b"PK\x03\x04" + bytes(100)), ("pickle.pt", b"\x80\x02cos\nsystem\nU\x02ls\x85R.")):
        with open(os.path.join(top, name), "wb") as f:
            f.write(content)
    for name, text in (("labels.txt", "# a comment\nred = a red wall @ 0.2\na dog\n\nstripes = black and white stripes\nx \\= y \\@ z\n"),
                       ("bad-labels.txt", "a dog @ many\n"), ("bad.ini", "[run]\nnope = 1\n")):
        with open(os.path.join(top, name), "w") as f:
            f.write(text)


def untidy():
    """What people and programs write."""
    pieces = ["a", "B7", "  ", "\t", "é", "e\u0301", "ß", "ΑΣ", "İ", "ſ", "'s", "’ll", "\"", "?!", "…", "&amp;amp;", "&lt;b&gt;", "&eacute", "&#x1F600;",
              "&#0;", "&#55296;", "<|startoftext|>", "<|ENDOFTEXT|>", "\x01", "\x1b[1;31m", "\x7f", "\x85", "\xa0", "\xad", "\u0345", "ﬁ", "Ａ", "ｶﾞ",
              "\u3000", "\u2028", "\u200d", "\ufeff", "\ufffd", "東京", "서울", "ไทย", "नमस्ते", "Москва", "שלום", "مرحبا", "½", "Ⅳ", "²", "😀", "👍🏽",
              "𝓗", "\ue000", "ǅ", "Â©", "Ã©tÃ©", "â€œquotedâ€\x9d", "Ð¼Ð¸Ñ€", "schÃ¶n", "l’été", "naïve"]
    rng = numpy.random.RandomState(5)
    texts = ["a photo of a dog.", "", " ", "It's an empty street at night, isn't it?", "long " * 120, "x" * 600, "a\nb", "1234567890", "don't DON'T dOn't"]
    texts += pieces
    for _ in range(120):
        texts.append("".join(pieces[i] for i in rng.randint(0, len(pieces), rng.randint(2, 12))))
    return [t for t in texts if t != "-" and not t.startswith("--")]


def pipelines():
    """(name, a line for gst-launch and play.py); TAG: the tagger with what makes it deterministic."""
    raw = "filesrc location=frames.rgb ! rawvideoparse format=rgb width=%d height=%d framerate=10/1 ! " % (WIDTH, HEIGHT)

    def tag(more="", labels="red wall;a dog;stripes;sky", name="t"):
        return 'clipmoetag name=' + name + ' mode=sync post-messages=all threshold=0 threads=1 labels="%s" %s ! ' % (labels, more)

    end = "fakesink name=s"
    for name, more in (("every frame", "rate=0"), ("two a second", "rate=2"), ("every third", "rate=0 inference-interval=3"), ("smoothing", "rate=0 smoothing=1"),
                       ("hold", "rate=0 hold=0.5 threshold=0.3"), ("changes", "rate=0 post-messages=changes threshold=0.3"), ("no messages", "post-messages=none"),
                       ("sigmoid", "score=sigmoid negative-labels=noise,wall"), ("cosine", "score=cosine top-k=2"), ("embedding", "attach-embedding=true"),
                       ("squash", "geometry=squash"), ("letterbox", "geometry=letterbox"), ("turned", "video-direction=90r"), ("mirrored", "video-direction=horiz"),
                       ("half", "precision=half"), ("int8", "precision=int8"), ("clip-tiny", "model=clip-tiny"), ("templates", "templates=\"a {};the {} there\""),
                       ("experts", "experts=1"), ("source", "source=rtsp://me:word@h/")):
        yield "tag/" + name, raw + tag(more) + end
    for form in ("NV12", "NV21", "I420", "YV12", "Y42B", "Y444", "YUY2", "UYVY", "P010_10LE", "I420_10LE", "BGR", "RGBx", "xBGR", "RGBA", "ARGB", "GRAY8"):
        yield "format/" + form, raw + "videoconvert ! video/x-raw,format=%s ! " % form + tag() + end
    yield "tag/list", raw + tag('labels-file=labels.txt', "") + end
    yield "tag/odd size", raw + "videoscale ! video/x-raw,width=33,height=51 ! videoconvert ! video/x-raw,format=I420 ! " + tag() + end
    yield "tag/anamorphic", raw + "capssetter caps=video/x-raw,pixel-aspect-ratio=2/1 ! " + tag() + end
    yield "tag/latest, one frame", "videotestsrc num-buffers=1 ! video/x-raw,width=64,height=64 ! " + tag("mode=latest") + end
    yield "tag/two taggers", raw + tag("rate=2") + tag("rate=1", "x;y", "u") + end
    yield "tag/tee", raw + tag() + "tee name=j j. ! queue ! videoconvert ! video/x-raw,format=I420 ! fakesink name=s j. ! queue ! fakesink"
    yield "tag/doubled", raw + tag() + "videorate ! video/x-raw,framerate=30/1 ! " + end
    yield "tag/odd frames", raw + tag("rate=3") + end
    for name, more in (("mkv", "frames.mkv"), ("mp4", "frames.mp4")):
        for decode in "auto", "all", "key":
            yield "bin/%s %s" % (name, decode), "filesrc location=%s ! clipmoebin name=t mode=sync threads=1 threshold=0 post-messages=all decode=%s labels=a,b ! " % (more, decode) + end
    for on in "look", "change", "frame":
        yield "publish/" + on, raw + tag("rate=2 threshold=0.3") + "clipmoepublish name=p on=%s target=file:lines.jsonl ! " % on + end
    yield "publish/stdout", raw + tag() + "clipmoepublish name=p target=stdout: ! " + end
    yield "publish/embedding", raw + tag("attach-embedding=true") + "clipmoepublish name=p target=stdout: ! " + end
    yield "publish/two taggers", raw + tag() + tag("rate=2", "x;y", "u") + "clipmoepublish name=p target=stdout: ! " + end
    for more in "", "position=bottom-right scale=2 max-tags=2 show-scores=false":
        yield "overlay/" + (more or "plain"), raw + tag() + "clipmoeoverlay name=o %s ! videoconvert ! video/x-raw,format=RGB ! " % more + end
    for name, line in (("no labels", raw + "clipmoetag ! " + end), ("no model", raw + tag("model=missing") + end), ("no list", raw + tag("labels-file=none-such", "") + end),
                       ("broken model", raw + tag("model=cut-data.safetensors") + end), ("no vocabulary", raw + tag("model=dense77.safetensors") + end),
                       ("templates", raw + tag("templates=@none-such") + end), ("publish nowhere", raw + tag() + "clipmoepublish ! " + end),
                       ("publish to a broker", raw + tag() + "clipmoepublish target=nats://h ! " + end), ("publish to no folder", raw + tag() + "clipmoepublish target=file:none/a ! " + end),
                       ("bin without video", "filesrc location=labels.txt ! clipmoebin labels=a,b ! " + end), ("cut video", "filesrc location=cut.mkv ! clipmoebin name=t mode=sync post-messages=all labels=a,b ! " + end),
                       ("too many experts", raw + tag("experts=77") + end), ("assumed", raw + tag("model=moe-e4k2.safetensors vocab=golden.vocab.txt") + end)):
        yield "refusals/" + name, line
    yield "seek", "SEEK " + raw + tag("rate=2") + end
    yield "again", "AGAIN " + raw + tag("rate=2") + "clipmoepublish name=p target=stdout: ! " + end
    yield "properties while playing", "CHANGE " + raw + tag("rate=0") + end


def make(place, few):
    os.makedirs(place.inputs)
    pictures(place.inputs)
    golden_models(place)
    if few:
        return
    videos(place)
    checkpoint_files(place)
    broken(place)
    # what clipmoe-dmu trains
    os.environ["CLIPMOE_DMU"] = place.dmu
    import tiny
    top = place.folder("inputs", "dmu")
    tiny.setup(top)
