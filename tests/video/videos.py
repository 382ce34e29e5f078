#!/usr/bin/python3
"""Every test video is tagged from start to end, and `clipmoe tag --json` and gst-launch-1.0 say the same."""
import json
import os
import re
import subprocess
import sys

COMMAND = os.environ["CLIPMOE_COMMAND"]
SHARED = os.path.join(os.environ["CLIPMOE_TEST_SOURCES"], "..", "..", "shared", "data", "video")
LABELS = "a person,a car,a flower,a tree,a bottle,a book,an empty street"
# Where the last look must lie, in seconds: one look a second, so within about two of the last frame.
LENGTH = {"car-detection.mp4": 30.2, "bottle-detection.mp4": 39.9, "one-by-one-person-detection.mp4": 139.4,
          "asl-book.mkv": 3.7, "friday.mp4": 6.2, "flower.webm": 5.1, "tree.avi": 29.6, "car-vp9.webm": 5.1,
          "street-mpeg4.avi": 6.0, "flower-vfr.mkv": 4.9, "flower-mjpeg.mov": 2.0, "flower-prores.mov": 1.5,
          "flower-odd-size.webm": 2.0, "person-hevc-10bit.mp4": 3.0, "person-rotated.mp4": 3.0}


def lines(text):
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def main():
    if not os.path.isdir(SHARED):
        print("the folder of test videos is not at hand")
        return 77
    failures = 0
    for name in sorted(LENGTH):
        path = os.path.join(SHARED, name)
        done = subprocess.run([COMMAND, "tag", "--json", "--labels", LABELS, path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=300)
        problem = None
        if done.returncode:
            problem = "exit status %d: %s" % (done.returncode, done.stderr.decode()[:300])
        else:
            ours = lines(done.stdout.decode())
            direction = "video-direction=auto" if "rotated" in name else ""
            line = ("filesrc location=%s ! decodebin ! videoconvert ! clipmoetag name=t %s post-messages=all ! "
                    "fakesink sync=false" % (path, direction)).split()
            line[line.index("name=t") + 1:line.index("name=t") + 1] = ["labels=" + LABELS]
            gst = subprocess.run(["gst-launch-1.0", "-m"] + line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
            if gst.returncode:
                problem = "gst-launch-1.0: %s" % gst.stdout.decode()[-400:]
            else:
                found = re.findall(r'clipmoe-tags, json=\(string\)"(.*)";$', gst.stdout.decode(), re.M)
                theirs = [json.loads(re.sub(r"\\(.)", r"\1", text)) for text in found]
                key = [(o["time"], o["model"], o["tags"]) for o in ours]
                other = [(o["time"], o["model"], o["tags"]) for o in theirs]
                if key != other:
                    n = next((i for i, (a, b) in enumerate(zip(key, other)) if a != b), min(len(key), len(other)))
                    problem = "%d looks here, %d there; first difference at look %d: %s / %s" % (
                        len(key), len(other), n, key[n:n + 1], other[n:n + 1])
                elif not ours:
                    problem = "no look"
                elif not LENGTH[name] - 2.1 <= ours[-1]["time"] <= LENGTH[name] + 0.5:
                    problem = "last look at %.2f s of %.1f s" % (ours[-1]["time"], LENGTH[name])
        print("%s %s%s" % ("FAIL" if problem else "ok", name, ": " + problem if problem else ""))
        failures += bool(problem)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
