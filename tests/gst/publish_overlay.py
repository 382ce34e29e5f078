"""What clipmoepublish sends and clipmoeoverlay draws.

Runs alone: GST_PLUGIN_PATH and CLIPMOE_MODEL_PATH name the build. Closes with `N passed, N failed, N skipped`.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import slow  # noqa: E402

SOURCE = "videotestsrc num-buffers=40 pattern=black ! video/x-raw,format=RGB,width=320,height=240,framerate=10/1"
TAG = "clipmoetag labels=dog,car threshold=0 source=cam rate=1"
passed = failed = 0


def check(name, ok, *why):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED:", name, *[str(w)[:800] for w in why])


def launch(line):
    return subprocess.run(["gst-launch-1.0", "-q", *line.split()], capture_output=True, timeout=slow.seconds(60))


def lines(data):
    return [json.loads(l) for l in data.splitlines()]


def main():
    work = tempfile.mkdtemp()
    out = os.path.join(work, "tags.jsonl")
    look = lines(launch(f"{SOURCE} ! {TAG} ! clipmoepublish target=stdout: ! fakesink").stdout)
    check("look: one line a look", [l["time"] for l in look] == [0, 1, 2, 3], look)
    check("a stream that is not live has no UTC time", all("at" not in l for l in look))
    frame = lines(launch(f"{SOURCE} ! {TAG} ! clipmoepublish target=stdout: on=frame ! fakesink").stdout)
    check("frame: one line a frame, with its age",
          len(frame) == 40 and [l["age"] for l in frame[:11]] == [i / 10 for i in range(10)] + [0], frame[:11])
    change = lines(launch(f"{SOURCE} ! {TAG} ! clipmoepublish target=stdout: on=change ! fakesink").stdout)
    check("change: a still picture is one line", len(change) == 1, change)
    twice = lines(launch(f"{SOURCE} ! {TAG} ! videorate ! video/x-raw,framerate=20/1 ! "
                         "clipmoepublish target=stdout: ! fakesink").stdout)
    check("a doubled buffer's look is sent once", len(twice) == 4, twice)
    models = lines(launch(f"{SOURCE} ! {TAG} ! {TAG} activation=gelu ! clipmoepublish target=stdout: ! fakesink").stdout)
    check("two models on one stream are two looks", len(models) == 8 and len({l["model"] for l in models}) == 2, models)
    for _ in range(2):
        launch(f"{SOURCE} ! {TAG} ! clipmoepublish target=file:{out} ! fakesink")
    with open(out, "rb") as f:
        check("a file is appended to, whole lines", lines(f.read()) == look + look)
    torn = os.path.join(work, "torn.jsonl")
    with open(torn, "wb") as f:
        f.write(b'{"half')
    with open(torn, "ab") as f: # the shell's >>
        subprocess.run(["gst-launch-1.0", "-q", *f"{SOURCE} ! {TAG} ! clipmoepublish target=stdout: ! fakesink".split()],
                       stdout=f, timeout=60)
    with open(torn, "rb") as f:
        check("half a line in the file of standard output ends before ours",
              f.readline() == b'{"half\n' and lines(f.read()) == look)
    live = lines(launch("videotestsrc is-live=true num-buffers=5 ! video/x-raw,framerate=10/1 ! "
                        f"{TAG} mode=sync ! clipmoepublish target=stdout: ! fakesink").stdout)
    check("a live stream has the UTC time", len(live) == 1 and live[0]["at"].endswith("Z"), live)
    for name, target, word in (("no target", "", b"No target"), ("unknown target", "target=ftp://h", b"unknown"),
                               ("missing folder", f"target=file:{work}/a/b", b"No such file"),
                               ("full disk", "target=file:/dev/full", b"No space left")):
        r = launch(f"{SOURCE} ! {TAG} ! clipmoepublish {target} ! fakesink")
        check(name + " is an error with a reason", r.returncode != 0 and word in r.stderr and not r.stdout, r)

    def picture(options):
        path = os.path.join(work, "frame.png")
        launch(f"{SOURCE} ! {TAG} ! clipmoeoverlay {options} ! pngenc snapshot=true ! filesink location={path}")
        return numpy.asarray(Image.open(path).convert("L")) if os.path.exists(path) else numpy.zeros((240, 320))

    for corner, rows, columns in (("top-left", slice(0, 80), slice(0, 160)), ("top-right", slice(0, 80), slice(160, 320)),
                                  ("bottom-left", slice(160, 240), slice(0, 160)),
                                  ("bottom-right", slice(160, 240), slice(160, 320))):
        p = picture("position=" + corner)
        inside = int(p[rows, columns].max())
        outside = p.copy()
        outside[rows, columns] = 0
        check("words are drawn in the corner " + corner, inside > 200 and outside.max() < 40, inside, outside.max())
    check("a larger scale draws more", (picture("scale=3") > 100).sum() > 2 * (picture("scale=1") > 100).sum())
    def plate(aspect):
        """Columns and rows that are drawn on, of pixels that are @aspect as wide as high."""
        path = os.path.join(work, "aspect.png")
        launch(f"{SOURCE.replace('black', 'white')},pixel-aspect-ratio={aspect} ! {TAG} ! clipmoeoverlay ! "
               f"pngenc snapshot=true ! filesink location={path}")
        p = numpy.asarray(Image.open(path).convert("L")) < 250
        return int(p.any(0).sum()), int(p.any(1).sum())

    square, wide, narrow = plate("1/1"), plate("2/1"), plate("1/2")
    check("letters keep their shape whatever shape pixels have",
          abs(wide[0] - square[0] / 2) <= 2 and wide[1] == square[1] and abs(narrow[0] - square[0] * 2) <= 4 and
          narrow[1] == square[1], square, wide, narrow)
    bare = launch(f"{SOURCE} ! clipmoeoverlay ! fakesink")
    check("a stream without tags passes", bare.returncode == 0, bare)
    tiny = launch("videotestsrc num-buffers=2 ! video/x-raw,width=1,height=1 ! "
                  f"{TAG} ! clipmoeoverlay ! fakesink")
    check("a frame of one pixel passes", tiny.returncode == 0, tiny)

    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return failed != 0


sys.exit(main())
