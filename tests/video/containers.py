#!/usr/bin/python3
"""Checks times and pictures over containers and formats, with and without presentation times: the pictures that decode=auto and
decode=key look at are pictures of decode=all at the same times, as many as rate asks for, and all of them complete. Formats
that cannot be made here are named and skipped."""
import os
import subprocess
import sys

from keyframes import run

# 4 s of a moving picture at 25 frames a second, a key frame every second. What makes it; key frames that decode=key finds:
# a number; None: all pictures are decoded, because times or key frames cannot be known
X264 = "x264enc key-int-max=25 bframes=2 option-string=scenecut=0"
OPEN = "x264enc key-int-max=25 bframes=3 option-string=scenecut=0:open-gop=1"
X265 = "x265enc key-int-max=25 option-string=scenecut=0:bframes=3:log-level=none:open-gop=%d"
MPEG2 = "mpeg2enc format=3 max-gop-size=25 min-gop-size=25"
MPEG4 = "avenc_mpeg4 gop-size=25 max-bframes=%d"
VP9 = "vp9enc keyframe-max-dist=25 deadline=1 cpu-used=8"
CLIPS = {
    "h264.mp4": (X264 + " ! h264parse ! mp4mux", 4),
    "h264.mkv": (X264 + " ! h264parse ! matroskamux", 4),
    "h264.ts": (X264 + " ! h264parse ! mpegtsmux", 4),
    "h264.flv": (X264 + " ! h264parse ! flvmux", 4),
    "h264-plain.avi": (X264.replace("bframes=2", "bframes=0") + " ! h264parse ! avimux", 4),
    "h264.avi": (X264 + " ! h264parse ! avimux", None),
    "h264.h264": (X264 + " ! video/x-h264,stream-format=byte-stream", None),
    "open.mkv": (OPEN + " ! h264parse ! matroskamux", 4),
    "open.mp4": (OPEN + " ! h264parse ! mp4mux", 4),
    "open.h264": (OPEN + " ! video/x-h264,stream-format=byte-stream", None),
    "refresh.mkv": ("x264enc intra-refresh=true key-int-max=25 ! h264parse ! matroskamux", 1),
    "refresh.ts": ("x264enc intra-refresh=true key-int-max=25 ! h264parse ! mpegtsmux", 1),
    "interlaced.ts": (X264 + " interlaced=true ! h264parse ! mpegtsmux", 4),
    "h265.mkv": (X265 % 0 + " ! h265parse ! matroskamux", 4),
    "h265-open.mp4": (X265 % 1 + " ! h265parse ! mp4mux", 4),
    "h265.h265": (X265 % 0 + " ! video/x-h265,stream-format=byte-stream", None),
    "mpeg2.m2v": (MPEG2, None),
    "mpeg2.ts": (MPEG2 + " ! mpegvideoparse ! mpegtsmux", 0),
    "mpeg2.mpg": (MPEG2 + " ! mpegvideoparse ! mpegpsmux", 0),
    "mpeg4.avi": (MPEG4 % 2 + " ! avimux", None),
    "mpeg4-plain.avi": (MPEG4 % 0 + " ! avimux", 4),
    "vp8.ivf": ("vp8enc keyframe-max-dist=25 deadline=1 ! avmux_ivf", 4),
    "vp9.ivf": (VP9 + " ! avmux_ivf", 4),
    "vp9.webm": (VP9 + " ! webmmux", 4),
    "av1.mkv": ("av1enc keyframe-max-dist=25 cpu-used=8 usage-profile=realtime ! av1parse ! matroskamux", 0),
    "theora.ogg": ("theoraenc keyframe-force=25 keyframe-freq=25 ! oggmux", 4),
    "mjpeg.avi": ("jpegenc ! avimux", None),
}
SOURCE = ("videotestsrc num-buffers=100 pattern=ball ! video/x-raw,format=I420,width=160,height=128,framerate=25/1%s ! %s ! "
          "filesink location=%s")


def differs(some, every):
    strange = sorted(set(some) - set(every))
    if strange:
        return "looks at %r, which are no frames" % strange[:3]
    other = sorted(t for t in some if some[t] != every[t])
    return "at %r: %r, %r among all" % (other[:5], some[other[0]], every[other[0]]) if other else None


def check(Gst, path, keys):
    every, numbers, _, problem = run(Gst, path, "all", 0)
    if not problem and not 80 <= len(every) <= 100:  # a demuxer may lose the first ones while it finds out what it has
        problem = "%d pictures of 100" % len(every)
    if not problem and numbers["units-dropped"]:
        problem = "decode=all drops: %r" % numbers
    for rate in (0.5, 5):
        if not problem:
            some, numbers, _, problem = run(Gst, path, "auto", rate)
            length = max(every) - min(every) + 0.04
            problem = problem or differs(some, every)
            if not problem and not length * rate - 1 <= len(some) <= length * rate + 1:
                problem = "%d looks at rate %g" % (len(some), rate)
            if not problem and keys and keys > 1 and (rate == 0.5) != (numbers["units-dropped"] > 0):
                problem = "at rate %g: %r" % (rate, numbers)
    if not problem:
        some, numbers, _, problem = run(Gst, path, "key", 0)
        problem = problem or differs(some, every)
        if not problem and (len(some) < 1 if keys == 0 else len(some) < 70 if keys is None else len(some) != keys):
            problem = "%d looks at key frames, expected %r: %r" % (len(some), keys, numbers)
    if not problem:
        print("ok %s: %d of %d pictures" % (os.path.basename(path), len(some), len(every)))
    return problem


def main():
    import gi
    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
    Gst.init(None)
    folder = os.path.join(os.environ["XDG_CACHE_HOME"], "containers")
    os.makedirs(folder, exist_ok=True)
    failures = made = 0
    for name, (encode, keys) in CLIPS.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        missing = [e for e in (part.split()[0] for part in encode.split(" ! ")) if "/" not in e and not Gst.ElementFactory.find(e)]
        if missing:
            print("left out %s: %s is not installed" % (name, missing[0]))
            continue
        path = os.path.join(folder, name)
        field = ",interlace-mode=interleaved" if "interlace" in encode else ""
        done = subprocess.run(["gst-launch-1.0", "-q"] + (SOURCE % (field, encode, path)).split(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120)
        problem = done.stdout.decode()[-300:] if done.returncode else check(Gst, path, keys)
        made += 1
        if problem:
            print("FAIL %s: %s" % (name, problem))
            failures += 1
        os.unlink(path)
    if not made:
        print("no encoder is installed that could make a video here")
        return 77
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
