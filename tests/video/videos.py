#!/usr/bin/python3
"""Checks the main task on real videos: each is tagged from start to end, and `clipmoe tag --json` gives the same as the gst-
launch-1.0 line, with clipmoebin as with clipmoetag behind separate decoders."""
import json
import os
import re
import subprocess
import sys

COMMAND = os.environ["CLIPMOE_COMMAND"]
SHARED = os.path.join(os.environ["CLIPMOE_TEST_SOURCES"], "..", "..", "shared", "data", "video")
LABELS = "person,car,flower,tree,bottle,book,empty street"
# Where the last look must lie, in seconds: one look a second, so within about two of the last frame.
LENGTH = {"car-detection.mp4": 30.2, "bottle-detection.mp4": 39.9, "one-by-one-person-detection.mp4": 139.4,
          "asl-book.mkv": 3.7, "friday.mp4": 6.2, "flower.webm": 5.1, "tree.avi": 29.6, "car-vp9.webm": 5.1,
          "street-mpeg4.avi": 6.0, "flower-vfr.mkv": 4.9, "flower-mjpeg.mov": 2.0, "flower-prores.mov": 1.5,
          "flower-odd-size.webm": 2.0, "person-hevc-10bit.mp4": 3.0, "person-rotated.mp4": 3.0}


def key(lines):
    return [(o["time"], o["model"], o["tags"]) for o in map(json.loads, lines)]


def command(path, decode):
    done = subprocess.run([COMMAND, "tag", "--json", "--labels", LABELS, "--decode", decode, path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=300)
    if done.returncode:
        raise RuntimeError("exit status %d: %s" % (done.returncode, done.stderr.decode()[:300]))
    return key(line for line in done.stdout.decode().splitlines() if line.strip())


def launch(path, elements):
    line = ["filesrc", "location=" + path, "!"] + elements + ["labels=" + LABELS, "post-messages=all", "!", "fakesink", "sync=false"]
    done = subprocess.run(["gst-launch-1.0", "-m"] + line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    if done.returncode:
        raise RuntimeError("gst-launch-1.0: %s" % done.stdout.decode()[-400:])
    found = re.findall(r'clipmoe-tags, .*?\bjson=\(string\)"((?:[^"\\]|\\.)*)"', done.stdout.decode())
    return key(re.sub(r"\\(.)", r"\1", text) for text in found)


def same(ours, theirs):
    if ours != theirs:
        n = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
        raise RuntimeError("%d looks here, %d there; first difference at look %d: %s / %s" % (
            len(ours), len(theirs), n, ours[n:n + 1], theirs[n:n + 1]))


def check(path, length):
    every = command(path, "all")
    if not every or not length - 2.1 <= every[-1][0] <= length + 0.5:
        raise RuntimeError("last look at %r of %.1f s" % (every[-1:], length))
    same(every, launch(path, "decodebin ! videoconvert ! clipmoetag video-direction=auto".split()))
    same(command(path, "auto"), launch(path, ["clipmoebin"]))


def main():
    videos = [(os.environ["CLIPMOE_SAMPLE_VIDEO"], 79.5)] if os.environ.get("CLIPMOE_SAMPLE_VIDEO") else []
    if os.path.isdir(SHARED):
        videos += [(os.path.join(SHARED, name), length) for name, length in sorted(LENGTH.items())]
    if not videos:
        print("neither the sample video (pipelines/sample-video) nor the folder of test videos is at hand")
        return 77
    failures = 0
    for path, length in videos:
        try:
            check(path, length)
            print("ok %s" % os.path.basename(path))
        except (RuntimeError, subprocess.TimeoutExpired) as problem:
            print("FAIL %s: %s" % (os.path.basename(path), problem))
            failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
