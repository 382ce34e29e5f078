#!/usr/bin/python3
"""Checks that a tower alone opens for what it can do, in the names and files in which such models are published, with the vectors
that the same tower has in a whole model; and that what needs the other tower is refused.

    towers.py [image|text|archive]...
"""
import base64
import json
import os
import shutil
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints as ck  # noqa: E402
import layouts  # noqa: E402
from layouts import TOP, check, folder, golden, inspect, refuses, run  # noqa: E402

COMMON = {"attention_dropout": 0.0, "dropout": 0.0, "initializer_factor": 1.0, "initializer_range": 0.02, "torch_dtype": "float32", "transformers_version": "4.28.0",
          "architectures": None, "_name_or_path": "openai/clip-vit-base-patch32"}


def bare(name, tensors, **files):
    """A folder without a vocabulary."""
    path = folder(name, tensors, **files)
    os.remove(os.path.join(path, "bpe_simple_vocab_16e6.txt"))
    return path


def config(sd, tower, cls):
    """As transformers writes it for a tower: what is a section elsewhere."""
    whole = ck.hf_config(sd)
    return dict(COMMON, model_type="clip_%s_model" % tower, architectures=[cls], projection_dim=whole["projection_dim"],
                **{k: v for k, v in whole["%s_config" % tower].items()})


def vectors(*arguments):
    code, out, err = run("embed", *arguments)
    rows = [json.loads(line) for line in out.splitlines()] if code == 0 else []
    return [np.frombuffer(base64.b64decode(r["embedding"]["base64"]), "<f4") for r in rows], [r["model"] for r in rows], err


def only(sd, *prefixes):
    return {k: v for k, v in sd.items() if k.startswith(prefixes)}


def unit(v):
    return v / np.linalg.norm(v)


def towers(kind):
    """The tower as it is published: names, class, and the vector of the whole model."""
    sd = golden("dense77")[0]
    hf = ck.hugging_face(sd)
    whole = folder("whole-" + kind, sd)
    what = [layouts.picture()] if kind == "image" else ["--text", layouts.TEXT]
    other = ["--text", "a dog"] if kind == "image" else [layouts.picture()]
    hf_names, ours = (("vision_model.", "visual_projection."), ("visual.",)) if kind == "image" else \
        (("text_model.", "text_projection."), ("transformer.", "token_embedding.", "positional_embedding", "ln_final.", "text_projection"))
    tower, cls = ("vision", "CLIPVisionModel") if kind == "image" else ("text", "CLIPTextModel")
    make = bare if kind == "image" else folder
    (expected,), _, err = vectors("--model", whole, *what)
    pre = {"preprocessor_config": ck.preprocessor(sd)} if kind == "image" else {}
    cases = {
        "WithProjection": make(kind + "-with", only(hf, *hf_names), config=config(sd, tower, cls + "WithProjection"), **pre),
        "with the whole config.json": make(kind + "-whole-config", only(hf, *hf_names), config=ck.hf_config(sd), **pre),
        "without a config.json": make(kind + "-plain", only(hf, *hf_names)),
        "inside something": make(kind + "-inside", dict(ck.prefixed(only(hf, *hf_names), "encoder.tower."), **{"head.weight": np.zeros((2, 2), np.float32)})),
        "OpenAI's names": make(kind + "-ours", only(sd, *ours)),
    }
    if kind == "text":
        custom = ck.openclip_custom(sd, True)
        cases["OpenCLIP's names"] = folder("text-openclip", {k: v for k, v in custom.items() if k.startswith("text.")}, {"clip.activation": "quick_gelu"})
    for how, options in (("clipmoe", ["--to", "clipmoe"]), ("hf", ["--to", "hf"])):
        cases["convert --tower to " + how] = out = os.path.join(TOP, "%s-made-%s" % (kind, how))
        code, text, err = run("model", "convert", whole, out, "--tower", kind, *options)
        check("%s: convert --tower to %s" % (kind, how), code == 0, err)
    ids = set()
    for name, path in cases.items():
        got, models, err = vectors("--model", path, *what)
        check("%s, %s: the vector of the whole model" % (kind, name), len(got) == 1 and np.array_equal(got[0], expected), err)
        info = inspect(path)
        check("%s, %s: one tower" % (kind, name), info.get(kind) and info.get("text" if kind == "image" else "image", 1) is None, info)
        ids.add((info["fingerprint"], (info["id"] or "@").split("@")[1]))
        check("%s, %s: its own id" % (kind, name), models == [info["id"]], (models, info["id"]))
        code, out, err = run("embed", "--model", path, *other)
        check("%s, %s: the other is refused" % (kind, name), code == 1 and not out and "%s tower alone" % kind in err, err)
    check("%s: one fingerprint and one id" % kind, len(ids) == 1 and inspect(whole)["fingerprint"] not in str(ids), ids)
    for command in (["model", "verify", cases["WithProjection"]], ["model", "inspect", cases["WithProjection"]]):
        code, out, err = run(*command)
        check("%s: %s" % (kind, command[1]), code == 0 and "failed  " not in out, out + err)
    refuses(kind + ": convert the other tower", ["model", "convert", cases["OpenAI's names"], os.path.join(TOP, "no-" + kind), "--to", "hf", "--tower",
                                                 "text" if kind == "image" else "image"], "holds no")
    for name in sorted(only(sd, *ours))[::5]:
        if name not in ("visual.conv1.weight", "token_embedding.weight") and "resblocks.0.ln_1.weight" not in name:
            lacks = make(kind + "-lacks-" + name, {k: v for k, v in only(sd, *ours).items() if k != name})
            refuses("%s without %s" % (kind, name), ["model", "inspect", lacks], name)
    # without a projection: the pooled row behind the last norm, which the projection of the whole model comes from
    names = hf_names[:1]
    no = make(kind + "-no-projection", only(hf, *names), config=config(sd, tower, cls), **pre)
    got, _, err = vectors("--model", no, *what)
    width = sd["visual.ln_post.weight" if kind == "image" else "ln_final.weight"].shape[0]
    matrix = sd["visual.proj" if kind == "image" else "text_projection"].astype(np.float64)
    check(kind + ": no projection", len(got) == 1 and got[0].shape == (width,) and np.abs(unit(got[0].astype(np.float64) @ matrix) - expected).max() < 1e-5, err)
    said = inspect(no)
    check(kind + ": no projection is said", any("no projection" in s for s in said["assumed"]) and said["embed"] == width, said)
    for how in ("clipmoe", "hf"):
        out = os.path.join(TOP, "%s-no-%s" % (kind, how))
        code, text, err = run("model", "convert", no, out, "--to", how)
        check("%s: no projection, to %s" % (kind, how), code == 0 and inspect(out)["fingerprint"] == said["fingerprint"], err)
        if how == "hf":
            check(kind + ": no projection is written", set(ck.load(os.path.join(out, "model.safetensors"))[0]) == {k for k in only(hf, *names) if "position_ids" not in k})
            check(kind + ": its class", json.load(open(os.path.join(out, "config.json")))["architectures"] == [cls])
    return whole, cases["WithProjection"]


def test_image():
    whole, path = towers("image")
    refuses("tag with an image tower", ["tag", "--model", path, "--labels", "a,b", layouts.picture()], "image tower alone", "both towers")
    code, out, err = run("tag", "--json", "--model", path, "--attach-embedding", "true", layouts.picture())
    check("tag without labels attaches vectors", code == 0 and json.loads(out)["tags"] == [] and
          json.loads(out)["embedding"]["base64"] == json.loads(run("embed", "--model", path, layouts.picture())[1])["embedding"]["base64"], err)
    refuses("negative labels are words", ["tag", "--model", path, "--attach-embedding", "true", "--negative-labels", "a", layouts.picture()], "image tower alone")
    code, out, err = run("bench", "--seconds", "0.05", "--json", "--model", path)
    check("bench", code == 0 and json.loads(out)["ms_per_prompt"] is None, err)
    both = folder("two-towers", dict(ck.prefixed(only(golden("dense77")[0], "visual."), "a."), **ck.prefixed(only(golden("dense77")[0], "visual."), "b.")))
    refuses("two image towers", ["model", "inspect", both], '"a."', '"b."', "without a partner")
    code, out, err = run("model", "inspect", "--json", "--prefix", "b", both)
    check("one of two image towers", code == 0 and json.loads(out)["text"] is None, err)


def test_text():
    whole, path = towers("text")
    refuses("tag with a text tower", ["tag", "--model", path, "--labels", "a,b", layouts.picture()], "text tower alone")
    never = ["--npy", os.path.join(TOP, "never.npy"), "--model", path]
    code, out, err = run("embed", "--features", "all", *never, layouts.picture())
    check("features of a text tower", code == 1 and "the text tower alone" in err and err.count(path) == 1, err)
    refuses("side of a text tower", ["embed", *never, "--side", "64", "--text", "a"], "side 64: no image tower in it")
    refuses("bench with a text tower", ["bench", "--seconds", "0.05", "--model", path], "text tower alone")


def test_join():
    sd = golden("dense77")[0]
    hf, whole = ck.hugging_face(sd), folder("whole-join", sd)
    image = bare("join-image", only(hf, "vision_model.", "visual_projection."), config=config(sd, "vision", "CLIPVisionModelWithProjection"))
    text = folder("join-text", only(hf, "text_model.", "text_projection."), config=config(sd, "text", "CLIPTextModelWithProjection"))
    first, (expected, words), out = inspect(whole), vectors("--model", whole, layouts.picture(), "--text", layouts.TEXT)[0], os.path.join(TOP, "joined")
    code, said, err = run("model", "convert", image, out, "--to", "clipmoe", "--text-model", whole)
    check("an image tower with the words of a whole model", code == 0 and inspect(out)["fingerprint"] == first["fingerprint"], err)
    code, said, err = run("model", "convert", image, out, "--to", "hf", "--text-model", text, "--force")
    got = inspect(out)
    check("two towers: the scale is said", code == 0 and "ln 100" in err and abs(got["logit_scale"] - np.log(100)) < 1e-5, err)
    both, _, err = vectors("--model", out, layouts.picture(), "--text", layouts.TEXT)
    check("two towers: the vectors of both", len(both) == 2 and np.array_equal(both[0], expected) and np.array_equal(both[1], words), err)
    code, said, err = run("tag", "--json", "--model", out, "--labels", "a,b", layouts.picture())
    check("two towers: tags", code == 0, err)
    never = ["model", "convert", image, os.path.join(TOP, "never"), "--to", "hf", "--text-model"]
    refuses("onto the words' model", ["model", "convert", image, text, "--to", "clipmoe", "--force", "--text-model", text], "another place")
    refuses("no words there", never + [image], "no text tower")
    small = dict(sd, text_projection=sd["text_projection"][:, :-8], **{"visual.proj": sd["visual.proj"][:, :-8]})
    refuses("vectors of another size", never + [folder("join-small", small)], "one size")
    refuses("no projection", never + [folder("join-bare", only(hf, "text_model."))], "without a projection")


def test_archive():
    sd = golden("dense77")[0]
    path = bare("alone", only(ck.hugging_face(sd), "vision_model.", "visual_projection."), config=config(sd, "vision", "CLIPVisionModelWithProjection"),
                preprocessor_config=ck.preprocessor(sd))
    store, picture = os.path.join(TOP, "store"), layouts.picture()
    code, out, err = run("index", "--store", store, "--model", path, picture)
    check("index with an image tower", code == 0, err)
    code, out, err = run("search", "--json", "--store", store, "--image", picture)
    hits = [json.loads(line) for line in out.splitlines()] if code == 0 else []
    check("search by a picture", len(hits) == 2 and hits[1]["cosine"] > 0.999, out + err)
    refuses("search by words", ["search", "--json", "--store", store, "a dog"], "image tower alone")


if __name__ == "__main__":
    sys.exit(layouts.main({"image": lambda: test_image(), "text": lambda: test_text(), "join": test_join, "archive": test_archive}))
