#!/usr/bin/python3
"""Checks that tags reach downstream, and that nothing leaks: the meta survives converters, an encoder and a decoder, two taggers
give two looks, GStreamer's own bindings read it, and its leak tracer and valgrind (with --valgrind) find nothing."""
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import slow  # noqa: E402

LABELS = 'labels="a dog,a test card" threshold=0'
SOURCE = "videotestsrc num-buffers=12 ! video/x-raw,width=64,height=48,framerate=10/1"
passed = failed = skipped = 0


def report(name, problem, skip=False):
    global passed, failed, skipped
    print("%s %s%s" % ("skip" if skip else "FAIL" if problem else "ok", name, ": " + problem if problem else ""))
    skipped += skip
    failed += bool(problem) and not skip
    passed += not problem and not skip


def survive(Gst):
    chains = {
        "converters": ("tee name=t t. ! queue ! videoconvert ! videoscale ! video/x-raw,width=32,height=32,format=I420 ! "
                       "videoflip video-direction=90r ! videorate ! video/x-raw,framerate=20/1", 1),
        "encoder and decoder": ("videoconvert ! x264enc tune=zerolatency ! h264parse ! avdec_h264", 1),
        "two taggers": ("clipmoetag labels=x source=second", 2)}
    for name, (chain, looks) in chains.items():
        pipeline = Gst.parse_launch("%s ! clipmoetag rate=0 attach-embedding=true source=first %s ! %s ! appsink name=s "
                                    "sync=false" % (SOURCE, LABELS, chain))
        sink, bus = pipeline.get_by_name("s"), pipeline.get_bus()
        pipeline.set_state(Gst.State.PLAYING)
        problem, n = None, 0
        while True:
            sample = sink.emit("try-pull-sample", 20 * Gst.SECOND)
            if not sample:
                break
            n += 1
            meta = sample.get_buffer().get_custom_meta("ClipmoeTags")
            if not meta:
                problem = "buffer %d has no tags" % n
                continue
            s = meta.get_structure()
            found = s.get_value("looks")
            sources = [found[i].get_string("source") for i in range(len(found))]
            if s.get_uint("schema") != (True, 1) or sources != ["first", "second"][:looks]:
                problem = "looks of %r" % sources
            tags = found[0].get_value("tags")
            labels = sorted(tags[i].get_string("label") for i in range(len(tags)))
            total = sum(tags[i].get_double("score")[1] for i in range(len(tags)))
            if labels != ["a dog", "a test card"] or abs(total - 1) > 1e-6:
                problem = "tags %r, sum of scores %g" % (labels, total)
            if found[0].get_value("embedding").get_size() % 4 or not found[0].get_uint64("time")[0]:
                problem = "embedding or time"
        error = bus.pop_filtered(Gst.MessageType.ERROR)
        if error:
            problem = str(error.parse_error())
        pipeline.set_state(Gst.State.NULL)
        report(name, problem or (None if n >= 11 else "%d buffers" % n))


def leaks():
    video = os.path.join(os.environ["XDG_CACHE_HOME"], "leaks.mkv")
    os.makedirs(os.path.dirname(video), exist_ok=True)
    subprocess.run(["sh", "-c", "exec gst-launch-1.0 -q %s ! x264enc key-int-max=4 ! matroskamux ! filesink location='%s'" % (
        SOURCE, video)], check=True, timeout=slow.seconds(60))
    lines = {mode: "%s ! clipmoetag mode=%s rate=0 post-messages=all %s ! fakesink" % (SOURCE, mode, LABELS)
             for mode in ("sync", "latest")}
    for decode in "all", "key", "auto":
        lines["decode=" + decode] = "filesrc location='%s' ! clipmoebin decode=%s rate=0 %s ! fakesink" % (video, decode, LABELS)
    lines["still"] = "%s ! clipmoetag rate=0 still-threshold=2 hold=1 %s ! fakesink" % (SOURCE, LABELS)
    lines["shared"] = " ".join("%s ! clipmoetag rate=0 model-instance-id=a batch-timeout=1 %s ! fakesink" % (SOURCE, LABELS)
                               for _ in range(2))
    commands = {name: "exec gst-launch-1.0 -q " + line for name, line in lines.items()}
    # no element that is everywhere makes regions: the test of them does
    build = os.path.dirname(os.path.dirname(os.path.dirname(os.environ["CLIPMOE_COMMAND"])))
    commands["regions"] = "exec '%s/tests/gst/test_gst_regions'" % build
    for name, command in commands.items():
        environment = dict(os.environ, GST_TRACERS="leaks", GST_DEBUG="GST_TRACER:7", GST_DEBUG_NO_COLOR="1")
        done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=environment, timeout=slow.seconds(60))
        text = done.stdout.decode()
        left = [x for x in text.splitlines() if "object-alive, type-name=(string)" in x and "%s" not in x]
        problem = text[-300:] if done.returncode else left[0] if left else None
        if not problem and "GST_TRACER" not in text:
            problem = "the tracer said nothing"
        report("no object is left in " + name, problem)


def valgrind():
    if not shutil.which("valgrind"):
        report("valgrind", "not installed", True)
        return
    lines = {mode: "%s ! clipmoetag mode=%s rate=2 %s ! fakesink" % (SOURCE, mode, LABELS) for mode in ("sync", "latest")}
    lines["clipmoebin"] = "%s ! x264enc key-int-max=4 ! matroskamux ! clipmoebin decode=key rate=2 %s ! fakesink" % (SOURCE, LABELS)
    for mode, line in lines.items():
        # only what was lost for certain, and only where our own code stands in the stack: GLib keeps much for good
        done = subprocess.run(["sh", "-c", "exec valgrind --leak-check=full --show-leak-kinds=definite,indirect "
                               "--num-callers=30 --child-silent-after-fork=yes gst-launch-1.0 -q " + line],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=slow.seconds(250),
                              env=dict(os.environ, G_SLICE="always-malloc"))
        text = done.stdout.decode()
        ours = []
        block = []
        for x in text.splitlines() + ["==0== "]:
            body = x.split("== ", 1)[-1].strip() if x.startswith("==") else ""
            if body and not body.endswith("=="):
                block.append(body)
                continue
            joined = " | ".join(block)
            if ("libgstclipmoe" in joined or "libclipmoe" in joined) and ("definitely lost" in joined or
                                                                          "Invalid" in joined or
                                                                          "uninitialised" in joined):
                ours.append(joined)
            block = []
        report("valgrind in " + mode, text[-300:] if done.returncode else ours[0][:900] if ours else None)


def main():
    signal.alarm(900)
    if "--valgrind" in sys.argv:
        valgrind()
    else:
        import gi
        gi.require_version("Gst", "1.0")
        from gi.repository import Gst
        Gst.init(None)
        survive(Gst)
        leaks()
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 77 if skipped and not passed else 0


if __name__ == "__main__":
    sys.exit(main())
