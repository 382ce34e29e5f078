#!/usr/bin/python3
"""Checks clipmoesrc: whatever becomes of a camera, pictures go on when it is back, downstream sees no error, no end and no jump, and
stopping never takes long.

    source.py          every kind of trouble twice
    source.py --long   each 20 times, and 200 connections without a trace
"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import live
from live import Camera, Link, Watched, until
from gi.repository import Gst

LONG = "--long" in sys.argv
ROUNDS = 20 if LONG else 2
QUICK = "timeout=0.7 connect-timeout=%g retry-interval=0.2 retry-interval-most=1 latency=50 " % (4 * max(live.SLOWNESS, 1))
check = live.Checks()
Gst.init(None)
work = tempfile.mkdtemp()
waits = []


def stops(name, w):
    took = w.stop()
    check(name + ": stops within 2 s", took < 2 * max(live.SLOWNESS, 1), took)
    check(name + ": downstream saw one stream", not w.whole(), w.whole())


def comes_back(name, w, mend):
    """Mends, and notes how long pictures take."""
    check(name + ": is said to be offline", w.offline(), w.states)
    n, begun = w.pictures, time.monotonic()
    mend()
    check(name + ": comes back", until(lambda: w.pictures > n + 2), w.states, w.stat("reason"))
    waits.append(time.monotonic() - begun)
    check(name + ": is said to be online", w.online(), w.states)


def cuts(camera):
    link = Link(camera.port)
    w = Watched(QUICK + "uri=rtsp://127.0.0.1:%d/stream" % link.port)
    check("a camera is seen", w.more(), w.states)
    for i in range(ROUNDS):
        for name, trouble in (("cut", link.cut), ("stalled", link.stall), ("noise", link.garbage)):
            trouble()
            if i % 2:
                w.offline()
                time.sleep(random.random() * 2)
            comes_back(name, w, link.mend)
    stops("cut", w)
    check("reconnects are counted", w.stat("reconnects") == 3 * ROUNDS, w.stat("reconnects"))
    # stopped amid each kind of trouble
    for name, trouble in (("cut", link.cut), ("stalled", link.stall), ("noise", link.garbage)):
        for offline in (False, True):
            w = Watched(QUICK + "uri=rtsp://127.0.0.1:%d/stream" % link.port)
            check("seen before " + name, w.more(), w.states)
            trouble()
            if offline:
                w.offline()
            stops("stop while " + name, w)
            link.mend()
    link.cut()


def hiccups():
    """What comes late and all at once is not lost, and nobody says that pictures are broken."""
    camera = Camera()
    link = Link(camera.port)
    w = Watched(QUICK + "timeout=5 uri=rtsp://127.0.0.1:%d/stream" % link.port)
    broken = []

    def probe(pad, info):
        if info.get_buffer().has_flags(Gst.BufferFlags.CORRUPTED):
            broken.append(w.pictures)
        return Gst.PadProbeReturn.OK
    w.source.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, probe)
    check("seen before the hiccups", w.more(5), w.states)
    pictures, begun = w.stat("pictures"), time.monotonic()
    for _ in range(3):
        link.stall()
        time.sleep(0.7)
        link.mode = "pass"
        w.more(12)
    came, due = w.stat("pictures") - pictures, (time.monotonic() - begun) * 15
    check("hiccups: no picture is lost", came > 0.75 * due and not broken, came, due, broken)  # half of them would be
    stops("hiccups", w)
    link.cut()
    camera.end()


def killed_and_stopped():
    port = live.free_port()
    w = Watched(QUICK + "uri=rtsp://127.0.0.1:%d/stream" % port)
    check("never there: is said so", w.offline() and "reached" in w.states[-1][1], w.states)
    camera = Camera(port=port)
    check("never there: comes", w.more(), w.states)
    for i in range(ROUNDS):
        camera.signal(signal.SIGSTOP)
        comes_back("SIGSTOP", w, lambda: camera.signal(signal.SIGCONT))
        camera.end()
        check("SIGKILL: is said to be offline", w.offline(), w.states)
        n = w.events.count(Gst.EventType.GAP)
        check("SIGKILL: gaps say that nothing comes", until(lambda: w.events.count(Gst.EventType.GAP) > n), w.events[-5:])
        other = ["--size", "320x240", "--codec", "mjpeg"] if i % 2 == 0 else []
        camera = Camera(*other, port=port)
        begun = time.monotonic()
        check("SIGKILL: comes back, in another size and format", w.more(), w.states)
        waits.append(time.monotonic() - begun)
        check("the size is the new one", w.sizes[-1] == ((320, 240) if other else (160, 120)), w.sizes)
    stops("SIGKILL", w)
    camera.signal(signal.SIGSTOP)
    w = Watched(QUICK + "uri=rtsp://127.0.0.1:%d/stream" % port)
    time.sleep(0.3)
    stops("connecting to a stopped camera", w)
    camera.end()


def logins():
    camera = Camera("--login", "me:geheim-wort")
    login = os.path.join(work, "login")
    with open(login, "w") as f:
        f.write("me:geheim-falsch\n")
    for i in range(ROUNDS):
        w = Watched(QUICK + "uri=rtsp://127.0.0.1:%d/stream login-file=%s" % (camera.port, login))
        check("a wrong login is said", w.offline() and "login" in w.states[-1][1], w.states)
        with open(login, "w") as f:
            f.write("me:geheim-wort\n")
        check("the right one is taken without a restart", w.more(), w.states)
        dots = Gst.debug_bin_to_dot_data(w.pipeline, Gst.DebugGraphDetails.ALL | Gst.DebugGraphDetails.FULL_PARAMS)
        stops("401", w)
        w2 = Watched(QUICK + "uri=rtsp://me:geheim%%2Dwort@127.0.0.1:%d/stream" % camera.port)
        check("a login in the URI is taken", w2.more(), w2.states)
        dots += Gst.debug_bin_to_dot_data(w2.pipeline, Gst.DebugGraphDetails.ALL | Gst.DebugGraphDetails.FULL_PARAMS)
        uri = w2.source.get_property("uri")
        stops("URI with login", w2)
        said = dots + uri + str(w.messages + w2.messages) + w.source.get_property("stats").to_string()
        check("no password in messages, statistics and dot files", "geheim" not in said, said[said.find("geheim") - 200:][:400])
        with open(login, "w") as f:
            f.write("me:geheim-falsch\n")
    w = Watched(QUICK + "uri=rtsp://127.0.0.1:%d/stream login-file=%s/none" % (camera.port, work), play=False)
    check("a login file that is not there is an error at once",
          w.pipeline.set_state(Gst.State.PLAYING) == Gst.StateChangeReturn.FAILURE and w.errors)
    w.stop()
    camera.end()


def odd_streams():
    for i in range(ROUNDS):
        camera = Camera("--loss", "20")
        w = Watched(QUICK + "timeout=5 protocols=udp uri=rtsp://127.0.0.1:%d/stream" % camera.port)
        check("20 % loss: pictures come", w.more(20), w.states)
        stops("20 % loss", w)
        camera.end()
        camera = Camera("--jump", "100000")
        w = Watched(QUICK + "uri=rtsp://127.0.0.1:%d/stream" % camera.port)
        check("time jump: pictures come", w.more(60), w.states)
        check("time jump: times stay at the clock's", abs(w.late) < 5 * max(live.SLOWNESS, 1), w.late)
        stops("time jump", w)
        camera.end()


def files():
    video = os.path.join(work, "short.mp4")
    p = Gst.parse_launch("videotestsrc num-buffers=8 ! video/x-raw,width=64,height=48,framerate=10/1 ! x264enc tune=zerolatency ! "
                         "h264parse ! mp4mux ! filesink location=" + video)
    p.set_state(Gst.State.PLAYING)
    p.get_bus().timed_pop_filtered(live.PATIENCE * Gst.SECOND, Gst.MessageType.EOS)
    p.set_state(Gst.State.NULL)
    begun = time.monotonic()
    w = Watched("uri=" + video)
    check("a file is played over and over", w.more(20), w.states)
    check("in its own time", time.monotonic() - begun > 1.5, time.monotonic() - begun)
    check("a new round is no loss", w.stat("reconnects") == 0 and len(w.states) == 1, w.states)
    stops("file", w)
    w = Watched("retry=false uri=file://" + video)
    check("retry=false: a file ends", until(lambda: w.errors), w.errors)
    check("retry=false: without an error, all of it seen", w.pictures == 8 and w.errors == ["EOS"], w.pictures, w.errors)
    w.stop()
    for name, content in (("empty", b""), ("noise", os.urandom(20000)), ("cut", open(video, "rb").read()[:900])):
        path = os.path.join(work, name + ".mp4")
        with open(path, "wb") as f:
            f.write(content)
        w = Watched(QUICK + "uri=" + path)
        check("a broken file is said to be offline: " + name, w.offline(), w.states)
        stops("broken file", w)
    w = Watched(QUICK + "retry=false uri=%s/none.mp4" % work)
    check("retry=false: a lost camera is an error", until(lambda: w.errors) and "none.mp4" in w.errors[0], w.errors)
    w.stop()
    os.mkfifo(os.path.join(work, "pipe"))
    w = Watched(QUICK + "uri=%s/pipe" % work)
    check("a pipe is not waited for", w.offline(), w.states)
    stops("pipe", w)
    w = Watched(QUICK + "uri=v4l2:/dev/video99")
    check("a device that is not there", w.offline(), w.states)
    stops("device", w)
    for bad in ("", "nothing://x", "rtsp//x"):
        w = Watched('uri="%s"' % bad, play=False)
        result = w.pipeline.set_state(Gst.State.PLAYING)
        check("refused at once or offline: " + bad, result == Gst.StateChangeReturn.FAILURE and w.errors or w.offline(), w.states)
        w.stop()


def encoded(camera):
    w = Watched(QUICK + "uri=rtsp://127.0.0.1:%d/stream" % camera.port,
                "fakesink sync=false c.encoded ! fakesink name=e sync=false async=false signal-handoffs=true", play=False)
    seen = []
    w.pipeline.get_by_name("e").connect("handoff", lambda e, b, p: seen.append((b.pts, p.get_current_caps().to_string().split(",")[0])))
    w.pipeline.set_state(Gst.State.PLAYING)
    check("the video comes as it is, too", until(lambda: len(seen) > 20 and w.pictures > 20), len(seen), w.states)
    check("with the times of its pictures", seen[0][1] == "video/x-h264" and abs(seen[-1][0] - w.last) < 3 * Gst.SECOND, seen[-1:], w.last)
    w.pipeline.set_state(Gst.State.PAUSED)
    w.pipeline.set_state(Gst.State.PLAYING)
    n = len(seen)
    check("after a pause it goes on", w.more() and until(lambda: len(seen) > n + 2), w.states)
    stops("encoded", w)


def traces(camera):
    """In a program of its own: what the link and the camera use is not counted."""
    settings = "timeout=0.7 retry-interval=0.05 retry-interval-most=0.1 latency=50 uri=rtsp://127.0.0.1:%d/stream"
    link = Link(camera.port)
    p = subprocess.Popen(["/usr/bin/python3", os.path.join(live.HERE, "steady.py"), settings % link.port], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    used = []
    for _ in range(210):
        line = p.stdout.readline()
        if not line:
            break
        used.append([int(n) for n in line.split()])
        link.drop()
    check("200 connections", len(used) == 210, len(used))
    before, after = used[10], used[-1]
    print("after 10 connections: %d KiB, %d threads, %d descriptors; after 210: %d KiB, %d threads, %d descriptors" % (*before, *after))
    check("memory", after[0] - before[0] < 2048, before, after)
    check("threads and descriptors", after[1] <= before[1] and after[2] <= before[2], before, after)
    link.cut()
    time.sleep(20)  # never there
    p.stdin.close()
    print(p.stdout.read().strip())
    p.wait()


def one_camera():
    camera = Camera()
    cuts(camera)
    encoded(camera)
    if LONG:
        traces(camera)
    camera.end()


check.together(one_camera, hiccups, killed_and_stopped, logins, odd_streams, files)
waits.sort()
print("pictures again after %.1f s (median), %.1f s (longest)" % (waits[len(waits) // 2], waits[-1]))
check("pictures again within 5 s", waits[-1] < 5 * max(live.SLOWNESS, 1), waits)
check.close()
