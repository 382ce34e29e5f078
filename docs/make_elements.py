#!/usr/bin/python3
"""Writes docs/elements.md, the reference of the elements, from what gst-inspect-1.0 says of them.

    meson devenv -C build -w . docs/make_elements.py            writes it
    meson devenv -C build -w . docs/make_elements.py --check    says whether it is up to date (a test does this)
"""
import os
import re
import subprocess
import sys

ELEMENTS = ["clipmoetag", "clipmoebin", "clipmoesrc", "clipmoeoverlay", "clipmoepublish", "clipmoeindex"]
NOT_OURS = {"name", "parent", "qos", "async-handling", "message-forward"}  # of GStreamer's base classes
known = {}
HERE = os.path.dirname(os.path.abspath(__file__))
HEAD = """# Elements

Made by `docs/make_elements.py` from `gst-inspect-1.0`, which says the same where the elements are installed. *While playing*: the
property may change at any time; else only before the element goes to PAUSED. A *look* is one inference on one frame, a *tag* a label
with its score.
"""


def cell(text):
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def code(text):
    return "`%s`" % text if text else ""


def properties(text):
    """(name, blurb, lines below) of each of ours."""
    body = text.split("Element Properties:\n", 1)[1].split("\nElement ")[0]
    for m in re.finditer(r"^  ([a-z0-9-]+) +: (.*)\n((?:^ {10,}.*\n|^\s*\n)*)", body + "\n", re.M):
        if m[1] not in NOT_OURS:
            yield m[1], m[2], m[3]


def row(name, blurb, below):
    flags = re.search(r"flags: (.*)", below)[1]
    kind, default, meaning = "structure", "", blurb
    if "Enum" in below:
        kind, default = "choice", re.search(r'Default: -?\d+, "([^"]*)"', below)[1]
        values = re.findall(r"\(-?\d+\): (\S+) +- (.*)", below)
        meaning += ": " + "; ".join("`%s`" % v[0] + (" " + v[1] if v[1][:4] != "GST_" else "") for v in values)
    elif "String." in below:
        kind, default = "text", re.search(r"Default: (.*)", below)[1].strip('" ')
        default = "" if default.startswith("null") else default  # of one that is only written: "null Write only"
    elif "Boolean." in below:
        kind, default = "true or false", re.search(r"Default: (\w+)", below)[1]
    elif "Range:" in below:
        low, high, default = re.search(r"Range: +(\S+) +- +(\S+) +Default: +(\S+)", below).groups()
        kind = "whole number" if "Integer" in below else "number"
        if len(low) < 12 and len(high) < 12 and high != "4294967295":
            kind += ", %s to %s" % (low, high)
    if "writable" not in flags:
        kind += ", read only"
    return "| `%s` | %s | %s | %s | %s |" % (name, kind, code(default), "yes" if "PLAYING" in flags else "",
                                             cell(meaning))


def takes(text):
    """What it does with the formats of its sink pad; all that GStreamer has are not listed."""
    found = re.search(r"SINK template.*?(?=SRC template|Element has)", text, re.S)
    if not found:
        return "A source of raw video"
    sink = found[0]
    formats = re.findall(r"\(string\)(\w+)", sink.split("video/x-raw(")[0])
    if "ANY" in sink and not formats:
        return "Takes anything"
    if not formats or len(formats) > 40:
        return "Takes raw video of any format"
    return "Takes raw video: " + ", ".join(formats)


def describe(element):
    text = subprocess.run(["gst-inspect-1.0", element], stdout=subprocess.PIPE, check=True, text=True,
                          env=dict(os.environ, LC_ALL="C.UTF-8", GST_DEBUG="0")).stdout
    get = lambda key: re.search(r"^ +%s +(.*)$" % key, text, re.M)[1].strip()
    lines = ["\n## %s\n" % element, "%s. %s, in `%s`." % (get("Description"), get("Klass"), os.path.basename(get("Filename"))),
             "\n%s.\n" % takes(text), "| property | type | default | while playing | meaning |", "|---|---|---|---|---|"]
    rows = [row(*p) for p in properties(text)]
    if element == "clipmoebin":  # it carries the tagger's through
        lines[2:3] = [lines[2] + "\nThe properties of `clipmoetag`, of which these are others or differ:\n"]
        rows = [r for r in rows if r not in known["clipmoetag"]]
    known[element] = rows
    return lines + rows


def main():
    new = HEAD + "\n".join(line for e in ELEMENTS for line in describe(e)) + "\n"
    path = os.path.join(HERE, "elements.md")
    if "--check" in sys.argv:
        with open(path, encoding="utf-8") as f:
            old = f.read()
        for a, b in zip(old.splitlines(), new.splitlines()):
            if a != b:
                sys.exit("docs/elements.md is out of date, run docs/make_elements.py:\n- %s\n+ %s" % (a, b))
        sys.exit("docs/elements.md is out of date, run docs/make_elements.py" if old != new else 0)
    with open(path, "w", encoding="utf-8") as f:
        f.write(new)


main()
