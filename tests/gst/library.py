#!/usr/bin/python3
"""libclipmoegst from Python, by its GIR: the looks of a buffer, an event and a message as objects say what the metadata
says, outlive what carried them, and what carries none gives none.

Closes with `N passed, N failed, N skipped`.
"""
import base64
import gc
import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("ClipmoeGst", "1.0")
from gi.repository import ClipmoeGst, Gst  # noqa: E402

passed = failed = 0


def check(name, ok, *why):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAILED:", name, *why)


def main():
    Gst.init(None)
    pipeline = Gst.parse_launch(
        "videotestsrc num-buffers=5 ! video/x-raw,width=64,height=64,framerate=10/1 ! "
        "clipmoetag labels=\"a dog;a cat;a bus\" threshold=0 top-k=3 mode=sync rate=5 attach-embedding=true "
        "post-messages=all source=camera ! appsink name=s sync=false")
    sink, bus = pipeline.get_by_name("s"), pipeline.get_bus()
    looks, again, samples, lines, said, strangers = [], [], [], [], [], []
    pipeline.set_state(Gst.State.PLAYING)
    while sample := sink.emit("pull-sample"):
        looks.append(ClipmoeGst.buffer_get_looks(sample.get_buffer()))
        samples.append(sample)
    while message := bus.pop():
        check("no error", message.type != Gst.MessageType.ERROR, message.get_structure())
        found = ClipmoeGst.message_get_looks(message)
        if message.type == Gst.MessageType.ELEMENT and message.get_structure().get_name() == "clipmoe-tags":
            lines.append(message.get_structure().get_string("json"))
            said += found
        else:
            strangers += found
    pipeline.set_state(Gst.State.NULL)
    check("another message says no look", not strangers, strangers)
    again = [ClipmoeGst.buffer_get_looks(s.get_buffer()) for s in samples]
    check("each buffer carries one, as often as it is asked", [len(l) for l in looks + again] == [1] * 10, looks, again)
    samples.clear()
    del pipeline, sink, bus
    gc.collect()
    check("every second frame was looked at", [l[0].get_fresh() for l in looks] == [True, False, True, False, True] and
          len(lines) == len(said) == 3, lines)
    for name, found in (("while it passes", looks), ("later", again)):
        for n, (look,) in enumerate(found):
            want = json.loads(lines[n // 2])
            tags = look.get_tags()
            check("a look read %s, frame %d" % (name, n),
                  (look.get_source(), look.get_model(), look.get_at()) == ("camera", want["model"], 0) and
                  abs(look.get_time() / 1e9 - want["time"]) < 1e-9 and look.get_age() == n % 2 * Gst.SECOND // 10 and
                  [t.get_label() for t in tags] == [t["label"] for t in want["tags"]] and len(tags) == 3 and
                  all(abs(t.get_score() - w["score"]) < 1e-6 and abs(t.get_cosine() - w["cosine"]) < 1e-6
                      for t, w in zip(tags, want["tags"])), want)
            check("its region is the whole frame", tuple(look.get_region()) == (False, 0.0, 0.0, 1.0, 1.0))
            check("its vector", look.get_embedding().get_data() == base64.b64decode(want["embedding"]["base64"]))
            check("which look it is", look.get_tagger() == looks[0][0].get_tagger() and look.get_sequence() == n // 2 + 1,
                  look.get_sequence())
    check("a message's look is its line", [l.to_json() for l in said] == lines, lines)
    check("none has a GstAnalyticsClsMtd that is on no buffer", [tuple(l.get_cls()) for l in said] == [(False, 0)] * 3)
    tag = said[0].get_tags()[0]
    said.clear()
    gc.collect()
    check("a tag outlives its look", tag.get_label() in ("a dog", "a cat", "a bus"), tag.get_label())

    check("a buffer without", ClipmoeGst.buffer_get_looks(Gst.Buffer.new()) == [])
    check("an event without", ClipmoeGst.event_get_looks(Gst.Event.new_eos()) == [])
    strange = Gst.Structure.new_from_string("clipmoe-look, looks=(string)none")
    check("an event with something else in it",
          ClipmoeGst.event_get_looks(Gst.Event.new_custom(Gst.EventType.CUSTOM_DOWNSTREAM, strange)) == [])


def events():
    pipeline = Gst.parse_launch(
        "videotestsrc num-buffers=5 ! video/x-raw,width=64,height=64,framerate=10/1 ! "
        "clipmoetag labels=\"a dog;a cat\" threshold=0 mode=sync rate=0 post-messages=events source=camera ! fakesink name=s sync=false async=false")
    down, said, lines, strangers = [], [], [], []

    def note(pad, info):
        down.append(ClipmoeGst.event_get_label_event(info.get_event()))
        return Gst.PadProbeReturn.OK

    pipeline.get_by_name("s").get_static_pad("sink").add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, note)
    bus, message = pipeline.get_bus(), None
    pipeline.set_state(Gst.State.PLAYING)
    while not message or message.type not in (Gst.MessageType.EOS, Gst.MessageType.ERROR):
        message = bus.timed_pop(60 * Gst.SECOND)
        e = ClipmoeGst.message_get_label_event(message)
        (said if e else strangers).append(e)
        if e:
            lines.append(message.get_structure().get_string("json"))
    pipeline.set_state(Gst.State.NULL)
    del pipeline, bus, message
    gc.collect()
    check("starts and ends of two labels", [e.get_kind() for e in said] == ["start"] * 2 + ["end"] * 2 and None in strangers, said)
    check("a message's event is its line", [e.to_json() for e in said] == lines, lines)
    check("what goes down is the same", [e.to_json() for e in down if e] == lines and None in down, down)
    for e, line in zip(said, lines):
        want = json.loads(line)
        check("an event's fields", (e.get_id(), e.get_source(), e.get_label(), e.get_group(), e.get_model(), e.get_at()) ==
              (want["id"], "camera", want["label"], None, want["model"], 0) and e.get_start() == 0 and e.get_peak_time() / 1e9 == want["peak_time"] and
              e.get_end() == (Gst.CLOCK_TIME_NONE if want["end"] is None else round(want["end"] * 1e9)) and tuple(e.get_object_id()) == (False, 0) and
              all(abs(a - b) < 1e-6 for a, b in ((e.get_peak(), want["peak"]), (e.get_mean(), want["mean"]), (e.get_score(), want["score"]))), want)


main()
events()
print("%d passed, %d failed, 0 skipped" % (passed, failed))
sys.exit(failed != 0)
