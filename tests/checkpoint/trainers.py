#!/usr/bin/python3
"""Checks that checkpoints of trainers are read whatever lies beside their weights, that the weights are found, that nothing in
them is executed, and that something that might be a weight is refused by name instead of skipped.

usage: trainers.py DUMP   (the program made of dump.c)
"""
import argparse
import collections
import datetime
import decimal
import enum
import fractions
import functools
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import types
import uuid
import warnings

try:
    import numpy as np
    import torch
except ImportError as e:
    print("0 passed, 0 failed, 1 skipped: python3-torch is missing (%s)" % e)
    sys.exit(77)

DUMP = sys.argv[1]
TOP = tempfile.mkdtemp(prefix="clipmoe-trainers-")
FLAG = os.path.join(TOP, "executed")
FORMS = (("zip", {}), ("old form", {"_use_new_zipfile_serialization": False}), ("protocol 4", {"pickle_protocol": 4}), ("protocol 5", {"pickle_protocol": 5}),
         ("old form, protocol 4", {"_use_new_zipfile_serialization": False, "pickle_protocol": 4}))
passed = failed = 0
warnings.simplefilter("ignore")


def verdict(name, ok, why=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAIL %s: %s" % (name, str(why)[:500]))


def dump(path):
    done = subprocess.run([DUMP, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


# ---- what people define for themselves

class Described:
    """A tensor as later versions of torch describe one whose sign is still to be turned."""

    def __init__(self, metadata):
        self.metadata = metadata

    def __reduce__(self):
        t = torch.ones(3)
        storage = t._typed_storage() if hasattr(t, "_typed_storage") else t.storage()
        return torch._utils._rebuild_tensor_v2, (storage, 0, (3,), (1,), False, collections.OrderedDict(), self.metadata)


class Colour(enum.Enum):
    RED = 1


class Steps(enum.IntFlag):
    WARM = 1


class Config:
    def __init__(self):
        self.rate, self.inner = 0.1, {"a": [1, (2, 3)]}


class Slots:
    __slots__ = ("a",)

    def __init__(self):
        self.a = 1


class WithState:
    def __getstate__(self):
        return ("state", 1)

    def __setstate__(self, state):
        open(FLAG, "w").close()


class AttributeDict(dict):
    """As Lightning's."""

    def __getattr__(self, key):
        return self[key]

    def __setattr__(self, key, value):
        self[key] = value


class Words(list):
    pass


class Named:
    """Made with named arguments (NEWOBJ_EX)."""

    def __new__(cls, *, a):
        return super().__new__(cls)

    def __getnewargs_ex__(self):
        return (), {"a": 1}


class Reduced:
    def __reduce__(self):
        return make, ("x",), None, iter([1, 2]), iter({"a": 1}.items())


class Outer:
    class Inner:
        pass

    def method(self):
        pass


Pair = collections.namedtuple("Pair", "a b")


def make(text):
    return Words()


class MyTensor:
    """Called like something that holds numbers."""


def objects():
    p = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.AdamW([p], lr=1e-3)
    p.grad = torch.ones(3)
    optimizer.step()
    itself = []
    itself.append((itself,))
    attributes = AttributeDict(lr=0.1, name="x")
    attributes.more = 5
    return {
        "numpy scalars": [np.float64(0.5), np.float32(1), np.int64(3), np.bool_(True), np.float16(2)], "numpy scalar of zeros": np.float64(0.0),
        "numpy types": [np.dtype("f4"), np.float32, np.dtype([("a", "i4")])], "numpy array": np.arange(12.0).reshape(3, 4), "numpy strings": np.array(["a", "b"]),
        "numpy object array": np.array([{}, None], dtype=object), "random states": [np.random.RandomState(1), np.random.default_rng(1), np.random.get_state()],
        "Namespace": argparse.Namespace(lr=1e-3, path=pathlib.PosixPath("/a"), nested=argparse.Namespace(a=1)), "sets": [{1, 2}, frozenset([3]), set(), {"a"}],
        "OrderedDict": collections.OrderedDict(a=1), "defaultdict": collections.defaultdict(list, {"a": [1]}), "defaultdict of defaultdict": collections.defaultdict(
            functools.partial(collections.defaultdict, int), {"a": collections.defaultdict(int, {"b": 1})}), "Counter": collections.Counter("abca"),
        "deque": collections.deque([1, 2], maxlen=5), "ChainMap": collections.ChainMap({"a": 1}), "UserDict": collections.UserDict(a=1), "namedtuple": Pair(1, 2),
        "AttributeDict": attributes, "torch": [torch.Size([1]), torch.device("cpu"), torch.device("cuda", 1), torch.float16, torch.complex64, torch.strided, torch.__version__],
        "paths": [pathlib.PosixPath("/a/b"), pathlib.PurePosixPath("c"), pathlib.PureWindowsPath("d")], "times": [datetime.datetime.now(), datetime.date.today(),
        datetime.timedelta(seconds=1), datetime.timezone.utc, datetime.datetime.now(datetime.timezone.utc)], "enums": [Colour.RED, Steps.WARM, Colour],
        "partial": functools.partial(make, "x"), "partial of print": functools.partial(print, 1), "functions": [make, len, torch.optim.SGD], "inner class": Outer.Inner(),
        "method": Outer().method, "object": Config(), "slots": Slots(), "__setstate__": WithState(), "NEWOBJ_EX": Named(a=1), "REDUCE with lists and dicts": Reduced(),
        "list subclass": Words([1, 2]), "UUID": uuid.uuid4(), "Decimal": [decimal.Decimal("1.5"), fractions.Fraction(1, 3)], "slices": [slice(1, 2), range(3), 1j, Ellipsis],
        "bytes": [b"abc", bytearray(b"\0\xff"), b""], "text": ["a\0b", "\udcff", "x" * 70000, ""], "exception": ValueError("x"), "SimpleNamespace": types.SimpleNamespace(a=1),
        "Random": random.Random(1), "types": [int, type(None), dict], "a list in itself": itself, "optimizer state": optimizer.state_dict(), "optimizer": optimizer,
        "scheduler": torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10), "module": torch.nn.Linear(2, 2), "criterion": torch.nn.CrossEntropyLoss(),
        "sparse tensor": torch.eye(3).to_sparse(), "numbers": [float("inf"), float("nan"), 1 << 100, -5, True, None],
    }


def weights():
    torch.manual_seed(3)
    return collections.OrderedDict(("blocks.%d.weight" % i, torch.randn(2, 3)) for i in range(4))


def check(name, what, expected):
    """In every form of file: exactly @expected."""
    reference = os.path.join(TOP, "expected.pt")
    torch.save(dict(expected), reference)
    _, right, _ = dump(reference)
    for form, how in FORMS:
        path = os.path.join(TOP, "some.pt")
        try:
            torch.save(what, path, **how)
        except Exception as e:  # what Python itself cannot write at this protocol needs no reading
            verdict("%s, %s: is written" % (name, form), "pickle" in str(e), e)
            continue
        code, out, err = dump(path)
        verdict("%s, %s" % (name, form), code == 0 and out == right and out, err or out)


def refused(name, what, *words):
    for form, how in FORMS:
        path = os.path.join(TOP, "some.pt")
        torch.save(what, path, **how)
        code, out, err = dump(path)
        verdict("%s, %s" % (name, form), code == 1 and not out and err.count("\n") == 1 and all(w in err for w in words), (code, out[:80], err))


def beside():
    sd, all_of_it = weights(), objects()
    for name, value in all_of_it.items():
        check("beside: " + name, {"epoch": 3, "state_dict": sd, "extra": value}, sd)
    check("all of it", dict({"epoch": 3, "model": sd}, **all_of_it), sd)
    check("before the weights", {"args": argparse.Namespace(a=Config()), "model": sd}, sd)
    check("as keys", {"state_dict": sd, Colour.RED: 1, ("a", np.float64(1)): 2, frozenset([1]): 3}, sd)
    for name in ("numpy scalars", "Namespace", "sets", "enums", "AttributeDict", "paths", "object", "optimizer state"):
        check("one level with the weights: " + name, dict(sd, args=all_of_it[name]), sd)
    check("Lightning", {"epoch": 1, "pytorch-lightning_version": "1.9", "state_dict": sd, "loops": {"a": {}}, "callbacks": {"ModelCheckpoint{'monitor': 'loss'}": {
        "best_model_score": torch.tensor(0.5), "best_model_path": "x"}}, "optimizer_states": [], "hparams_name": "kwargs", "hyper_parameters": AttributeDict(lr=1)}, sd)
    verdict("nothing was executed", not os.path.exists(FLAG))


def found():
    sd, loss = weights(), torch.tensor(0.3)
    for key in ("state_dict", "model_state_dict", "model", "module", "net", "network", "model_state", "ema", "model_ema", "ema_state_dict"):
        check("under " + key, {"epoch": 9, key: sd, "loss": loss}, sd)
    check("a loss and more beside it", {"model_state_dict": sd, "loss": loss, "best": loss, "optimizer_state_dict": {}}, sd)
    check("wrapped twice", {"loss": loss, "model": {"temperature": loss, "state_dict": sd}}, sd)
    few = {"scale": torch.zeros(1)}
    check("the larger one", {"state_dict": few, "model": sd}, sd)
    check("not the average", {"ema": dict(sd, n_averaged=loss), "model": sd}, sd)
    check("what stands outside is more", dict(sd, model={"temperature": loss}), sd)
    check("an empty one", {"state_dict": {}, "model": sd}, sd)
    check("defaultdict of weights", {"model": collections.defaultdict(list, sd)}, sd)
    for more in ({}, {"loss": loss}, {"optimizer": {"state": {0: {"exp_avg": loss}}, "param_groups": []}}):
        check("under a name of its own", dict(more, epoch=9, student=sd), dict(more if "loss" in more else {}, **{"student." + k: v for k, v in sd.items()}))
    check("two under names of their own", {"student": sd, "teacher": sd, "args": argparse.Namespace(a=Config())},
          {n + "." + k: v for n in ("student", "teacher") for k, v in sd.items()})
    check("a number in it", {"state_dict": dict(sd, step=np.int64(3), name="x")}, sd)


def lost():
    sd = weights()
    refused("a negative view", dict(sd, more=Described({"neg": True})), "neg", "expected plain")
    refused("a conjugate", dict(sd, more=Described({"conj": True, "neg": False})), "conj", "expected plain")
    check("a tensor that says it is plain", dict(sd, more=Described({"conj": False, "neg": False})), dict(sd, more=torch.ones(3)))
    refused("an array for a weight", {"state_dict": dict(sd, **{"head.weight": np.zeros(3)})}, "head.weight", "numpy", "no tensor is made")
    refused("an array beside tensors", dict(sd, more=np.zeros(3)), "more", "numpy")
    refused("arrays alone", {"state_dict": {k: v.numpy() for k, v in sd.items()}}, "some.pt")
    refused("a sparse tensor", {"state_dict": dict(sd, more=torch.eye(3).to_sparse())}, "more", "sparse")
    refused("an object for a weight", {"state_dict": dict(sd, more=Config())}, "more", "Config")
    refused("one that is called a tensor", dict(sd, more=MyTensor()), "more", "MyTensor")
    refused("a whole module", torch.nn.Linear(2, 2), "Linear", "state_dict ()")
    refused("a whole module under model", {"epoch": 1, "model": torch.nn.Linear(2, 2)}, "Linear", "model", "state dict")
    refused("a dict of somebody's", {"state_dict": AttributeDict(sd)}, "AttributeDict")
    refused("nothing", {"epoch": 3, "args": argparse.Namespace()}, "no tensors")


def main():
    try:
        for part in (beside, found, lost):
            part()
    finally:
        shutil.rmtree(TOP)
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
