#!/usr/bin/python3
"""Checks what `tag` and `embed` do with files by their first bytes: stills of every kind give the result of the same picture as
PNG, at once and rotated as they say; what is neither picture nor video is named; a video of any size is read piece by piece,
also from standard input."""
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import numpy
from PIL import Image

COMMAND = os.environ["CLIPMOE_COMMAND"]
SANITIZED = b"__asan_init" in open(COMMAND, "rb").read()
TOP = tempfile.mkdtemp(prefix="clipmoe-stills-")
failed = 0


def check(name, holds, *why):
    global failed
    failed += not holds
    print("%s %s" % ("ok" if holds else "FAIL", name), *([] if holds else [str(w)[-800:] for w in why]))


def run(*arguments, **more):
    return subprocess.run([COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240, **more)


def path(name):
    return os.path.join(TOP, name)


def stills():
    y, x = numpy.mgrid[0:120, 0:160]
    pixels = numpy.stack([x * 255 // 160, y * 255 // 120, ((x + y) % 64) * 4], 2).astype(numpy.uint8)
    pixels[30:90, 50:110] = [220, 30, 40]
    image = Image.fromarray(pixels).quantize(200).convert("RGB")
    palette = [frame.quantize(200) for frame in (image, image.rotate(90), image.rotate(180))]
    turned, exif = image.transpose(Image.ROTATE_90), Image.Exif()
    exif[0x112] = 6  # shown after a quarter turn
    image.save(path("ref.png"))
    image.save(path("a.bmp"))
    image.save(path("a.tif"))
    palette[0].save(path("a.gif"))
    palette[0].save(path("moving.gif"), save_all=True, append_images=palette[1:], duration=200, loop=0)
    image.save(path("a.webp"), lossless=True)
    image.save(path("moving.webp"), save_all=True, append_images=[image.rotate(90)], duration=200, lossless=True)
    turned.save(path("turned.webp"), lossless=True, exif=exif)
    turned.save(path("turned.png"), exif=exif)
    turned.save(path("turned.tif"), tiffinfo={0x112: 6})
    shutil.copy(path("moving.gif"), path("gif-named.mp4"))
    names = ["ref.png", "a.bmp", "a.tif", "a.gif", "moving.gif", "a.webp", "moving.webp", "turned.webp", "turned.png",
             "turned.tif", "gif-named.mp4"]
    done = run("embed", *map(path, names))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    check("every still is embedded, once", [l["source"] for l in lines] == list(map(path, names)), done.stderr)
    vectors = {l["embedding"]["base64"] for l in lines}
    check("and is the same picture", len(vectors) == 1, [l["embedding"]["base64"][:20] for l in lines])
    done = run("tag", "--json", "--labels", "a;b", "--attach-embedding", "true", *map(path, names))
    check("for tag, too", {json.loads(l)["embedding"]["base64"] for l in done.stdout.splitlines()} == vectors and
          done.stdout.count(b"\n") == len(names), done)


def others():
    kinds = {"page.jpg": (b"<!DOCTYPE html>\n<html>404</html>", "a web page"), "page.png": (b"\n <html>404</html>", "a web page"),
             "a.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"), "a.jpg": (b"PK\3\4" + bytes(99), "a ZIP archive"),
             "b.jpg": (b"not found\n", "a text file"), "c.jpg": (b'{"error": 404}', "a JSON file"), "c.png": (b"[ 1, 2]", "a JSON file"), "c.labels": (b"[group door]\nopen\n", "a text file"), "d.jpg": (b"", "an empty file"),
             "e.jpg": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS"),
             "f.mp4": (b"\x1f\x8b\x08" + bytes(99), "gzip"), "g.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "a HEIC picture"),
             "h.avif": (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(99), "an AVIF picture"),
             "i.heic": (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + bytes(99), "an AVIF picture"),
             "j.gguf": (b"GGUF\3\0\0\0" + bytes(99), "a GGUF model"), "k.cr2": (b"II*\0\x10\0\0\0CR\2\0" + bytes(99), "a camera's raw file"),
             "l.xml": (b"<?xml version='1.0'?><a/>", "an XML file"), "m.bin": (os.urandom(3) + b"\0\1\2" + bytes(2999), "")}
    for name, (data, what) in kinds.items():
        with open(path(name), "wb") as f:
            f.write(data)
        for command in (["embed"], ["tag", "--labels", "a;b"]):
            done = run(*command, path(name))
            said = done.stderr.decode(errors="replace")
            check("%s of %s" % (command[0], name), done.returncode == 1 and not done.stdout and said.count("\n") == 1 and
                  name in said and what in said and "Missing" not in said, done)
    done = run("embed", "-", input=b"<html></html>")
    check("a web page on standard input", done.returncode == 1 and b"standard input: a web page" in done.stderr, done)


def large():
    video = path("large.mkv")
    subprocess.run(("gst-launch-1.0 -q videotestsrc num-buffers=40 ! video/x-raw,width=160,height=120,framerate=10/1 ! jpegenc ! "
                    "matroskamux ! filesink location=" + video).split(), check=True, timeout=120,
                   # not ours to load: in a sanitizer build gst-launch-1.0 could not
                   env=dict(os.environ, GST_PLUGIN_PATH="", GST_REGISTRY=path("registry")))
    with open(video, "ab") as f:  # then an element that holds nothing: of Matroska, EBML Void
        hole = 700 << 20
        f.write(b"\xec\x01" + hole.to_bytes(7, "big"))
        f.truncate(f.tell() + hole)
    for what, arguments, more in (("named", [video], {}), ("on standard input", ["-"], {"stdin": open(video, "rb")})):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        done = run("tag", "--json", "--labels", "a;b", *arguments, **more)
        most = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) >> 10
        check("a video of 700 MB, " + what, done.returncode == 0 and done.stdout.count(b"\n") == 4, done)
        check("is not held in memory, " + what, SANITIZED or most < 400, most)
    with open(path("large.png"), "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n")
        f.truncate(600 << 20)
    done = run("embed", path("large.png"))
    check("a picture has a limit, which is said", done.returncode == 1 and b"536870912" in done.stderr, done)


def main():
    begun = time.time()
    stills()
    others()
    large()
    print("%.1f s" % (time.time() - begun))
    shutil.rmtree(TOP, ignore_errors=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
