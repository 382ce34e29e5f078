#!/usr/bin/python3
"""Protects: frames resized plane by plane and converted at the small size give the default model's embedding of the RGB
path, cosine at least 0.999, in NV12, I420, YUY2 and P010; real frames where the test videos are at hand, and made ones.
All are made from the same I420 frame here, in doubles: videoconvert's RGB is one to four levels too dark, which the
model sees (cosine 0.998 to exact colours).

    yuv_embedding.py OURS
"""
import os
import subprocess
import sys
import tempfile

try:
    import gi
    import numpy as np
    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
except (ImportError, ValueError) as e:
    print("skipped: %s" % e)
    sys.exit(77)

FORMATS = ("NV12", "I420", "YUY2", "P010_10LE")
SIDE = 64  # of the default model
VIDEOS = ("car-detection.mp4", "bottle-detection.mp4", "friday.mp4", "flower.webm", "tree.avi")
sources = os.environ["CLIPMOE_TEST_SOURCES"]
folder = os.path.join(sources, "..", "..", "shared", "data", "video")
model = os.path.join(sources, "..", "models", "default")


class Ours:
    def __init__(self, command):
        self.process = subprocess.Popen([command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().rstrip("\n").split("\t")
        assert answer[0] == "ok", answer
        return answer[1:]


def frames(source, width, height, count, every):
    """Every @every-th frame in I420; sizes whose rows GStreamer does not pad."""
    pipeline = Gst.parse_launch("%s ! videoconvertscale ! video/x-raw,format=I420,width=%d,height=%d,colorimetry=%s,"
                                "pixel-aspect-ratio=1/1 ! appsink name=s sync=false max-buffers=4"
                                % (source, width, height, "bt601" if height <= 576 else "bt709"))
    sink = pipeline.get_by_name("s")
    pipeline.set_state(Gst.State.PLAYING)
    out, n = [], 0
    while len(out) < count:
        sample = sink.emit("try-pull-sample", 20 * Gst.SECOND)
        if not sample:
            break
        if n % every == 0:
            buffer = sample.get_buffer()
            out.append(np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8))
        n += 1
    pipeline.set_state(Gst.State.NULL)
    return out


def larger(c):
    """Chroma at every pixel: rows lie between two lines, columns on every second pixel."""
    c = np.pad(c.astype(float), 1, "edge")
    rows = np.stack([0.75 * c + 0.25 * np.roll(c, 1, 0), 0.75 * c + 0.25 * np.roll(c, -1, 0)], 1).reshape(-1, c.shape[1])[2:-2]
    return np.stack([rows, (rows + np.roll(rows, -1, 1)) / 2], 2).reshape(len(rows), -1)[:, 2:-2]


def every_format(i420, w, h):
    y = i420[:w * h].reshape(h, w)
    u, v = i420[w * h:].reshape(2, h // 2, w // 2)
    pairs = np.stack([u, v], -1)
    yuyv = np.stack([y[:, 0::2], u.repeat(2, 0), y[:, 1::2], v.repeat(2, 0)], -1)
    ten = np.concatenate([y.ravel(), pairs.ravel()]).astype("<u2") << 8
    kr, kb = (0.299, 0.114) if h <= 576 else (0.2126, 0.0722)
    luma, cb, cr = (y - 16.0) * 255 / 219, (larger(u) - 128) * 255 / 224, (larger(v) - 128) * 255 / 224
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    rgb = np.clip(np.stack([red, green, blue], -1) + 0.5, 0, 255).astype(np.uint8)
    return {"I420": i420, "NV12": np.concatenate([y.ravel(), pairs.ravel()]), "YUY2": yuyv, "P010_10LE": ten, "RGB": rgb}


def main():
    Gst.init(None)
    ours = Ours(sys.argv[1])
    ours.ask("model", model, "f32", 1, 1)
    made = [("videotestsrc pattern=%s num-buffers=1" % p, 1280, 720, 1, 1) for p in ("smpte", "zone-plate kx2=20 ky2=20", "ball")]
    cases = made + [("filesrc location=%s ! decodebin" % os.path.join(folder, v), 1280 if i % 2 else 640, 720 if i % 2 else 360, 3, 40)
              for i, v in enumerate(VIDEOS) if os.path.exists(os.path.join(folder, v))]
    worst = failed = n = 0
    with tempfile.TemporaryDirectory() as top:
        raw, square, vector = (os.path.join(top, x) for x in ("raw", "square", "vector"))
        for source, width, height, count, every in cases:
            found = frames(source, width, height, count, every)
            assert found, source
            for frame in found:
                vectors = {}
                for f, data in every_format(frame, width, height).items():
                    data.tofile(raw)
                    ours.ask("frame", f, width, height, SIDE, raw)
                    ours.ask("write", "square", square)
                    ours.ask("pixels", square, 1)
                    ours.ask("write", "images", vector)
                    vectors[f] = np.fromfile(vector, np.float32).astype(float)
                for f in FORMATS:
                    away = 1 - float(vectors[f] @ vectors["RGB"])
                    worst, n = max(worst, away), n + 1
                    if away > 0.001:
                        failed += 1
                        print("FAIL %s: %s: cosine %.6f to RGB" % (source, f, 1 - away))
    print("%d embeddings of %d sources, worst cosine to RGB %.6f" % (n, len(cases), 1 - worst))
    if cases == made:
        print("the folder of test videos is not at hand: made frames alone")
    return 1 if failed else 0


sys.exit(main())
