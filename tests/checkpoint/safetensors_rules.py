#!/usr/bin/python3
"""Checks every rule of the safetensors format: files that break one are refused with a sentence, files that break none are read.

usage: safetensors_rules.py DUMP   (the program made of dump.c)
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import slow  # noqa: E402

DUMP = sys.argv[1]
I32 = {"dtype": "I32", "shape": [2, 2], "data_offsets": [0, 16]}


def st(header, data=b"", n=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if n is None else n) + text + data


def cases():
    yield "empty table", st(b"{}      "), True
    yield "trailing white space", st(b"{}\r \t\n"), True
    yield "scalar", st({"a": {"dtype": "I32", "shape": [], "data_offsets": [0, 4]}}, b"\0" * 4), True
    yield "zero dimension", st({"a": {"dtype": "I32", "shape": [2, 0], "data_offsets": [0, 0]}}), True
    yield "unaligned", st(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"\1" * 5), True
    yield "metadata", st({"__metadata__": {"format": "pt"}, "a": I32}, b"\0" * 16), True
    for dtype, size in (("BOOL", 1), ("U8", 1), ("I8", 1), ("F8_E5M2", 1), ("F8_E4M3", 1), ("I16", 2), ("U16", 2), ("F16", 2), ("BF16", 2),
                        ("I32", 4), ("U32", 4), ("F32", 4), ("F64", 8), ("I64", 8), ("U64", 8)):
        yield dtype, st({"a": {"dtype": dtype, "shape": [3], "data_offsets": [0, 3 * size]}}, b"\0" * 3 * size), True
        yield dtype + " short", st({"a": {"dtype": dtype, "shape": [3], "data_offsets": [0, 3 * size - 1]}}, b"\0" * (3 * size - 1))
    for n in (0, 1, 3, 100000001, 0x3c, 0xffffff000000003c, (1 << 63), (1 << 64) - 8, (1 << 64) - 1):
        yield "header of %d" % n, st(b"{}", n=n)
    for n in range(8):
        yield "%d bytes" % n, b"\0" * n
    for text in (b"\xff", b"{", b"[]", b"null", b" {}", b"\xef\xbb\xbf{}", b"{}x", b"{}{}", b"{}\0", b"{'a':1}", b"{\"a\":NaN}", b"// x\n{}",
                 "{}".encode("utf-16"), b'{"\xc0\xaf":1}', b'{"a":{},"a":{}}', b'{"a":{},"\\u0061":{}}', b'{"\\ud800":{}}', b'{"a\\u0000":{}}',
                 b"[" * 100000, b'{"a":' * 100000, b'{"a":null}', b'{"a":[]}', b'{"a":{}}', b'{"__metadata__":[]}', b'{"__metadata__":{"a":1}}'):
        yield "header %r" % text[:20], st(text)
    yield "extra bytes", st({"a": I32}, b"\0" * 50)
    yield "missing bytes", st({"a": I32}, b"\0" * 14)
    yield "one range of ten", st({"t%d" % i: I32 for i in range(10)}, b"\0" * 16)
    for name, value in {"shape too large": {"shape": [2, 3]}, "shape wraps": {"shape": [2, 18446744073709551614]}, "shape wraps 2": {"shape": [2, 9223372036854775807]},
                        "0 times huge": {"shape": [0, 9223372036854775807, 4]}, "dimension -1": {"shape": [-1]}, "dimension 2.0": {"shape": [2.0, 2]},
                        "dimension text": {"shape": ["2", 2]}, "dimension true": {"shape": [True, 4]}, "shape an object": {"shape": {}},
                        "end first": {"data_offsets": [16, 0]}, "one offset": {"data_offsets": [16]}, "three offsets": {"data_offsets": [0, 16, 16]},
                        "offsets floats": {"data_offsets": [0.0, 16.0]}, "offset 2^64": {"data_offsets": [0, 1 << 64]}, "offset -1": {"data_offsets": [-1, 15]},
                        "offset 2^63": {"data_offsets": [0, 1 << 63]}, "dtype lower case": {"dtype": "i32"}, "dtype number": {"dtype": 3}, "dtype unknown": {"dtype": "F4"},
                        "a key more": {"strides": [1]}}.items():
        yield name, st({"a": dict(I32, **value)}, b"\0" * 16)
    for key in I32:
        yield "no " + key, st({"a": {k: v for k, v in I32.items() if k != key}}, b"\0" * 16)
    for name in ("", "a" * 257, "a" * 60000, "a\nb", "\x1b[31m"):
        yield "name %r" % name[:10], st({name: I32}, b"\0" * 16)
    yield "200000 tensors", st({"t%d" % i: {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(200000)})


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="clipmoe-safetensors-") as top:
        path = os.path.join(top, "file.safetensors")
        for name, data, *good in cases():
            with open(path, "wb") as f:
                f.write(data)
            done = subprocess.run([DUMP, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=slow.seconds(20))
            err = done.stderr.decode("utf-8", "replace")
            if good:
                ok = done.returncode == 0 and not err
            else:
                ok = done.returncode == 1 and not done.stdout and err.count("\n") == 1 and path in err
            passed, failed = passed + ok, failed + (not ok)
            if not ok:
                print("FAIL %s: exit status %d, %s" % (name, done.returncode, err[:300]))
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
