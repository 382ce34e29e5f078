#!/usr/bin/python3
"""Checks labels that pictures show: their vectors, in every geometry and upright; whose paths they are; refusals; what is said where
their scores mean little; and that an element takes other pictures while it plays, and none from a stranger."""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import gi
import numpy
from PIL import Image

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

COMMAND = os.environ["CLIPMOE_COMMAND"]
TOP = tempfile.mkdtemp(prefix="clipmoe-examples-")
failed = 0


def check(name, holds, *why):
    global failed
    failed += not holds
    print("%s %s" % ("ok" if holds else "FAIL", name), *([] if holds else [str(w)[-800:] for w in why]))


def run(*arguments, **more):
    return subprocess.run([COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240, **more)


def path(name):
    return os.path.join(TOP, name)


def write(name, text):
    with open(path(name), "w") as f:
        f.write(text)
    return path(name)


def vectors(*arguments):
    lines = [json.loads(l) for l in run("embed", *arguments).stdout.splitlines()]
    return numpy.array([numpy.frombuffer(base64.b64decode(l["embedding"]["base64"]), "<f4") for l in lines], "f8")


def unit(v):
    return v / numpy.linalg.norm(v)


def cosines(picture, labels_file, *options, **more):
    r = run("tag", "--json", "--score", "cosine", "--threshold", "-1", "--top-k", "99", "--labels-file", labels_file, *options, picture, **more)
    return {t["label"]: t["cosine"] for l in r.stdout.splitlines() for t in json.loads(l)["tags"]}, r


def pictures():
    y, x = numpy.mgrid[0:90, 0:200]
    for name, colour in ("red", (230, 20, 20)), ("blue", (20, 20, 230)), ("mixed", (120, 200, 60)):
        pixels = numpy.stack([(x * 7 + y * 3) % 60] * 3, 2)
        pixels[20:70, 10 + 40 * (name == "blue"):120] += 60
        image = Image.fromarray(numpy.clip(pixels + numpy.array(colour) // 2, 0, 255).astype(numpy.uint8))
        image.save(path(name + ".png"))
    exif = Image.Exif()
    exif[0x112] = 6
    Image.open(path("red.png")).transpose(Image.ROTATE_90).save(path("turned.png"), exif=exif)
    os.mkdir(path("sub"))
    shutil.copy(path("blue.png"), path("sub/a;b + c@d=e.png"))


def meaning():
    red, blue, mixed = vectors(path("red.png"), path("blue.png"), path("mixed.png"))
    words = vectors("--text", "some words")[0]
    made = write("l.labels", "one = @red.png\nboth = @ red.png ; blue.png\nwords = @red.png;blue.png + some words\n"
                 "far = @%s\nodd = @sub/a\\;b \\+ c\\@d\\=e.png\nturned = @turned.png\n" % path("blue.png"))
    pair = unit(red + blue)
    expected = {"one": mixed @ red, "both": mixed @ pair, "words": mixed @ unit(pair + words), "far": mixed @ blue, "odd": mixed @ blue,
                "turned": mixed @ red}
    for where in TOP, "/":
        got, r = cosines(path("mixed.png"), made, cwd=where)
        check("the mean of unit vectors, from %s" % where, set(got) == set(expected) and all(abs(got[k] - expected[k]) < 2e-6 for k in got), got, expected, r)
    got, r = cosines("mixed.png", "l.labels", cwd=TOP)
    check("a list in the working folder", set(got) == set(expected), r)
    for geometry in "letterbox", "squash":
        got, r = cosines(path("red.png"), made, "--geometry", geometry)
        check("as the pictures that it is compared with: " + geometry, abs(got["one"] - 1) < 1e-5 and abs(got["turned"] - 1) < 1e-5, got, r)


def refusals():
    write("text.png", "no picture\n")
    write("broken.png", "")
    with open(path("red.png"), "rb") as f, open(path("broken.png"), "wb") as g:
        g.write(f.read()[:400])
    os.mkfifo(path("fifo.png"))
    for name, line, says in (("missing", "@gone.png", "gone.png: "), ("no picture", "@red.png;text.png", "text.png: a text file"),
                             ("cut", "@broken.png", "broken.png: "), ("folder", "@sub", "sub: "), ("pipe", "@fifo.png", "fifo.png: "),
                             ("video", "@../../../dev/null", "")):
        r = run("tag", "--labels-file", write("bad.labels", "dog\n\ncat = %s\n" % line), path("red.png"))
        check("refused: " + name, r.returncode == 1 and not r.stdout and r.stderr.count(b"\n") == 1 and b"bad.labels:3: label \"cat\": " in r.stderr and
              says.encode() in r.stderr, r)
    r = run("tag", "--labels", "dog;cat = @%s" % path("red.png"), path("red.png"))
    check("no picture in --labels", r.returncode == 1 and b"words alone" in r.stderr and not r.stdout, r)
    r = run("tag", "--negative-labels", "cat = @%s" % path("red.png"), "--labels", "dog", path("red.png"))
    check("nor in --negative-labels", r.returncode == 1 and b"words alone" in r.stderr and not r.stdout, r)


def advice():
    a, b = "a = @red.png\nb = @blue.png\n", "[group g]\nc\nd\n"
    for name, text, options, says in (("mixed", a + "dog\n", [], b"in one softmax"), ("negatives are words", a, ["--negative-labels", "x"], b"in one softmax"),
                                      ("in a group", "[group g]\na = @red.png\nb\n", [], b"in one softmax"), ("sigmoid", a, ["--score", "sigmoid"], b"score=sigmoid"),
                                      ("alike", a, [], None), ("a group each", a + b, [], None), ("cosine", a + "dog\n", ["--score", "cosine"], None)):
        r = run("tag", "--labels-file", write("a.labels", text), *options, path("red.png"), path("blue.png"))
        check("said once: " + name if says else "nothing to say: " + name, r.stderr.count(says) == 1 if says else not r.stderr, r)


def playing():
    Gst.init(None)
    made = write("p.labels", "it = @red.png\n")
    p = Gst.parse_launch("videotestsrc pattern=red ! video/x-raw,format=RGB,width=64,height=64,framerate=50/1 ! "
                         "clipmoetag name=t mode=sync rate=0 score=cosine post-messages=all source=door ! fakesink name=s sync=true")
    tag, bus = p.get_by_name("t"), p.get_bus()
    tag.set_property("labels-file", made)
    p.set_state(Gst.State.PLAYING)
    shutil.copy(path("red.png"), path("kept.png"))

    def until(holds):
        warnings, end = [], time.monotonic() + 60
        while time.monotonic() < end:
            m = bus.timed_pop_filtered(Gst.SECOND, Gst.MessageType.ERROR | Gst.MessageType.WARNING | Gst.MessageType.ELEMENT)
            if m and m.type == Gst.MessageType.ERROR:
                return None
            if m and m.type == Gst.MessageType.WARNING:
                warnings.append(m.parse_warning()[0].message)
            line = m.get_structure().get_string("json") if m and m.type == Gst.MessageType.ELEMENT else None
            if holds([t["cosine"] for t in json.loads(line)["tags"]] if line else [], warnings):
                return True
        return False

    first = []
    check("the element has it", until(lambda c, w: first.extend(c) or len(c) == 1))
    shutil.copy(path("blue.png"), path("red.png"))
    tag.set_property("labels-file", made)  # the list and its pictures are read again
    check("other pictures under the same name", until(lambda c, w: c and abs(c[0] - first[0]) > 1e-3), first)
    write("p.labels", "it = @gone.png\n")
    tag.set_property("labels-file", made)
    check("one that is gone is a warning, and the labels stay", until(lambda c, w: any("gone.png" in x for x in w) and c))
    p.get_by_name("s").get_static_pad("sink").push_event(
        Gst.Event.new_custom(Gst.EventType.CUSTOM_UPSTREAM, Gst.Structure.new_from_string(
            'clipmoe-control, source=(string)door, labels=(string)"a = @%s"' % path("kept.png"))))
    check("a command names no picture", until(lambda c, w: any("words alone" in x for x in w) and c))
    p.set_state(Gst.State.NULL)


pictures()
meaning()
refusals()
advice()
playing()
shutil.rmtree(TOP)
sys.exit(failed != 0)
