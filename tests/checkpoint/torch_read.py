#!/usr/bin/python3
"""Checks that torch files are read correctly: every form of file gives, tensor for tensor and byte for byte, what the same
tensors give as safetensors. Also sharded models, and the memory that reading takes.

usage: torch_read.py DUMP   (the program made of dump.c)
"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import slow  # noqa: E402

try:
    import torch
except ImportError:
    print("0 passed, 0 failed, 1 skipped: python3-torch is missing")
    sys.exit(77)

DUMP = sys.argv[1]
COMMAND = os.environ["CLIPMOE_COMMAND"]
DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64",
          torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8",
          torch.bool: "BOOL"}
passed, failed = 0, 0


def verdict(name, ok, why=""):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAIL %s: %s" % (name, why))


def raw(tensor):
    t = tensor.detach().contiguous()
    if t.dtype == torch.bfloat16:
        t = t.view(torch.int16)
    return t.numpy().tobytes()


def write_safetensors(path, tensors, metadata=None):
    header, data, at = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name, t in tensors.items():
        b = raw(t)
        header[name] = {"dtype": DTYPES[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + len(b)]}
        data.append(b)
        at += len(b)
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(data))
    return path


def dump(path):
    done = subprocess.run([DUMP, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=slow.seconds(60))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def same(name, path, tensors, top):
    """@path must hold exactly @tensors."""
    code, out, err = dump(path)
    _, expected, _ = dump(write_safetensors(os.path.join(top, "expected.safetensors"), tensors))
    verdict(name, code == 0 and out == expected and len(out.splitlines()) == len(tensors),
            err or "\n got %s\n expected %s" % (out, expected))


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.ln = torch.nn.LayerNorm(6)
        self.attn = torch.nn.Linear(6, 6)
        self.gain = torch.nn.Parameter(torch.randn(()))
        self.register_buffer("mask", torch.tensor([True, False]))
        self.sizes = [1, 2]
        self.scales = [1.5]
        self.label = "x"

    def forward(self, x):
        return self.attn(self.ln(x)) * self.gain * self.scales[0] + self.sizes[1]


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.resblocks = torch.nn.Sequential(Block(), Block())
        self.visual = Block().half()
        self.proj = torch.nn.Parameter(torch.randn(6, 4).half())
        self.register_buffer("context_length", torch.tensor(77))

    def forward(self, x):
        return self.resblocks(x) @ self.proj.float()


def forms(top):
    torch.manual_seed(7)
    base = torch.randn(40, 30)
    flat = torch.randn(1000)
    tensors = {
        "f32": torch.randn(3, 4), "f16": torch.randn(5, 7).half(), "bf16": torch.randn(2, 3).bfloat16(),
        "f64": torch.randn(4).double(), "i64": torch.arange(5), "i32": torch.arange(4, dtype=torch.int32),
        "i16": torch.arange(4, dtype=torch.int16), "i8": torch.arange(4, dtype=torch.int8),
        "u8": torch.arange(4, dtype=torch.uint8), "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(4.6), "empty": torch.zeros(0, 3), "one": torch.ones(1, 1, 5),
        "transposed": base.t(), "again": base, "slice": base[3:9, 2:17:3], "column": base[:, 4],
        "permuted": torch.randn(2, 3, 4, 5).permute(3, 1, 0, 2), "expanded": torch.randn(3, 1).expand(3, 8),
        "half transposed": torch.randn(6, 5).half().t(), "byte transposed": torch.arange(12, dtype=torch.uint8).view(3, 4).t(),
        "double transposed": torch.randn(3, 5).double().t(), "windows": flat.as_strided((5, 4), (2, 1), 3),
        "head": flat[:10], "tail": flat[990:].view(2, 5), "tied": flat, "tied too": flat,
        "parameter": torch.nn.Parameter(torch.randn(3)), "ü": torch.ones(2),
    }
    prefixed = {"module." + k: v for k, v in tensors.items()}
    junk = {"epoch": 3, "name": "x", "loss": 0.25, "best": None, "ok": True, "huge": 1 << 200, "size": torch.Size([3, 4]),
            "list": [1, "two", (3.0, {"four": [5]})], "negative": -(1 << 40),
            "optimizer": {"state": {0: {"step": 3, "exp_avg": torch.randn(9)}}, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.98)}]}}
    model = Model()
    script = {k: v for k, v in model.state_dict().items()}
    cases = {
        "plain": (tensors, tensors), "module. kept": (prefixed, prefixed),
        "state_dict": (dict(junk, state_dict=tensors), tensors), "model": (dict(junk, model=tensors), tensors),
        "model_state_dict": (dict(junk, model_state_dict=tensors), tensors),
        "wrapped twice": ({"model": {"state_dict": tensors}}, tensors),
        "OrderedDict": (__import__("collections").OrderedDict(tensors), tensors),
        "module": (model.state_dict(), script), "beside": (dict({"epoch": 3}, **tensors), tensors),
    }
    for name, (what, expected) in cases.items():
        for form, arguments in (("zip", {}), ("old form", {"_use_new_zipfile_serialization": False}),
                                ("protocol 3", {"pickle_protocol": 3}), ("protocol 4", {"pickle_protocol": 4}),
                                ("protocol 5", {"pickle_protocol": 5}),
                                ("old form, protocol 4", {"_use_new_zipfile_serialization": False, "pickle_protocol": 4})):
            path = os.path.join(top, "some name.pt")
            torch.save(what, path, **arguments)
            same("%s, %s" % (name, form), path, expected, top)
    path = os.path.join(top, "script.pt")
    torch.jit.script(model).save(path)
    same("scripted", path, script, top)
    torch.jit.trace(model, torch.randn(1, 6)).save(path)
    same("traced", path, script, top)
    torch.jit.freeze(torch.jit.script(model).eval(), ["proj"]).save(path)
    code, out, err = dump(path)
    verdict("frozen", code == (0 if out else 1) and (out or err), err)


def golden(top):
    """The checkpoints of the golden tests are the same models as torch files."""

    def fingerprint(path):
        done = subprocess.run([COMMAND, "model", "inspect", path, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # the folder is another one, the model must be the same
        model = json.loads(done.stdout) if done.returncode == 0 else {}
        return [model.get("fingerprint"), (model.get("id") or "").split("@")[-1]], done.stderr.decode()

    whole = os.path.join(os.path.dirname(os.environ["CLIPMOE_TEST_SOURCES"]), "models", "default")
    with open(os.path.join(whole, "model.safetensors"), "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(n)), bytearray(f.read())
    kinds = {v: k for k, v in DTYPES.items()}
    tensors = {}
    for name, e in header.items():
        if name != "__metadata__":
            begin, end = e["data_offsets"]
            tensors[name] = torch.frombuffer(data[begin:end], dtype=kinds[e["dtype"]]).reshape(e["shape"])
    work = os.path.join(top, "whole")
    os.mkdir(work)
    for f in ("vocab.json", "merges.txt", "config.json"):
        shutil.copy(os.path.join(whole, f), work)
    expected, err = fingerprint(whole)
    verdict("fingerprint of the default model", expected[0], err)
    for name, how in {"pytorch_model.bin": {}, "open_clip_pytorch_model.bin": {"_use_new_zipfile_serialization": False},
                      "anything.pt": {}}.items():
        path = os.path.join(work, name)
        torch.save({"module." + k: v for k, v in tensors.items()}, path, **how)
        got, err = fingerprint(work)
        verdict("folder with " + name, got and got == expected, err or got)
        os.remove(path)
    names = sorted(tensors)
    for index, save in (("model.safetensors.index.json", lambda t, p: write_safetensors(p, t, {"format": "pt"})),
                        ("pytorch_model.bin.index.json", torch.save)):
        parts = ["part-%d.bin" % i for i in range(3)]
        split = {p: {k: tensors[k] for k in names[i::3]} for i, p in enumerate(parts)}
        mapping = {k: p for p, t in split.items() for k in t}
        for p, t in split.items():
            save(t, os.path.join(work, p))
        path = os.path.join(work, index)

        def write(m):
            with open(path, "w", encoding="utf-8") as f:
                json.dump({"metadata": {"total_size": 1}, "weight_map": m} if m is not None else [], f)
        write(mapping)
        got, err = fingerprint(work)
        verdict("folder with " + index, got and got == expected, err or got)
        first = names[0]
        for name, m in {
            "outside": dict(mapping, **{first: "../whole/part-0.bin"}), "absolute": dict(mapping, **{first: os.path.join(work, parts[0])}),
            "itself": dict(mapping, **{first: index}), "missing file": dict(mapping, **{first: "part-9.bin"}),
            "in another": dict(mapping, **{first: parts[1]}), "more than there is": dict(mapping, **{"nothing": parts[0]}),
            "less than there is": {k: v for k, v in mapping.items() if k != first}, "number": dict(mapping, **{first: 3}),
            "empty name": dict(mapping, **{first: ""}), "folder": dict(mapping, **{first: "."}), "no map": None, "empty map": {},
        }.items():
            write(m)
            code, out, err = dump(path)
            verdict("index: " + name, code == 1 and not out and err.count("\n") == 1 and len(err) > 12, (code, out[:80], err))
        os.remove(path)


def memory(top):
    """Reading takes at most the file's size and 64 MiB: the whole address space is limited to that and to what an
    empty file takes."""
    probe = os.environ.get("CLIPMOE_NO_MEMORY_TEST") or open(DUMP, "rb").read().find(b"__asan_init") >= 0
    if probe:
        return 1
    small = write_safetensors(os.path.join(top, "small.safetensors"), {"a": torch.ones(1)})

    def fits(path, mebibytes):
        return subprocess.run(["sh", "-c", 'ulimit -v "$1"; exec "$2" "$3"', "sh", str(mebibytes << 10), DUMP, path],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    least = next((m for m in range(4, 400) if fits(small, m)), 400)
    big = {"t%d" % i: torch.randn(1000, 1000 * (i + 1)) for i in range(8)}
    strided = {k: v.t() for k, v in big.items()}
    for name, what, how in (("zip", big, {}), ("old form", big, {"_use_new_zipfile_serialization": False}), ("column-major", strided, {})):
        path = os.path.join(top, "big.pt")
        torch.save(what, path, **how)
        size = os.path.getsize(path) >> 20
        verdict("memory: " + name, fits(path, least + size + 64), "a file of %d MiB does not fit %d more" % (size, size + 64))
        verdict("memory is measured: " + name, not fits(path, least + size // 2), "half the file's size was enough")
    return 0


def main():
    top = tempfile.mkdtemp(prefix="clipmoe-torch-")
    skipped = 0
    try:
        forms(top)
        golden(top)
        skipped += memory(top)
    finally:
        shutil.rmtree(top)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
