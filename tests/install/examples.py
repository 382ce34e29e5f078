"""The examples of docs/library.md, taken out of it, are compiled as a user would and give the right answers.

Used by install.py, since it takes an installed library.
"""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import slow  # noqa: E402

PAGE = "docs/library.md"


def blocks(root, language):
    with open(os.path.join(root, PAGE), encoding="utf-8") as f:
        return re.findall(r"^```%s\n(.*?)^```" % language, f.read(), re.M | re.S)


def run(folder, env, command, **more):
    return subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True, timeout=slow.seconds(60), **more)


def nv12(folder, env, source):
    """The bytes of one frame of 320 x 180."""
    r = run(folder, env, "gst-launch-1.0 -q %s ! videoconvert ! videoscale ! video/x-raw,format=NV12,width=320,height=180 ! "
            "filesink location=frame.nv12" % source)
    with open(folder + "/frame.nv12", "rb") as f:
        data = f.read()
    assert len(data) == 320 * 180 * 3 // 2, r
    return data


def check(root, folder, env, command, report):
    """@env: finds the installed library, its pkg-config file and the elements. @command: the installed `clipmoe`.
    report (name, ok, why)."""
    env = dict(env, CLIPMOE_PRECISION="f32")
    names = []
    for source in blocks(root, "c"):
        names.append(re.match(r"/\* (\w+) ", source)[1])
        with open("%s/%s.c" % (folder, names[-1]), "w", encoding="utf-8") as f:
            f.write(source)
        report("%s.c is no longer than an example may be" % names[-1], source.count("\n") <= 70, source.count("\n"))
        r = run(folder, env, "cc -std=gnu11 -Wall -Wextra -Werror %s.c -o %s $(pkg-config --cflags --libs clipmoe)" % (2 * (names[-1],)))
        report("%s.c is compiled" % names[-1], r.returncode == 0, r)
    report("both examples are there", names == ["tag", "watch"], names)
    with open(os.path.join(root, PAGE), encoding="utf-8") as f:
        report("the page says how", "    cc -std=gnu11 tag.c -o tag $(pkg-config --cflags --libs clipmoe)\n" in f.read(), "")

    # a picture of which it is known what it shows, and what the command says of the same pixels
    photo = os.path.join(root, "docs", "tagged.jpg")
    os.symlink(photo, folder + "/photo.jpg")
    run(folder, env, "gst-launch-1.0 -q videotestsrc num-buffers=30 ! video/x-raw,width=160,height=120,framerate=10/1 ! x264enc "
        "speed-preset=ultrafast ! h264parse ! mp4mux ! filesink location=street.mp4")
    shown, watched = [run(folder, env, script) for script in blocks(root, "sh")]
    said = re.findall(r"^(\d\.\d{3}) (\w+)$", shown.stdout.decode(), re.M)
    report("tag names what a picture shows", shown.returncode == 0 and said and said[0][1] == "flower", shown)
    report("watch takes frames from a pipe", watched.returncode == 0 and not watched.stderr, watched)
    run(folder, env, "gst-launch-1.0 -q filesrc location=photo.jpg ! decodebin ! videoconvert ! video/x-raw,format=RGB ! pngenc ! "
        "filesink location=photo.png")
    r = run(folder, env, "%s tag --json --labels 'flower;tree;bottle;people;car' photo.png" % command)
    tags = [("%.3f" % t["score"], t["label"]) for t in json.loads(r.stdout or b'{"tags":[]}')["tags"]]
    report("tag says what the command says", tags and tags == said, (tags, said, r))

    # two seconds of something else, three of the flower, two of black
    with open(folder + "/list.txt", "w") as f:
        f.write("flower @ 0.5\ntree\nbottle\npeople\ncar\n")
    frames = (4 * nv12(folder, env, "videotestsrc num-buffers=1") + 6 * nv12(folder, env, "filesrc location=photo.jpg ! decodebin") +
              4 * nv12(folder, env, "videotestsrc num-buffers=1 pattern=black"))
    r = run(folder, env, "./watch 320 180 2 list.txt 0.9", input=frames)
    report("watch finds when it is there", r.returncode == 0 and b"2.00 5.00 flower\n" in r.stdout and r.stdout.count(b"flower") == 1, r)

    for name, arguments in (("tag", "photo.ppm 'a;b;a'"), ("watch", "320 180 2 nowhere 0.5")):
        r = run(folder, env, "./%s %s" % (name, arguments))
        report("%s says what failed" % name, r.returncode == 1 and not r.stdout and r.stderr.startswith(name.encode() + b": ") and
               r.stderr.count(b"\n") == 1, r)
        r = run(folder, env, "./%s" % name)
        report("%s says how it is used" % name, r.returncode == 2 and r.stderr.startswith(b"usage: "), r)
