#!/usr/bin/python3
"""Checks tagging of many files at once: each picture gets the result that it gets alone, whatever came before it, with videos in
between too; a damaged picture is named and the others go on."""
import json
import os
import subprocess
import sys

from PIL import Image, ImageDraw

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import slow  # noqa: E402

COMMAND = os.environ["CLIPMOE_COMMAND"]
FOLDER = os.path.join(os.environ["XDG_CACHE_HOME"], "pictures")


def run(*arguments):
    return subprocess.run([COMMAND, "tag"] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=slow.seconds(120))


def looks(*files, options=("--threshold", "0.3")):
    done = run("--json", "--labels", "sun;night sky;grass;test card", *options, *files)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def main():
    os.makedirs(FOLDER, exist_ok=True)
    paths = []
    for i in range(12):
        picture = Image.new("RGB", (80 + 13 * i, 90 + 7 * (i % 4)), [(90, 150, 250), (5, 5, 30), (40, 160, 40)][i % 3])
        ImageDraw.Draw(picture).ellipse((10, 10, 30 + 4 * i, 30 + 3 * i), fill=(250, 240, 20 * i))
        paths.append(os.path.join(FOLDER, "%02d.%s" % (i, "png" if i % 2 else "jpg")))
        picture.save(paths[-1])
    video = os.path.join(FOLDER, "video.avi")
    subprocess.run(("gst-launch-1.0 -q videotestsrc num-buffers=5 ! video/x-raw,width=64,height=64,framerate=5/1 ! jpegenc ! "
                    "avimux ! filesink location=" + video).split(), check=True, timeout=slow.seconds(60),
                   # not ours to load: in a sanitizer build gst-launch-1.0 could not
                   env=dict(os.environ, GST_PLUGIN_PATH="", GST_REGISTRY=os.path.join(FOLDER, "registry")))
    alone = [looks(path) for path in paths]
    together = looks(*paths)
    checks = {"pictures are looked at as if alone": [x for one in alone for x in one] == together,
              "something differs between them": len({str(x["tags"]) for x in together}) > 4,
              "smoothing and rate mean nothing to them": looks(*paths, options=(
                  "--threshold", "0.3", "--smoothing", "5", "--hold", "5", "--rate", "0.1")) == together}
    mixed = looks(paths[0], video, paths[1], video, paths[2])
    checks["videos in between"] = mixed == alone[0] + looks(video) + alone[1] + looks(video) + alone[2]
    broken = os.path.join(FOLDER, "broken.jpg")
    with open(paths[0], "rb") as f, open(broken, "wb") as out:
        out.write(f.read()[:200])
    done = run("--json", "--labels", "a;b", paths[0], broken, paths[1])
    checks["a broken one is named, and the others go on"] = (
        done.returncode == 1 and b"broken.jpg" in done.stderr and
        [json.loads(line)["source"] for line in done.stdout.splitlines()] == [paths[0], paths[1]])
    done = run("--json", "--labels", "a;b", broken)
    checks["alone it leaves nothing"] = done.returncode == 1 and not done.stdout and done.stderr.count(b"\n") == 1
    for first in paths[0], video:
        done = run("--json", "--labels", "a;b", "--model", "/nonexistent", first, *paths)
        checks["a model that is not there is said once, with %s first" % os.path.basename(first)] = (
            done.returncode == 1 and not done.stdout and done.stderr.count(b"\n") == 1)
    out = os.path.join(FOLDER, "drawn.mp4")
    done = run("--overlay", out, "--labels", "a;b", paths[0])
    checks["no video out of a picture"] = done.returncode == 1 and not os.path.exists(out) and b"expected a video" in done.stderr
    for name, holds in checks.items():
        print("%s %s" % ("ok" if holds else "FAIL", name))
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
