#!/usr/bin/python3
"""Checks that a CLIP is found inside something larger, whatever its names begin with; that one of several is chosen; and that
adapters are called so, and merged as PEFT merges them.

    prefixes.py [found|several|adapters]...
"""
import json
import os
import shutil
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints as ck  # noqa: E402
import layouts  # noqa: E402
from layouts import TOP, check, folder, golden, inspect, refuses, run, same  # noqa: E402


def embed(path, *options):
    code, out, err = run("embed", "--model", path, layouts.picture(), "--text", layouts.TEXT, *options)
    return " ".join(json.loads(line)["embedding"]["base64"] for line in out.splitlines()) if code == 0 else "failed: " + err


def split(sd, image, text, scale):
    """The towers under prefixes of their own, as in TinyCLIP's files."""
    return {(image if k.startswith("visual") or k.startswith("vision") else scale if k == "logit_scale" else text) + k: v for k, v in sd.items()}


def other(sd):
    """Another model of the same sizes."""
    return dict(sd, **{k: sd[k][::-1].copy() for k in ("visual.proj", "text_projection")})


def test_found():
    sd = golden("dense77")[0]
    hf = ck.hugging_face(sd)
    first, vector = inspect(folder("first", sd)), embed(os.path.join(TOP, "first"))
    head = {"ff_head.weight": np.zeros((3, 4), np.float32), "ff_head.bias": np.zeros(3, np.float32)}
    for i, prefix in enumerate(("clipmodel.", "teacher.", "model.clip.backbone.", "ema_model.module.", "base_model.model.")):
        for kind, names in (("openai", sd), ("huggingface", hf), ("openclip", ck.openclip_custom(sd, True))):
            where = folder("%s-%d" % (kind, i), ck.prefixed(names, prefix), {"clip.activation": "quick_gelu"})
            same("%s under %s" % (kind, prefix), where, first, kind, vector)
        where = folder("head-%d" % i, dict(ck.prefixed(sd, prefix), sink_temp=np.float32(1), **head))
        same("a head beside %s" % prefix, where, first, "openai", vector)
        said = " ".join(inspect(where)["assumed"])
        check("what was left aside is said", '2 tensors under "ff_head."' in said and 'tensor "sink_temp"' in said, said)
    for i, prefixes in enumerate((("_image_encoder.", "_text_encoder.", "_logit_scale."), ("_image_encoder.module.", "_text_encoder.module.", "_logit_scale.module."),
                                  ("", "text_encoder.", ""), ("image.", "", ""), ("net.a.", "net.b.", "net."))):
        same("towers apart %d" % i, folder("apart-%d" % i, split(sd, *prefixes)), first, "openai", vector)
        same("towers apart %d, hf" % i, folder("apart-hf-%d" % i, split({k: v for k, v in hf.items() if "position_ids" not in k}, *prefixes)), first, "huggingface", vector)
    whole = ck.prefixed(sd, "a.")
    for name in ("a.visual.conv1.weight", "a.token_embedding.weight", "a.logit_scale", "a.visual.ln_post.bias"):
        at = os.path.join(TOP, "lacks.safetensors")
        ck.save(at, {k: v for k, v in whole.items() if k != name})
        refuses("under a prefix, without " + name, ["model", "inspect", at], name[len("a."):])
    ck.save(at, dict(whole, **{"a.visual.extra": np.zeros(2, np.float32)}))
    refuses("under a prefix, one too many", ["model", "inspect", at], '"a.visual.extra"', "unexpected")
    ck.save(at, dict(whole, **{"a.visual.trunk.x": np.zeros(2, np.float32)}))
    refuses("under a prefix, another tower", ["model", "inspect", at], '"a.visual.trunk.x"', "timm")
    whisper = {"decoder.token_embedding.weight": np.zeros((4, 4), np.float32), "encoder.conv1.weight": np.zeros((4, 4, 3), np.float32)}
    ck.save(at, whisper)
    refuses("another model with tokens", ["model", "inspect", at])


def test_several():
    sd = golden("dense77")[0]
    a, b = inspect(folder("a", sd)), inspect(folder("b", other(sd)))
    va, vb = embed(os.path.join(TOP, "a")), embed(os.path.join(TOP, "b"))
    check("the two differ", a["fingerprint"] != b["fingerprint"] and va != vb)
    where = folder("both", dict(ck.prefixed(sd, "model."), **ck.prefixed(other(sd), "teacher.")))
    for command in (["model", "inspect", where], ["model", "verify", where], ["embed", "--model", where, layouts.picture()],
                    ["tag", "--model", where, "--labels", "a,b", layouts.picture()], ["model", "convert", where, os.path.join(TOP, "no"), "--to", "hf"]):
        refuses("two, %s" % " ".join(command[:2]), command, "2 CLIPs", '"model."', '"teacher."', "prefix")
    refuses("none of the two", ["model", "inspect", where, "--prefix", "student"], '"student"', '"model." and "teacher."')
    for again in range(2):  # the second time from the cache of known files
        for prefix, first, vector in (("model", a, va), ("teacher.", b, vb), ("model.", a, va), ("teacher", b, vb)):
            code, out, err = run("model", "inspect", "--json", "--prefix", prefix, where)
            got = json.loads(out) if code == 0 else {"fingerprint": err, "assumed": []}
            check("--prefix %s" % prefix, got["fingerprint"] == first["fingerprint"], got)
            check("--prefix %s says what is left" % prefix, any("left aside" in s and "under" in s for s in got["assumed"]), got["assumed"])
            check("--prefix %s: vectors" % prefix, embed(where, "--prefix", prefix) == vector)
    code, out, err = run("model", "convert", where, os.path.join(TOP, "teacher"), "--to", "clipmoe", "--prefix", "teacher")
    check("convert one", code == 0 and inspect(os.path.join(TOP, "teacher"))["fingerprint"] == b["fingerprint"], err)
    code, out, err = run("tag", "--json", "--model", where, "--prefix", "teacher.", "--labels", "a,b", layouts.picture())
    check("tag with one", code == 0, err)
    where = folder("without", dict(sd, **ck.prefixed(other(sd), "teacher.")))
    refuses("one without a prefix", ["model", "inspect", where], '"."', '"teacher."', "the one without")
    for prefix, first in ((".", a), ("teacher", b)):
        code, out, err = run("model", "inspect", "--json", "--prefix", prefix, where)
        check("--prefix %s beside one without" % prefix, code == 0 and json.loads(out)["fingerprint"] == first["fingerprint"], err)
    names = ("_image_encoder.", "_text_encoder.", "_logit_scale.")
    where = folder("apart", dict(ck.prefixed(split(sd, *names), "student."), **ck.prefixed(split(other(sd), *names), "teacher.")))
    refuses("two with towers apart", ["model", "inspect", where], '"student."', '"teacher."')
    code, out, err = run("model", "inspect", "--json", "--prefix", "teacher", where)
    check("one with towers apart", code == 0 and json.loads(out)["fingerprint"] == b["fingerprint"], err)
    one = np.zeros((1, 1), np.float32)
    at = os.path.join(TOP, "many.safetensors")
    for name, names in (("towers", ("%d.visual.conv1.weight", "%d.token_embedding.weight")), ("image towers", ("%d.visual.conv1.weight",)),
                        ("deep", ("x." * 100 + "%d.visual.conv1.weight", "y." * 100 + "%d.token_embedding.weight"))):
        ck.save(at, {names[i % len(names)] % (i // len(names)): one for i in range(50000)})
        code, out, err = run("model", "inspect", at)  # ends after two minutes, which a walk of all pairs would take many times
        check("50,000 %s" % name, code == 1 and len(err.splitlines()) == 1 and len(err) < 1000, err[:300])


def thin(sd, r, seed=0):
    """An adapter of PEFT for some layers of both towers: its tensors, and the weights that it makes of @sd."""
    rng, tensors, merged = np.random.RandomState(seed), {}, dict(sd)
    for k in sorted(sd):
        if k.endswith(("q_proj.weight", "v_proj.weight", "fc1.weight", "visual_projection.weight")):
            out, into = sd[k].shape
            a, b = (rng.randn(*s).astype(np.float32) * np.float32(0.1) for s in ((r, into), (out, r)))
            tensors["base_model.model.%s.lora_A.weight" % k[:-len(".weight")]] = a
            tensors["base_model.model.%s.lora_B.weight" % k[:-len(".weight")]] = b
            merged[k] = (a, b)
    return tensors, merged


def adapter(name, tensors, **config):
    path = os.path.join(TOP, name)
    os.makedirs(path)
    ck.save(os.path.join(path, "adapter_model.safetensors"), tensors, {"format": "pt"})
    whole = {"alpha_pattern": {}, "auto_mapping": None, "base_model_name_or_path": "openai/clip-vit-base-patch32", "bias": "none", "fan_in_fan_out": False,
             "inference_mode": True, "init_lora_weights": True, "layers_pattern": None, "layers_to_transform": None, "loftq_config": {}, "lora_alpha": 16,
             "lora_dropout": 0.1, "megatron_config": None, "megatron_core": "megatron.core", "modules_to_save": None, "peft_type": "LORA", "r": 4,
             "rank_pattern": {}, "revision": None, "target_modules": ["q_proj", "v_proj"], "task_type": None, "use_dora": False, "use_rslora": False}
    with open(os.path.join(path, "adapter_config.json"), "w") as f:
        json.dump(dict(whole, **config), f)
    return path


def test_adapters():
    sd = golden("dense77")[0]
    hf = {k: v for k, v in ck.hugging_face(sd).items() if "position_ids" not in k}
    base, out = folder("base", hf, config=ck.hf_config(sd), preprocessor_config=ck.preprocessor(sd)), os.path.join(TOP, "out")
    tensors, merged = thin(hf, 4)
    for name, config, scale in (("plain", {}, 4.0), ("rslora", {"use_rslora": True}, 8.0)):
        path = adapter(name, tensors, **config)
        for source, how in ((base, "hf"), (folder("ours-" + name, sd), "clipmoe")):
            shutil.rmtree(out, ignore_errors=True)
            code, text, err = run("model", "convert", source, out, "--to", how, "--adapter", path)
            check("%s, %s: converts" % (name, how), code == 0, err)
            got = ck.load(os.path.join(out, "model.safetensors"))[0] if code == 0 else {}
            if how == "clipmoe":
                got = {k: v for k, v in ck.hugging_face(got).items() if "position_ids" not in k} if got else {}
            check("%s, %s: names" % (name, how), set(got) == set(hf))
            for k in got:
                if isinstance(merged[k], tuple):
                    a, b = (x.astype(np.float64) for x in merged[k])
                    check("%s, %s: %s" % (name, how, k), np.abs(got[k] - (hf[k] + scale * (b @ a))).max() < 1e-6 and not np.array_equal(got[k], hf[k]))
                else:
                    check("%s, %s: %s stays" % (name, how, k), np.array_equal(got[k], hf[k]))
    half = folder("half", {k: v.astype(np.float16) for k, v in hf.items()}, config=ck.hf_config(sd))
    code, text, err = run("model", "convert", half, os.path.join(TOP, "half-out"), "--to", "hf", "--adapter", os.path.join(TOP, "plain"))
    kinds = ck.load(os.path.join(TOP, "half-out", "model.safetensors"))[2] if code == 0 else {}
    check("numbers of other layers stay as stored", kinds and all(kinds[k] == ("F32" if isinstance(merged[k], tuple) else "F16") for k in kinds if "in_proj" not in k and "k_proj" not in k), err)

    def refused(name, path, *words):
        refuses(name, ["model", "convert", base, os.path.join(TOP, "never"), "--to", "hf", "--adapter", path], *words)

    refused("no such adapter", "nowhere", "nowhere: not there", "adapter_model.safetensors")

    for i, (key, value) in enumerate((("use_dora", True), ("bias", "all"), ("modules_to_save", ["visual_projection"]), ("rank_pattern", {"q_proj": 8}),
                                      ("alpha_pattern", {"q_proj": 8}), ("fan_in_fan_out", True), ("init_lora_weights", "pissa"), ("peft_type", "IA3"),
                                      ("peft_type", None), ("lora_bias", True), ("use_rslora", 1), ("use_rslora", "true"), ("init_lora_weights", 1), ("r", 8), ("something_new", 1), ("lora_alpha", "16"))):
        refused("%s = %s" % (key, value), adapter("no-%d" % i, tensors, **{key: value}), "r in" if key == "r" else key)
    first = sorted(tensors)[0]
    refused("one matrix of two", adapter("one", {k: v for k, v in tensors.items() if k != first}), "one matrix of its two")
    refused("another layer", adapter("layer", {k.replace("vision_model", "audio_model"): v for k, v in tensors.items()}), "audio_model", "not in the base model")
    refused("another size", adapter("size", {k: v[:, :-1] if "lora_A" in k else v for k, v in tensors.items()}), "is for a matrix of")
    refused("whole layers in it", adapter("saved", dict(tensors, **{"base_model.model.visual_projection.weight": hf["visual_projection.weight"]})), "none of a LoRA")
    mine = adapter("mine", tensors)
    for into in mine, os.path.join(mine, "adapter_model.safetensors"):
        for given in mine, os.path.join(mine, "adapter_model.safetensors"):
            refuses("an adapter is not replaced", ["model", "convert", base, into, "--to", "clipmoe", "--force", "--adapter", given], "expected another place")
    refused("no configuration", os.path.join(base, "model.safetensors"), "adapter_config.json")
    refuses("an adapter as a model", ["model", "inspect", os.path.join(TOP, "plain")], "an adapter without its base model", "--adapter")
    wrapped = {"base_model.model." + k.replace("q_proj.", "q_proj.base_layer."): v for k, v in hf.items()}
    same("layers inside an adapter's", folder("wrapped", wrapped), inspect(base))
    refuses("an adapter beside its base", ["model", "inspect", folder("unmerged", dict(wrapped, **tensors))], "not merged", "lora_A")


if __name__ == "__main__":
    sys.exit(layouts.main({"found": test_found, "several": test_several, "adapters": test_adapters}))
