#!/usr/bin/python3
"""Checks what `clipmoe tag` prints for players and editors and the report that it writes: --edl, --otio, --chapters and --html say
the same as --csv, can be read back, and are safe whatever files and labels are called.

Closes with `N passed, N failed, N skipped`.
"""
import base64
import csv
import hashlib
import html.parser
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

import numpy
from PIL import Image

sys.path.insert(0, os.environ["CLIPMOE_TEST_SOURCES"])
from slow import seconds  # noqa: E402

COMMAND = os.environ["CLIPMOE_COMMAND"]
RATE = 30000 / 1001
# each of them is a meaning in one of the forms
LABELS = ["--labels", "a = b # c \\ d,<b>&\"it's\",--> 001  AX,\N{DELIVERY TRUCK} van", "--threshold", "0.2", "--top-k", "2"]
passed = failed = skipped = 0


def run(*arguments, **more):
    return subprocess.run([COMMAND, *arguments], capture_output=True, timeout=seconds(60), **more)


def check(name, ok, *why):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED:", name, *[str(w)[:1500] for w in why])


def skip(name, why):
    global skipped
    skipped += 1
    print("SKIPPED:", name + ":", why)


def refused(name, status, *arguments, **more):
    """The status, one sentence, nothing on standard output."""
    r = run(*arguments, **more)
    check(name, r.returncode == status and r.stdout == b"" and r.stderr.count(b"\n") == 1, r)


def make_video(work, path):
    """Eight seconds at 29.97 frames a second, each of them another picture."""
    random = numpy.random.default_rng(3)
    raw, mkv = os.path.join(work, "raw"), os.path.join(work, "v.mkv")
    with open(raw, "wb") as f:
        for second in range(8):
            small = random.integers(0, 256, (4, 5, 3), dtype=numpy.uint8)
            f.write(Image.fromarray(small).resize((160, 90), Image.NEAREST if second % 2 else Image.BICUBIC).tobytes() * 30)
    subprocess.run(["gst-launch-1.0", "-q", "filesrc", "location=" + raw, "!", "rawvideoparse", "format=rgb", "width=160", "height=90", "framerate=30000/1001",
                    "!", "videoconvert", "!", "jpegenc", "!", "matroskamux", "!", "filesink", "location=" + mkv],
                   check=True, env=dict(os.environ, GST_PLUGIN_PATH="", GST_REGISTRY=os.path.join(work, "registry")))  # not ours to load
    os.unlink(os.path.join(work, "registry"))
    os.unlink(raw)
    os.rename(mkv.encode(), path)


def intervals(video, *more):
    """What --csv says: (start, end, label, peak, time), numbers as they stand there."""
    r = run("tag", "--csv", *LABELS, *more, video)
    rows = list(csv.reader(io.StringIO(r.stdout.decode("utf-8", "surrogateescape"), newline="")))[1:]
    return [(float(s), float(e), label, peak, float(t)) for _, s, e, label, peak, t, _ in rows]


# ---------------------------------------------------------------- cut lists

def frames_of(code, fps, drop):
    h, m, s, f = map(int, re.fullmatch(r"(\d\d):(\d\d):(\d\d)[:;](\d\d)", code).groups())
    assert (";" in code) == drop, code
    minutes = h * 60 + m
    return (minutes * 60 + s) * fps + f - (2 * (minutes - minutes // 10) if drop else 0)


def events(text, fps, drop):
    """(source in, source out, record in, record out, clip name, file, comment), in frames."""
    found = []
    for block in text.split("\n\n")[1:]:
        lines = block.strip("\n").split("\n")
        number, reel, track, kind, *codes = lines[0].split()
        assert int(number) == len(found) + 1 and (reel, track, kind) == ("AX", "V", "C"), lines
        said = dict(re.fullmatch(r"\* ([A-Z ]+): (.*)", l).groups() for l in lines[1:])
        found.append([frames_of(c, fps, drop) for c in codes] + [said["FROM CLIP NAME"], said["SOURCE FILE"], said["COMMENT"]])
    return found


def cut_lists(video, name, shown, rows, work):
    r = run("tag", "--edl", *LABELS, video)
    text = r.stdout.decode()
    check("edl: of the file's own rate", r.returncode == 0 and not r.stderr and text.startswith("TITLE: ") and "\nFCM: DROP FRAME\n" in text, r)
    found = events(text, 30, True)
    expected = sorted((round(s * RATE), min(round(e * RATE), 240)) for s, e, *_ in rows)
    check("edl: the events are the intervals", sorted((a, b) for a, b, *_ in found) == expected and len(found) == len(rows) > 3, found, expected)
    check("edl: one after the other from an hour on", all(e[3] - e[2] == e[1] - e[0] for e in found) and found[0][2] == 107892 and
          all(a[3] == b[2] for a, b in zip(found, found[1:])), found)
    check("edl: names and labels are comments on their lines", {e[4] for e in found} == {shown} and {e[5] for e in found} == {os.path.join(work, shown)} and
          sorted(e[6].rpartition(", best")[0].rpartition(", ")[0] for e in found) == sorted(row[2] for row in rows), found)
    other = run("tag", "--edl", "--fps", "25", "--start-timecode", "10:00:00:00", *LABELS, video).stdout.decode()
    found = events(other, 25, False)
    check("edl: another rate, another start", "FCM: NON-DROP FRAME" in other and
          sorted(a for a, *_ in found) == sorted(900000 + int(s * 25 + 0.5) for s, *_ in rows), found)
    two = run("tag", "--edl", "--source", "one", *LABELS, video, os.path.join(work, "again.mkv"))
    check("edl: two files that are called the same", len(events(two.stdout.decode(), 30, True)) == 2 * len(rows), two)
    still = run("tag", "--edl", *LABELS, os.path.join(work, "a.jpg"), video)
    check("edl: pictures are left out, and it is said", still.returncode == 0 and len(events(still.stdout.decode(), 30, True)) == len(rows) and
          re.search(rb"picture.*left out", still.stderr), still)


# What release 0.15 of OpenTimelineIO writes: keys and the types of their values by schema.
NUMBER, NONE = (int, float), type(None)
ITEM = {"metadata": dict, "name": str, "source_range": (dict, NONE), "effects": list, "markers": list, "enabled": bool}
MEDIA = {"metadata": dict, "name": str, "available_range": (dict, NONE), "available_image_bounds": NONE}
SCHEMAS = {
    "Timeline.1": {"metadata": dict, "name": str, "global_start_time": (dict, NONE), "tracks": "Stack.1"},
    "Stack.1": dict(ITEM, children=list),
    "Track.1": dict(ITEM, children=list, kind=str),
    "Clip.2": dict(ITEM, media_references=dict, active_media_reference_key=str),
    "Marker.2": {"metadata": dict, "name": str, "color": str, "marked_range": "TimeRange.1"},
    "ExternalReference.1": dict(MEDIA, target_url=str),
    "MissingReference.1": MEDIA,
    "TimeRange.1": {"duration": "RationalTime.1", "start_time": "RationalTime.1"},
    "RationalTime.1": {"rate": float, "value": float},
}


def faults_of(thing, where="$"):
    if isinstance(thing, list):
        return [f for i, v in enumerate(thing) for f in faults_of(v, "%s[%d]" % (where, i))]
    if not isinstance(thing, dict):
        return []
    faults = []
    if "OTIO_SCHEMA" in thing:
        keys = SCHEMAS.get(thing["OTIO_SCHEMA"])
        if keys is None:
            return ["%s: no schema %s" % (where, thing["OTIO_SCHEMA"])]
        if set(keys) != set(thing) - {"OTIO_SCHEMA"}:
            faults.append("%s: %s has the keys %s" % (where, thing["OTIO_SCHEMA"], sorted(thing)))
        for key, kind in keys.items():
            value = thing.get(key)
            ok = value.get("OTIO_SCHEMA") == kind if isinstance(kind, str) else isinstance(value, kind)
            if not ok:
                faults.append("%s.%s: %r" % (where, key, value))
    return faults + [f for k, v in thing.items() if k != "metadata" for f in faults_of(v, where + "." + k)]


def timelines(video, name, rows, work):
    r = run("tag", "--otio", *LABELS, video)
    timeline = json.loads(r.stdout)
    check("otio: the schemas of release 0.15", r.returncode == 0 and not r.stderr and timeline["OTIO_SCHEMA"] == "Timeline.1" and not faults_of(timeline), faults_of(timeline))
    track, = timeline["tracks"]["children"]
    clips = track["children"]
    got = [(c["source_range"]["start_time"]["value"], c["source_range"]["duration"]["value"], c["metadata"]["clipmoe"]["label"]) for c in clips]
    expected = [(round(s * RATE), min(round(e * RATE), 240) - round(s * RATE), label) for s, e, label, *_ in rows]
    check("otio: the clips are the intervals", got == expected, got, expected)
    check("otio: the rate is the file's", all(abs(c["source_range"]["duration"]["rate"] - RATE) < 1e-12 for c in clips))
    references = [c["media_references"][c["active_media_reference_key"]] for c in clips]
    uris = {m["target_url"] for m in references}
    check("otio: the media are the file, percent-encoded", len(uris) == 1 and all(re.fullmatch(r"file:///[\x21-\x7e]*", u) for u in uris) and
          urllib.parse.unquote_to_bytes(urllib.parse.urlsplit(list(uris)[0]).path) == os.path.join(work.encode(), name), uris)
    check("otio: markers lie in their clips", all(
        0 <= m["marked_range"]["start_time"]["value"] - c["source_range"]["start_time"]["value"] < c["source_range"]["duration"]["value"]
        for c in clips for m in c["markers"]) and all(len(c["markers"]) == 1 for c in clips), clips)
    piped = json.loads(run("tag", "--otio", *LABELS, "-", stdin=open(video, "rb")).stdout)
    check("otio: standard input has no place", not faults_of(piped) and {
        c["media_references"]["DEFAULT_MEDIA"]["OTIO_SCHEMA"] for c in piped["tracks"]["children"][0]["children"]} == {"MissingReference.1"})


# ---------------------------------------------------------------- chapters

def expected_chapters(rows, length):
    """Stretches in which the same intervals are there, in ms."""
    spans = [(int(s * 1000 + 0.5), min(int(e * 1000 + 0.5), length), "%s (%.2f)" % (label, float(peak))) for s, e, label, peak, _ in rows]
    edges = sorted({t for s, e, _ in spans for t in (s, e)})
    found = []
    for a, b in zip(edges, edges[1:]):
        there = [label for s, e, label in spans if s <= a and b <= e]
        if there:
            found.append((a, b, ", ".join(there)))
    return found


def chapters(video, rows, work):
    r = run("tag", "--chapters", *LABELS, video)
    text = r.stdout.decode()
    check("chapters", r.returncode == 0 and not r.stderr and text.startswith(";FFMETADATA1\n") and "\x1b" not in text, r)
    blocks = re.findall(r"\n\[CHAPTER\]\nTIMEBASE=1/1000\nSTART=(\d+)\nEND=(\d+)\ntitle=(.*)\n", text)
    check("chapters: nothing else", text == ";FFMETADATA1\n" + "".join("\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=%s\nEND=%s\ntitle=%s\n" % b for b in blocks), text)
    got = [(int(a), int(b), re.sub(r"\\(.)", r"\1", title)) for a, b, title in blocks]
    expected = expected_chapters(rows, 8008)
    check("chapters: the stretches of the intervals", [g[:2] for g in got] == [e[:2] for e in expected] and len(got) > 3, got, expected)
    check("chapters: all labels that are there", all(sorted(g[2]) == sorted(e[2]) for g, e in zip(got, expected)), got, expected)
    if not shutil.which("ffmpeg"):
        return skip("chapters: ffmpeg reads them", "ffmpeg is not installed")
    meta = os.path.join(work, "chapters.txt")
    with open(meta, "w", encoding="utf-8") as f:
        f.write(text)
    for ending in "mkv", "mp4":
        out = os.path.join(work, "out." + ending)
        subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-i", "file:" + os.path.join(work, "again.mkv"), "-i", meta, "-map", "0", "-map_chapters", "1", "-c", "copy", out],
                       check=True, timeout=seconds(60))
        shown = json.loads(subprocess.run(["ffprobe", "-loglevel", "error", "-of", "json", "-show_chapters", out], check=True, capture_output=True,
                                          timeout=seconds(60)).stdout)["chapters"]
        read = [(round(float(c["start_time"]) * 1000), c["tags"]["title"]) for c in shown]
        # the title as it is, whatever it contains
        check("chapters: ffmpeg puts them into %s" % ending, read == [(a, title) for a, _, title in got], read, got)
        os.unlink(out)
    os.unlink(meta)


# ---------------------------------------------------------------- reports

class Page(html.parser.HTMLParser):
    VOID = {"meta", "img", "rect"}
    ALLOWED = {"html": {"lang"}, "head": set(), "meta": {"charset", "http-equiv", "content", "name"}, "title": set(), "style": set(), "body": set(),
               "header": set(), "main": set(), "section": {"aria-labelledby"}, "h1": set(), "h2": {"id"}, "h3": {"id"}, "h4": set(), "p": {"class"}, "bdi": set(),
               "ol": {"role"}, "li": set(), "div": {"class", "aria-hidden"}, "span": {"aria-hidden"}, "a": {"href"}, "img": {"src", "alt"}, "mark": set(),
               "dl": set(), "dt": set(), "dd": set(), "svg": {"viewbox", "preserveaspectratio", "role", "aria-label"}, "rect": {"x", "y", "width", "height"}}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.faults, self.all, self.text = [], [], [], {}
        self.feed(text)
        self.close()
        if self.open:
            self.faults.append("left open: %s" % self.open)

    def handle_starttag(self, tag, attributes):
        extra = {k for k, _ in attributes} - self.ALLOWED.get(tag, set())
        if tag not in self.ALLOWED or extra:
            self.faults.append("<%s %s>" % (tag, extra))
        self.all.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append("</%s>" % tag)

    def handle_data(self, data):
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)

    def named(self, tag):
        return [a for t, a in self.all if t == tag]


def reports(video, name, shown, rows, work):
    out = os.path.join(work, "r.html")
    plain = run("tag", *LABELS, video)
    r = run("tag", "--html", out, *LABELS, video)
    check("html: beside what is printed", r.returncode == 0 and r.stdout == plain.stdout and not r.stderr, r)
    with open(out, encoding="utf-8") as f:
        text = f.read()
    page = Page(text)
    check("html: no other elements and attributes", not page.faults, page.faults)
    policy = [a["content"] for a in page.named("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    style = "".join(page.text["style"])
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    check("html: the policy allows its own pictures and style", policy == [
        "default-src 'none'; img-src data:; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'" % digest] and "url(" not in style and "@import" not in style, policy)
    pictures = page.named("img")
    sizes = []
    for image in pictures:
        head, _, data = image["src"].partition(",")
        sizes.append(Image.open(io.BytesIO(base64.b64decode(data, validate=True))).size)
        assert head == "data:image/jpeg;base64", head
    check("html: a picture for each interval", sizes == [(320, 180)] * len(rows) and all(i["alt"] for i in pictures), sizes, len(rows))
    links = {urllib.parse.unquote_to_bytes(a["href"]) for a in page.named("a")}
    check("html: links open the file at the time", links == {b"file://" + os.path.join(work.encode(), name) + b"#t=%.3f" % row[0] for row in rows}, links)
    check("html: names and labels are shown", any(shown in t for t in page.text["bdi"]) and all(any(row[2] == t for t in page.text["bdi"]) for row in rows), page.text["bdi"])
    check("html: a lane a label, read out", len(page.named("svg")) == len({row[2] for row in rows}) and all(s["role"] == "img" and s["aria-label"] for s in page.named("svg")) and
          len(page.named("rect")) == len(rows))
    again = run("tag", "--html", out, *LABELS, video)
    with open(out, encoding="utf-8") as f:
        check("html: the next run replaces it, with the same bytes", again.returncode == 0 and f.read() == text, again)
    both = run("tag", "--json", "--html", out, *LABELS, video, os.path.join(work, "a.jpg"))
    only = run("tag", "--json", *LABELS, video, os.path.join(work, "a.jpg"))
    with open(out, encoding="utf-8") as f:
        page = Page(f.read())
    check("html: beside --json", both.stdout == only.stdout and both.stdout and not page.faults and len(page.named("section")) == 2, both)
    none = run("tag", "--html", out, "--labels", "a,b", "--threshold", "1", "--score", "sigmoid", video)
    with open(out, encoding="utf-8") as f:
        check("html: that nothing was found is said", none.returncode == 0 and "No label reached its threshold in" in f.read(), none)
    os.unlink(out)
    theirs = os.path.join(work, "theirs.html")
    with open(theirs, "w", encoding="utf-8") as f:
        f.write("<!DOCTYPE html>\n<p>Somebody's page.\n")
    refused("html: no other page is replaced", 1, "tag", "--html", theirs, *LABELS, video)
    refused("html: no picture is replaced", 1, "tag", "--html", os.path.join(work, "a.jpg"), *LABELS, video)
    with open(theirs, encoding="utf-8") as f:
        check("html: it is as it was", f.read().endswith("Somebody's page.\n"))
    os.unlink(theirs)
    refused("html: a folder that is not there", 1, "tag", "--html", "/nonexistent/r.html", *LABELS, video)
    missing = run("tag", "--html", out, *LABELS, os.path.join(work, "missing.mkv"))
    check("html: nothing of files that failed", missing.returncode == 1 and not os.path.exists(out), missing)


def usage(video, work):
    for other in "--csv", "--vtt", "--chapters", "--otio", "--json":
        refused("two forms: --edl and " + other, 2, "tag", "--edl", other, video)
    refused("chapters of two files", 2, "tag", "--chapters", *LABELS, video, video)
    refused("a rate for nothing", 2, "tag", "--fps", "25", video)
    refused("a timecode without a rate", 2, "tag", "--edl", "--start-timecode", "10:00:00:00", video)
    refused("no rate", 2, "tag", "--edl", "--fps", "27.3", video)
    refused("a timecode that was dropped", 2, "tag", "--edl", "--fps", "29.97", "--start-timecode", "00:01:00;00", video)
    refused("one file for two", 2, "tag", "--html", "x.png", "--sheet", "x.png", *LABELS, video)
    refused("a table of the changes alone would be wrong in a report, too", 2, "tag", "--json", "--post-messages", "changes", "--html", os.path.join(work, "r.html"), video)


def locale(video, work):
    """Numbers have points, also where people write commas."""
    folder = os.path.join(work, "locales")
    os.mkdir(folder)
    made = shutil.which("localedef") and subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", os.path.join(folder, "de_DE.UTF-8")], capture_output=True).returncode == 0
    if made:
        german = dict(os.environ, LOCPATH=folder, LC_ALL="de_DE.UTF-8")
        for form in "--csv", "--vtt", "--chapters", "--edl", "--otio":
            a, b = run("tag", form, *LABELS, video), run("tag", form, *LABELS, video, env=german)
            check("%s does not depend on the locale" % form, a.stdout == b.stdout and a.stdout, b)
    else:
        skip("locale", "localedef or the sources of de_DE are not installed")
    shutil.rmtree(folder)


def main():
    work = os.path.realpath(tempfile.mkdtemp())
    # a name that is markup, a shell word, a header and no UTF-8
    name = b"<img src=x onerror=alert(1)>\"&#;= %41\n* \xff\xe2\x80\xae\x1b[31m.mkv"
    shown = "<img src=x onerror=alert(1)>\"&#;= %41\\n* \\xff\\u202e\\x1b[31m.mkv"
    video = os.path.join(work.encode(), name)
    make_video(work, video)
    shutil.copy(video, os.path.join(work, "again.mkv"))
    Image.new("RGB", (64, 48), (200, 30, 30)).save(os.path.join(work, "a.jpg"))
    rows = intervals(video)
    check("there is something to write", len(rows) > 3 and len({row[2] for row in rows}) > 1, rows)
    cut_lists(video, name, shown, rows, work)
    timelines(video, name, rows, work)
    chapters(video, rows, work)
    reports(video, name, shown, rows, work)
    usage(video, work)
    locale(video, work)
    check("nothing is left behind", sorted(os.listdir(work.encode())) == sorted([name, b"again.mkv", b"a.jpg"]), os.listdir(work))
    shutil.rmtree(work)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return failed != 0


sys.exit(main())
