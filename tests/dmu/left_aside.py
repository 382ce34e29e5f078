#!/usr/bin/python3
"""Checks that no part of the data is changed, dropped or misread silently: numbers that stand for classes, endings and columns
with other names, texts that are empty or too long, damaged archives, lines and JSON. Each is counted, the first of its kind
is named, and no output holds control codes.

    left_aside.py DUMP
"""
import gzip
import io
import json
import lzma
import os
import resource
import subprocess
import sys
import tarfile
import tempfile

try:
    from PIL import Image
except ImportError:
    print("python3-pil is missing")
    sys.exit(77)

DUMP = os.path.abspath(sys.argv[1])
ASAN = b"__asan_init" in open(DUMP, "rb").read()
passed = failed = 0


def check(what, ok, *why):
    global passed, failed
    passed += bool(ok)
    if not ok:
        failed += 1
        print("FAILED:", what, *[str(w)[:1500] for w in why])


def jpeg(i=0):
    out = io.BytesIO()
    Image.new("RGB", (24, 16), (i * 16 % 256, 100, 200)).save(out, "JPEG")
    return out.getvalue()


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


def tar(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as t:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data if isinstance(data, bytes) else data.encode()))
    return out.getvalue()


class Found:
    """What the program that reads a source says of it."""
    def __init__(self, path, image=None, caption=None):
        env = {k: v for k, v in os.environ.items()}
        env.update({k: v for k, v in (("IMAGE_KEY", image), ("CAPTION_KEY", caption)) if v})

        def limit():
            if not ASAN:
                resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        r = subprocess.run([DUMP, path], capture_output=True, timeout=120, env=env, preexec_fn=limit)
        self.code, self.error = r.returncode, r.stderr.decode()
        self.pairs, self.examples, self.notes, self.counts, self.said = [], [], [], {}, ""
        for line in r.stdout.decode().splitlines():
            part = line.split("\t")
            if part[0] == "pair":
                self.pairs.append((part[4], part[5]))
            elif part[0] == "example":
                self.examples.append(part[1])
            elif part[0] == "note":
                self.notes.append(part[1])
            elif part[0] == "counts":
                words = part[1].split()
                self.counts = {k: int(v) for k, v in zip(words[::2], words[1::2]) if v != "0"}
            elif part[0] in ("set", "error"):
                self.said = part[1]
        shown = r.stdout.decode() + self.error
        self.plain = not any(c != "\n" and c != "\t" and (ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2028") for c in shown)

    def __repr__(self):
        return str((self.code, self.error, self.pairs[:4], self.counts, self.examples[:4], self.notes, self.said))


def expect(what, path, pairs, counts, example="", note="", **keys):
    """@pairs: words and classes of all; @counts: those that are not 0; @example: what is named."""
    f = Found(path, **keys)
    check(what, f.code == 0 and f.pairs == pairs and f.counts == counts, f)
    check(what + ": named", any(example in e for e in f.examples) if example else not f.examples, f)
    check(what + ": said", any(note in n for n in f.notes) if note else not f.notes, f)
    check(what + ": plain", f.plain, f)
    return f


def refused(what, path, *words, **keys):
    f = Found(path, **keys)
    check(what, f.code == 1 and f.error.count("\n") == 1 and all(w in f.error for w in words) and len(f.error) < 3000 and f.plain, f)


def numbers(top):
    def shard(path, labels, ending="cls"):
        return write(path, tar(sum([[("s%d.jpg" % i, jpeg(i)), ("s%d.%s" % (i, ending), label)] for i, label in enumerate(labels)], [])))
    names = "tench\ngoldfish\r\n white shark \nparrot\n\n"
    for i, (labels, wanted) in enumerate(((["0", "1\n", " 2 "], ["tench", "goldfish", "white shark"]), (["003", "+1", "2.0"], ["parrot", "goldfish", "white shark"]))):
        folder = os.path.join(top, "names%d" % i)
        path = shard(folder + "/test/0.tar", labels)
        refused("numbers without names", path, "classnames.txt", "numbers", "0.tar: s0")
        write(folder + "/classnames.txt", names)                           # of the folder above
        expect("numbers with names above", path, [("", w) for w in wanted], {})
        write(folder + "/test/classnames.txt", b"\xef\xbb\xbf" + names.replace("tench", "eel").encode())
        expect("the nearest names", folder + "/test", [("", w.replace("tench", "eel")) for w in wanted], {})
    folder = os.path.join(top, "wrong")
    path = shard(folder + "/0.tar", ["1", "4", "-1", "99999999999999999999", "2"])
    write(folder + "/classnames.txt", names)
    expect("numbers that are no lines", path, [("", "goldfish"), ("", "white shark")], {"lost": 3}, "class 4 is none of the 4 lines")
    expect("words beside numbers stay words", shard(top + "/mixed/0.tar", ["7", "seven"]), [("", "7"), ("", "seven")], {})
    for name, data in (("empty", b""), ("latin", b"caf\xe9\n"), ("zero", b"a\0b\n")):
        folder = os.path.join(top, name)
        write(folder + "/classnames.txt", data)
        refused("names that are none: " + name, shard(folder + "/0.tar", ["0"]), "classnames.txt")
    folder = os.path.join(top, "json")
    lines = write(folder + "/l.jsonl", "".join('{"image":"a.jpg","%s":%s}\n' % c for c in (
        ("class", "1"), ("label", "2.0"), ("class", "0"), ("class", "1.5"), ("class", "true"), ("label", '["tench"]'), ("class", "9"), ("class", "1e300"))))
    write(folder + "/a.jpg", jpeg())
    refused("JSON numbers without names", shard(top + "/json-alone/0.tar", ['{"class":1}'], "json"), "classnames.txt", "0.tar: s0")
    path = shard(folder + "/0.tar", ['{"class":1}', '{"label":0,"caption":"a fish"}'], "json")
    write(folder + "/classnames.txt", names)
    expect("JSON numbers", path, [("", "goldfish"), ("a fish", "tench")], {})
    # what is neither has no class, and is counted as such and as a picture without words
    expect("numbers in JSON lines", lines, [("", "goldfish"), ("", "white shark"), ("", "tench")], {"lost": 5, "orphans": 4}, "neither words nor a whole number")
    expect("a number for a caption", write(folder + "/c.jsonl", '{"image":"a.jpg","caption":["one",2,null,"two"]}\n'), [("one|two", "")], {"lost": 1}, "no text")
    expect("numbers beside captions", shard(top + "/beside/0.tar", ['{"class":1,"caption":"one"}', '{"class":null,"caption":"two"}'], "json"), [("one", ""), ("two", "")], {},
           note="numbers of classes")
    os.mkfifo(os.path.join(top, "classnames.txt"))
    refused("a pipe for names", shard(top + "/0.tar", ["0"]), "classnames.txt", "regular file")
    os.unlink(os.path.join(top, "classnames.txt"))
    write(top + "/t/a.jpg", jpeg())
    write(top + "/t/list.csv", "image,label\na.jpg,3\na.jpg,12\n")
    refused("numbers in a table", top + "/t/list.csv", "classnames.txt")
    write(top + "/t/list.jsonl", '{"image":"a.jpg","class":"3"}\n')
    refused("numbers in JSON", top + "/t/list.jsonl", "classnames.txt")
    write(top + "/t/classnames.txt", names)
    expect("a table with names", top + "/t/list.jsonl", [("", "parrot")], {})
    for i in range(3):
        write(top + "/folders/%d/a.jpg" % i, jpeg(i))
    refused("folders that are numbers", top + "/folders", "classnames.txt")
    write(top + "/folders/classnames.txt", names)
    expect("folders with names", top + "/folders", [("", "tench"), ("", "goldfish"), ("", "white shark")], {})
    path = write(top + "/both.tar", tar([("1.cls", "5"), ("1.jpg", jpeg()), ("1.json", '{"class":"cat"}')]))
    expect("a word beside a number", path, [("", "cat")], {})
    path = write(top + "/captioned.tar", tar([("1.cls", "5"), ("1.jpg", jpeg()), ("1.txt", "one")]))
    expect("captions beside a number", path, [("one", "")], {}, note="left aside where there are captions")


def endings(top):
    def shard(name, *members):
        return write(os.path.join(top, name), tar(members))
    path = shard("dots.tar", ("1.input.jpg", jpeg()), ("1.outputs.txt", "one"), ("2.input.JPG", jpeg()), ("2.outputs.txt", "two"))
    expect("the last part of an ending", path, [("one", ""), ("two", "")], {}, note=".input.jpg are read as .jpg")
    path = shard("plain.tar", ("1.mask.jpg", jpeg(1)), ("1.jpg", jpeg()), ("1.txt", "one"), ("1.long.txt", "long"))
    expect("a plain ending is the one that is meant", path, [("one", "")], {"unnamed": 2}, "1.mask.jpg is passed over", "read as")
    path = shard("two.tar", ("1.left.jpg", jpeg()), ("1.right.jpg", jpeg()), ("1.txt", "one"), ("2.jpg", jpeg()), ("2.txt", "two"))
    expect("two are not guessed between", path, [("two", "")], {"doubled": 1, "orphans": 1}, "image-key", "read as")
    expect("but chosen", path, [("one", "")], {"orphans": 1}, "words without", image="right.jpg")
    path = shard("frames.tar", ("a.0001.jpg", jpeg()), ("a.0001.txt", "first"), ("a.0002.jpg", jpeg()), ("a.0002.txt", "second"))
    expect("digits belong to the name", path, [("first", ""), ("second", "")], {})
    path = shard("cap.tar", ("1.img", jpeg()), ("1.cap", "one"), ("2.img", jpeg()), ("2.cap", "two"))
    f = expect("endings that nobody told us", path, [], {"unnamed": 4}, "1.img is passed over, expected endings .jpg")
    check("and it is said", "4 members passed over" in f.said and ".txt" in f.said and "image-key" in f.said, f)
    expect("told", path, [("one", ""), ("two", "")], {}, image="IMG", caption=" .cap ;txt")
    path = shard("key.tar", ("1.jpg", jpeg()), ("1.txt", "x"), ("1.json", '{"Long_Caption":["one","uno"],"caption":"y"}'))
    expect("the .txt by itself", path, [("x", "")], {})
    expect("a field of the .json", path, [("one|uno", "")], {}, caption="long_caption")
    path = shard("more.tar", ("1.jpg", jpeg()), ("1.txt", "one"), ("1.npy", b"x"), ("1.parquet", b"x"), ("readme", b"x"))
    expect("members of other kinds", path, [("one", "")], {"unnamed": 3}, "1.npy")
    folder = os.path.join(top, "folder")
    for name, data in (("a.jpg", jpeg()), ("a.txt", "one"), ("b.img", jpeg()), ("b.cap", "two"), (".hidden.jpg", b"x"), ("00000.parquet", b"x"),
                       ("classnames.txt", "x"), ("00000_stats.json", "{}")):
        write(os.path.join(folder, name), data)
    expect("files of other kinds", folder, [("one", "")], {"unnamed": 2}, "b.")
    expect("told of a folder", folder, [("two", "")], {}, image="img", caption="cap")
    folder = os.path.join(top, "shards")
    for name, data in (("0.tar", tar([("a.jpg", jpeg()), ("a.txt", "one")])), ("b.jpg", jpeg()), ("0.json", "{}"), ("sizes.txt", "x"), ("more/c.jpg", jpeg())):
        write(os.path.join(folder, name), data)
    expect("what lies beside shards", folder, [("one", "")], {"unnamed": 2}, "in a folder with shards")


def texts(top):
    def shard(name, *members):
        return write(os.path.join(top, name), tar([("1.jpg", jpeg()), *members]))
    long = "w" * 65537
    for name, members, words, counts, example in (
            ("zero", (("1.txt", b"a\0b\ngood"),), "good", {"lost": 1}, "zero byte"),
            ("utf16", (("1.txt", "a cat".encode("utf-16")),), None, {"lost": 1, "orphans": 1}, "zero byte"),
            ("latin", (("1.txt", b"caf\xe9"),), "caf\\357\\277\\275", {"mended": 1}, "not UTF-8"),
            ("long", (("1.txt", long + "\ngood"),), "good", {"lost": 1}, "more than 65536 bytes"),
            ("many", (("1.txt", "\n".join(["w"] * 66)),), "|".join(["w"] * 64), {"lost": 2}, "more than 64 captions"),
            ("marked", (("1.txt", b"\xef\xbb\xbfgood"),), "good", {}, ""),
            ("blank", (("1.txt", b" \n\t \x0c\ngood\r\n"),), "good", {}, ""),
            ("json long", (("1.json", json.dumps({"caption": [long, "good"]})),), "good", {"lost": 1}, "more than 65536"),
            ("json many", (("1.json", json.dumps({"caption": ["w"] * 70})),), "|".join(["w"] * 64), {"lost": 6}, "more than 64"),
            ("json unused", (("1.txt", "good"), ("1.json", json.dumps({"caption": long}))), "good", {}, ""),
            ("json broken", (("1.txt", "good"), ("1.json", '{"class":')), "good", {"broken": 1}, "1.json: not valid JSON"),
            ("json a list", (("1.txt", "good"), ("1.json", "[1]")), "good", {"broken": 1}, "1.json: is no JSON object"),
            ("json zero", (("1.txt", "good"), ("1.json", '{"caption":"a\\u0000b"}')), "good", {"broken": 1}, "1.json"),
            ("json twice", (("1.txt", "good"), ("1.json", '{"a":1,"a":2}')), "good", {"broken": 1}, "1.json"),
            ("class long", (("1.txt", "good"), ("1.json", json.dumps({"class": "c" * 2000}))), "good", {"lost": 1}, "class"),
            ("cls long", (("1.txt", "good"), ("1.cls", "c" * 2000)), "good", {"lost": 1}, "class"),
            ("codes", (("1.txt", "good"), ("\x1b[31m\u202e2.jpg", jpeg())), "good", {"orphans": 1}, "[31m"),
            ("long name", (("1.txt", "good"), ("n" * 90 + "/" + "m" * 90 + ".jpg", jpeg())), "good", {"orphans": 1}, "words")):
        expect(name, shard(name + ".tar", *members), [(words, "")] if words else [], counts, example)
        if name.startswith("json") or "long" in name or name in ("many", "codes", "long name"):
            continue
        folder = os.path.join(top, name)
        for n, data in (("1.jpg", jpeg()), *members):
            write(os.path.join(folder, n), data)
        expect(name + " in a folder", folder, [(words, "")] if words else [], counts, example)
    path = shard("class.tar", ("1.cls", b"caf\xe9"))
    expect("a class that is not UTF-8", path, [("", "caf\ufffd")], {"mended": 1}, "class that is not UTF-8")
    # .cls in a folder as in a shard
    for folder in (top + "/cls", top + "/cls-captions"):
        write(folder + "/1.jpg", jpeg())
        write(folder + "/1.cls", "a dog\n")
    write(top + "/cls/2.cls", "a cat")
    write(top + "/cls-captions/1.txt", "good")
    write(top + "/cls-captions/1.json", '{"class":7}')
    expect("a .cls in a folder", top + "/cls", [("", "a dog")], {"orphans": 1}, "words without a picture")
    expect("a .cls beside captions", top + "/cls-captions", [("good", "a dog")], {})
    # of two files of a stem the first by name is taken, in whatever order the file system lists them
    for i, order in enumerate((("jpg", "png"), ("png", "jpg"), ("PNG", "jpg"), ("jpg", "PNG"))):
        folder = top + "/stem%d" % i
        for ending in order:
            for k in range(20):
                out = io.BytesIO()
                Image.new("RGB", (8, 8), (k, 0, 0)).save(out, "PNG")
                write(folder + "/%d.%s" % (k, ending), jpeg() if ending == "jpg" else out.getvalue())
        for k in range(20):
            write(folder + "/%d.txt" % k, "good")
        f = Found(folder)
        check("the second of a stem, %s before %s" % order, f.counts == {"doubled": 20} and len(f.pairs) == 20 and
              all(e.split(":")[0].endswith(".png" if "png" in order else ".jpg") for e in f.examples), f)
    # a few KiB whose parsed form would be gigabytes
    deep = b'{"caption":"x","a":[' + b"{}," * (16 << 20) + b"{}]}"
    members = tar([("1.jpg", jpeg()), ("1.json", deep), ("2.jpg", jpeg()), ("2.txt", "two")])
    expect("JSON that unfolds", write(os.path.join(top, "bomb.tar.xz"), lzma.compress(members, preset=1)), [("two", "")],
           {"broken": 1, "orphans": 1}, "more entries")
    folder = os.path.join(top, "tables")
    write(folder + "/a.jpg", jpeg())
    expect("one letter, blanks and a mark", write(folder + "/l.jsonl", b'\xef\xbb\xbf{"image":"a.jpg","caption":"one"}\r\nx\n\n \r\n7\n'
           b'{"image":"a.jpg","caption":"two"}'), [("one", ""), ("two", "")], {"broken": 2}, "line 2: not valid JSON")
    line = b'{"image":"a.jpg","caption":"one","b":[' + b"[]," * (2 << 20) + b"[]]}"
    expect("a line that unfolds", write(folder + "/b.jsonl", line + b"\n"), [], {"broken": 1}, "more entries")
    expect("a row with a zero byte", write(folder + "/z.csv", b"image,caption\na.jpg,on\0e\na.jpg,two\n"), [("two", "")], {"broken": 1}, "zero byte")
    item = {"image": "a.jpg", "conversations": [{"value": "?"}, {"value": "one, [two] \"three\" \\"}]}
    text = json.dumps([item, item], indent=1)
    expect("sharegpt", write(folder + "/s.json", " " + text + "\n"), [('one, [two] \\"three\\" \\\\', "")] * 2, {})
    expect("sharegpt, empty", write(folder + "/e.json", "[ ]"), [], {})
    expect("sharegpt, cut", write(folder + "/c.json", text[:-3]), [('one, [two] \\"three\\" \\\\', "")], {"broken": 1}, "is cut")
    expect("sharegpt, and more", write(folder + "/m.json", text + "x"), [('one, [two] \\"three\\" \\\\', "")] * 2, {"broken": 1}, "followed by")
    expect("sharegpt that unfolds", write(folder + "/u.json", b"[" + line + b"," + json.dumps(item).encode() + b"]"),
           [('one, [two] \\"three\\" \\\\', "")], {"broken": 1}, "more entries")


def archives(top):
    members = sum([[("%d.jpg" % i, jpeg(i)), ("%d.txt" % i, "number %d" % i)] for i in range(4)], [])
    good = tar(members)
    whole = [("number %d" % i, "") for i in range(4)]
    sum_ = bytearray(good)
    at = good.index(b"1.txt")
    sum_[at + 148:at + 154] = b"000000"
    # whether what follows is found again is the archive library's choice
    f = Found(write(top + "/sum.tar", bytes(sum_)))
    check("a header whose sum is wrong", f.code == 0 and f.counts.get("broken") == 1 and f.pairs in ([whole[0], *whole[2:]], whole[:1]) and
          any("sum.tar: " in e and "amaged" in e for e in f.examples), f)
    packed = gzip.compress(good)
    expect("gzip", write(top + "/good.tar.gz", packed), whole, {})
    expect("gzip of two parts, and zeros", write(top + "/parts.tar.gz", gzip.compress(good[:700]) + gzip.compress(good[700:]) + bytes(600)), whole, {})
    for name, data, example in (("sum", packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:], "gzip: "), ("length", packed[:-1] + bytes([packed[-1] ^ 1]), "gzip: "),
                                ("cut before the sum", packed[:-8], "ends too early"), ("rubbish", packed + b"rubbish", "gzip: ")):
        expect("gzip: " + name, write(top + "/bad.tar.gz", data), whole, {"broken": 1}, example)
    xz = lzma.compress(good)
    f = Found(write(top + "/bad.tar.xz", xz[:-40] + bytes([xz[-40] ^ 1]) + xz[-39:]))
    check("xz whose sum is wrong", f.code == 0 and f.counts.get("broken") == 1, f)
    other = tar([("9.jpg", jpeg(9)), ("9.txt", "number 9")])
    expect("two archives, one behind the other", write(top + "/two.tar", good + other), whole + [("number 9", "")], {})
    f = Found(write(top + "/rest.tar", good + b"rubbish" * 200))
    check("rubbish behind an archive", f.code == 0 and f.pairs == whole and f.counts.get("broken", 0) >= 1, f)
    broken = tar([("1.jpg", b"<html>"), ("1.txt", "one"), ("2.jpg", jpeg()), ("2.txt", "two")])
    for name, data in (("p.tar", broken), ("p.tar.gz", gzip.compress(broken))):
        path = write(os.path.join(top, name), broken if name == "p.tar" else data)
        r = subprocess.run([os.environ["CLIPMOE_DMU"], "evaluate", "--model", "clip-tiny", "--data", path], capture_output=True, text=True)
        check("a picture that is none is named: " + name, "1 undecodable" in r.stderr and name + ": 1: " in r.stderr, r)
    # the first of each kind is named, however many of another kind come before
    many = tar(sum([[("o%d.jpg" % i, jpeg())] for i in range(40)], []) + [("z.jpg", jpeg()), ("z.txt", b"a\xff"), ("z.npy", b"")])
    f = Found(write(top + "/many.tar", many))
    check("the first of each kind", f.counts == {"orphans": 40, "mended": 1, "unnamed": 1} and any("not UTF-8" in e for e in f.examples[:3]) and
          any("z.npy" in e for e in f.examples[:3]), f)


def tables(top):
    write(top + "/img/a.jpg", jpeg())
    write(top + "/img/b.jpg", jpeg())
    wanted = [("one", ""), ("two", "")]

    def table(name, text):
        return write(os.path.join(top, name), text)
    for separator, word in ((",", "commas"), ("\t", "tabs"), (";", "semicolons"), ("|", "bars")):
        for ending, own in (("csv", ","), ("tsv", "\t")):
            for newline in ("\n", "\r\n", "\r"):
                for mark in ("", "\ufeff", "sep=%s%s" % (separator, newline), newline):
                    rows = ["image%stitle" % separator, "img/a.jpg%sone" % separator, "img/b.jpg%stwo" % separator]
                    path = table("t." + ending, mark + newline.join(rows) + newline)
                    if newline == "\r" and mark.startswith("sep"):
                        continue
                    expect("%s in a .%s, %r, %r" % (word, ending, newline, mark), path, wanted, {}, note="" if separator == own else word)
        if separator != "\t":
            path = table("q.csv", '"filepath"%s"caption"\nimg/a.jpg%s"one%s ""1"""\n"img/b.jpg"%stwo\n' % ((separator,) * 4))
            expect("quotes with " + word, path, [('one%s \\"1\\"' % separator, ""), ("two", "")], {}, note="" if separator == "," else word)
    expect("tabs with quotes in a .csv", table("w.csv", 'image\ttitle\nimg/a.jpg\t"o\tne"\nimg/b.jpg\ttwo\n'), [("o\\tne", ""), ("two", "")], {}, note="tabs")
    expect("a .tsv all in quotes", table("a.tsv", '"image"\t"title"\n"img/a.jpg"\t"one"\nimg/b.jpg\ttwo\n'), wanted, {})
    expect("a .tsv without", table("b.tsv", 'image\ttitle\nimg/a.jpg\t"one"\n'), [('\\"one\\"', "")], {})
    expect("commas in the words", table("c.csv", "image\ttitle\nimg/a.jpg\tone, and\nimg/b.jpg\ttwo; or\n"), [("one, and", ""), ("two; or", "")], {}, note="tabs")
    expect("other cases and blanks", table("h.csv", " Image ; Title \nimg/a.jpg;one\n"), wanted[:1], {}, note="semicolons")
    refused("other names", table("n.csv", "image_name,comment_number,comment\nimg/a.jpg,0,one\n"), "3 columns by commas (image_name, comment_number, comment)", "image-key")
    expect("other names, told", os.path.join(top, "n.csv"), wanted[:1], {}, image="image_name", caption="comment")
    expect("told, by semicolons", table("m.csv", "Bild;Worte\nimg/a.jpg;one\n"), wanted[:1], {}, image="bild", caption="worte", note="semicolons")
    refused("a key that is not there", os.path.join(top, "m.csv"), "2 columns by semicolons (Bild, Worte)", image="image")
    refused("UTF-16", table("u.csv", "image,title\n".encode("utf-16")), "UTF-16")
    refused("no header", table("e.csv", ""), "the first line has")
    refused("a long header", table("l.csv", "x" * 900000 + "\x1b[31m,b\n"), "2 columns by commas (xxx")
    refused("many columns", table("k.csv", ",".join("c%d" % i for i in range(200)) + "\n"), "200 columns")
    expect("a field of JSON lines", table("k.jsonl", '{"pic":"img/a.jpg","long":"one","caption":"x"}\n'), wanted[:1], {}, image="pic", caption="long")


def shown(top):
    """What is printed of names and words, and the pages that are made of them, hold no control codes."""
    nasty = "\x1b[31m\u202e\x9b5m|<b>&amp;\x7f" + "x" * 300
    members = []
    for i in range(6):
        members += [("%d.jpg" % i, jpeg(3 * i)), ("%d.json" % i, json.dumps({"class": nasty + str(i % 2), "source": nasty}))]
        members += [("c%d.jpg" % i, jpeg(2 * i)), ("c%d.json" % i, json.dumps({"caption": nasty + str(i), "source": nasty}))]
    path = write(top + "/n.tar", tar(members))
    dmu = os.environ["CLIPMOE_DMU"]

    def run(*arguments):
        r = subprocess.run([dmu, *arguments], capture_output=True)
        text = (r.stdout + r.stderr).decode()
        check(arguments[0] + " is plain", r.returncode == 0 and not any(c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e") for c in text), arguments, text)
        return r.stdout.decode()
    text = run("evaluate", "--model", "clip-tiny", "--data", path)
    check("names are short", max(len(line) for line in text.splitlines()) < 400, text)
    found = json.loads(run("evaluate", "--model", "clip-tiny", "--data", path, "--json"))
    check("JSON says what they are", found["sets"][0]["name"] == nasty and found["sets"][0]["first"][0][:-1] == nasty, found)
    for name in ("run.json", "evaluate-base.json", "evaluate-route.json"):
        stages = [{"kind": "evaluation", "from": m, "name": "evaluate-" + m} for m in ("base", "route")]
        write(os.path.join(top, "run", name), json.dumps({"base": "b", "seed": 1, "heldout": {"digest": "d"}, "stages": stages} if name == "run.json" else found))
    run("compare", top + "/run")
    run("compare", top + "/run", "--json")
    rows = [line for line in run("compare", top + "/run", "--markdown").splitlines() if line.startswith("|")]
    check("a bar ends no cell", len({line.replace("\\|", "").count("|") for line in rows[:4]}) == 1, rows)
    for name, text in (("run.json", "[" * 100000), ("evaluate-base.json", '{"sets":[' + "{}," * (12 << 20) + "{}]}")):
        old = open(os.path.join(top, "run", name)).read()
        write(os.path.join(top, "run", name), text)
        r = subprocess.run([dmu, "compare", top + "/run"], capture_output=True, text=True)
        check("compare with a %s that unfolds" % name, r.returncode == 1 and name in r.stderr and r.stderr.count("\n") == 1 and len(r.stderr) < 1000, r)
        write(os.path.join(top, "run", name), old)
    os.unlink(os.path.join(top, "run", "evaluate-base.json"))
    os.mkfifo(os.path.join(top, "run", "evaluate-base.json"))
    r = subprocess.run([dmu, "compare", top + "/run"], capture_output=True, text=True, timeout=60)
    check("compare with a pipe", r.returncode == 1 and "not a regular file" in r.stderr, r)


def turned(top):
    """WebP as it is to be seen, the same as its pixels in a PNG."""
    picture = Image.new("RGB", (24, 16), (200, 30, 30))
    picture.paste((20, 40, 220), (0, 0, 8, 4))
    for orientation, turn in ((1, None), (3, Image.ROTATE_180), (6, Image.ROTATE_270), (8, Image.ROTATE_90)):
        seen = picture.transpose(turn) if turn is not None else picture
        exif = Image.Exif()
        exif[0x0112] = orientation
        found = []
        for form, im, more in (("WEBP", picture, {"lossless": True, "exif": exif}), ("PNG", seen, {})):
            out = io.BytesIO()
            im.save(out, form, **more)
            path = write(top + "/t.tar", tar([("1." + form.lower(), out.getvalue()), ("1.txt", "one")]))
            found.append(subprocess.run([DUMP, path], capture_output=True, text=True).stdout.splitlines()[-1])
        check("WebP with orientation %d" % orientation, found[0] == found[1] and "1 pairs, 0 classes\t" in found[0], found)


with tempfile.TemporaryDirectory() as top:
    for part in (numbers, endings, texts, archives, tables, shown, turned):
        folder = os.path.join(top, part.__name__)
        os.makedirs(folder)
        part(folder)
print("%d passed, %d failed, 0 skipped" % (passed, failed))
sys.exit(failed > 0)
