#!/usr/bin/python3
"""Checks what is assumed about a checkpoint, and from which files: heads and activation of published widths from a bare file,
every assumption reported by the commands that people run, options that override it, more experts than there are refused; in a
folder the weights and configurations that are CLIP's, both configurations when both are there, no key ignored that may change
the result, and none refused that published models have.

    folders.py [heads|assumed|families|keys|published]...
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints as ck  # noqa: E402

COMMAND = os.environ["CLIPMOE_COMMAND"]
TESTS = os.environ["CLIPMOE_TEST_SOURCES"]
MODELS = os.environ["CLIPMOE_TEST_MODELS"]
TOP = tempfile.mkdtemp(prefix="clipmoe-folders-")
passed, failed = [], []
v, t = "vision_config", "text_config"


def check(name, ok, why=""):
    (passed if ok else failed).append(name)
    if not ok:
        print("FAILED: %s: %s" % (name, str(why)[:600]))


def run(*arguments):
    done = subprocess.run([COMMAND] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def inspect(path, *options):
    code, out, err = run("model", "inspect", "--json", path, *options)
    return json.loads(out) if code == 0 else {"error": err, "assumed": [], "image": {}, "text": {}, "mean": [], "id": err}


def refuses(name, path, *words):
    code, out, err = run("model", "inspect", path)
    check(name, code == 1 and not out and len(err.strip().splitlines()) == 1 and all(w in err for w in words),
          "status %d, expected 1 and %s: %s%s" % (code, " and ".join(words), out[:200], err))


def golden(name):
    return ck.load(os.path.join(MODELS, name + ".weights.safetensors"))[0]


def changed(config, path, value):
    out = json.loads(json.dumps(config))
    at = out
    for key in path[:-1]:
        at = at.setdefault(key, {})
    at[path[-1]] = value
    return out


def without(config, path):
    out = json.loads(json.dumps(config))
    at = out
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return out


def folder(name, weights, **files):
    """A model folder; weights: {file name: tensors}; files: config={...} and so on, without .json."""
    path = os.path.join(TOP, name)
    os.makedirs(path)
    source = os.path.join(os.path.dirname(TESTS), "models", "default", "merges.txt")
    lines = open(source, encoding="utf-8").read().split("\n")
    with open(os.path.join(path, "bpe_simple_vocab_16e6.txt"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines[:255]) + "\n")
    for file, tensors in weights.items():
        ck.save(os.path.join(path, file), *(tensors if isinstance(tensors, tuple) else (tensors,)))
    for key, value in files.items():
        with open(os.path.join(path, key + ".json"), "w", encoding="utf-8") as f:
            json.dump(value, f)
    return path


def wide(width, ffn=64):
    """dense77 with an image tower of another width, one block deep."""
    dense, random = golden("dense77"), np.random.default_rng(width)
    sd = {k: a for k, a in dense.items() if not k.startswith("visual.")}

    def some(*shape):
        return (random.standard_normal(shape) * 0.05).astype(np.float32)
    embed = dense["visual.proj"].shape[1]
    sd.update({"visual.class_embedding": some(width), "visual.positional_embedding": some(5, width),
               "visual.conv1.weight": some(width, 3, 8, 8), "visual.proj": some(width, embed)})
    block = "visual.transformer.resblocks.0."
    sd.update({block + "attn.in_proj_weight": some(3 * width, width), block + "attn.in_proj_bias": some(3 * width),
               block + "attn.out_proj.weight": some(width, width), block + "attn.out_proj.bias": some(width),
               block + "mlp.c_fc.weight": some(ffn, width), block + "mlp.c_fc.bias": some(ffn),
               block + "mlp.c_proj.weight": some(width, ffn), block + "mlp.c_proj.bias": some(width)})
    for norm in ("visual.ln_pre", "visual.ln_post", block + "ln_1", block + "ln_2"):
        sd[norm + ".weight"], sd[norm + ".bias"] = 1 + some(width), some(width)
    return sd


def embedding(path, *options):
    picture = os.path.join(TOP, "picture.ppm")
    code, out, err = run("embed", "--model", path, "--text", "two dogs", *options)
    return (json.loads(out)["embedding"]["base64"] if code == 0 else err), err


def test_heads():
    # clipmoe embed --text would not see the image tower's heads: verify and the id do
    for width, heads in ((64, 1), (768, 12), (1024, 16), (1280, 16), (1408, 16), (1664, 16), (1792, 16)):
        sd = wide(width)
        bare = folder("wide%d" % width, {"model.safetensors": sd})
        got = inspect(bare)
        check("%d wide: heads" % width, got["image"].get("heads") == heads, got)
        check("%d wide: heads are said" % width, any("heads" in s and "image" in s for s in got["assumed"]), got["assumed"])
        usual = "gelu" if width > 1024 else "quick-gelu"
        check("%d wide: activation" % width, got["image"].get("activation") == got["text"].get("activation") == usual, got)
        check("%d wide: activation is said" % width, any("activation" in s for s in got["assumed"]), got["assumed"])
        named = folder("hf%d" % width, {"model.safetensors": ck.hugging_face(sd)})
        check("%d wide, transformers' names" % width, inspect(named)["image"].get("heads") == heads, inspect(named))
        other = inspect(bare, "--heads", str(width // 32))
        check("%d wide: --heads" % width, other["image"].get("heads") == width // 32 and other["id"] != got["id"]
              and not any("image tower has" in s for s in other["assumed"]), other)
        if width == 1280:
            first, one = bare, os.path.join(TOP, "one")
            os.mkdir(one)
            code, out, err = run("model", "convert", bare, one + "/x.safetensors", "--to", "clipmoe")
            check("a file of 80 a head", code == 0 and inspect(one)["image"].get("heads") == 16 and
                  inspect(one)["id"].split("@")[1] == got["id"].split("@")[1], out + err)
    got = inspect(first, "--text-heads", "2")
    check("--text-heads", got["text"].get("heads") == 2 and got["image"].get("heads") == 16, got)
    for option in ("--heads", "--text-heads"):
        code, out, err = run("model", "inspect", first, option, "7")
        check(option + " that does not divide", code == 1 and option[2:] in err and "7" in err, err)
        code, out, err = run("model", "inspect", first, option, "-1")
        check(option + " below 0", code == 2 and option in err, err)
    odd = folder("odd", {"model.safetensors": wide(96)})
    refuses("no heads are known", odd, "heads", "96", "image tower")
    check("the way out", inspect(odd, "--heads", "3")["image"].get("heads") == 3, inspect(odd, "--heads", "3"))
    config = ck.hf_config(wide(1280))
    check("config.json first", inspect(folder("said", {"model.safetensors": wide(1280)}, config=config))["image"].get("heads") == 20)
    config = without(config, (v, "num_attention_heads"))
    check("what transformers leaves out", inspect(folder("default", {"model.safetensors": wide(768)},
          config=without(ck.hf_config(wide(768)), (v, "num_attention_heads"))))["image"].get("heads") == 12)
    custom = ck.openclip_custom(golden("dense77"), False)
    got = inspect(folder("custom", {"model.safetensors": custom}))
    check("OpenCLIP's own names are GELU", got["image"].get("activation") == "gelu" and any("activation" in s for s in got["assumed"]), got)


def test_assumed():
    sd = golden("dense77")
    bare = folder("bare", {"model.safetensors": sd})
    code, out, err = run("embed", "--model", bare, "--text", "a dog")
    words = ("mean", "activation", "heads", "eps")
    check("embed says it once", code == 0 and err.count("assumed") == 1 and all(w in err for w in words), err)
    code, out, err = run("embed", "--model", bare, "--text", "a dog", "--activation", "gelu", "--heads", "1", "--text-heads", "1")
    check("not what was given", code == 0 and "heads" not in err and "activation" not in err and "eps" in err, err)
    code, out, err = run("embed", "--text", "a dog")
    check("nothing of the default model", code == 0 and not err, err)
    png = os.path.join(os.path.dirname(TESTS), "docs", "dmu-report.png")
    code, out, err = run("tag", "--model", bare, "--labels", "a,b", png, png)
    check("tag says it once", code == 0 and err.count("assumed") == 1 and all(w in err for w in words), err)
    whole = folder("whole", {"model.safetensors": ck.hugging_face(sd)}, config=ck.hf_config(sd),
                   preprocessor_config=ck.preprocessor(sd))
    check("nothing where files say all", inspect(whole)["assumed"] == [], inspect(whole))
    moe = golden("moe-e4k2")
    code, out, err = run("tag", "--model", folder("moe", {"model.safetensors": moe}), "--labels", "a,b", png)
    check("tag says experts", code == 0 and "2 experts" in err, err)
    e3 = golden("moe-last2-e3k1")
    check("experts that there are", inspect(folder("e3", {"model.safetensors": (e3, {"clip.top_k": "3"})})).get("top_k") == 3)
    refuses("clip.top_k 4 of 3", folder("e4", {"model.safetensors": (e3, {"clip.top_k": "4"})}), "clip.top_k", "4", "3 experts")
    code, out, err = run("model", "inspect", folder("e5", {"model.safetensors": e3}), "--experts", "7")
    check("--experts 7 of 3", code == 1 and "experts is 7" in err and "3 experts" in err, err)
    code, out, err = run("tag", "--model", os.path.join(TOP, "e5"), "--experts", "7", "--labels", "a,b", png)
    check("tag --experts 7 of 3", code == 1 and "experts is 7" in err, err)
    one = {k: a[:1] if k.endswith("gate.weight") else a for k, a in moe.items() if not any(".experts.%d." % e in k for e in (1, 2, 3))}
    got = inspect(folder("e1", {"model.safetensors": one}))
    check("one expert", got.get("top_k") == 1 and any("1 expert:" in s for s in got["assumed"]), got)
    biased = folder("biased", {"model.safetensors": dict(sd, logit_bias=np.float32(-10))})
    got, plain = inspect(biased), inspect(bare)
    check("a bias of the sigmoid loss", got.get("fingerprint") == plain["fingerprint"] and any("logit_bias" in s for s in got["assumed"]), got)
    for name in ("vision_model.head.probe", "visual.trunk.blocks.0.norm1.weight", "visual.attn_pool.probe"):
        refuses("not a CLIP: " + name, folder("siglip-" + name, {"model.safetensors": dict(sd, logit_bias=np.float32(-10), **{name: np.zeros((1, 1), np.float32)})}), name)


TIMM = {"architecture": "vit_base_patch32_clip_224", "num_classes": 512, "num_features": 768,
        "pretrained_cfg": {"tag": "laion2b", "input_size": [3, 64, 64]}}


def test_families():
    sd = golden("dense77")
    oc = ck.openclip_config(sd)
    oc["model_cfg"]["quick_gelu"] = False
    oc["preprocess_cfg"]["mean"] = [0.5] * 3
    tower = {"cls_token": np.zeros((1, 1, 64), np.float32), "patch_embed.proj.weight": np.zeros((64, 3, 8, 8), np.float32)}
    bert = {"encoder.layer.0.output.dense.weight": np.zeros((4, 4), np.float32)}
    right = ("gelu", [0.5] * 3)

    def is_right(name, path):
        got = inspect(path)
        check(name, (got["image"].get("activation"), got["mean"]) == right and got.get("path", "").split("/")[-1].startswith("open_clip"), got)
    for name, other in (("timm", tower), ("bert", bert)):
        for file in ("model.safetensors", "pytorch_model.bin"):
            is_right("%s in %s" % (name, file), folder("%s-%s" % (name, file), {file: other, "open_clip_model.safetensors": sd},
                                                      config=TIMM, open_clip_config=oc))
    d = folder("named", {"open_clip_model.safetensors": sd}, config=TIMM, open_clip_config=oc)
    is_right("named by its file", d + "/open_clip_model.safetensors")
    is_right("without the other weights", d)
    is_right("another model's config.json", folder("bert", {"open_clip_model.safetensors": sd}, config={"model_type": "bert", "hidden_size": 768},
                                                   open_clip_config=oc))
    got = inspect(folder("alone", {"model.safetensors": sd}, config=TIMM))
    check("a foreign config.json alone is said", any("config.json" in s for s in got["assumed"]), got)
    refuses("no CLIP among them", folder("none", {"model.safetensors": tower, "open_clip_model.safetensors": bert}), "/model.safetensors")
    hf = ck.hf_config(sd)
    for key, value, word in (((v, "hidden_act"), "gelu", "activation"), ((t, "num_attention_heads"), 2, "heads"),
                             ((t, "layer_norm_eps"), 1e-6, "eps")):
        refuses("both configurations: " + word, folder("both-" + word, {"model.safetensors": sd}, config=changed(hf, key, value),
                open_clip_config=ck.openclip_config(sd)), "open_clip_config.json", "config.json", "contradicts", word)
    got = inspect(folder("agree", {"model.safetensors": sd}, config=hf, open_clip_config=ck.openclip_config(sd)))
    check("both configurations agree", got["image"].get("activation") == "quick-gelu" and got["assumed"] == [], got)
    got = inspect(folder("bare-model", {"model.safetensors": sd}, open_clip_config=oc["model_cfg"]))
    check("OpenCLIP's list of models", got["image"].get("activation") == "gelu", got)
    # later versions of transformers keep the preprocessor in processor_config.json
    mine = changed(changed(ck.preprocessor(sd), ("image_mean",), [0.5] * 3), ("image_std",), [0.25] * 3)
    nested = {"image_processor": mine, "processor_class": "CLIPProcessor"}
    got = inspect(folder("nested", {"model.safetensors": sd}, config=hf, processor_config=nested))
    check("processor_config.json", got["mean"] == [0.5] * 3 and got["assumed"] == [], got)
    refuses("both preprocessors", folder("nested-both", {"model.safetensors": sd}, config=hf, processor_config=nested, preprocessor_config=ck.preprocessor(sd)),
            "processor_config.json", "contradicts")
    refuses("a key in it", folder("nested-key", {"model.safetensors": sd}, config=hf, processor_config={"image_processor": changed(mine, ("do_pad",), True)}), "do_pad")
    refuses("no object in it", folder("nested-list", {"model.safetensors": sd}, config=hf, processor_config={"image_processor": [1]}), "image_processor", "no JSON object")
    got = inspect(folder("nested-none", {"model.safetensors": sd}, config=hf, processor_config={"processor_class": "CLIPProcessor"}))
    check("none in it", got["mean"][0] != 0.5 and any("normalised" in s for s in got["assumed"]), got)
    refuses("and its sizes", folder("bare-model-2", {"model.safetensors": sd}, open_clip_config=changed(oc["model_cfg"], ("vision_cfg", "layers"), 9)), "layers")


def test_keys():
    sd = golden("dense77")
    hf, oc, pre = ck.hf_config(sd), ck.openclip_config(sd), ck.preprocessor(sd)
    m, pv, pt, pp = "model_cfg", ("model_cfg", "vision_cfg"), ("model_cfg", "text_cfg"), ("preprocess_cfg",)
    side = ck.sizes(sd)["side"]
    bad = [
        ("open_clip_config", oc, pp + ("size",), side + 1), ("open_clip_config", oc, pp + ("size",), [side, side + 1]),
        ("open_clip_config", oc, pp + ("interpolation",), "bilinear"), ("open_clip_config", oc, pp + ("resize_mode",), "stretch"),
        ("open_clip_config", changed(oc, pp + ("resize_mode",), "longest"), pp + ("fill_color",), 128), ("open_clip_config", oc, pp + ("mode",), "L"), ("open_clip_config", oc, pp + ("crop",), 0.9),
        ("open_clip_config", oc, pv + ("pool_type",), "avg"), ("open_clip_config", oc, pv + ("no_ln_pre",), True),
        ("open_clip_config", oc, pv + ("attentional_pool",), True), ("open_clip_config", oc, pv + ("attentional_pool",), "parallel"),
        ("open_clip_config", oc, pv + ("global_average_pool",), True), ("open_clip_config", oc, pv + ("input_patchnorm",), True),
        ("open_clip_config", oc, pv + ("ls_init_value",), 1e-5), ("open_clip_config", oc, pv + ("pos_embed_type",), "sin_cos_2d"),
        ("open_clip_config", oc, pv + ("timm_model_name",), "vit_base_patch16_224"), ("open_clip_config", oc, pv + ("mlp_ratio",), 3.5),
        ("open_clip_config", oc, pv + ("norm_kwargs",), {"eps": 1e-6}), ("open_clip_config", oc, pv + ("rope",), True),
        ("open_clip_config", oc, pv + ("final_ln_after_pool",), True), ("open_clip_config", oc, pv + ("image_size",), [side, 2 * side]),
        ("open_clip_config", oc, pt + ("hf_model_name",), "roberta-base"), ("open_clip_config", oc, pt + ("hf_tokenizer_name",), "bert-base-uncased"),
        ("open_clip_config", oc, pt + ("tokenizer_kwargs",), {"clean": "canonicalize"}), ("open_clip_config", oc, pt + ("embed_cls",), True),
        ("open_clip_config", oc, pt + ("no_causal_mask",), True), ("open_clip_config", oc, pt + ("proj_bias",), True),
        ("open_clip_config", oc, pt + ("pool_type",), "last"), ("open_clip_config", oc, pt + ("act_kwargs",), {"approximate": "tanh"}),
        ("open_clip_config", oc, (m, "multimodal_cfg"), {"width": 512}), ("open_clip_config", oc, (m, "nonscalar_logit_scale"), True),
        ("open_clip_config", oc, (m, "preprocess_cfg"), {"size": 3}), ("open_clip_config", oc, (m, "quick_gelu"), "yes"),
        ("config", hf, (v, "attention_bias"), False), ("config", hf, (v, "use_rope"), True), ("config", hf, (t, "pruned_heads"), {"0": [1]}),
        ("config", hf, ("model_type",), "siglip"), ("config", hf, ("model_type",), "chinese_clip"), ("config", hf, (v, "hidden_act"), "gelu_pytorch_tanh"),
        ("preprocessor_config", pre, ("size",), {"height": side, "width": side + 1}), ("preprocessor_config", pre, ("size",), {"longest_edge": side}),
        ("preprocessor_config", pre, ("size",), {"height": side}),
        ("preprocessor_config", pre, ("size", "height"), side), ("preprocessor_config", pre, ("size", "shortest_edge"), side + 32),
        ("preprocessor_config", pre, ("crop_size",), {"height": side, "width": side + 8}), ("preprocessor_config", pre, ("crop_size",), {"longest_edge": side}),
        ("preprocessor_config", pre, ("image_processor_type",), "SiglipImageProcessor"), ("preprocessor_config", pre, ("feature_extractor_type",), "ViTFeatureExtractor"),
        ("preprocessor_config", pre, ("processor_class",), "SiglipProcessor"), ("preprocessor_config", pre, ("default_to_square",), True),
        ("preprocessor_config", pre, ("do_center_crop",), False), ("preprocessor_config", pre, ("do_pad",), True), ("preprocessor_config", pre, ("crop_pct",), 0.9),
        ("preprocessor_config", pre, ("resample",), 2), ("preprocessor_config", pre, ("rescale_factor",), 0.5), ("preprocessor_config", pre, ("do_thumbnail",), True),
    ]
    for i, (file, config, path, value) in enumerate(bad):
        where = folder("bad%d" % i, {"model.safetensors": sd}, **{file: changed(config, path, value)})
        refuses("%s %s = %s" % (file, ".".join(path), value), where, file + ".json", path[0] if path[0] in ("size", "crop_size") else path[-1])
    good = [
        ("open_clip_config", oc, pp + ("size",), side), ("open_clip_config", oc, pp + ("size",), [side, side]), ("open_clip_config", oc, pp + ("fill_color",), 0),
        ("open_clip_config", oc, pp + ("interpolation",), "bicubic"), ("open_clip_config", oc, pp + ("resize_mode",), "shortest"),
        ("open_clip_config", oc, pv + ("mlp_ratio",), ck.sizes(sd)["fv"] / ck.sizes(sd)["dv"]), ("open_clip_config", oc, pv + ("patch_dropout",), 0.5),
        ("open_clip_config", oc, pv + ("image_size",), [side, side]), ("open_clip_config", oc, pv + ("unknown",), None),
        ("open_clip_config", oc, (m, "custom_text"), True), ("open_clip_config", oc, (m, "init_logit_bias"), -10), ("open_clip_config", oc, pt + ("pool_type",), "eos"),
        ("config", hf, ("text_config_dict",), None), ("config", hf, (v, "projection_dim"), 77), ("preprocessor_config", pre, ("do_convert_rgb",), True),
        ("preprocessor_config", pre, ("crop_size",), {"height": side, "width": side}), ("preprocessor_config", pre, ("size",), side),
        ("preprocessor_config", pre, ("image_processor_type",), "CLIPImageProcessor"), ("preprocessor_config", pre, ("default_to_square",), False),
    ]
    for i, (file, config, path, value) in enumerate(good):
        got = inspect(folder("good%d" % i, {"model.safetensors": sd}, **{file: changed(config, path, value)}))
        check("%s %s = %s passes" % (file, ".".join(path), value), "error" not in got, got)
    got = inspect(folder("root", {"model.safetensors": sd}, config=dict(hf, my_note="x")))
    many = inspect(folder("root2", {"model.safetensors": sd}, config=dict(hf, **{"note %d" % i: i for i in range(5000)})))
    check("many notes are counted", len(many["assumed"]) < 20 and any("4992 more keys" in s for s in many["assumed"]), many["assumed"][:3])
    code, out, err = run("model", "inspect", folder("root3", {"model.safetensors": sd}, config=dict(hf, **{"a\x1b[31m\u202eb": 1})))
    check("no control codes of a key", code == 0 and "was not read" in out and not any(c in out for c in "\x1b\u202e"), out + err)
    check("a note beside the sections is said", any("my_note" in s for s in got["assumed"]), got)


# What every section of a published config.json of 2022 carries along.
CARRIED = {"_name_or_path": "", "add_cross_attention": False, "architectures": None, "attention_dropout": 0.0, "bad_words_ids": None, "bos_token_id": 0,
           "chunk_size_feed_forward": 0, "cross_attention_hidden_size": None, "decoder_start_token_id": None, "diversity_penalty": 0.0, "do_sample": False,
           "dropout": 0.0, "early_stopping": False, "encoder_no_repeat_ngram_size": 0, "eos_token_id": 2, "exponential_decay_length_penalty": None,
           "finetuning_task": None, "forced_bos_token_id": None, "forced_eos_token_id": None, "id2label": {"0": "LABEL_0", "1": "LABEL_1"},
           "initializer_factor": 1.0, "initializer_range": 0.02, "is_decoder": False, "is_encoder_decoder": False, "label2id": {"LABEL_0": 0, "LABEL_1": 1},
           "length_penalty": 1.0, "max_length": 20, "min_length": 0, "model_type": "clip_text_model", "no_repeat_ngram_size": 0, "num_beam_groups": 1,
           "num_beams": 1, "num_return_sequences": 1, "output_attentions": False, "output_hidden_states": False, "output_scores": False, "pad_token_id": 1,
           "prefix": None, "problem_type": None, "projection_dim": 512, "pruned_heads": {}, "remove_invalid_values": False, "repetition_penalty": 1.0,
           "return_dict": True, "return_dict_in_generate": False, "sep_token_id": None, "task_specific_params": None, "temperature": 1.0,
           "tie_encoder_decoder": False, "tie_word_embeddings": True, "tokenizer_class": None, "top_k": 50, "top_p": 1.0, "torch_dtype": None,
           "torchscript": False, "transformers_version": "4.16.0.dev0", "typical_p": 1.0, "use_bfloat16": False, "suppress_tokens": None,
           "begin_suppress_tokens": None, "tf_legacy_loss": False}


def test_published():
    """The keys of published folders, with this model's numbers."""
    sd = golden("dense77")
    s = ck.sizes(sd)
    hf, oc, pre = ck.hf_config(sd), ck.openclip_config(sd), ck.preprocessor(sd)
    openai = dict(hf, architectures=["CLIPModel"], initializer_factor=1.0, logit_scale_init_value=2.6592, torch_dtype="float32", transformers_version=None,
                  text_config=dict(CARRIED, **hf[t]), vision_config=dict(CARRIED, **dict(hf[v], model_type="clip_vision_model")),
                  text_config_dict=None, vision_config_dict=None, _name_or_path="", _commit_hash=None)
    processor = dict(pre, do_center_crop=True, do_normalize=True, do_resize=True, feature_extractor_type="CLIPFeatureExtractor")
    modern = dict(pre, crop_size={"height": s["side"], "width": s["side"]}, do_center_crop=True, do_convert_rgb=True, do_normalize=True, do_rescale=True,
                  do_resize=True, image_processor_type="CLIPImageProcessor", rescale_factor=0.00392156862745098)
    gelu = changed(changed(openai, (v, "hidden_act"), "gelu"), (t, "hidden_act"), "gelu")
    laion = json.loads(json.dumps(oc))
    del laion["model_cfg"]["quick_gelu"]
    full = dict(oc["preprocess_cfg"], mode="RGB", size=[s["side"]] * 2, interpolation="bicubic", resize_mode="shortest", fill_color=0)
    big = json.loads(json.dumps(laion))
    big["model_cfg"]["vision_cfg"].update(head_width=s["dv"], mlp_ratio=s["fv"] / s["dv"])
    dfn = dict(oc, preprocess_cfg=dict(full, interpolation="bicubic"))
    trained = json.loads(json.dumps(laion))
    trained["model_cfg"].update(init_logit_bias=-10, custom_text=True)
    good = {
        "openai/clip-vit-base-patch32": {"config": openai, "preprocessor_config": processor},
        "openai/clip-vit-large-patch14-336": {"config": without(without(openai, (t, "num_attention_heads")), (v, "hidden_act")) if s["dt"] // 64 == 8 else openai,
                                              "preprocessor_config": modern},
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K": {"config": gelu, "preprocessor_config": processor, "open_clip_config": laion},
        "laion/CLIP-ViT-bigG-14": {"open_clip_config": big, "preprocessor_config": modern},
        "timm/vit_base_patch32_clip_224.laion2b_e16": {"config": TIMM, "open_clip_config": dict(laion, preprocess_cfg=full)},
        "timm/vit_base_patch32_clip_quickgelu_224.openai": {"config": TIMM, "open_clip_config": dict(oc, preprocess_cfg=full)},
        "apple/DFN5B-CLIP-ViT-H-14": {"config": openai, "open_clip_config": dfn},
        "trained with --siglip": {"open_clip_config": trained},
    }
    for i, (name, files) in enumerate(good.items()):
        got = inspect(folder("published%d" % i, {"model.safetensors": sd}, **files))
        gelus = name.startswith(("laion", "timm/vit_base_patch32_clip_224.", "trained"))
        check(name, "error" not in got and got["image"].get("activation") == ("gelu" if gelus else "quick-gelu"), got)
    timm_tower = {"timm_model_name": "eva02_base_patch16_clip_224", "timm_pool": "token", "timm_proj": "linear", "image_size": s["side"]}
    siglip = {"timm_model_name": "vit_base_patch16_siglip_224", "timm_model_pretrained": False, "timm_pool": "map", "timm_proj": "none", "image_size": s["side"]}
    bad = {
        "EVA02": ({"open_clip_config": changed(laion, ("model_cfg", "vision_cfg"), timm_tower)}, "timm_model_name"),
        "SigLIP": ({"open_clip_config": changed(laion, ("model_cfg", "vision_cfg"), siglip)}, "timm_model_name"),
        "SigLIP of transformers": ({"config": dict(openai, model_type="siglip")}, "siglip"),
        "SigLIP's processor": ({"config": openai, "preprocessor_config": {"do_rescale": True, "image_processor_type": "SiglipImageProcessor",
                               "processor_class": "SiglipProcessor", "size": {"height": s["side"], "width": s["side"]}, "resample": 3}}, "Siglip"),
        "MobileCLIP": ({"open_clip_config": changed(laion, ("model_cfg", "vision_cfg"), {"timm_model_name": "vit_base_mci_224", "timm_pool": "token",
                       "timm_proj": None, "timm_drop": 0.0, "timm_drop_path": 0.0, "image_size": s["side"]})}, "timm_model_name"),
        "CoCa": ({"open_clip_config": changed(laion, ("model_cfg", "multimodal_cfg"), {"context_length": 76})}, "multimodal_cfg"),
        "CLIPA": ({"open_clip_config": changed(laion, ("model_cfg", "text_cfg", "hf_tokenizer_name"), "bert-base-uncased")}, "hf_tokenizer_name"),
        "AltCLIP": ({"config": dict(openai, model_type="altclip")}, "altclip"),
    }
    for i, (name, (files, word)) in enumerate(bad.items()):
        refuses(name, folder("refused%d" % i, {"model.safetensors": sd}, **files), word)


def main():
    parts = {"heads": test_heads, "assumed": test_assumed, "families": test_families, "keys": test_keys, "published": test_published}
    try:
        for name in sys.argv[1:] or parts:
            parts[name]()
    finally:
        shutil.rmtree(TOP)
    print("%d passed, %d failed, 0 skipped" % (len(passed), len(failed)))
    return 1 if failed else 0


sys.exit(main())
