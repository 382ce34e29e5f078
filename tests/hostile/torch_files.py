#!/usr/bin/python3
"""Hostile torch files: every one gets one sentence, exit status 1, nothing on stdout, in 20 s and with little memory,
and nothing in it is ever executed. Needs no torch: the files are put together byte by byte.

usage: torch_files.py DUMP   (the program made of tests/checkpoint/dump.c)
"""
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import slow  # noqa: E402

DUMP = sys.argv[1]
ASAN = b"__asan_init" in open(DUMP, "rb").read()
passed, failures = 0, []


def run(path):
    return subprocess.run([DUMP, path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=slow.seconds(20),
                          close_fds=False)


def check(name, path, data, good=False):
    """Refused, or with @good read."""
    global passed
    with open(path, "wb") as f:
        f.write(data)
    try:
        done = run(path)
    except subprocess.TimeoutExpired:
        failures.append("%s: hangs" % name)
        return
    err = done.stderr.decode("utf-8", "replace")
    if done.returncode < 0:
        failures.append("%s: killed by %s" % (name, signal.Signals(-done.returncode).name))
    elif "Sanitizer" in err or "runtime error" in err:
        failures.append("%s: %s" % (name, err[:1500]))
    elif good:
        if done.returncode or err or not done.stdout:
            failures.append("%s: expected to be read: %s" % (name, err[:300]))
        else:
            passed += 1
    elif done.returncode != 1 or done.stdout:
        failures.append("%s: exit status %d, stdout %r" % (name, done.returncode, done.stdout[:80]))
    elif err.count("\n") != 1 or not 12 < len(err) < 600 or path not in err or any(ord(c) < 32 and c != "\n" for c in err):
        failures.append("%s: not one sentence that names the file: %r" % (name, err[:400]))
    else:
        passed += 1


# ---- zip, field by field

class Member:
    """A member; every field of both records can be set apart."""

    def __init__(self, name, data=b"", **changes):
        self.name = name if isinstance(name, bytes) else name.encode()
        self.data = data
        self.packed = changes.pop("packed", data)
        self.changes = changes

    def fields(self, where):
        f = {"made": 0, "version": 0, "flags": 0, "method": 0, "crc": zlib.crc32(self.data), "csize": len(self.packed),
             "size": len(self.data), "extra": b"", "name": self.name, "attributes": 0, "disk": 0, "comment": b""}
        for k, v in self.changes.items():
            if k in f:
                f[k] = v
            elif k.startswith(where + "_"):
                f[k[len(where) + 1:]] = v
        return f


def build(members, offset_of=None, before=b"", gap=b"", count=None, end=None, zip64=None, behind=b"", comment=b"",
          start=None, length=None):
    out, central = bytearray(before), b""
    for i, m in enumerate(members):
        at = len(out)
        f = m.fields("local")
        out += struct.pack("<4s5H3I2H", b"PK\3\4", f["version"], f["flags"], f["method"], 0, 0, f["crc"], f["csize"], f["size"],
                           len(f["name"]), len(f["extra"])) + f["name"] + f["extra"] + m.packed + m.changes.get("tail", b"") + gap
        f = m.fields("central")
        if offset_of and i in offset_of:
            at = offset_of[i]
        at = m.changes.get("offset", at)
        central += struct.pack("<4s6H3I5H2I", b"PK\1\2", f["made"], f["version"], f["flags"], f["method"], 0, 0, f["crc"],
                               f["csize"], f["size"], len(f["name"]), len(f["extra"]), len(f["comment"]), f["disk"], 0,
                               f["attributes"], at) + f["name"] + f["extra"] + f["comment"]
    n = len(members) if count is None else count
    begin = len(out) if start is None else start
    size = len(central) if length is None else length
    out += central
    if zip64 is not None:
        at64 = len(out)
        z = dict(record=44, n=n, total=n, size=size, begin=begin, at=at64)
        z.update(zip64)
        out += struct.pack("<4sQ2H2I4Q", b"PK\6\6", z["record"], 45, 45, 0, 0, z["n"], z["total"], z["size"], z["begin"])
        out += struct.pack("<4sIQI", b"PK\6\7", 0, z["at"], 1)
    e = dict(n=n & 0xffff, total=n & 0xffff, size=size & 0xffffffff, begin=begin & 0xffffffff, disk=0, comment=len(comment))
    e.update(end or {})
    out += struct.pack("<4s4H2IH", b"PK\5\6", e["disk"], e["disk"], e["n"], e["total"], e["size"], e["begin"], e["comment"]) + comment
    return bytes(out) + behind


# ---- pickles, opcode by opcode

PROTO = b"\x80\x02"


def text(s):
    s = s if isinstance(s, bytes) else s.encode()
    return b"X" + struct.pack("<I", len(s)) + s


def integer(v):
    if -(1 << 63) <= v < 1 << 63:
        return b"\x8a\x08" + struct.pack("<q", v)
    return b"\x8a\x0a" + v.to_bytes(10, "little", signed=True)


def storage(numel=4, kind="torch\nFloatStorage", key="0", device="cpu", extra=b""):
    return b"(" + text("storage") + b"c" + kind.encode() + b"\n" + text(key) + text(device) + integer(numel) + extra + b"tQ"


def tensor(numel=4, offset=0, size=(4,), stride=(1,), function="torch._utils\n_rebuild_tensor_v2", last=b"\x89ccollections\nOrderedDict\n)R",
           what=None, **more):
    return (b"c" + function.encode() + b"\n(" + (storage(numel, **more) if what is None else what) + integer(offset)
            + b"(" + b"".join(map(integer, size)) + b"t(" + b"".join(map(integer, stride)) + b"t" + last + b"tR")


def state(*pairs):
    return PROTO + b"}(" + b"".join(text(k) + v for k, v in pairs) + b"u."


def pt(pickle, data=b"\0" * 16, others=(), **how):
    members = [Member("m/data.pkl", pickle), Member("m/data/0", data)] + list(others) + [Member("m/version", b"3\n")]
    return build(members, **how)


def module(name, *attributes):
    return (b"c" + name.encode() + b"\n)\x81}(" + b"".join(text(k) + v for k, v in attributes) + b"ub")


def zips():
    p = state(("w", tensor()))
    a, d = Member("m/data.pkl", p), Member("m/data/0", b"\0" * 16)
    yield "zip as it should be", pt(p), True
    yield "zip64 as it should be", build([a, d], zip64={}), True
    yield "zip64 fields all ones", build([a, d], zip64={}, end={"n": 0xffff, "total": 0xffff, "size": 0xffffffff, "begin": 0xffffffff}), True
    yield "a gap between members", build([a, d], gap=b"\0" * 16), True
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    squeezed = packed.compress(b"x" * 500) + packed.flush()
    yield "deflated source", build([a, d, Member("m/code/a.py", b"x" * 500, packed=squeezed, method=8)]), True
    tail = struct.pack("<4s3I", b"PK\7\x08", zlib.crc32(b"\0" * 16), 16, 16)
    late = dict(flags=8, local_crc=0, local_csize=0, local_size=0)
    yield "sizes behind the data", build([a, Member("m/data/0", b"\0" * 16, tail=tail, **late)]), True
    yield "nothing behind the data", build([a, Member("m/data/0", b"\0" * 16, **late)])
    yield "wrong sizes behind the data", build([a, Member("m/data/0", b"\0" * 16, tail=tail[:-1] + b"\1", **late)])
    good = pt(p)
    for cut in list(range(0, 60, 7)) + [len(good) // 2, len(good) - 30, len(good) - 22, len(good) - 1]:
        yield "cut at %d" % cut, good[:cut]
    yield "no end record", good[:-22]
    yield "bytes behind", good + b"x"
    yield "comment", pt(p, comment=b"hello")
    yield "a second end record in the comment", pt(p, comment=good[-22:])
    yield "a whole archive behind", good + good
    yield "bytes before", pt(p, before=b"x" * 100)
    yield "bytes before, offsets as without", b"PK" + b"x" * 100 + good
    for n in (0, 2, 4, 65534, 65535):
        yield "count %d" % n, pt(p, count=n)
    for at in (0, 1, len(good) - 22, len(good), 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff):
        yield "directory at %d" % at, pt(p, end={"begin": at})
        yield "directory of %d" % at, pt(p, end={"size": at})
        yield "member at %d" % at, build([a, d], offset_of={1: at})
    for v in (1, (1 << 32) - 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 22):
        for field in ("n", "total", "size", "begin", "at", "record"):
            yield "zip64 %s %d" % (field, v), pt(p, zip64={field: v})
            yield "zip64 %s %d, all ones" % (field, v), pt(
                p, zip64={field: v}, end={"n": 0xffff, "total": 0xffff, "size": 0xffffffff, "begin": 0xffffffff})
    for v in (0, 15, 17, 1 << 31, (1 << 32) - 2, (1 << 32) - 1):
        for field in ("csize", "size"):
            for where in ("", "local_", "central_"):
                yield "%s%s %d" % (where, field, v), build([a, Member("m/data/0", b"\0" * 16, **{where + field: v})])
        yield "both sizes %d" % v, build([a, Member("m/data/0", b"\0" * 16, size=v, csize=v)])
    for v in (0, 16, (1 << 63), (1 << 64) - 1, (1 << 64) - 60):
        wide = struct.pack("<HHQQ", 1, 16, v, v)
        if v != 16:
            yield "zip64 extra %d" % v, build([a, Member("m/data/0", b"\0" * 16, size=0xffffffff, csize=0xffffffff, extra=wide)])
    wide = struct.pack("<HHQQ", 1, 16, 16, 16)
    yield "zip64 extra", build([a, Member("m/data/0", b"\0" * 16, size=0xffffffff, csize=0xffffffff, extra=wide)]), True
    yield "zip64 extra twice", build([a, Member("m/data/0", b"\0" * 16, size=0xffffffff, csize=0xffffffff, extra=wide * 2)])
    yield "zip64 extra too short", build([a, Member("m/data/0", b"\0" * 16, size=0xffffffff, csize=0xffffffff, extra=wide[:12])])
    yield "extra field cut", build([a, Member("m/data/0", b"\0" * 16, extra=b"FB\xff\xff")])
    yield "crc wrong", build([a, Member("m/data/0", b"\0" * 16, crc=5)])
    yield "crc of the pickle wrong", build([Member("m/data.pkl", p, crc=5), d])
    for where in ("local", "central"):
        for field, v in (("crc", 5), ("flags", 8), ("method", 8), ("name", b"m/data/1"), ("name", b"m/data/00")):
            yield "%s %s differs" % (where, field), build([a, Member("m/data/0", b"\0" * 16, **{where + "_" + field: v})])
    yield "same name twice", build([a, d, d])
    yield "pickle twice", build([a, a, d])
    yield "both records one local", build([a, d, Member("m/data/1", b"\0" * 16)], offset_of={2: 0})
    overlap = Member("m/data/1", b"")
    yield "overlap", build([a, Member("m/data/0", b"\0" * 16, local_size=60, local_csize=60, central_size=60, central_csize=60), overlap])
    inner = struct.pack("<4s5H3I2H", b"PK\3\4", 0, 0, 0, 0, 0, 0, 0, 0, 8, 0) + b"m/data/1"
    first = 30 + 10 + len(p) + 30 + 8
    yield "a member inside another", build([a, Member("m/data/0", inner), Member("m/data/1", b"", offset=first)])
    for name in (b"m/data/\0", b"m\\data\\1", b"../1", b"m/../1", b"/m/1", b"m//1", b"m/", b"", b".", b"m/./1", b"C:/1", b"m/\xff",
                 b"m/a\x1b[31m", b"m/a\nb", b"n/data/1", b"m/" + b"a" * 5000):
        yield "name %r" % name[:20], build([a, d, Member(name, b"x")])
    for flag in (1, 0x20, 0x40, 0x2000, 0x8000):
        yield "flags %#x" % flag, build([a, Member("m/data/0", b"\0" * 16, flags=flag)])
    for method in (1, 9, 12, 14, 93, 99, 0xffff):
        yield "method %d" % method, build([a, Member("m/data/0", b"\0" * 16, method=method)])
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packed.compress(b"\0" * (64 << 20)) + packed.flush()
    yield "bomb", build([Member("m/data.pkl", state(("w", tensor(16 << 20, 0, [16 << 20])))),
                         Member("m/data/0", b"", packed=bomb, method=8, size=64 << 20, csize=len(bomb))])
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    yield "deflated pickle", build([Member("m/data.pkl", p, packed=packed.compress(p) + packed.flush(), method=8), d])
    yield "link", build([a, Member("m/data/0", b"/etc/passwd12345", made=3 << 8, attributes=0o120777 << 16)])
    yield "another disk", build([a, Member("m/data/0", b"\0" * 16, disk=1)])
    yield "end on another disk", pt(p, end={"disk": 1})
    yield "no folder", build([Member("data.pkl", p), Member("data/0", b"\0" * 16)])
    yield "no pickle", build([d])
    yield "pickle in another folder", build([d, Member("n/data.pkl", p)])
    yield "big byte order", pt(p, others=[Member("m/byteorder", b"big")])
    yield "unknown byte order", pt(p, others=[Member("m/byteorder", b"")])
    yield "little byte order", pt(p, others=[Member("m/byteorder", b"little")]), True
    yield "many members", build([a] + [Member("m/data/%d" % i) for i in range(60000)] + [Member("m/x", b"")], count=60003)
    yield "only an end record", b"PK\5\6" + b"\0" * 18
    yield "PK and nonsense", b"PK\3\4" + b"\xff" * 400


def calls(flag):
    """Names that are not on the list, reached in every way that pickles have. @flag would be created by one."""
    command = ("touch %s" % flag).encode()
    arg = text(command) + b"\x85"
    names = ["os\nsystem", "posix\nsystem", "nt\nsystem", "subprocess\nPopen", "builtins\neval", "__builtin__\neval", "builtins\ngetattr",
             "__builtin__\napply", "builtins\n__import__", "torch\nload", "torch.hub\nload", "torch\nFloatStorage.from_file",
             "torch.storage\n_load_from_bytes", "torch._utils\n_rebuild_tensor_v2.__globals__", "torch._utils.\n_rebuild_tensor_v2",
             "torch._utils\n_rebuild_tensor_v2 ", "torch._utils \n_rebuild_tensor_v2", "Torch\nFloatStorage", "torch\nfloatstorage",
             "torch\nEvilStorage", "collections\nOrderedDict.fromkeys", "collections\ndefaultdict", "__torch\nX", "__torch__x\nX", "torch.jit._pickle\nbuild_tensor_from_id", "\n",
             "runpy\nrun_path"]
    more = ["builtins\nexec", "builtins\nopen", "builtins\ncompile", "__builtin__\nexecfile", "io\nopen", "_io\nopen", "pathlib\nPath.unlink",
             "pathlib\nPosixPath.write_text", "shutil\nrmtree", "importlib\nimport_module", "operator\nmethodcaller", "operator\nattrgetter", "pickle\nloads", "ctypes\nCDLL",
             "types\nFunctionType", "types\nCodeType", "sys\nexit", "pty\nspawn", "code\nInteractiveInterpreter", "timeit\ntimeit", "asyncio\nrun", "socket\nsocket",
             "multiprocessing\nProcess", "webbrowser\nopen", "commands\ngetoutput", "cPickle\nloads", "typing\nget_type_hints", "collections\nnamedtuple",
             "torch.serialization\nload", "torch.jit\nload", "torch.utils.cpp_extension\nload", "torch.fx.graph_module\nreduce_graph_module", "torch.ops\nload_library",
             "numpy\nload", "numpy\nfromfile", "numpy.testing._private.utils\nrunstring", "dill._dill\n_create_function", "cloudpickle.cloudpickle\n_make_function",
             "joblib.numpy_pickle\nload", "IPython\nstart_ipython", "pip\nmain", "numpy.__builtins__\neval", "a.b.\nC", "a..b\nC", "a b\nC", "a\nX.__globals__", "a\n__reduce__",
             "functools\nreduce", "copyreg\npickle", "enum\nEnum.__class__", "__main__x\nX"]
    for n in more:
        yield "%s named" % n.replace("\n", "."), PROTO + b"c" + n.encode() + b"\n0" + state(("w", tensor()))[2:]
    for n in names:
        mod, _, name = n.partition("\n")
        for how, body in {
            "GLOBAL": b"c" + n.encode() + b"\n" + arg + b"R",
            "STACK_GLOBAL": text(mod) + text(name) + b"\x93" + arg + b"R",
            "INST": b"(" + text(command) + b"i" + n.encode() + b"\n",
            "OBJ": b"(c" + n.encode() + b"\n" + text(command) + b"o",
            "NEWOBJ": b"c" + n.encode() + b"\n" + arg + b"\x81",
            "NEWOBJ_EX": b"c" + n.encode() + b"\n" + arg + b"}\x92",
            "BUILD": module("__torch__\nX")[:-1] + b"c" + n.encode() + b"\n" + arg + b"Rbb",
        }.items():
            yield "%s by %s" % (n.replace("\n", "."), how), PROTO + body + b"."
        yield "%s, dropped" % n.replace("\n", "."), PROTO + b"c" + n.encode() + b"\n" + arg + b"R0" + state(("w", tensor()))[2:]
        yield "%s, then broken" % n.replace("\n", "."), PROTO + b"c" + n.encode() + b"\n" + arg + b"R\xff\xff"
    # names that need not be understood: never a tensor, never called, and nothing else is loosened
    for n in ("numpy\ndtype", "numpy.core.multiarray\n_reconstruct", "torch.nn.modules.linear\nLinear", "argparse\nNamespace", "mine.config\nConfig", "functools\npartial",
              "__main__\nE.F"):
        c = b"c" + n.encode() + b"\n"
        for how, body in {"itself": c, "called": c + arg + b"R", "made": c + arg + b"\x81", "made with names": c + arg + b"}\x92", "built": c + b")R}b",
                          "INST": b"(" + text(command) + b"i" + n.encode() + b"\n", "OBJ": b"(" + c + text(command) + b"o", "called with a list": c + b"]R",
                          "under state_dict": b"}" + text("state_dict") + c + b")Rs", "a tensor in it": c + b")R" + text("w") + tensor() + b"s",
                          "a tensor in its state": c + b")\x81}" + text("w") + tensor() + b"sb", "as storage": b"}" + text("w") + tensor(what=c + b")R") + b"s",
                          "as sizes": b"}" + text("w") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage() + integer(0) + c + c + b"\x89)tRs",
                          "as a key": b"}" + c + tensor() + b"s", "as storage class": b"(" + text("storage") + c + text("0") + text("cpu") + integer(4) + b"tQ",
                          "in itself": c + b")Rq\x00h\x00a", "for ever": c + b")Rq\x00" + b"h\x00h\x00R" * 3 + b".", "with os": c + b"cos\nsystem\n\x85R",
                          "getattr": b"cbuiltins\ngetattr\n" + c + b"\x85R", "getattr of a number": b"cbuiltins\ngetattr\n" + c + b"K\x01\x86R"}.items():
            yield "%s, %s" % (n.replace("\n", "."), how), PROTO + body + b"."
    for known in ("torch._utils\n_rebuild_tensor_v2", "collections\nOrderedDict", "torch\nSize", "torch\nFloatStorage", "torch\nfloat32",
                  "torch._utils\n_rebuild_parameter", "torch.jit._pickle\nbuild_intlist", "torch.jit._pickle\nrestore_type_tag", "torch\ndevice"):
        for how in (b")R", b"}R", b"N\x85R", text("x") + b"\x85R", b"K\x05R", b"(K\x01K\x02K\x03K\x04K\x05K\x06tR", b"N\x85\x81", b"Nb", b")R}b"):
            yield "%s%r" % (known.replace("\n", "."), how[:9]), PROTO + b"c" + known.encode() + b"\n" + how + b"."
        yield "%s by INST" % known.replace("\n", "."), PROTO + b"(i" + known.encode() + b"\n."
    for ext in (b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00"):
        yield "EXT %r" % ext, PROTO + ext + b")R."
    for op in b"VFSPpgd2\x8f\x90\x91\x96\x97\x98\x82\xfe\xff\x00":
        yield "opcode %#x" % op, PROTO + bytes([op]) + b"\0" * 9 + b"."


def pickles():
    good = state(("w", tensor()))
    yield "nothing", b""
    for cut in range(1, len(good), 3):
        yield "pickle cut at %d" % cut, good[:cut]
    yield "a second pickle", good + good
    yield "bytes behind the pickle", good + b"x"
    for name, body in {
        "stop": b".", "underflow": b"0000.", "tuple of nothing": b"\x86.", "no mark": b"t.", "mark for a value": b"(.", "pop a mark": b"(0.",
        "reduce a mark": b"((R.", "append to nothing": b"Na.", "append to a mark": b"(Na.", "appends without mark": b"]Ne.",
        "setitem on a list": b"]NNs.", "setitems odd": b"}(Nu.", "dict odd": b"(Nd.", "memo never set": b"h\x05.", "put of nothing": b"q\x00.",
        "memo 2^32-1": b"Nr\xff\xff\xff\xff.", "get 2^32-1": b"j\xff\xff\xff\xff.", "put far away": b"N" * 3 + b"r\x00\x00\x10\x00.",
        "text 2^32-1": b"X\xff\xff\xff\xffabc.", "text 2^63": b"\x8d" + struct.pack("<Q", 1 << 63) + b"abc.",
        "text 2^64-1": b"\x8d" + b"\xff" * 8 + b"abc.", "long -1": b"\x8b\xff\xff\xff\xff.", "long of 0": b"\x8a\x00.",
        "bytes 2^63": b"\x8e" + struct.pack("<Q", 1 << 63) + b".", "frame lies": b"\x95" + b"\xff" * 8 + b".",
        "protocol 6": b"\x80\x06N.", "protocol 255": b"\x80\xff.", "values left": b"NN.", "bad UTF-8": text(b"\xff\xfe") + b".",
        "NUL": b"}" + text(b"a\0b") + tensor() + b"s.", "half a surrogate": text(b"\xed\xa0\x80") + b".", "overlong": text(b"\xc0\xaf") + b".",
        "line without end": b"ctorch", "long line": b"c" + b"a" * 100000 + b"\nx\n.", "int": b"I99999999999999999999\n.", "int text": b"Ifive\n.",
        "deep tuples": b")" + b"\x85" * 300000 + b".", "deep lists": b"]" * 200000 + b"a" * 199999 + b".", "deep marks": b"(" * 999999 + b".",
        "stack": b"N" * 1000001 + b".", "marks": b"(" * 1000001 + b".", "million values left": b"N" * 999999 + b".",
        "deep dicts": b"}" + (text("a") + b"}") * 100000 + b"s" * 100000 + b".", "lists for ever": b"]" * 900000 + b"." ,
        "self reference": b"]q\x00h\x00a.", "self reference 2000": b"]q\x00" + b"h\x00a" * 2000 + b".", "dict in itself": b"}q\x00" + text("state_dict") + b"h\x00s.",
        "list doubling": b"]q\x00" + b"h\x00h\x00\x86q\x00" * 64 + b".", "dict doubling": b"}q\x00" + (b"0}(" + text("a") + b"h\x00" + text("b") + b"h\x00uq\x00") * 64 + b".",
        "no tensors": b"}.", "list": b"].", "number": b"K\x05.", "none": b"N.", "state_dict a list": b"}" + text("state_dict") + b"]s.",
        "persid of nothing": b"NQ.", "persid of text": text("x") + b"Q.", "persid short": b"(" + text("storage") + b"tQ.",
        "persid number": b"(" + text("storage") + b"ctorch\nFloatStorage\nK\x00" + text("cpu") + b"K\x04tQ.",
        "persid other": b"(" + text("module") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x04tQ.",
        "persid dtype": b"(" + text("storage") + b"ctorch\nfloat32\n" + text("0") + text("cpu") + b"K\x04tQ.",
        "storage alone": storage() + b".", "tensor alone": tensor() + b".", "key no text": b"}K\x05" + tensor() + b"s.",
        "empty name": b"}" + text("") + tensor() + b"s.", "name of 60000": b"}" + text("n" * 60000) + tensor() + b"s.",
        "control codes": b"}" + text("a\x1b[31mb") + tensor() + b"s.", "line feed": b"}" + text("a\nb") + tensor() + b"s.",
        "same name": b"}(" + (text("w") + tensor()) * 2 + b"u.", "NONE memory": b"]" + b"(" + b"]" * 900000 + b"e" + b"0]" + b"(" + b"]" * 900000 + b"e.",
        "memory": (b"(" + b"]" * 90000 + b"t0") * 20 + b"N.", "ordered dict of numbers": b"ccollections\nOrderedDict\n](K\x01K\x02e\x85R.",
        "200000 tensors": b"}(" + b"c" b"torch._utils\n_rebuild_tensor_v2\n0" + b"".join(text("%d" % i) + tensor() for i in range(101000)) + b"u.",
    }.items():
        yield name, PROTO + body
    kind = "__torch__\nM"
    yield "empty module", PROTO + module(kind) + b"."
    yield "module without state", PROTO + b"c" + kind.encode() + b"\n)\x81."
    yield "module with another state", PROTO + b"c" + kind.encode() + b"\n)\x81Nb."
    yield "module twice built", PROTO + module(kind, ("w", tensor())) + b"}b."
    yield "module with arguments", PROTO + b"c" + kind.encode() + b"\nN\x85\x81."
    yield "module called", PROTO + b"c" + kind.encode() + b"\n)R."
    yield "module in itself", PROTO + b"c" + kind.encode() + b"\n)\x81q\x00}" + text("a") + b"h\x00sb."
    inner = module(kind, ("n", b"K\x01")) + b"q\x00"
    for _ in range(64):
        inner += b"0" + module(kind, ("a", b"h\x00"), ("b", b"h\x00")) + b"q\x00"
    yield "modules doubling", PROTO + inner + b"."
    deep = b"".join(b"c" + kind.encode() + b"\n)\x81}" + text("a") for _ in range(900)) + tensor() + b"sb" * 900
    yield "modules 900 deep", PROTO + deep + b"."


def tensors():
    good = {"as it should be": {}, "from a GPU": {"device": "cuda:0"}, "column-major": {"size": (2, 2), "stride": (1, 2)},
            "broadcast": {"size": (3, 2), "stride": (0, 1)}, "of a parameter": {}, "scalar": {"size": (), "stride": ()},
            "empty": {"size": (0, 3), "stride": (3, 1), "offset": 4}, "one row with any stride": {"size": (1, 4), "stride": (1 << 40, 1)}}
    for name, args in good.items():
        p = tensor(**args)
        if name == "of a parameter":
            p = b"ctorch._utils\n_rebuild_parameter\n(" + p + b"\x89ccollections\nOrderedDict\n)RtR"
        yield name, pt(state(("w", p))), True
    yield "of the first kind", pt(state(("w", tensor(function="torch._utils\n_rebuild_tensor", last=b"")))), True
    yield "in a module", pt(PROTO + module("__torch__.a\nM", ("x", module("__torch__\nN", ("w", tensor()))), ("training", b"\x88")) + b"."), True
    huge = (-1, -(1 << 31), -(1 << 63), 5, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 40, 1 << 61, 1 << 62, (1 << 63) - 1, 1 << 64)
    for v in huge:
        yield "numel %d" % v, pt(state(("w", tensor(numel=v))))
        yield "offset %d" % v, pt(state(("w", tensor(offset=v))))
        yield "size %d" % v, pt(state(("w", tensor(size=(v,)))))
        yield "stride %d" % v, pt(state(("w", tensor(size=(2,), stride=(v,)))))
        yield "size %d broadcast" % v, pt(state(("w", tensor(size=(v, v), stride=(0, 0))))) if v != 5 else b"PK"
        yield "sizes %d and 0" % v, pt(state(("w", tensor(size=(v, v, 0), stride=(1, 1, 1))))) if v < 0 or v > 1 << 33 else b"PK"
        yield "offset and stride %d" % v, pt(state(("w", tensor(offset=v, size=(2,), stride=(v,)))))
    yield "numel 0", pt(state(("w", tensor(numel=0))))
    yield "numel 3", pt(state(("w", tensor(numel=3))))
    yield "size wraps to right", pt(state(("w", tensor(size=(1 << 32, 1 << 32, 4), stride=(0, 0, 1)))))
    yield "size wraps in bytes", pt(state(("w", tensor(size=((1 << 62) + 1,), stride=(0,)))))
    yield "sizes wrap to 4", pt(state(("w", tensor(size=(3, 6148914691236517206 // 2 * 2 - 4), stride=(0, 0)))))
    yield "strides wrap", pt(state(("w", tensor(size=(3, 3), stride=(1 << 62, 1 << 62)))))
    yield "expanded 64 GiB", pt(state(("w", tensor(size=(1 << 17, 1 << 17), stride=(0, 0)))))
    yield "expanded 200 times 15 MiB", pt(state(*[("w%d" % i, tensor(offset=i % 4, size=(3932160,), stride=(0,))) for i in range(200)]))
    yield "ranks differ", pt(state(("w", tensor(size=(2, 2), stride=(1,)))))
    yield "rank 9", pt(state(("w", tensor(size=(1,) * 9, stride=(1,) * 9))))
    yield "rank 5000", pt(state(("w", tensor(size=(1,) * 5000, stride=(1,) * 5000))))
    for name, args in {
        "storage missing": {"key": "1"}, "storage a path": {"key": "../data/0"}, "storage absolute": {"key": "/etc/passwd"},
        "storage of the pickle": {"key": "../data.pkl"}, "storage empty": {"key": ""}, "storage of another type": {"kind": "torch\nDoubleStorage"},
        "half storage": {"kind": "torch\nHalfStorage"}, "storage unknown": {"kind": "torch\nQUInt8Storage"},
        "sixth entry": {"extra": b"(" + text("1") + b"K\x00K\x01t"}, "seventh entry": {"extra": b"NN"},
        "storage class no class": {"kind": "torch._utils\n_rebuild_parameter"},
    }.items():
        yield name, pt(state(("w", tensor(**args))))
    yield "storage no storage", pt(state(("w", tensor(what=b"N"))))
    yield "storage a tensor", pt(state(("w", tensor(what=tensor()))))
    yield "arguments missing", pt(state(("w", tensor(last=b""))))
    yield "arguments too many", pt(state(("w", tensor(last=b"NNNNN"))))
    yield "sizes floats", pt(state(("w", tensor().replace(b"(" + integer(4) + b"t", b"(G\x40\x10\0\0\0\0\0\0t"))))
    yield "sizes a list", pt(state(("w", tensor().replace(b"(" + integer(4) + b"t", b"(" + integer(4) + b"l"))))
    yield "storage too short", pt(state(("w", tensor())), data=b"\0" * 15)
    yield "storage too long", pt(state(("w", tensor())), data=b"\0" * 17)
    yield "storage empty member", pt(state(("w", tensor())), data=b"")
    untyped = b"\x89ccollections\nOrderedDict\n)Rctorch\nfloat32\n"
    v3 = dict(function="torch._utils\n_rebuild_tensor_v3", kind="torch.storage\nUntypedStorage", last=untyped)
    yield "untyped", pt(state(("w", tensor(numel=16, **v3)))), True
    yield "untyped short", pt(state(("w", tensor(numel=16, size=(5,), **v3))))
    yield "untyped offset", pt(state(("w", tensor(numel=16, offset=1, **v3))))


def legacy(magic=integer(0x1950a86a20f9469cfc6c), protocol=integer(1001), little=b"\x88", obj=None, keys=("0",), data=None):
    system = PROTO + b"}" + text("little_endian") + little + b"s."
    out = PROTO + magic + b"." + PROTO + protocol + b"." + system + (state(("w", tensor(extra=b"N"))) if obj is None else obj)
    out += PROTO + b"](" + b"".join(map(text, keys)) + b"e."
    return out + (struct.pack("<Q", 4) + b"\0" * 16 if data is None else data)


def old_forms():
    good = legacy()
    yield "old form", good, True
    for cut in range(2, len(good), 11):
        yield "old form cut at %d" % cut, good[:cut]
    yield "old form, bytes behind", good + b"x"
    yield "old form, other magic", legacy(magic=integer(5))
    yield "old form, near magic", legacy(magic=integer(0x1950a86a20f9469cfc6d))
    yield "old form, other protocol", legacy(protocol=integer(1002))
    yield "old form, big-endian", legacy(little=b"\x89")
    yield "old form, endian a number", legacy(little=b"K\x01")
    yield "old form, no keys", legacy(keys=(), data=b"")
    yield "old form, key twice", legacy(keys=("0", "0"), data=(struct.pack("<Q", 4) + b"\0" * 16) * 2)
    yield "old form, key unknown", legacy(keys=("0", "1"))
    yield "old form, view", legacy(obj=state(("w", tensor(extra=b"(" + text("1") + b"K\x00K\x01t"))))
    for v in (0, 3, 5, 1 << 31, 1 << 32, 1 << 61, 1 << 62, (1 << 62) + 4, 1 << 63, (1 << 64) - 1):
        yield "old form, count %d" % v, legacy(data=struct.pack("<Q", v) + b"\0" * 16)


def main():
    if not ASAN:  # its shadow memory is address space; the programs inherit ours
        resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))
    top = tempfile.mkdtemp(prefix="clipmoe-hostile-")
    path, flag = os.path.join(top, "file.pt"), os.path.join(top, "executed")
    for name, data, *good in zips():
        check("zip: " + name, path, data, bool(good))
    for name, data, *good in tensors():
        check("tensor: " + name, path, data, bool(good))
    for name, data, *good in old_forms():
        check("old form: " + name, path, data, bool(good))
    for name, p in list(pickles()) + list(calls(flag)):
        check("pickle: " + name, path, pt(p))
        if len(p) < 1000:
            check("bare pickle: " + name, path, p)
            check("old form around: " + name, path, legacy(obj=p))
    if os.path.exists(flag):
        failures.append("something in a pickle was executed")
    shutil.rmtree(top)
    for line in failures:
        print("FAIL", line)
    print("%d passed, %d failed, 0 skipped" % (passed, len(failures)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
