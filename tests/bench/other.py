"""The two parts of the comparison besides the image tower: preprocessing against Pillow, texts against PyTorch."""
import os
import statistics
import sys
import time

import numpy as np

import goals
import models
import peers

MEAN = np.array((0.48145466, 0.4578275, 0.40821073), np.float32)
STD = np.array((0.26862954, 0.26130258, 0.27577711), np.float32)
ROOT = os.path.dirname(os.path.dirname(peers.HERE))


def processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        about = dict(line.split(":", 1) for line in f.read().split("\n\n")[0].splitlines() if ":" in line)
    about = {k.strip(): v.strip() for k, v in about.items()}
    return "%s (family %s, model %s)" % (about.get("model name", "unknown processor"), about.get("cpu family", "?"),
                                         about.get("model", "?"))


def cpus(n):
    """The last n cores: the system's own work is more often on the first."""
    have = sorted(os.sched_getaffinity(0))
    if n > len(have):
        sys.exit("compare: %d threads on %d cores" % (n, len(have)))
    return have[-n:]


def summarise(row, clock, per):
    """Calls into the median and the spread of one thing's milliseconds."""
    calls = row.pop("calls")
    values = sorted(c[clock == "processor"] / per for c in calls)
    row["ms"], row["n"] = statistics.median(values), len(values)
    row["low"], row["high"] = values[len(values) // 10], values[len(values) - 1 - len(values) // 10]
    row["share"] = sum(c[1] for c in calls) / max(sum(c[0] for c in calls), 1e-9)


def picture(w, h):
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    rgb = np.stack([127 + 70 * np.sin(x / (31 + 9 * c) + c) + 50 * np.cos(y / (23 + 7 * c)) for c in range(3)], -1)
    return np.clip(rgb + np.random.default_rng(3).normal(0, 3, rgb.shape), 0, 255).astype(np.uint8)


def formats(rgb):
    """The same picture as a camera or decoder would give it (BT.709, limited range)."""
    f = rgb.astype(np.float32)
    luma = f @ np.array((0.2126, 0.7152, 0.0722), np.float32)
    chroma = [(f[..., 2] - luma) / 1.8556, (f[..., 0] - luma) / 1.5748]
    code = lambda v: np.clip(v + 0.5, 0, 255).astype(np.uint8)
    y = code(16 + luma * 219 / 255)
    u, v = (code(128 + (c[0::2, 0::2] + c[1::2, 0::2]) / 2 * 224 / 255) for c in chroma)  # between lines, on columns
    u2, v2 = (code(128 + c[:, 0::2] * 224 / 255) for c in chroma)
    pairs = np.stack([u, v], -1).ravel()
    return {"NV12": np.concatenate([y.ravel(), pairs]), "I420": np.concatenate([y.ravel(), u.ravel(), v.ravel()]),
            "YUY2": np.stack([y[:, 0::2], u2, y[:, 1::2], v2], -1),
            "P010_10LE": np.concatenate([y.ravel(), pairs]).astype("<u2") << 8,
            "RGB": rgb, "BGRx": np.concatenate([rgb[..., ::-1], rgb[..., :1]], -1)}


def pillow(image, side):
    """What CLIP's own preprocessing does after decoding."""
    from PIL import Image
    w, h = image.size
    small = image.resize((side * w // h, side), Image.BICUBIC)
    left = round((small.size[0] - side) / 2)
    pixels = np.asarray(small.crop((left, 0, left + side, side)), np.float32)
    return np.ascontiguousarray(((pixels / 255 - MEAN) / STD).transpose(2, 0, 1))


def preprocess(o, scratch):
    """Both sides find the frame in memory and not in a cache, as one that comes from elsewhere."""
    from PIL import Image
    junk = np.zeros(64 << 20, np.uint8)
    side, rows, raw, square = models.SIDE, [], os.path.join(scratch, "raw"), os.path.join(scratch, "square")
    ours = peers.ours(o.build, cpus(1), o.cache)
    home = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus(1))
    print("\npreprocessing to %d, one thread" % side)
    print("  %-22s %8s %10s  %s" % ("", "ms", "x Pillow", "goal"))
    for w, h in ((1920, 1080), (3840, 2160)):
        rgb = picture(w, h)
        image = Image.fromarray(rgb)
        want = pillow(image, side)
        theirs = {"engine": "Pillow", "calls": []}
        measured = []
        for f, data in formats(rgb).items():
            np.ascontiguousarray(data).tofile(raw)
            ours.ask("frame", f, w, h, side, raw)
            ours.ask("write", "square", square)
            got = np.fromfile(square, np.float32).reshape(want.shape)
            away = float((np.abs(got - want) * STD[:, None, None] * 255).mean())
            exact = f in ("RGB", "BGRx")
            if not away <= (1e-4 if exact else 1.0):
                raise peers.Failed("%d x %d %s differs from Pillow by %.3f levels in the mean: no speeds" % (w, h, f, away))
            row = {"engine": "clipmoe", "format": f, "height": h, "levels": away, "calls": []}
            ours.time("square", 2)
            for _ in range(o.rounds):
                for _ in range(4):
                    junk += 1
                    row["calls"] += ours.time("square", 1)
                junk += 1
                wall, cpu = time.perf_counter(), time.process_time()
                pillow(image, side)
                theirs["calls"].append(((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3))
            summarise(row, o.clock, 1)
            measured.append(row)
        summarise(theirs, o.clock, 1)
        print("  %-22s %8.2f" % ("%d x %d Pillow RGB" % (w, h), theirs["ms"]))
        for row in measured:
            row["ratio"] = theirs["ms"] / row["ms"]
            goal = ""
            if row["format"] == "NV12":
                goal = "<= %.1f ms" % goals.PREPROCESS_MS[h] + (", >= %d x" % goals.PREPROCESS if h == 1080 else "")
                ok = row["ms"] <= goals.PREPROCESS_MS[h] and (h != 1080 or row["ratio"] >= goals.PREPROCESS)
                goal += ": " + ("reached" if ok else "BELOW")
            print("  %-22s %8.3f %10.1f  %s" % ("%d x %d %s" % (w, h, row["format"]), row["ms"], row["ratio"], goal))
        rows += [dict(theirs, height=h)] + measured
    os.sched_setaffinity(0, home)
    ours.close()
    return {"preprocess": rows}


def text(o, scratch):
    """1,000 labels in 80 templates, measured on a part and scaled: 16 labels here, 2 at PyTorch."""
    shared = os.path.join(ROOT, os.pardir, "shared")
    labels, vocab = o.labels, o.vocab
    if not labels and os.path.exists(os.path.join(shared, "reference", "imagenet-classes.txt")):
        labels = os.path.join(shared, "reference", "imagenet-classes.txt")
    labels = labels or os.path.join(ROOT, "models", "labels", "everyday.txt")
    if not vocab and os.path.exists(os.path.join(shared, "data", "bpe_simple_vocab_16e6.txt.gz")):
        vocab = os.path.join(shared, "data", "bpe_simple_vocab_16e6.txt.gz")
    size = 49408 if vocab else 6144
    vocab = vocab or os.path.join(ROOT, "models", "default")
    with open(labels, encoding="utf-8") as f:
        names = [n for n in dict.fromkeys(line.strip() for line in f) if n and not set(n) & set("=@#\\")]
    names = [names[i * len(names) // 16] for i in range(16)]  # long ones and short ones
    model, templates = models.text_model(o.cache, size), os.path.join(ROOT, "models", "templates", "imagenet.txt")
    ours, theirs = [], {"engine": "PyTorch f32, 77 tokens", "calls": []}
    torch = peers.torch(cpus(1))
    torch.ask("model", model, "f32", 1)
    rows = []
    print("\n1,000 labels x 80 templates, text tower of ViT-B, one thread (measured on a part, scaled)")
    for precision in o.precisions:
        p = peers.ours(o.build, cpus(1), o.cache)
        vectors = {}
        try:
            for n in (2, 16):
                path = os.path.join(scratch, "labels%d" % n)
                with open(path, "w", encoding="utf-8") as f:
                    f.write("\n".join(names[:n]) + "\n")
                p.ask("labels", model, vocab, path, "@" + templates, precision, 1)
                if n == 2:
                    p.ask("write", "prompts", os.path.join(scratch, "prompts"))
                p.ask("write", "labels", os.path.join(scratch, "vectors"))
                vectors[n] = np.fromfile(os.path.join(scratch, "vectors"), np.float32).reshape(n, -1).astype(float)
        except peers.Failed as e:
            print("  %-26s not measured: %s" % ("clipmoe " + precision, e))
            p.close()
            continue
        torch.ask("tokens", os.path.join(scratch, "prompts"))
        torch.ask("write", "texts", os.path.join(scratch, "embedding"))
        want = np.fromfile(os.path.join(scratch, "embedding"), np.float32).reshape(2, 80, -1).mean(1).astype(float)
        want /= np.linalg.norm(want, axis=1, keepdims=True)
        away = max(float((1 - (vectors[2] * want).sum(1)).max()), float((1 - (vectors[16][:2] * want).sum(1)).max()))
        if not away <= goals.AWAY[precision]:
            raise peers.Failed("clipmoe %s: label vectors differ from PyTorch's: cosine %.6f: no speeds"
                               % (precision, 1 - away))
        ours.append((p, {"engine": "clipmoe", "precision": precision, "cosine": 1 - away, "calls": []}))
    for _ in range(3):
        theirs["calls"] += torch.time("texts", 1)
        for p, row in ours:
            row["calls"] += p.time("labels", 1)
    summarise(theirs, o.clock, 2 * 80)
    theirs["ratio"] = 1
    for p, row in ours:
        summarise(row, o.clock, 16 * 80)
        row["ratio"] = theirs["ms"] / row["ms"]
        p.close()
    torch.close()
    for row in [theirs] + [r for _, r in ours]:
        goal = "" if row is theirs else "goal %d: %s" % (goals.TEXT, "reached" if row["ratio"] >= goals.TEXT else "BELOW")
        print("  %-26s %7.2f ms a prompt, %7.1f s in all, %5.1f x  %s" % (
            "%s %s" % (row["engine"], row.get("precision", "")), row["ms"], row["ms"] * 80, row["ratio"], goal))
        rows.append(row)
    return {"text": rows}
