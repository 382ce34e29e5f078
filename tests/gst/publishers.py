#!/usr/bin/python3
"""Checks what a publisher sends: every look and every event once, however streams are joined or split, under the name of its stream; and that no
reader can block, end or silence a live stream."""
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time

import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst

Gst.init(None)
work = tempfile.mkdtemp()
passed = failed = 0
names = iter(range(1000))
RAW = "video/x-raw,format=RGB,width=64,height=48,framerate=10/1"


def check(name, ok, *why):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print("FAILED:", name, *[str(w)[:600] for w in why])


def play(line, prepare=None, rounds=1):
    """The messages of @line, played to its end @rounds times."""
    p = Gst.parse_launch(line) if isinstance(line, str) else line
    if prepare:
        prepare(p)
    messages = []
    for _ in range(rounds):
        p.set_state(Gst.State.PLAYING)
        while True:
            m = p.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR |
                                               Gst.MessageType.WARNING | Gst.MessageType.ELEMENT)
            messages.append(m)
            if not m or m.type in (Gst.MessageType.EOS, Gst.MessageType.ERROR):
                break
        p.set_state(Gst.State.READY)
        end = messages.pop()
        while True:
            m = p.get_bus().pop_filtered(Gst.MessageType.WARNING | Gst.MessageType.ELEMENT)
            if not m:
                break
            messages.append(m)
        messages.append(end)
    stats = {}
    for name in ("t", "p"):
        e = p.get_by_name(name)
        s = e.get_property("stats") if e else None
        for f in ("looks", "lines", "dropped", "events"):
            if s and s.has_field(f):
                stats[f] = s.get_value(f)
    p.set_state(Gst.State.NULL)
    how = "nothing" if not messages[-1] else "eos" if messages[-1].type == Gst.MessageType.EOS else messages[-1].parse_error()[0].message
    warnings = [m.parse_warning()[0].message for m in messages if m and m.type == Gst.MessageType.WARNING]
    tags = [m.get_structure() for m in messages if m and m.type == Gst.MessageType.ELEMENT]
    return how, [t for t in tags if t.get_name() == "clipmoe-tags"], warnings, stats


def published(line, **more):
    """The lines of @line, in which PUBLISH stands for the publisher."""
    path = os.path.join(work, "%d.jsonl" % next(names))
    how, messages, warnings, stats = play(line.replace("PUBLISH", "clipmoepublish name=p target=file:" + path), **more)
    with open(path, encoding="utf-8") as f:
        return how, [json.loads(x) for x in f], messages, warnings, stats


def tag(more="", rate=1, mode="sync"):
    return 'clipmoetag mode=%s rate=%g threshold=0 labels="a,b" %s' % (mode, rate, more)


def once():
    camera = "videotestsrc num-buffers=40 pattern=%s ! " + RAW + " ! "
    red = camera % "red"
    for name, line, want in (
            ("two taggers of one rate", red + tag() + " ! " + tag() + " ! PUBLISH ! fakesink", [4, 4]),
            ("two taggers of two rates", red + tag(rate=2) + " ! " + tag() + " ! PUBLISH ! fakesink", [4, 8]),
            ("two cameras", "funnel name=u ! PUBLISH ! fakesink " + red + tag() + " ! u. " + red + tag() + " ! u.", [4, 4]),
            ("two cameras of one name", "funnel name=u ! PUBLISH ! fakesink " + red + tag("source=x") + " ! u. " + red +
             tag("source=x") + " ! u.", [8]),
            ("two cameras with two taggers each", "funnel name=u ! PUBLISH ! fakesink " +
             2 * (red + tag() + " ! " + tag(rate=2) + " ! u. "), [4, 4, 8, 8]),
            ("branches that join again", "funnel name=u ! PUBLISH ! fakesink sync=false " + red + tag() + " ! tee name=j "
             "j. ! queue ! u. j. ! queue ! u.", [4]),
            ("doubled buffers", red + tag() + " ! videorate ! video/x-raw,framerate=30/1 ! PUBLISH ! fakesink", [4]),
            ("one picture after another", "concat name=u ! " + tag() + " ! PUBLISH ! fakesink " +
             2 * ("videotestsrc num-buffers=1 ! " + RAW + " ! u. "), [2])):
        how, lines, _, warnings, _ = published(line)
        counts = {}
        for l in lines:
            counts[l["source"]] = counts.get(l["source"], 0) + 1
        check(name + ": every look once", how == "eos" and not warnings and sorted(counts.values()) == want and
              None not in counts, how, counts, warnings)
    how, lines, _, _, _ = published(red + tag() + " ! PUBLISH ! fakesink", rounds=2)
    check("started again: its looks are new ones", len(lines) == 8, lines)
    for mode in ("sync", "latest"):
        how, lines, messages, _, stats = published("videotestsrc is-live=true num-buffers=12 ! video/x-raw,format=RGB,width=64,"
                                                   "height=48,framerate=30/1 ! " + tag("name=t post-messages=all", 0, mode) +
                                                   " ! PUBLISH ! fakesink")
        check("live, " + mode + ": every look is a line, the last one too",
              how == "eos" and len(lines) == len(messages) == stats["looks"] == stats["lines"], how, len(lines), stats)
        check("live, " + mode + ": all are fresh and have a date", all(l["fresh"] and l["at"] for l in lines), lines[:2])
        at = {json.loads(m.get_string("json"))["time"]: json.loads(m.get_string("json"))["at"] for m in messages}
        check("live, " + mode + ": the date is the look's", all(at[l["time"]] == l["at"] for l in lines), lines[:2], at)


def changes():
    def feed(a):
        for i in range(8):
            b = Gst.Buffer.new_wrapped(bytes([255, 0, 0] if i % 2 else [0, 255, 0]) * 64 * 48)
            b.pts = i * Gst.SECOND
            a.emit("push-buffer", b)
        a.emit("end-of-stream")

    def begin(p):
        threading.Thread(target=feed, args=[p.get_by_name("a")], daemon=True).start()

    line = "appsrc name=a format=time caps=video/x-raw,format=RGB,width=64,height=48,framerate=1/1 ! " \
           "clipmoetag mode=sync labels=red,green threshold=%s ! PUBLISH on=change ! fakesink"
    how, lines, _, _, _ = published(line % 0, prepare=begin)
    check("on=change: order is no change", how == "eos" and len(lines) == 1, lines)


def names_of_streams():
    paths = [os.path.join(work, n + ".rgb") for n in ("one", "two")]
    for path in paths:
        with open(path, "wb") as f:
            f.write(os.urandom(64 * 48 * 3) * 3)
    read = "filesrc location=%s ! rawvideoparse format=rgb width=64 height=48 framerate=10/1 ! "
    for join in ("concat", "funnel", "concat name=v ! identity ! queue ! concat"):
        inner = "v" if " " in join else "u"
        how, lines, _, _, _ = published("%s name=u ! %s ! PUBLISH ! fakesink " % (join, tag(rate=0)) +
                                        "".join(read % p + inner + ". " for p in paths))
        sources = [os.path.basename(l["source"] or "") for l in lines]
        if join == "funnel":
            sources.sort()
        check("behind %s a look bears its file's name" % join.split()[0], how == "eos" and
              sources == 3 * ["one.rgb"] + 3 * ["two.rgb"], how, sources)
    how, lines, _, _, _ = published("concat name=u ! " + tag() + " ! PUBLISH ! fakesink " + 2 * (read % paths[0] + "u. "))
    check("one file played twice is two streams", len(lines) == 2, lines)
    how, lines, _, _, _ = published("compositor name=u ! video/x-raw,format=RGBA,width=64,height=48 ! " + tag() + " ! PUBLISH ! fakesink " +
                                    "".join(read % p + "u. " for p in paths))
    check("a picture made of two files has neither's name", lines and all(l["source"].startswith("/Gst") for l in lines),
          how, lines)

    how, lines, messages, _, _ = published("videotestsrc num-buffers=2 ! " + RAW + " ! " + tag("post-messages=all") +
                                           " ! PUBLISH ! fakesink")
    m = messages[0]
    check("a message has its times and looks as fields", [m.get_uint64(f) for f in ("timestamp", "stream-time", "running-time",
          "duration")] == [(True, 0), (True, 0), (True, 0), (True, Gst.SECOND // 10)] and len(m.get_value("looks")) == 1 and
          json.loads(m.get_string("json"))["tags"][0]["label"] == m.get_value("looks")[0].get_value("tags")[0].get_string("label"),
          m.to_string())
    how, lines, _, _, _ = published("videotestsrc num-buffers=2 ! " + RAW + " ! " + tag("source=rtsp://me:word@h/") +
                                    " ! PUBLISH ! fakesink")
    check("what the user calls it stays", lines[0]["source"] == "rtsp://me:word@h/", lines)


def readers():
    def live(n, more=""):
        return "videotestsrc is-live=true num-buffers=%d ! video/x-raw,format=RGB,width=64,height=48,framerate=30/1 ! " % n + \
            tag(more, 10) + " ! clipmoepublish name=p on=frame target=file:%s ! fakesink"

    def pipe():
        path = os.path.join(work, "pipe%d" % next(names))
        os.mkfifo(path)
        return path

    path = pipe()
    how, _, warnings, stats = play(live(10) % path)
    check("nobody reads: it runs, says so, counts", how == "eos" and any("nobody reads" in w for w in warnings) and
          any("10 lines were not written" in w for w in warnings) and stats["dropped"] == 10 and stats["lines"] == 0,
          how, warnings, stats)
    path = pipe()
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    got, noticed = [], threading.Event()

    def hear(bus, message):
        if message.type == Gst.MessageType.WARNING and "the reader left" in message.parse_warning()[0].message:
            noticed.set()
        return Gst.BusSyncReply.PASS

    def leave_and_return():
        global_end = time.time() + 30
        data = b""
        while data.count(b"\n") < 3 and time.time() < global_end:
            try:
                data += os.read(fd, 65536)
            except BlockingIOError:
                pass
            time.sleep(.01)
        os.close(fd)
        noticed.wait(30)  # gone for as long as it takes to be noticed
        with open(path, "rb") as f:
            got.append(f.read())

    reader = threading.Thread(target=leave_and_return)
    reader.start()
    how, _, warnings, stats = play(live(150) % path, prepare=lambda p: p.get_bus().set_sync_handler(hear))
    reader.join(30)
    back = [json.loads(x) for x in got[0].splitlines()]
    check("the reader leaves and another one comes: the video goes on, whole lines for both",
          how == "eos" and back and any("the reader left" in w for w in warnings) and stats["lines"] + stats["dropped"] == 150,
          how, len(back), warnings, stats)
    path = pipe()
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    how, _, warnings, stats = play(live(30, "source=" + 4000 * "x") % path)
    check("nobody ever reads: the end comes, what is lost is counted", how == "eos" and stats["dropped"] > 0 and
          stats["lines"] + stats["dropped"] == 30 and any("%d lines were not written" % stats["dropped"] in w for w in warnings),
          how, warnings, stats)
    os.close(fd)
    path = pipe()
    got.clear()

    def late():
        time.sleep(1.5)
        with open(path, "rb") as f:
            got.append(f.read())

    reader = threading.Thread(target=late)
    reader.start()
    how, _, warnings, stats = play("videotestsrc num-buffers=20 ! " + RAW + " ! " + tag() + " ! clipmoepublish name=p on=frame "
                                   "target=file:%s ! fakesink" % path)
    reader.join(30)
    check("a file waits for its reader", how == "eos" and got[0].count(b"\n") == 20 and stats["dropped"] == 0, how, got, stats)
    path = os.path.join(work, "film.mp4")
    for before in (b"\0\0\0\x20ftypisom", b"my notes\n"):
        with open(path, "wb") as f:
            f.write(before)
        how, _, warnings, stats = play(live(3) % path)
        with open(path, "rb") as f:
            check("a file that holds something else is left alone", "holds no JSON lines" in how and f.read() == before, how)
    with open(path, "wb") as f:
        f.write(b"\n")
    how, _, warnings, stats = play(live(3) % path)
    check("an empty line is nothing else", how == "eos" and stats["lines"] == 3, how, stats)
    how, _, warnings, stats = play(live(10) % "/dev/full")
    check("a full disk does not end a camera", how == "eos" and stats["dropped"] == 10 and
          sum("No space left" in w for w in warnings) == 1, how, warnings, stats)


def added():
    """Put into a pipeline that plays and taken out again; data wait already."""
    p = Gst.parse_launch("videotestsrc is-live=true ! video/x-raw,format=RGB,width=64,height=48,framerate=100/1 ! "
                         "tee name=t ! queue ! fakesink")
    p.set_state(Gst.State.PLAYING)
    p.get_state(5 * Gst.SECOND)
    t = p.get_by_name("t")
    for i in range(10):
        for kind in ("clipmoepublish", "clipmoeoverlay"):
            q, e, s = made = [Gst.ElementFactory.make(x) for x in ("queue", kind, "fakesink")]
            if kind == "clipmoepublish":
                e.set_property("target", "file:" + os.path.join(work, "added"))
            s.set_property("async", False)
            for x in made:
                p.add(x)
            q.link(e)
            e.link(s)
            s.sync_state_with_parent()
            q.sync_state_with_parent()
            pad = t.request_pad_simple("src_%u")
            pad.link(q.get_static_pad("sink"))
            e.sync_state_with_parent()
            time.sleep(.03)
            t.release_request_pad(pad)
            for x in made:
                x.set_state(Gst.State.NULL)
                p.remove(x)
    m = p.get_bus().pop_filtered(Gst.MessageType.ERROR)
    check("put into a pipeline that plays", not m, m and m.parse_error())
    p.set_state(Gst.State.NULL)


TYPES = {"string": str, "null": type(None), "integer": int, "number": (int, float), "object": dict, "array": list, "boolean": bool}


def conforms(value, schema):
    """Whether @value is as @schema says, by the words that ours use."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(isinstance(value, TYPES[k]) for k in kinds) or value != schema.get("const", value) or \
            value not in schema.get("enum", [value]):
        return False
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        return False
    if isinstance(value, (int, float)) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return False
    if isinstance(value, list):
        return all(conforms(v, schema.get("items", {})) for v in value)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return set(schema.get("required", [])) <= set(value) and (set(value) <= set(properties) or
                schema.get("additionalProperties", True)) and all(conforms(v, properties.get(k, {})) for k, v in value.items())
    return True


def schema(name):
    with open(os.path.join(os.environ["CLIPMOE_TEST_SOURCES"], "..", "docs", name), encoding="utf-8") as f:
        return json.load(f)


def events():
    """Starts and ends, each once; and an end for every start, whoever stops first."""
    lines_are = schema("event.schema.json")
    short = lambda lines: sorted((l["type"], l["label"]) for l in lines)
    both = [("end", "a"), ("end", "b"), ("start", "a"), ("start", "b")]
    camera = "videotestsrc num-buffers=40 ! " + RAW + " ! "
    how, lines, _, _, stats = published(camera + tag("source=cam") + " ! PUBLISH on=event ! fakesink")
    check("events of a file", how == "eos" and short(lines) == both and stats["events"] == stats["lines"] == 4, how, lines, stats)
    check("events are as their schema says", all(conforms(l, lines_are) for l in lines), lines)
    check("the schema refuses what is none", not conforms(dict(lines[0], type="stop"), lines_are) and
          not conforms(dict(lines[0], more=1), lines_are) and not conforms({"schema": "clipmoe.event/1"}, lines_are))
    check("an event ends with the last look", {(l["start"], l["end"], l["at"], l["source"]) for l in lines if l["type"] == "end"} ==
          {(0, 3, None, "cam")}, lines)
    how, lines, _, _, stats = published(camera + tag() + " ! tee name=j  funnel name=u ! PUBLISH on=event ! fakesink sync=false "
                                        "j. ! queue ! u. j. ! queue ! u.")
    check("branches that join again: events once", how == "eos" and short(lines) == both, how, lines)
    how, lines, _, _, stats = published(camera + tag("post-messages=all") + " ! PUBLISH ! fakesink")
    looks_are = schema("tags.schema.json")
    check("looks are as their schema says, and no event is among them", len(lines) == 4 and stats["events"] == 0 and
          all(conforms(l, looks_are) for l in lines), lines)
    for other in (None, "look"):  # of what the property says at the end
        path = os.path.join(work, "stopped-%s.jsonl" % other)
        p = Gst.parse_launch("videotestsrc is-live=true ! " + RAW + " ! " + tag(rate=0, mode="latest") +
                             " ! clipmoepublish name=p on=event target=file:" + path + " ! fakesink")
        p.set_state(Gst.State.PLAYING)
        for _ in range(3000):
            if p.get_by_name("p").get_property("stats").get_value("events") >= 2:
                break
            time.sleep(.01)
        if other:
            Gst.util_set_object_arg(p.get_by_name("p"), "on", other)
        time.sleep(.3)  # some looks that the end must be after
        p.set_state(Gst.State.NULL)
        with open(path, encoding="utf-8") as f:
            lines = [l for l in map(json.loads, f) if l["schema"] == "clipmoe.event/1"]
        ids = lambda kind: sorted(l["id"] for l in lines if l["type"] == kind)
        check("a publisher that stops ends what it began, on=%s" % other, short(lines) == both and ids("start") == ids("end") and
              all(conforms(l, lines_are) and l["at"] and (l["type"] == "start" or l["end"] > l["start"]) for l in lines), lines)


signal.alarm(300)
once()
changes()
names_of_streams()
readers()
added()
events()
print("%d passed, %d failed, 0 skipped" % (passed, failed))
sys.stdout.flush()
os._exit(failed != 0)
