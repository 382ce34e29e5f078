#!/usr/bin/python3
"""Checks that time and memory of readers do not grow faster than the file: n, 2n and 4n tensors, storages, labels, merges, zip
members, templates, scans. The measure is the command's own processor time, less that for a small file; a ratio above the
bound is measured again before it counts, so that a busy machine causes no failure.

usage: growth.py DUMP   (the program made of tests/checkpoint/dump.c)
"""
import json
import os
import resource
import struct
import subprocess
import sys

from corpus import COMMAND, TOP, close, png, safetensors, verdict, write
import slow  # noqa: E402, in the path that corpus has set

DUMP = sys.argv[1]
TIMES, BOUND, TRIES = 4, 6.5, 4  # four times as much may take at most so many times as long; a quadratic reader takes 16


def seconds(arguments):
    """Of the processor, in the command alone. os.times () counts in hundredths, which is too coarse for some."""
    def children():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime
    best = None
    for _ in range(2):
        before = children()
        subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=slow.seconds(100))
        took = children() - before
        best = took if best is None else min(best, took)
    return best


def grows(name, make, arguments, n):
    """@make (n) gives a file of n things; @arguments (path) reads it."""
    for attempt in range(TRIES):
        small = seconds(arguments(write("g", make(1))))
        one = seconds(arguments(write("g", make(n)))) - small
        if one < 0.04:  # too little to tell
            n *= 2
            one = max(seconds(arguments(write("g", make(n)))) - small, 0.01)
        four = seconds(arguments(write("g", make(TIMES * n)))) - small
        if four / one <= BOUND:
            return verdict(name, None)
    verdict(name, "%d take %.3f s, %d take %.3f s" % (n, one, TIMES * n, four))


def tensors(n):
    return safetensors({"t%d" % i: {"dtype": "U8", "shape": [1], "data_offsets": [i, i + 1]} for i in range(n)}, b"x" * n)


def reversed_tensors(n):
    return safetensors({"t%d" % i: {"dtype": "U8", "shape": [1], "data_offsets": [n - 1 - i, n - i]} for i in range(n)}, b"x" * n)


def main():
    import torch_files as tf
    dump = lambda path: [DUMP, path]
    label_file = lambda path: [COMMAND, "tag", "--labels-file", path, "--templates", "no hole", os.path.join(TOP, "p.png")]
    write("p.png", png(8, 8))
    grows("tensors", tensors, dump, 10000)
    grows("tensors from the last to the first", reversed_tensors, dump, 10000)
    grows("metadata", lambda n: safetensors({"__metadata__": {"k%d" % i: "v" for i in range(n)}}), dump, 40000)
    grows("torch tensors of one storage", lambda n: tf.pt(tf.PROTO + b"}(" + tf.storage()[:-1] + b"Qq\x01" + b"".join(
        tf.text("t%d" % i) + tf.tensor(what=b"h\x01", offset=i % 4, size=(1,)) for i in range(n)) + b"u."), dump, 6000)
    grows("torch storages", lambda n: tf.pt(tf.PROTO + b"}(" + b"".join(tf.text("t%d" % i) + tf.tensor(key="%d" % i) for i in range(n)) + b"u.",
                                            others=[tf.Member("m/data/%d" % i, b"\0" * 16) for i in range(1, n)]), dump, 5000)
    grows("zip members", lambda n: tf.pt(tf.state(("w", tf.tensor())), others=[tf.Member("m/x/%d" % i) for i in range(n)])[:-1] + b"\0", dump, 12000)
    grows("nested lists", lambda n: tf.pt(tf.PROTO + b"(" + b"(" * 900 + b"N" * n + b"l" * 900 + b"t."), dump, 200000)
    grows("appended one by one", lambda n: tf.pt(tf.PROTO + b"]" + b"Na" * n + b"."), dump, 100000)
    grows("a dict's entries", lambda n: tf.pt(tf.PROTO + b"}(" + b"".join(tf.text("%d" % i) + b"N" for i in range(n)) + b"u."), dump, 50000)
    grows("memo", lambda n: tf.pt(tf.PROTO + b"N" + b"".join(b"r" + struct.pack("<I", i) for i in range(n)) + b"."), dump, 100000)
    table = lambda n: json.dumps({"t%d" % i: i for i in range(n)})
    vocab = lambda path: [COMMAND, "tokenize", "--vocab", path, "a"]
    grows("tokens", lambda n: table(n + 600), lambda path: vocab(os.rename(path, path + ".json") or path + ".json"), 40000)
    grows("merges", lambda n: "#\n" + "".join("a%d b%d\n" % (i, i) for i in range(n)), vocab, 10000)
    grows("labels", lambda n: "".join("label %d = prompt %d @ 0.5\n" % (i, i) for i in range(n)), label_file, 20000)
    grows("blank lines", lambda n: "\n" * n + "a\n", label_file, 1000000)
    grows("templates", lambda n: "".join("%d {}\n" % i for i in range(min(n, 9000))), lambda path: [
        COMMAND, "tag", "--labels", "\udcff", "--templates", "@" + path, os.path.join(TOP, "p.png")], 2000)
    grows("words", lambda n: "word " * n, lambda path: ["sh", "-c", 'exec "$0" tokenize - < "$1"', COMMAND, path], 100000)
    grows("one word", lambda n: "ab" * n, lambda path: ["sh", "-c", 'exec "$0" tokenize - < "$1"', COMMAND, path], 200000)
    grows("lines", lambda n: "a dog\n" * n, lambda path: ["sh", "-c", 'exec "$0" tokenize - < "$1"', COMMAND, path], 20000)
    grows("NULs", lambda n: b"a\0" * n, lambda path: ["sh", "-c", 'exec "$0" tokenize - < "$1"', COMMAND, path], 50000)
    grows("entities", lambda n: "&amp;" * n, lambda path: ["sh", "-c", 'exec "$0" tokenize - < "$1"', COMMAND, path], 100000)
    grows("ampersands", lambda n: "&" * n, lambda path: ["sh", "-c", 'exec "$0" tokenize - < "$1"', COMMAND, path], 200000)
    grows("picture chunks", lambda n: png(8, 8, before=b"".join(b"\0\0\0\0abCd\x8a\xf9\x3b\x0f" for _ in range(n))), lambda path: [
        COMMAND, "embed", path], 20000)
    close()


if __name__ == "__main__":
    main()
