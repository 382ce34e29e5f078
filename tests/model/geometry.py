#!/usr/bin/python3
"""Checks that a model's own way to make a square of a picture is the one that is used unless somebody says otherwise: squashed, or
padded with black. The second computation is Pillow's: a picture that it has made square must give the same vector, bit for bit, to
a model that crops (which leaves a square as it is).

    geometry.py [geometry|side]...
"""
import json
import os
import sys

import numpy as np

try:
    from PIL import Image
except ImportError as e:
    print("0 passed, 0 failed, 1 skipped: python3-pil is missing (%s)" % e)
    sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints as ck  # noqa: E402
import layouts  # noqa: E402
from layouts import TOP, check, folder, golden, inspect, refuses, run  # noqa: E402


def vector(model, path, *options):
    code, out, err = run("embed", "--model", model, *(list(options) + [path]))
    if code:
        check("embed %s %s" % (os.path.basename(model), os.path.basename(path)), False, err)
    return json.loads(out)["embedding"]["base64"] if code == 0 else object()  # equal to nothing


def squash(image, side):
    return image.resize((side, side), Image.BICUBIC)


def longest(image, side):
    """open_clip.transform: ResizeKeepRatio (longest=1), then CenterCropOrPad with fill 0."""
    width, height = image.size
    ratio = max(height / side, width / side)
    image = image.resize((max(round(width / ratio), 1), max(round(height / ratio), 1)), Image.BICUBIC)
    out = Image.new("RGB", (side, side), 0)
    out.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return out


def test():
    sd = golden("dense77")[0]
    oc, pre = ck.openclip_config(sd), ck.preprocessor(sd)
    side, clip = ck.sizes(sd)["side"], oc["preprocess_cfg"]
    crop = folder("crop", sd, open_clip_config=dict(oc, preprocess_cfg=dict(clip, resize_mode="shortest")))
    square = dict(pre, size={"height": side, "width": side})
    models = {
        "squash": [folder("squash", sd, open_clip_config=dict(oc, preprocess_cfg=dict(clip, resize_mode="squash", interpolation="bicubic"))),
                   folder("squash-hf", sd, preprocessor_config=dict(square, do_center_crop=False)),
                   folder("squash-cut", sd, preprocessor_config=square), folder("squash-meta", sd, {"clip.geometry": "squash"})],
        "pad": [folder("pad", sd, open_clip_config=dict(oc, preprocess_cfg=dict(clip, resize_mode="longest", fill_color=0))),
                folder("pad-meta", sd, {"clip.geometry": "pad"})],
    }
    for name, how, out in (("squash", "clipmoe", "squash-ours"), ("squash", "hf", "squash-converted"), ("pad", "clipmoe", "pad-ours")):
        code, text, err = run("model", "convert", models[name][0], os.path.join(TOP, out), "--to", how)
        check("%s to %s" % (name, how), code == 0, err)
        models[name].append(os.path.join(TOP, out))
    refuses("pad as hf", ["model", "convert", models["pad"][0], os.path.join(TOP, "no"), "--to", "hf"], "does not pad")
    rng = np.random.RandomState(5)
    made = {"squash": squash, "pad": longest}
    for width, height in ((64, 48), (48, 64), (33, 100), (100, 7), (side, side), (97, 31), (640, 5), (3, 3), (3 * side, 2 * side + 1), (2 * side, 5)):
        image = Image.fromarray(rng.randint(0, 256, (height, width, 3)).astype(np.uint8))
        path = os.path.join(TOP, "%dx%d.png" % (width, height))
        image.save(path)
        for name, paths in models.items():
            by_pillow = os.path.join(TOP, "by-pillow.png")
            made[name](image, side).save(by_pillow)
            expected = vector(crop, by_pillow)
            for model in paths if (width, height) == (64, 48) else paths[:1]:
                check("%s of %dx%d, %s" % (name, width, height, os.path.basename(model)), vector(model, path) == expected)
            check("--geometry %s of %dx%d" % (name, width, height), vector(crop, path, "--geometry", name) == expected)
            check("--geometry crop wins over %s, %dx%d" % (name, width, height),
                  vector(paths[0], path, "--geometry", "crop") == vector(crop, path) and (width == height or vector(crop, path) != expected))
    plain = inspect(folder("plain", sd))
    check("crop is what nobody says", plain["geometry"] == "crop" and inspect(crop)["geometry"] == "crop" and
          plain["id"].split("@")[1] == inspect(crop)["id"].split("@")[1], plain)
    ids = {plain["id"].split("@")[1]}
    for name, paths in models.items():
        got = [inspect(p) for p in paths]
        check("%s is said" % name, all(g["geometry"] == name for g in got), got)
        check("%s: one id of its own" % name, len({g["id"].split("@")[1] for g in got}) == 1 and got[0]["fingerprint"] == plain["fingerprint"], got)
        ids.add(got[0]["id"].split("@")[1])
    check("three ids", len(ids) == 3, ids)
    refuses("two files disagree", ["model", "inspect", folder("disagree", sd, preprocessor_config=pre, open_clip_config=dict(oc, preprocess_cfg=dict(clip, resize_mode="squash")))],
            "contradicts", "squash")
    refuses("another word", ["model", "inspect", folder("word", sd, {"clip.geometry": "stretch"})], "clip.geometry", "stretch")
    store, wide = os.path.join(TOP, "store"), os.path.join(TOP, "97x31.png")
    code, out, err = run("index", "--store", store, "--model", models["squash"][0], wide)
    check("index", code == 0, err)
    code, out, err = run("search", "--json", "--store", store, "--image", wide)
    check("an archive looks at pictures as queries do", code == 0 and json.loads(out.splitlines()[1])["cosine"] > 0.999, out + err)


def stretched(table, grid):
    """OpenCLIP's resize_pos_embed: bicubic and antialiased, which is Pillow's resize of floats."""
    old = int(round((len(table) - 1) ** 0.5))
    square = table[1:].reshape(old, old, -1)
    planes = [np.asarray(Image.fromarray(square[:, :, c]).resize((grid, grid), Image.BICUBIC)) for c in range(square.shape[2])]
    return np.concatenate([table[:1], np.stack(planes, 2).reshape(grid * grid, -1)])


def test_side():
    sd = golden("dense77")[0]
    s = ck.sizes(sd)
    model = folder("side", sd, config=ck.hf_config(sd), preprocessor_config=ck.preprocessor(sd))
    first = inspect(model)
    image = Image.fromarray(np.random.RandomState(7).randint(0, 256, (90, 120, 3)).astype(np.uint8))
    path = os.path.join(TOP, "side.png")
    image.save(path)
    for grid in (s["side"] // s["patch"] * 2, s["side"] // s["patch"] + 1, max(s["side"] // s["patch"] // 2, 1)):
        side = grid * s["patch"]
        out = os.path.join(TOP, "side-%d" % side)
        code, text, err = run("model", "convert", model, out, "--to", "clipmoe", "--side", str(side))
        check("side %d: converts" % side, code == 0, err)
        got = ck.load(os.path.join(out, "model.safetensors"))[0]["visual.positional_embedding"]
        expected = stretched(sd["visual.positional_embedding"], grid)
        check("side %d: positions" % side, got.shape == expected.shape and np.abs(got - expected).max() < 1e-6, np.abs(got - expected).max() if got.shape == expected.shape else got.shape)
        code, text, err = run("model", "inspect", "--json", "--side", str(side), model)
        info = json.loads(text) if code == 0 else {"assumed": [err], "id": "@"}
        made = inspect(out)
        check("side %d: is said" % side, info.get("image_size") == side and any("stretched to %d x %d: bicubic, antialiased" % (grid, grid) in t for t in info["assumed"]), info)
        check("side %d: one id of its own" % side, info["id"].split("@")[1] == made["id"].split("@")[1] != first["id"].split("@")[1] and info["fingerprint"] == made["fingerprint"], (info, made))
        for again in range(2):
            check("side %d: vectors" % side, vector(model, path, "--side", str(side)) == vector(out, path) != vector(model, path))
    check("its own side changes nothing", json.loads(run("model", "inspect", "--json", "--side", str(s["side"]), model)[1])["id"] == first["id"])
    refuses("no multiple", ["model", "inspect", model, "--side", str(s["side"] + 1)], "--side" if False else "side %d" % (s["side"] + 1), "multiple")


if __name__ == "__main__":
    sys.exit(layouts.main({"geometry": test, "side": test_side}))
