#!/usr/bin/python3
"""Checks rotated phone videos: stored sideways with an orientation in the file, they are looked at upright by clipmoebin and by
`clipmoe tag`, the frames that pass keep their size and orientation, and what is drawn or shown is rotated once."""
import json
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import slow  # noqa: E402

COMMAND = os.environ["CLIPMOE_COMMAND"]
FOLDER = os.path.join(os.environ["XDG_CACHE_HOME"], "clips")
PICTURE = ("videotestsrc num-buffers=%d pattern=smpte ! video/x-raw,width=192,height=128,framerate=10/1%s ! x264enc "
           "quantizer=10 ! mp4mux ! filesink location=%s")


def launch(line):
    done = subprocess.run(["gst-launch-1.0", "-q"] + line.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=slow.seconds(60))
    if done.returncode:
        raise RuntimeError(done.stdout.decode()[-300:])


def cosines(looks):
    return {t["label"]: t["cosine"] for t in looks[0]["tags"]}


def tag(path, *options):
    done = subprocess.run([COMMAND, "tag", "--json", "--score", "cosine", "--labels", "test card;flower;car;sky", "--top-k",
                           "10", path] + list(options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=slow.seconds(60))
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return cosines([json.loads(x) for x in done.stdout.decode().splitlines()])


def size(Gst, GstVideo, path, chain=""):
    """Width and height of what comes out of a file behind @chain, and whether its turn is still asked for."""
    pipeline = Gst.parse_launch("filesrc name=f ! decodebin ! %s appsink name=s sync=false" % chain)
    pipeline.get_by_name("f").set_property("location", path)
    sink, bus = pipeline.get_by_name("s"), pipeline.get_bus()
    pipeline.set_state(Gst.State.PLAYING)
    sample = sink.emit("try-pull-sample", 20 * Gst.SECOND)
    turn = None
    while True:
        m = bus.pop_filtered(Gst.MessageType.TAG)
        if not m:
            break
        found, text = m.parse_tag().get_string("image-orientation")
        turn = text if found else turn
    info = GstVideo.VideoInfo.new_from_caps(sample.get_caps())
    pipeline.set_state(Gst.State.NULL)
    return info.width, info.height, turn


def near(a, b, bound):
    return max(abs(a[k] - b[k]) for k in a) <= bound


def main():
    import gi
    gi.require_version("Gst", "1.0")
    gi.require_version("GstVideo", "1.0")
    from gi.repository import Gst, GstVideo
    Gst.init(None)
    os.makedirs(FOLDER, exist_ok=True)
    upright, sideways, drawn, sheet = (os.path.join(FOLDER, n) for n in ("upright.mp4", "sideways.mp4", "drawn.mp4", "sheet.png"))
    launch(PICTURE % (20, "", upright))
    launch(PICTURE % (20, " ! videoflip video-direction=90l", sideways))
    with open(sideways, "r+b") as f:  # what a phone writes: a quarter turn clockwise in the track header's matrix
        data = bytearray(f.read())
        at = data.index(b"tkhd") + 44
        data[at:at + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
        f.seek(0)
        f.write(data)
    checks = {}
    checks["the file is stored sideways and says so"] = size(Gst, GstVideo, sideways) == (128, 192, "rotate-90")
    right, seen = tag(upright), tag(sideways)
    checks["looked at upright"] = near(right, seen, 0.01)
    checks["sideways it would be another picture"] = not near(right, tag(sideways, "--video-direction", "identity"), 0.02)
    # somebody who looks at frames needs them upright too: the look must not be turned twice
    checks["the same where frames are turned to be drawn on"] = near(
        seen, tag(sideways, "--overlay", drawn, "--sheet", sheet), 0.001)
    checks["drawn upright"] = size(Gst, GstVideo, drawn) == (192, 128, None)
    checks["clipmoebin passes frames as they are stored, with their turn"] = size(
        Gst, GstVideo, sideways, "clipmoebin labels=x ! ") == (128, 192, "rotate-90")
    checks["a videoflip behind it turns them once"] = size(
        Gst, GstVideo, sideways, "clipmoebin labels=x ! videoflip video-direction=auto ! ")[:2] == (192, 128)
    for name, holds in checks.items():
        print("%s %s" % ("ok" if holds else "FAIL", name))
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
