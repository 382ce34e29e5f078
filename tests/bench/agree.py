#!/usr/bin/python3
"""Checks the comparison of speeds: both sides compute the same from one checkpoint (pictures, mixtures, texts), the graphs are
valid, no speed is shown where embeddings differ, and the goals are those of the processor.

    agree.py BUILD
"""
import importlib.machinery
import importlib.util
import io
import os
import sys
import tempfile
import types
from contextlib import redirect_stdout

try:
    import numpy as np
    import torch  # noqa: F401  (the peer needs it)
except ImportError as e:
    print("skipped: %s" % e)
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import goals  # noqa: E402
import models  # noqa: E402
import peers  # noqa: E402

loader = importlib.machinery.SourceFileLoader("compare", os.path.join(HERE, "compare"))
compare = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare", loader))
loader.exec_module(compare)


def same(top, moe):
    """Ours and PyTorch's vectors of three pictures and of two texts."""
    path = models.image_model(top, "tiny", moe)
    pixels, tokens, out = (os.path.join(top, n) for n in ("pixels", "tokens", "out"))
    models.pictures(3).tofile(pixels)
    np.array([2, 5, 3, 62, 1, 2, 3, 63, 62, 9, 63], np.uint32).tofile(tokens)
    got = {}
    cpus = sorted(os.sched_getaffinity(0))
    for name, peer in (("ours", peers.ours(sys.argv[1], cpus, top)),
                       ("torch", peers.Peer("PyTorch", [sys.executable, os.path.join(HERE, "torch_peer.py")], cpus))):
        peer.ask("model", path, "f32", 1, *([4] if name == "ours" else []))
        peer.ask("pixels", pixels, 3)
        peer.ask("tokens", tokens)
        for what in ("images", "texts"):
            peer.ask("write", what, out)
            got[name, what] = np.fromfile(out, np.float32).astype(float)
        if name == "ours":
            gflop, best = map(float, peer.ask("products"))
            assert gflop > 0 and best >= 0 and len(peer.time("products", 3)) == 3, (gflop, best)
        assert len(peer.time("images", 3)) == 3 and min(peer.time("images", 1)[0]) > 0
        peer.close()
    for what, n in (("images", 3), ("texts", 2)):
        a, b = got["ours", what].reshape(n, -1), got["torch", what].reshape(n, -1)
        away = 1 - (a * b).sum(1)
        assert (away < 1e-5).all(), "%s, mixture %d: 1 - cosine %s" % (what, moe, away)
        assert 1 - abs(a[0] @ a[1]) > 1e-4, "different %s have one vector" % what


def graphs(top):
    try:
        import onnx
        import export_onnx
    except ImportError as e:
        print("graphs not checked: %s" % e)
        return
    for moe in (False, True):
        for int8 in (False, True):
            path, other = (export_onnx.export(models.image_model(top, "tiny", moe), int8, n) for n in (2, 3))
            where = lambda p: [(w.name, e.value) for w in onnx.load(p, load_external_data=False).graph.initializer
                               for e in w.external_data]
            assert where(path) == where(other) and len(where(path)) > 10, "batches do not share their weights"
            onnx.checker.check_model(path, full_check=True)
            kinds = {n.op_type for n in onnx.load(path, load_external_data=False).graph.node}
            assert ("MatMulInteger" in kinds) == int8 and ("ScatterND" in kinds) == moe, kinds


class Fake:
    """A peer whose vectors are @vectors; it must not be timed unless told so."""
    detail = ""

    def __init__(self, vectors, may_run):
        self.vectors, self.may_run, self.timed = np.asarray(vectors, np.float32), may_run, 0

    def ask(self, command, what="", path=""):
        if command == "products":
            return ["0.001", "0.8"]
        self.vectors.tofile(path)
        return []

    def time(self, what, n):
        assert self.may_run, "timed in spite of other embeddings"
        self.timed += n
        return [(2.0, 1.0)] * n


def refused(top):
    case = compare.Case.__new__(compare.Case)
    case.name, case.moe, case.batch, case.threads, case.scratch = "B-32", False, 2, 1, top
    case.o = types.SimpleNamespace(rounds=3, clock="processor")
    good = [[1, 0], [0.6, 0.8]]
    for bad, why in (([[1, 0], [0.8, 0.6]], "another vector"), ([[0.6, 0.8], [1, 0]], "two of them exchanged"),
                     ([[1, 0], [np.nan, 0.8]], "not a number"), ([[2, 0], [0.6, 0.8]], "not a unit vector")):
        try:
            rows, agree = case.measure([("onnxruntime", "f32", Fake(good, False)), ("clipmoe", "f32", Fake(bad, False))])
        except peers.Failed as e:
            assert "length" in str(e), e
            continue
        assert not agree and "left_out" in rows[1] and not any("ms" in r for r in rows), why
        with io.StringIO() as text, redirect_stdout(text):
            compare.show(case, rows, agree, "AVX2", {}, {})
            assert "no speeds" in text.getvalue() and "ms/picture" not in text.getvalue(), text.getvalue()
    fakes = [Fake(good, True), Fake(good, True)]
    rows, agree = case.measure([("onnxruntime", "f32", fakes[0]), ("clipmoe", "f32", fakes[1])])
    assert agree and rows[1]["ratio"] == 1 and rows[1]["ms"] == 0.5, rows  # 1 ms for two pictures
    assert [f.timed for f in fakes] == [2 + 3 * 50, 2 + 2 * 3 * 50], [f.timed for f in fakes]  # ours: products, too
    assert rows[1]["products_share"] == 0.8 and rows[1]["products_gflops"] == 1, rows  # 1 Mop in 1 ms
    case.o.clock, case.batch = "wall", 1
    with io.StringIO() as text, redirect_stdout(text):
        compare.show(case, rows, agree, "AVX2", {}, {})
        assert "80.0 % of the limit (goal 87.0 %: BELOW)" in text.getvalue() and "something else ran" in text.getvalue(), text.getvalue()


def main():
    with tempfile.TemporaryDirectory() as top:
        for moe in (False, True):
            same(top, moe)
        graphs(top)
        refused(top)
    assert goals.ratio("AVX2", "int8", False, 1, "L-14") == 2.0 and goals.ratio("AVX-512", "f32", True, 1, "B-32") == 1.48
    assert goals.ratio("AVX2", "f32", False, 8, "B-32") is None and goals.table() in goals.RATIOS
    print("ours and PyTorch agree; other embeddings are refused")


main()
