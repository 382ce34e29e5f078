#!/usr/bin/python3
"""Checks that a file of another kind in the place of a checkpoint, a vocabulary or a configuration is named as what it is, in
one sentence without irrelevant numbers, and that no readable file is taken for another kind.

usage: foreign.py DUMP   (the program made of dump.c)
"""
import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile

DUMP = sys.argv[1]
COMMAND = os.environ["CLIPMOE_COMMAND"]
TINY = os.path.join(os.path.dirname(os.environ["CLIPMOE_TEST_SOURCES"]), "models", "clip-tiny")
TOP = tempfile.mkdtemp(prefix="clipmoe-foreign-")
passed = failed = 0
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a" * 16 + b"\nsize 605247071\n"
PAGE = b"\n<!DOCTYPE html>\n<html lang=en><head><title>404</title></head></html>\n"


def verdict(name, ok, why=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAIL %s: %s" % (name, str(why)[:500]))


def refused(name, data, *words, file="model.safetensors", command=None):
    path = os.path.join(TOP, file)
    with open(path, "wb") as f:
        f.write(data)
    done = subprocess.run(command or [DUMP, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    err = done.stderr.decode("utf-8", "replace")
    verdict(name, done.returncode == 1 and not done.stdout and err.count("\n") == 1 and all(w in err for w in words) and "expected" in err
            and os.path.basename(path) in err and len(err) < 500 and "does not fit" not in err, err)


def archive(*names, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name in names:
            z.writestr(name, b"x" * 100)
    return out.getvalue()


def safetensors(pad=4096):
    header = json.dumps({"a": {"dtype": "F32", "shape": [1024], "data_offsets": [0, 4096]}}).encode()
    return struct.pack("<Q", len(header)) + header + b"\1" * pad


def onnx(producer):
    return b"\x08\x08\x12" + bytes([len(producer)]) + producer + b"\x1a\x052.0.0" + b"\x3a\xff\x10" + b"\0" * 600


def weights():
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as t:
        t.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    cases = {
        "Git LFS": (POINTER, "Git LFS", "git lfs pull"), "Git LFS of old": (POINTER.replace(b"git-lfs", b"hawser"), "Git LFS"),
        "HTML": (PAGE, "HTML"), "HTML with a mark": (b"\xef\xbb\xbf" + PAGE, "HTML"), "HTML in capitals": (b"<HTML><BODY>x", "HTML"),
        "XML": (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML"), "an answer": (b"Entry not found", "Entry not found"),
        "control codes in it": (b"a\tb \xc2\x9b31m", "text"), "JSON": (b'{"error": "Repository not found"}', "JSON"),
        "an index of another name": (b'{"metadata": {"total_size": 5}, "weight_map": {}}', "index", ".index.json"),
        "GGUF": (b"GGUF\3\0\0\0" + b"\0" * 100, "GGUF"), "GGML": (b"lmgg" + b"\0" * 100, "GGML"), "ONNX": (onnx(b"pytorch"), "ONNX"), "ONNX of nobody": (
            b"\x08\x07\x3a\xb0\x02" + b"a" * 300, "ONNX"), "TensorFlow": (b"\x08\x01\x12\xd0\x9c\x05\x0a\x05" + b"\xff" * 600, "TensorFlow"),
        "TensorFlow Lite": (b"\x1c\0\0\0TFL3" + b"\0" * 100, "TensorFlow Lite"), "HDF5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "HDF5", "Keras"),
        "Flax": (b"\x82\xa5model\x81\xa6kernel\xc7" + b"\0" * 100, "MessagePack"), "npy": (b"\x93NUMPY\1\0v\0{" + b" " * 117, "NumPy"),
        "npz": (archive("a.npy", "b.npy"), "NumPy"), "npz deflated": (archive("a.npy", method=zipfile.ZIP_DEFLATED), "NumPy"),
        "Keras 3": (archive("metadata.json", "config.json", "model.weights.h5"), "Keras"), "a zip of files": (archive("folder/", "folder/a.txt"), "zip", "folder"),
        "a zip with a checkpoint": (archive("m/model.safetensors"), "unpacked"), "a zip of one file": (archive("readme.txt"), "zip", "torch did not write"),
        "tar": (tar.getvalue(), "tar"), "gzip": (gzip.compress(safetensors()), "gzip"), "xz": (lzma.compress(safetensors()), "xz"), "bzip2": (bz2.compress(safetensors()), "bzip2"),
        "Zstandard": (b"\x28\xb5\x2f\xfd" + b"\1" * 100, "Zstandard"), "7z": (b"7z\xbc\xaf\x27\x1c" + b"\0" * 100, "7z"), "rar": (b"Rar!\x1a\x07\x01\0" + b"\0" * 100, "RAR"),
        "PDF": (b"%PDF-1.7\n%\xe2\xe3", "PDF"), "a picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "PNG"), "a program": (b"\x7fELF\2\1\1" + b"\0" * 100, "ELF"),
        "UTF-16": ("{}".encode("utf-16") * 10, "UTF-16"), "nothing": (b"", "empty"), "zeros": (b"\0" * 100000, "zeros"), "few zeros": (b"\0" * 5, "zeros"),
        "noise": (bytes(range(255, 127, -1)) * 4, "nothing that is known"), "a header that was cut": (safetensors()[:40], "cut", "40"),
        "data that were cut": (safetensors(4000), "cut"), "only a length": (safetensors()[:8], "expected"), "a pickle": (pickle.dumps({"a": 1}), "pickle", "torch.save"),
        "a pickle of a list": (pickle.dumps([1.5] * 100, 4), "pickle", "torch.save"),
    }
    for name, (data, *words) in cases.items():
        for file in ("model.safetensors", "pytorch_model.bin"):
            refused("%s as %s" % (name, file), data, *words, file=file)
    refused("an index that is a pointer", POINTER, "Git LFS", file="model.safetensors.index.json")
    refused("an index that is a page", PAGE, "HTML", file="model.safetensors.index.json")
    good = safetensors()
    path = os.path.join(TOP, "good.safetensors")
    for name, data in {"as it is": good, "spaces behind the length": struct.pack("<Q", 2) + b"{}"}.items():
        with open(path, "wb") as f:
            f.write(data)
        verdict("read: " + name, subprocess.run([DUMP, path], stdout=subprocess.DEVNULL, timeout=60).returncode == 0)


def beside():
    """What lies beside the weights is fetched in the same way, and so fails in the same way."""
    folder = os.path.join(TOP, "folder")
    os.mkdir(folder)
    for name in ("model.safetensors", "vocab.json", "merges.txt"):
        shutil.copy(os.path.join(TINY, name), folder)
    for name in ("config.json", "open_clip_config.json", "preprocessor_config.json", "tokenizer.json", "vocab.json", "added_tokens.json", "tokenizer_config.json"):
        kept = os.path.join(TINY, name)
        refused("a pointer as " + name, POINTER, "Git LFS", file=os.path.join("folder", name), command=[COMMAND, "model", "inspect", folder])
        refused("a page as " + name, PAGE, "HTML", file=os.path.join("folder", name), command=[COMMAND, "model", "inspect", folder])
        os.remove(os.path.join(folder, name))
        if name == "vocab.json":
            shutil.copy(kept, folder)
    refused("a pointer as merges.txt", POINTER, "Git LFS", file="folder/merges.txt", command=[COMMAND, "model", "inspect", folder])
    for name in ("vocab.json", "merges.txt"):
        os.remove(os.path.join(folder, name))
    for name in ("bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt"):
        refused("a pointer as " + name, POINTER, "Git LFS", file=os.path.join("folder", name), command=[COMMAND, "model", "inspect", folder])
        refused("a page as " + name, PAGE, "HTML", file=os.path.join("folder", name), command=[COMMAND, "model", "inspect", folder])
        os.remove(os.path.join(folder, name))


def main():
    try:
        weights()
        beside()
    finally:
        shutil.rmtree(TOP)
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
