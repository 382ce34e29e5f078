"""Held-out labelled pictures with their classes, and the archives that are made of them."""
import hashlib
import json
import os
import subprocess
import tarfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


class Failed(Exception):
    pass


def unpack(shards, folder):
    """Pictures with a class: [(path, class)]. The shards are read in order, so rows are the same everywhere."""
    labelled = []
    for shard in sorted(os.listdir(shards)):
        if not shard.endswith(".tar.xz"):
            continue
        into = os.path.join(folder, shard.split("-")[0])
        os.makedirs(into, exist_ok=True)
        with tarfile.open(os.path.join(shards, shard)) as tar:
            members = {m.name: m for m in tar if m.isfile()}
            for name in sorted(n for n in members if n.endswith(".json")):
                about = json.load(tar.extractfile(members[name]))
                if "class" not in about:
                    continue
                path = os.path.join(into, os.path.basename(name)[:-4] + "jpg")
                with open(path, "wb") as f:
                    f.write(tar.extractfile(members[name[:-4] + "jpg"]).read())
                labelled.append((path, about["class"].strip()))
    if not labelled:
        raise Failed("%s: no labelled pictures, expected shards of data/pairs/heldout" % shards)
    return labelled


def related():
    """For each class that has any: (narrower ones, ones to argue about); see related.tsv."""
    table = {}
    with open(os.path.join(HERE, "related.tsv"), encoding="utf-8") as f:
        for line in f:
            if not line.startswith("#"):
                name, narrower, unsure = line.rstrip("\n").split("\t")
                table[name] = tuple({w.strip() for w in words.split(",") if w.strip()} for words in (narrower, unsure))
    return table


def half(name):
    """0: its queries and pictures serve the choice; 1: the figure."""
    return hashlib.sha256(name.encode()).digest()[0] & 1


def embed(clipmoe, model, what, cwd):
    """Unit vectors of files or of texts."""
    out = os.path.join(cwd, "vectors.npy")
    command = [clipmoe, "embed", "--precision", "f32", "--npy", out] + (["--model", model] if model else [])
    if what[0].startswith("/"):
        r = subprocess.run(command + what, stderr=subprocess.PIPE, check=False)
    else:
        r = subprocess.run(command + ["--text", "-"], input="".join(t + "\n" for t in what).encode(),
                           stderr=subprocess.PIPE, check=False)
    if r.returncode:
        raise Failed(r.stderr.decode(errors="replace").strip().split("\n")[-1])
    return np.load(out).astype(np.float64)


def archives(classes, seeds, size):
    """Archives of @size pictures of one half: classes with all their pictures, in a random order. Yields the half, the rows,
    and a list of queries: (class, the rows that show it; none: it is absent)."""
    table, names = related(), sorted(set(classes))
    of = {n: [i for i, c in enumerate(classes) if c == n] for n in names}
    for seed in seeds:
        random = np.random.default_rng(seed)
        for which in (0, 1):
            mine = [n for n in names if half(n) == which]
            rows = np.array([i for n in random.permutation(mine) for i in of[n]][:size])
            there = {classes[i] for i in rows}
            queries = []
            for name in mine:
                narrower, unsure = table.get(name, (set(), set()))
                shown = ({name} | narrower) & there
                if shown or not unsure & there:
                    queries.append((name, np.array([classes[i] in shown for i in rows])))
            yield which, rows, queries
