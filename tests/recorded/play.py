"""Plays one pipeline and prints what came of it: messages, each buffer's metadata, lines of a publisher, statistics.

    play.py "PIPELINE"

SEEK before the line: to 2.35 s and on, from PAUSED; AGAIN: played twice; CHANGE: properties change while it plays. What differs
from run to run (a tagger's name, measured times) is left out.
"""
import hashlib
import json
import os
import sys
import tempfile

import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

LEFT_OUT = {"tagger", "ms-per-look", "ms-per-look-p95"}


def plain(value):
    """A value of a structure as JSON has it, with the order of its fields."""
    if isinstance(value, Gst.Structure):
        names = [value.nth_field_name(i) for i in range(value.n_fields())]
        return [value.get_name()] + [[n, plain(value.get_value(n))] for n in names if n not in LEFT_OUT]
    if isinstance(value, Gst.Buffer):
        return "bytes " + hashlib.sha256(value.extract_dup(0, value.get_size())).hexdigest()
    if isinstance(value, (list, tuple, Gst.ValueArray, Gst.ValueList)):
        return [plain(v) for v in value]
    if isinstance(value, (bool, int, str, type(None))):
        return value
    if isinstance(value, float):
        return value.hex()
    return getattr(value, "value_nick", None) or str(value)


said = {}  # by kind: which thread is first is a matter of chance


def say(kind, *what):
    said.setdefault(kind, []).append(json.dumps((kind,) + what, ensure_ascii=False))


def message(m):
    if m.type in (Gst.MessageType.ERROR, Gst.MessageType.WARNING, Gst.MessageType.INFO):
        error = {Gst.MessageType.ERROR: m.parse_error, Gst.MessageType.WARNING: m.parse_warning, Gst.MessageType.INFO: m.parse_info}[m.type]()[0]
        say(m.type.first_value_nick, m.src.get_name(), error.domain, error.code, error.message)
    elif m.type == Gst.MessageType.ELEMENT and m.get_structure().get_name().startswith("clipmoe"):
        say("message", m.src.get_name(), plain(m.get_structure()))


def statistics(pipeline):
    for name in "t", "u", "p":
        e = pipeline.get_by_name(name)
        if e:
            say("stats", name, plain(e.get_property("stats")))


def main():
    Gst.init(None)
    what, line = sys.argv[1].split(" ", 1) if sys.argv[1].split(" ")[0] in ("SEEK", "AGAIN", "CHANGE") else ("", sys.argv[1])
    folder = tempfile.mkdtemp(dir=os.environ["HOME"])
    lines = os.path.join(folder, "lines.jsonl")
    p = Gst.parse_launch(line.replace("lines.jsonl", lines))
    tagger, n = p.get_by_name("t"), [0]

    def handoff(sink, buffer, pad):
        meta = buffer.get_custom_meta("ClipmoeTags")
        pixels = "" if "clipmoeoverlay" not in line else hashlib.sha256(buffer.extract_dup(0, buffer.get_size())).hexdigest()
        say("buffer", buffer.pts, plain(meta.get_structure()) if meta else None, pixels)

    def before(pad, info):
        """Changes that count from a known frame on."""
        n[0] += 1
        for at, name, value in ((10, "threshold", 0.3), (15, "top-k", 1), (20, "smoothing", 2.0), (25, "post-messages", 1), (30, "attach-embedding", True)):
            if n[0] == at:
                tagger.set_property(name, value)
        return Gst.PadProbeReturn.OK

    sink = p.get_by_name("s")
    sink.set_property("signal-handoffs", True)
    sink.connect("handoff", handoff)
    if what == "CHANGE":
        tagger.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, before)
    for _ in range(2 if what == "AGAIN" else 1):
        p.set_state(Gst.State.PAUSED)
        if what == "SEEK":
            p.get_state(60 * Gst.SECOND)
            p.seek_simple(Gst.Format.TIME, Gst.SeekFlags.FLUSH | Gst.SeekFlags.ACCURATE, 2350 * Gst.MSECOND)
        p.set_state(Gst.State.PLAYING)
        while True:
            m = p.get_bus().timed_pop(300 * Gst.SECOND)
            if m:
                message(m)
            if not m or m.type in (Gst.MessageType.EOS, Gst.MessageType.ERROR):
                say("ends", m.type.first_value_nick if m else "not at all")
                break
        statistics(p)
        p.set_state(Gst.State.READY)
    p.set_state(Gst.State.NULL)
    for kind in sorted(said):
        print("\n".join(said[kind]))
    if os.path.exists(lines):
        with open(lines, encoding="utf-8") as f:
            print(f.read())
    sys.stdout.flush()
    os._exit(0)  # without waiting for what measures a verdict


main()
