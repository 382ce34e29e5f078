#!/usr/bin/python3
"""Protects: approximate search in a PostgreSQL archive (test_ann.c), and what the commands say of it: `clipmoe search --ann`,
`clipmoe index --ann`, `clipmoe serve --ann`. Where the server has no extension "vector", what they say of that; where it has it,
that the answers are the exact ones, that they say that they are approximate, and that nobody has fetched vectors.

    ann.py TEST_ANN

The server is the test's own: pgserver.py."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import numpy
from PIL import Image

import indexing
from indexing import COMMAND, check, run, slow
from pgserver import NONE_HERE, Server, binaries
from schema import valid

TOP = tempfile.mkdtemp(prefix="clipmoe-ann-")
PICTURES = 8


def clipmoe(*words):
    return subprocess.run([COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=slow.seconds(120))


def refused(name, status, says, *words):
    r = clipmoe(*words)
    err = r.stderr.decode()
    check("refused: " + name, r.returncode == status and not r.stdout and says in err and "geheim" not in err and
          len(err.splitlines()) == (1 if status == 1 else len(err.splitlines())), r.returncode, r.stdout, err)


def pictures():
    folder = os.path.join(TOP, "pictures")
    os.mkdir(folder)
    random = numpy.random.default_rng(5)
    for i in range(PICTURES):
        Image.fromarray(random.integers(0, 255, (4 + i, 5, 3), "uint8")).resize((224, 224)).save(os.path.join(folder, "%d.png" % i))
    return folder


def lines(store, *words):
    r = clipmoe("search", "--store", store, "--json", *words)
    check("search %s: done" % (words,), r.returncode == 0, r.stderr)
    head, *hits = [json.loads(line) for line in r.stdout.splitlines()]
    wrong = valid(head, "search") + [w for hit in hits for w in valid(hit, "hit")]
    check("search %s: as the schema says" % (words,), not wrong, wrong)
    return head, hits


def says(server, uri):
    folder = os.path.join(TOP, "folder")
    run(folder, os.path.join(TOP, "pictures", "0.png"))
    for name, words in ("search", ["search", "--ann", "--like", "1"]), ("serve", ["serve", "--ann", "--listen", "127.0.0.1:0"]), \
            ("index", ["index", "--ann"]), ("index", ["index", "--drop-ann"]):
        if words[-1] != "--drop-ann":
            refused("%s without the extension" % name, 1, "CREATE EXTENSION vector SCHEMA public; then clipmoe index --ann", *words, "--store", uri)
        refused("%s, a folder" % name, 1, "--ann is for one in PostgreSQL", *words, "--store", folder)
    refused("index --ann with more", 2, "--ann stands alone", "index", "--store", uri, "--ann", "--verify")
    refused("index --ann with a file", 2, "--ann stands alone", "index", "--store", uri, "--ann", folder)


def ask(process, path):
    url = process.url.rstrip("/") + path
    with urllib.request.urlopen(url, timeout=slow.seconds(60)) as reply:
        return reply.read()


def finds(server, uri):
    server.ask("ann", "CREATE EXTENSION vector SCHEMA public")
    refused("search without the index", 1, "clipmoe index --ann makes it", "search", "--ann", "--like", "1", "--store", uri)
    r = run(uri, "--ann")
    check("index --ann: done, and says so", r.returncode == 0 and b"is complete" in r.stdout and b"building the index: " in r.stderr,
          r.returncode, r.stdout, r.stderr)
    kept = os.path.join(os.environ["XDG_CACHE_HOME"], "clipmoe", "mirror-%s-*" % server.ask("ann", "SELECT id FROM clipmoe.store"))
    for words in (["--like", "3"], ["red stripes"], ["--like", "2", "--path", "*/[0-4].png"]):
        exact = lines(uri, *words)
        for path in glob.glob(kept):
            os.unlink(path)
        near = lines(uri, "--ann", *words)
        filtered = "--path" in words
        how = near[0].pop("approximate", None)
        check("%s: says that it is approximate" % words, how and how["sample"] == exact[0]["moments"] and
              (how["ef_search"] is None) == filtered and not how["estimated"] and not how["fewer"], how)
        check("%s: without a mirror" % words, not glob.glob(kept))
        # a sample is of all here, but computed otherwise than all are
        for hit in exact[1] + near[1]:
            hit["distance"] = round(hit["distance"] / 5)
        exact[0]["seconds"] = near[0]["seconds"] = 0
        check("%s: finds what is there" % words, near == exact, near, exact)
    r = clipmoe("search", "--store", uri, "--ann", "--like", "3")
    check("a table says it, too", b"\napproximate: the best of 8 candidates of an index (ef_search 200); distances by a sample of 8 of 8 moments\n"
          in r.stdout, r.stdout, r.stderr)
    serves(uri, kept)
    r = run(uri, "--drop-ann")
    check("index --drop-ann: done", r.returncode == 0 and b"no approximate index now" in r.stdout, r.stdout, r.stderr)
    refused("search when it is gone", 1, "clipmoe index --ann makes it", "search", "--ann", "--like", "1", "--store", uri)


def serves(uri, kept):
    process = subprocess.Popen([COMMAND, "serve", "--ann", "--store", uri, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE)
    try:
        process.url = process.stdout.readline().decode().strip()
        answer = json.loads(ask(process, "/api/search?like=3&limit=4"))
        check("serve: says that it is approximate", answer["approximate"]["sample"] == PICTURES and len(answer["hits"]) == 4, answer)
        moment = answer["hits"][0]["moment"]
        check("serve: the moment itself comes first", moment == 3, answer["hits"])
        check("serve: a moment and its picture", json.loads(ask(process, "/api/moments/3"))["moment"] == 3 and ask(process, "/thumb/3.jpg")[:2] == b"\xff\xd8")
        check("serve: without a mirror", not glob.glob(kept))
    finally:
        process.terminate()
        process.wait(slow.seconds(60))
        process.stdout.close()


def main():
    where = binaries()
    if not where:
        print(NONE_HERE)
        return 77
    server = None
    try:
        server = Server(TOP, where)
        there = server.ask("postgres", "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'") == "1"
        environment = dict(os.environ, CLIPMOE_TEST_POSTGRES=server.uri("%s"))
        if there:
            environment["CLIPMOE_TEST_PGVECTOR"] = "1"
        check("the store", subprocess.run([sys.argv[1]], env=environment, check=False).returncode == 0)
        uri = server.create("ann")
        r = run(uri, pictures())
        check("pictures are indexed", r.returncode == 0, r.stderr)
        says(server, uri)
        if there:
            finds(server, uri)
    finally:
        if server:
            server.stop()
        shutil.rmtree(TOP, ignore_errors=True)
    return indexing.failed > 0


if __name__ == "__main__":
    sys.exit(main())
