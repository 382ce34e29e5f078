#!/usr/bin/python3
"""Checks `clipmoe search`: what it prints, for people and for programs (docs/search.schema.json); pictures and moments that find
themselves; filters; what is refused, and with which exit status; that the words of the bank are encoded once."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

import indexing
from indexing import COMMAND, check
from schema import valid

sys.path.insert(0, os.environ["CLIPMOE_TEST_SOURCES"])
import slow  # noqa: E402

TOP = tempfile.mkdtemp(prefix="clipmoe-search-")
STORE, ENV = os.path.join(TOP, "store"), dict(os.environ, XDG_CACHE_HOME=os.path.join(TOP, "cache"), TZ="Europe/Berlin")


def search(*arguments, **more):
    arguments = list(arguments) if "--store" in arguments else ["--store", STORE, *arguments]
    return subprocess.run([COMMAND, "search", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV,
                          timeout=slow.seconds(120), **more)


def answer(*arguments):
    """(the line of the query, those of the hits), each checked against the schema."""
    r = search("--json", *arguments)
    lines = [json.loads(line) for line in r.stdout.decode().splitlines()]
    check("%s: done" % (arguments,), r.returncode == 0 and lines, r.stderr)
    wrong = valid(lines[0], "search") + [w for line in lines[1:] for w in valid(line, "hit")]
    check("%s: as the schema says" % (arguments,), not wrong, wrong)
    return lines[0], lines[1:]


def refused(name, status, *arguments, says=""):
    r = search(*arguments)
    check("refused: " + name, r.returncode == status and not r.stdout and says in r.stderr.decode() and
          len([line for line in r.stderr.decode().splitlines() if not line.startswith("clipmoe: since")]) == 1, r.returncode, r.stdout, r.stderr)


def pictures():
    """Twelve pictures that no two look alike."""
    folder = os.path.join(TOP, "pictures")
    os.makedirs(os.path.join(folder, "more"))
    random = numpy.random.default_rng(19)
    for i in range(12):
        small = random.integers(0, 256, (4, 4, 3), numpy.uint8)
        Image.fromarray(small).resize((160, 160), Image.BICUBIC).save(os.path.join(folder, "more" if i % 2 else "", "picture-%d.png" % i))
    odd = os.path.join(os.fsencode(folder), b"odd\n\xff.png")
    Image.fromarray(255 - small).resize((160, 160), Image.NEAREST).save(os.path.join(folder, "odd.png"))
    os.rename(os.path.join(folder, "odd.png"), odd)
    r = indexing.run(STORE, folder)
    check("indexed", r.returncode == 0, r.stderr)
    return folder


def answers(folder):
    head, hits = answer("red van")
    check("words", head["query"] == [{"weight": 1, "text": "red van"}] and head["moments"] == 13 and len(hits) == 10, head)
    check("best first", all(a["cosine"] >= b["cosine"] for a, b in zip(hits, hits[1:])), hits)
    check("any hit stands out, or none", head["stands_out"] == any(h["stands_out"] for h in hits), head, hits)
    head, hits = answer("red van", "+", "0.5", "night", "-", "rain", "--limit", "3")
    check("terms", head["query"] == [{"weight": 1, "text": "red van"}, {"weight": 0.5, "text": "night"}, {"weight": -1, "text": "rain"}] and
          len(hits) == 3, head)
    for name in "picture-2.png", os.path.join("more", "picture-5.png"):
        path = os.path.join(folder, name)
        head, hits = answer("--image", path, "--limit", "2")
        check("a picture finds itself: " + name, hits[0]["file"] == path and hits[0]["cosine"] > 0.995 and hits[0]["score"] is None and
              head["query"] == [{"weight": 1, "image": path}], hits)
        _, likes = answer("--like", str(hits[0]["moment"]), "--limit", "2")
        check("a moment finds itself: " + name, likes[0]["moment"] == hits[0]["moment"], likes)
    head, hits = answer("--image", os.path.join(folder, "picture-2.png"), "red", "--explain")
    check("words and a picture", len(head["query"]) == 2 and "explain" in head and "explain" in hits[0], head)
    _, hits = answer("thing", "--explain")
    check("the reason is in the explanation", all((h["explain"]["margin"] >= 0) == h["stands_out"] for h in hits), hits)


def filters(folder):
    check("--path of a folder", answer("red", "--path", os.path.join(folder, "more"))[0]["moments"] == 6)
    check("--path of a pattern", answer("red", "--path", "*/picture-1*.png")[0]["moments"] == 3)
    check("--since", answer("red", "--since", "-1h")[0]["moments"] == 13 and answer("red", "--until", "-1d")[0]["moments"] == 0)
    check("--source", answer("red", "--source", "door")[0]["moments"] == 0)
    r = search("red", "--since", "2026-11-01")
    check("the zone is said", b"2026-11-01 00:00:00 +01:00" in r.stderr and r.returncode == 0, r.stderr)
    r = search("red", "--source", "door")
    check("nothing passes", r.stdout == b"no moment passes the filters\n" and r.returncode == 0, r.stdout)


def table():
    r = search("red", "--limit", "13", "--explain")
    text = r.stdout.decode()
    check("a table", r.returncode == 0 and "distance" in text and text.count("picture-") == 12 and "Rule: " in text, text)
    check("a time that is only that of the file is marked, and has its zone once", re.search(r"  ~\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:00$", text, re.M), text)
    check("a name is shown without what a terminal would obey", "odd\ufffd\ufffd.png" in text and "odd\n" not in text, text)
    stands = [line for line in text.splitlines() if line.startswith("* ") and line != "* stands out"]
    check("where nothing stands out, the first line says so", bool(stands) != text.startswith("nothing stands out; the nearest:\n"), text)


def bank():
    entries = [n for n in os.listdir(os.path.join(TOP, "cache", "clipmoe")) if n.startswith("bank-")]
    check("the bank is kept", len(entries) == 1, entries)
    path = os.path.join(TOP, "cache", "clipmoe", entries[0])
    before = answer("red")[1]
    with open(path, "r+b") as f:
        f.seek(500)
        f.write(b"\0\0\0\0")
    check("a damaged bank is made again", answer("red")[1] == before and os.path.getsize(path) > 500)
    answer("red", "--templates", "none")
    check("other templates, another bank", len([n for n in os.listdir(os.path.dirname(path)) if n.startswith("bank-")]) == 2)


def refusals():
    empty = os.path.join(TOP, "empty")
    refused("nothing asked", 2)
    refused("a quotation mark alone", 2, '"red', says="quotation")
    refused("hours", 2, "red", "--hours", "25-3", says="hours")
    refused("a time", 2, "red", "--since", "once", says="--since")
    refused("the end before the start", 2, "red", "--since", "-1h", "--until", "-2h")
    refused("a limit", 2, "red", "--limit", "0")
    refused("a moment's number", 2, "--like", "x")
    refused("no such moment", 1, "--like", "999999")
    refused("no archive", 1, "--store", empty, "red", says="clipmoe index")
    refused("terms that cancel each other out", 1, "red", "-", "red", says="cancel")
    refused("no such picture", 1, "--image", os.path.join(TOP, "none.png"))
    refused("another model", 1, "--model", "clip-tiny", "red", says="--reindex")
    refused("a moment with another model", 1, "--model", "clip-tiny", "--like", "1", says="--reindex")


folder_of_pictures = pictures()
answers(folder_of_pictures)
filters(folder_of_pictures)
table()
bank()
refusals()
shutil.rmtree(TOP)
indexing.finish()
