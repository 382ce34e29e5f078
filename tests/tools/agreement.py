#!/usr/bin/python3
"""Checks fidelity on real pictures: with the default model the first label of 2,000 pictures that it was not trained on is the
one of f32 for at least 99.5 % of them with half and 98.5 % with int8, in the tier of this processor and in the most common
one. Needs the folder of held-out pictures."""
import glob
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

import numpy

COMMAND = os.environ["CLIPMOE_COMMAND"]
HELD_OUT = os.path.join(os.environ["CLIPMOE_TEST_SOURCES"], "..", "..", "shared", "data", "pairs", "heldout")
LABELS = os.path.join(os.environ["CLIPMOE_MODEL_PATH"], "labels", "everyday.txt")
PICTURES = 2000
TIERS = {"": ("half", "int8"), "avx2,-vnni": ("int8",)}  # half is f32 there, but for its weights
LEAST = {"half": (0.995, 0.9995, 0.998), "int8": (0.985, 0.995, 0.985)}  # agreement; cosine: mean, worst


def pictures(top):
    """Evenly out of every archive."""
    found = []
    for archive in sorted(glob.glob(os.path.join(HELD_OUT, "*.tar.xz"))):
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isfile() and member.name.lower().endswith((".jpg", ".jpeg", ".png")):
                    found.append((archive, member.name, tar.extractfile(member).read()))
    step = max(1, len(found) // PICTURES)
    paths = []
    for i, (_, name, data) in enumerate(found[::step][:PICTURES]):
        paths.append(os.path.join(top, "%04d%s" % (i, os.path.splitext(name)[1])))
        with io.open(paths[-1], "wb") as f:
            f.write(data)
    return paths


def has(tier):
    """Whether this processor runs it, and not of itself."""
    tells = [subprocess.run([COMMAND, "--version"], capture_output=True, text=True, env=dict(os.environ, CLIPMOE_CPU=t))
             for t in (tier, "")]
    return not tier or (tells[0].returncode == 0 and tells[0].stdout != tells[1].stdout)


def embed(top, precision, arguments, tier=""):
    out = os.path.join(top, precision + ".npy")
    subprocess.run([COMMAND, "embed", "--precision", precision, "--npy", out] + arguments, check=True, timeout=300,
                   env=dict(os.environ, CLIPMOE_CPU=tier))
    return numpy.load(out)


def main():
    if not os.path.isdir(HELD_OUT):
        print("the folder of held-out pictures is not at hand")
        return 77
    top = tempfile.mkdtemp(prefix="clipmoe-agreement-")
    with open(LABELS, encoding="utf-8") as f:
        labels = [line.strip() for line in f if line.strip() and not line.startswith("#")]
    words = [x for label in labels for x in ("--text", "a photo of a %s." % label)]
    paths = pictures(top)
    exact, failed = embed(top, "f32", paths), 0
    first = (exact @ embed(top, "f32", words).T).argmax(axis=1)
    for tier, precision in [(t, p) for t in TIERS if has(t) for p in TIERS[t]]:
        least, mean, worst = LEAST[precision]
        v = embed(top, precision, paths, tier)
        agree = ((v @ embed(top, precision, words, tier).T).argmax(axis=1) == first).mean()
        cosines = (v * exact).sum(axis=1)
        holds = agree >= least and cosines.mean() >= mean and cosines.min() >= worst
        failed += not holds
        print("%s %s: %d pictures, %d labels, the same first label on %.2f %%; cosine %.5f on average, %.5f at worst" % (
            "ok" if holds else "FAIL", " ".join(filter(None, (tier, precision))), len(paths), len(labels), 100 * agree,
            cosines.mean(), cosines.min()))
    shutil.rmtree(top, ignore_errors=True)
    return 1 if failed or len(paths) < PICTURES else 0


if __name__ == "__main__":
    sys.exit(main())
