#!/usr/bin/python3
"""Checks decode=key and decode=auto of clipmoebin: the frames that are looked at get the same tags as when every frame is
decoded, on real videos of many codecs and on clips with a key frame every 25 frames, closed and open groups alike; auto
decodes everything where key frames are too rare. Prints what it saves."""
import json
import os
import resource
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import slow  # noqa: E402

SHARED = os.path.join(os.environ["CLIPMOE_TEST_SOURCES"], "..", "..", "shared", "data", "video")
LABELS = "person;car;bottle;flower;tree;empty room"
# 10 s of a moving picture at 25 frames a second, a key frame every second; how many of those the parser can know
ENCODE = {"closed": ("x264enc key-int-max=25 bframes=2 option-string=scenecut=0 ! h264parse ! matroskamux", 10),
          "open": ("x264enc key-int-max=25 bframes=3 option-string=scenecut=0:open-gop=1 ! h264parse ! mpegtsmux", 10),
          "hevc-open": ("x265enc key-int-max=25 option-string=scenecut=0:open-gop=1:bframes=3:log-level=none ! h265parse ! "
                        "matroskamux", 10),
          "vp8": ("vp8enc keyframe-max-dist=25 deadline=1 ! webmmux", 10),
          "seldom": ("x264enc key-int-max=125 option-string=scenecut=0 ! h264parse ! mp4mux", 2)}


def cpu():
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime


def run(Gst, path, decode, rate):
    """The looks of one video by time, the bin's statistics and the seconds of CPU."""
    pipeline = Gst.parse_launch("filesrc name=f ! clipmoebin name=b threads=1 post-messages=all ! fakesink sync=false")
    pipeline.get_by_name("f").set_property("location", path)
    element = pipeline.get_by_name("b")
    element.set_property("labels", LABELS)
    element.set_property("rate", rate)
    element.set_property("threshold", 0.0)  # no hysteresis: what a look says depends on its frame alone
    element.set_property("top-k", 100)
    Gst.util_set_object_arg(element, "decode", decode)
    bus, looks, begin, problem, end = pipeline.get_bus(), {}, cpu(), None, time.monotonic() + slow.seconds(120)
    pipeline.set_state(Gst.State.PLAYING)
    while True:
        m = bus.timed_pop_filtered(Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR | Gst.MessageType.ELEMENT)
        if m is None:
            if time.monotonic() > end:
                problem = "no end"
                break
            continue
        if m.type == Gst.MessageType.ERROR:
            problem = str(m.parse_error())
            break
        if m.type == Gst.MessageType.EOS:
            break
        s = m.get_structure()
        if s.get_name() == "clipmoe-tags":
            look = json.loads(s.get_string("json"))
            looks[look["time"]] = look["tags"]
    stats = element.get_property("stats")
    numbers = {k: stats.get_uint64(k)[1] for k in ("units", "units-dropped", "longest-gap")}
    pipeline.set_state(Gst.State.NULL)
    return looks, numbers, cpu() - begin, problem


def compare(Gst, name, path, keys=None):
    every, _, slow, problem = run(Gst, path, "all", 0)
    some, numbers, fast, other = run(Gst, path, "key", 0)
    problem = problem or other
    if not problem and not some:
        problem = "no look at key frames"
    if not problem and set(some) - set(every):
        problem = "looks at %r, which are no frames" % sorted(set(some) - set(every))[:3]
    if not problem:
        differ = [t for t in some if some[t] != every[t]]
        if differ:
            problem = "at %g s: %r alone, %r among all" % (differ[0], some[differ[0]], every[differ[0]])
    if not problem and keys is not None and len(some) != keys:
        problem = "%d key frames, expected %d" % (len(some), keys)
    if not problem and numbers["units"] - numbers["units-dropped"] < len(some):
        problem = "statistics say %r for %d looks" % (numbers, len(some))
    if not problem:
        print("ok %s: %d of %d frames, the same tags; %.2f s of CPU instead of %.2f, longest gap %.2f s" % (
            name, len(some), len(every), fast, slow, numbers["longest-gap"] / 1e9))
    return problem, every


def auto(Gst, name, path, period, seldom, every):
    """Key frames every @period seconds: enough for a look every 2 s, not for five a second. @every: the looks at all frames."""
    problem = None
    for rate, all_of_it in ((0.5, seldom), (5, True)):
        looks, numbers, _, problem = run(Gst, path, "auto", rate)
        due = 10 * rate
        if not problem and not due - 1 <= len(looks) <= due + 1:
            problem = "%d looks at rate %g" % (len(looks), rate)
        if not problem and (numbers["units-dropped"] == 0) != all_of_it:
            problem = "rate %g: %r" % (rate, numbers)
        differ = [t for t in looks if looks[t] != every.get(t)]
        if not problem and differ:
            problem = "rate %g: at %g s %r, %r among all" % (rate, differ[0], looks[differ[0]], every.get(differ[0]))
        if problem:
            break
        print("ok %s: auto at rate %g drops %d of %d units, longest gap %.2f s" % (
            name, rate, numbers["units-dropped"], numbers["units"], numbers["longest-gap"] / 1e9))
    return problem


def main():
    import gi
    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
    Gst.init(None)
    folder = os.path.join(os.environ["XDG_CACHE_HOME"], "clips")
    os.makedirs(folder, exist_ok=True)
    failures = 0

    def report(name, problem):
        nonlocal failures
        if problem:
            print("FAIL %s: %s" % (name, problem))
            failures += 1

    for name, (encode, keys) in ENCODE.items():
        path = os.path.join(folder, name)
        line = ("videotestsrc num-buffers=250 pattern=ball ! video/x-raw,width=160,height=120,framerate=25/1 ! %s ! "
                "filesink location=%s" % (encode, path))
        made = subprocess.run(["gst-launch-1.0", "-q"] + line.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=slow.seconds(120))
        if made.returncode:
            report(name, made.stdout.decode()[-300:])
            continue
        problem, every = compare(Gst, name, path, keys)
        report(name, problem)
        report(name, auto(Gst, name, path, 10 / keys, keys < 5, every))
    if os.path.isdir(SHARED):
        for name in sorted(os.listdir(SHARED)):
            if name != "README.md":
                report(name, compare(Gst, name, os.path.join(SHARED, name))[0])
    else:
        print("the folder of test videos is not at hand: clips made here alone")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
