#!/usr/bin/python3
"""Checks the reading of pairs: every form of source gives each picture its own captions; items that are missing, doubled,
damaged or hostile are counted, never fatal, and never shift a caption to another picture; nothing is extracted.

    sources.py DUMP
"""
import gzip
import io
import json
import lzma
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import slow  # noqa: E402

try:
    from PIL import Image
except ImportError:
    print("python3-pil is missing")
    sys.exit(77)

DUMP = os.path.abspath(sys.argv[1])
passed = failed = 0


def jpeg(i, form="JPEG", size=(40, 32)):
    out = io.BytesIO()
    Image.new("RGB", size, (i * 16 % 256, 100, 200)).save(out, form, quality=95)
    return out.getvalue()


def dump(path, ok=True, more=(), file_size=None, cwd=None):
    def limit():
        if "asan" not in DUMP:
            resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        if file_size:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    r = subprocess.run([DUMP, path, *more], capture_output=True, timeout=slow.seconds(60), preexec_fn=limit, cwd=cwd)
    text = r.stdout.decode("utf8", "replace")
    check(r.returncode == (0 if ok else 1), "%s: exit %d: %s" % (path, r.returncode, r.stderr.decode()[-400:]))
    if not ok:
        check(r.stderr.count(b"\n") == 1, "%s: not one sentence: %r" % (path, r.stderr))
        return None, None, r.stderr.decode()
    pairs, counts, sets, replaced = [], {}, [], []
    for line in text.splitlines():
        part = line.split("\t")
        if part[0] == "pair":
            pairs.append({"key": part[1], "ok": part[2] == "1", "red": int(part[3].split(",")[0]), "words": part[4],
                          "label": part[5], "source": part[6]})
        elif part[0] == "counts":
            words = part[1].split()
            counts = {k: int(v) for k, v in zip(words[::2], words[1::2])}
        elif part[0] in ("set", "error"):
            sets.append(part[1:])
        elif part[0] == "replaced":
            replaced.append(part[1])
    if replaced:
        return pairs, counts, replaced
    check(len(sets) == 2 and sets[0] == sets[1], "%s: threads change the data set: %s" % (path, sets))
    return pairs, counts, sets[0]


def check(ok, what):
    global passed, failed
    passed += bool(ok)
    if not ok:
        failed += 1
        print("FAILED:", what)


def right(pairs, path):
    """The words say which picture they belong to."""
    for p in pairs:
        n = int(re.search(r"number (\d+)", p["words"] or p["label"]).group(1))
        check(not p["ok"] or abs(p["red"] - n * 16 % 256) < 12, "%s: %s got picture of %d" % (path, p, p["red"]))


def member(tar, name, data=b"", **more):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for k, v in more.items():
        setattr(info, k, v)
    tar.addfile(info, io.BytesIO(data))


def shard(n=6, form=tarfile.USTAR_FORMAT, extra=None):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for i in range(n):
            member(tar, "%06d.jpg" % i, jpeg(i))
            member(tar, "%06d.txt" % i, b"number %d\nis %d too\n" % (i, i))
            if extra:
                extra(tar, i)
    return out.getvalue()


def write(folder, name, data):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


def forms(top):
    tar = shard()
    for name, data in (("a.tar", tar), ("b.tar.gz", gzip.compress(tar)), ("c.tar.xz", lzma.compress(tar)),
                       ("pax.tar", shard(form=tarfile.PAX_FORMAT)), ("gnu.tar", shard(form=tarfile.GNU_FORMAT)),
                       ("noend.tar", tar[:(len(tar.rstrip(b"\0")) + 511) // 512 * 512])):
        path = write(top, name, data)
        pairs, counts, said = dump(path)
        check(len(pairs) == 6 and not any(counts.values()), "%s: %s %s" % (name, len(pairs), counts))
        # what is not compressed is read where it lies, whatever the size of the archive
        kept = "memory 0 parts 6" if name.endswith(".tar") else "memory 6 parts 0"
        check(said[2] == kept + " spooled 0", "%s: pictures are kept elsewhere: %s" % (name, said))
        check(pairs and pairs[3]["words"] == "number 3|is 3 too", "%s: %s" % (name, pairs[3:4]))
        right(pairs, name)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:                        # webdataset's writer sorts: .json before .txt
        member(tar, "3.jpg", jpeg(3))
        member(tar, "3.json", b'{"caption":"number 3","url":"x"}')
        member(tar, "3.txt", b"number 3")
        member(tar, "4.jpg", jpeg(4))
        member(tar, "4.json", b'{"caption":"number 4"}')
    pairs, _, _ = dump(write(top, "sorted.tar", out.getvalue()))
    check([p["words"] for p in pairs] == ["number 3", "number 4"], "a caption twice: %s" % pairs)
    write(top, "shards/x-0001.tar", shard(2))
    write(top, "shards/x-0000.tar.xz", lzma.compress(shard(3)))
    pairs, _, said = dump(os.path.join(top, "shards"))
    check(len(pairs) == 5 and {p["source"] for p in pairs} == {"x"}, "a folder of shards: %s" % pairs)
    check(said[0].startswith("5 pairs"), "describe: %s" % said)

    os.symlink("nowhere.tar", os.path.join(top, "shards/x-0002.tar"))
    os.mkdir(os.path.join(top, "shards/x-0003.tar.gz"))
    pairs, counts, _ = dump(os.path.join(top, "shards"))
    check(len(pairs) == 5 and counts["broken"] == 2, "shards that cannot be opened: %s" % counts)
    _, _, said = dump(os.path.join(top, "shards/x-0003.tar.gz") + "/../x-0002.tar", ok=False)
    check("no such file" in said, "a shard that is nowhere: %s" % said)

    for i in range(4):
        write(top, "folder/0000%d/%06d.jpg" % (i % 2, i), jpeg(i))
        write(top, "folder/0000%d/%06d.txt" % (i % 2, i), "number %d" % i)
        write(top, "folder/0000%d/%06d.json" % (i % 2, i), json.dumps({"caption": "number %d" % i, "url": "x"}))
    write(top, "folder/00000_stats.json", "{}")
    os.symlink("..", os.path.join(top, "folder/00000/up"))
    write(top, "folder/00001/000009.jpg", jpeg(9))
    pairs, counts, _ = dump(os.path.join(top, "folder"))
    check(counts.pop("orphans") == 1, "a picture among others with words is no class: %s" % pairs)
    check(len(pairs) == 4 and not any(counts.values()), "folder: %s %s" % (len(pairs), counts))
    check({p["source"] for p in pairs} == {"folder"}, "parts of a folder are one set: %s" % pairs)
    right(pairs, "folder")

    for i, name in enumerate(("number 1", "number 2", "3")):
        write(top, "classes/%s/a.jpg" % name, jpeg(i + 1))
        write(top, "classes/%s/b.PNG" % name, jpeg(i + 1, "PNG"))
    write(top, "classes/3/c.webp", b"RIFF")
    pairs, counts, said = dump(os.path.join(top, "classes"))
    check(sorted({(p["label"], p["source"]) for p in pairs}) == [(n, "classes") for n in ("3", "number 1", "number 2")],
          "classes that folders name are of one set: %s" % pairs)
    check(said[0] == "6 pairs, 3 classes, 1 undecodable", "what is no picture is counted: %s" % said)

    write(top, "table.csv", '\ufeffimage,caption\r\nfolder/00000/000000.jpg,"number 0, ""quoted""\nand 0"\r\n'
          "folder/00001/000001.jpg,number 1\r\n\r\nfolder/00000/000002.jpg,\r\n,number 9\r\n")
    pairs, counts, _ = dump(os.path.join(top, "table.csv"))
    check([p["words"] for p in pairs] == ['number 0, \\"quoted\\"|and 0', "number 1"], "csv: %s" % pairs)
    check(counts["orphans"] == 2, "csv: %s" % counts)
    right(pairs, "csv")
    # a comma without quotes, an open quote, a quote closed by that of another row, a lone one at the end
    write(top, "torn.csv", 'image,caption\nfolder/00000/000000.jpg,number 0, really\nfolder/00001/000001.jpg,"number 1\n'
          'folder/00000/000002.jpg,"number 2, yes"\nfolder/00001/000003.jpg,number 3\nfolder/00000/000000.jpg,"number 0\n')
    pairs, counts, _ = dump(os.path.join(top, "torn.csv"))
    check([p["words"] for p in pairs] == ["number 2, yes", "number 3"] and counts["broken"] == 3, "torn csv: %s %s" % (pairs, counts))
    right(pairs, "torn csv")
    write(top, "table.tsv", 'filepath\ttitle\nfolder/00001/000003.jpg\tnumber 3 "so\n')
    pairs, _, _ = dump(os.path.join(top, "table.tsv"))
    check([p["words"] for p in pairs] == ['number 3 \\"so'], "tsv: %s" % pairs)
    right(pairs, "tsv")
    write(top, "list.jsonl", '{"image":"folder/00000/000002.jpg","caption":["number 2","also 2"]}\nnot json\n[1]\n'
          '{"image":"folder/00001/000001.jpg","class":"number 1","source":"mine"}\n{"image":3,"caption":"number 0"}')
    pairs, counts, said = dump(os.path.join(top, "list.jsonl"))
    check(len(pairs) == 2 and pairs[1]["label"] == "number 1" and pairs[1]["source"] == "mine", "jsonl: %s" % pairs)
    check(counts["broken"] == 2 and counts["orphans"] == 1 and "1 classes" in said[0], "jsonl: %s %s" % (counts, said))
    right(pairs, "jsonl")
    write(top, "sharegpt.json", json.dumps([
        {"image": "folder/00001/000003.jpg", "conversations": [{"from": "human", "value": "<image>"},
                                                               {"from": "gpt", "value": "number 3\nand more"}]},
        {"image": "folder/00000/000000.jpg"}, 7]))
    pairs, counts, _ = dump(os.path.join(top, "sharegpt.json"))
    check([p["words"] for p in pairs] == ["number 3 and more"] and counts["orphans"] == 2, "sharegpt: %s" % pairs)
    for name, text in (("bad.json", '{"a":1}'), ("deep.json", "[" * 100000), ("cols.csv", "a,b\n1,2\n"), ("x.bin", "x")):
        _, _, message = dump(write(top, name, text), ok=False)
        check(name in message, "%s: %s" % (name, message))
    dump(os.path.join(top, "missing.tar"), ok=False)


def large(top):
    """Archives larger than the memory that they may take (here 64 MiB)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for i in range(3):
            raw = io.BytesIO()
            Image.effect_noise((4000, 2000), 255).save(raw, "PNG", compress_level=1)
            member(tar, "%d.png" % i, raw.getvalue() * 5)
            member(tar, "%d.txt" % i, b"number 0")
    _, _, said = dump(write(top, "large.tar", out.getvalue()))
    check(said[0].startswith("3 pairs") and said[2] == "memory 0 parts 3 spooled 0", "large: %s" % said)
    path = write(top, "large.tar.gz", gzip.compress(out.getvalue(), compresslevel=0))
    spool = os.path.join(top, "spool")
    _, _, packed = dump(path, more=(spool,))
    check(packed[:2] == said[:2] and packed[2] == "memory 2 parts 0 spooled 1", "large and compressed: %s" % packed)
    check(os.listdir(spool) == [], "the spool is gone with the process: %s" % os.listdir(spool))
    _, _, said = dump(path, more=(spool,), file_size=10 << 20)
    check(spool in said[0] and "large" in said[0].lower(), "no room for the spool: %s" % said)
    _, _, said = dump(path, more=(path,))
    check("cannot create" in said[0], "no folder for the spool: %s" % said)
    os.unlink(path)


def exchanged(top):
    """A shard that is replaced while it is used never gives a caption another picture."""
    path = write(top, "now.tar", shard(3))
    other = io.BytesIO()
    with tarfile.open(fileobj=other, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for i in range(3):
            member(tar, "%06d.jpg" % i, jpeg(i + 1))
            member(tar, "%06d.txt" % i, b"number %d\nis %d too\n" % (i + 1, i + 1))
    _, _, said = dump(path, more=(top, write(top, "then.tar", other.getvalue())))
    check(len(said) == 3 and all("now.tar: " in s for s in said), "a shard that changed: %s" % said)
    path = write(top, "now.tar", shard(3))
    _, _, said = dump(path, more=(top, write(top, "then.tar", shard(1))))
    check(said[0] == "the same" and all("now.tar: " in s for s in said[1:]), "a shard that was cut: %s" % said)
    if shutil.which("tar"):
        name = write(top, "000003.jpg", jpeg(3))
        os.truncate(name, 4 << 20)                                         # a hole behind the picture
        write(top, "000003.txt", "number 3")
        subprocess.run(["tar", "-S", "--format=gnu", "-C", top, "-cf", os.path.join(top, "holes.tar"), "000003.jpg", "000003.txt"],
                       check=True)
        check(os.path.getsize(os.path.join(top, "holes.tar")) < 1 << 20, "tar wrote the hole")
        pairs, _, said = dump(os.path.join(top, "holes.tar"))
        check(len(pairs) == 1 and pairs[0]["ok"] and said[2] == "memory 1 parts 0 spooled 0", "holes: %s %s" % (pairs, said))
        right(pairs, "holes")


def hostile(top):
    def links(tar, i):
        if i == 2:
            member(tar, "000007.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd")
            member(tar, "000008.jpg", type=tarfile.LNKTYPE, linkname="000000.jpg")
            member(tar, "000009.jpg", type=tarfile.CHRTYPE, devmajor=1, devminor=5)
            member(tar, "000010.jpg", type=tarfile.FIFOTYPE)
            member(tar, "noending", b"x")
            member(tar, ".hidden", b"x")
    pairs, counts, _ = dump(write(top, "links.tar", shard(extra=links)))
    check(len(pairs) == 6 and counts["unnamed"] == 6, "links: %d %s" % (len(pairs), counts))
    right(pairs, "links")

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member(tar, "../../escape.jpg", jpeg(1))
        member(tar, "../../escape.txt", b"number 1")
        member(tar, top + "/absolute.jpg", jpeg(2))
        member(tar, top + "/absolute.txt", b"number 2")
        member(tar, "3.jpg", jpeg(3))                                  # orphan
        member(tar, "4.txt", b"number 4")                              # orphan
        member(tar, "5.jpg", jpeg(5))
        member(tar, "5.png", jpeg(6, "PNG"))                           # a second picture
        member(tar, "5.txt", b"number 5")
        member(tar, "5.txt", b"number 6")                              # a second text
        member(tar, "7.jpg", jpeg(7))
        member(tar, "7.txt", b" \n\n")                                 # no words
        member(tar, "8.jpg", jpeg(8)[:200])                            # cut
        member(tar, "8.txt", b"number 8")
        member(tar, "9.jpg", b"")                                      # empty
        member(tar, "9.txt", b"number 9")
        member(tar, "10.jpg", b"<html>not found</html>")
        member(tar, "10.txt", b"number 10")
        member(tar, "11.jpg", jpeg(11, "PNG"))                         # told by content
        member(tar, "11.txt", b"number 11 \xff\xfe")                   # not UTF-8
        member(tar, "12.jpg", jpeg(12))
        member(tar, "13.jpg", jpeg(13))                                # split pair: 12's text comes later
        member(tar, "12.txt", b"number 12")
        member(tar, "13.txt", b"number 13")
        member(tar, "14.jpg", jpeg(14))
        member(tar, "14.json", b'{"class":"number 14","caption":5}')
        member(tar, "15.jpg", jpeg(15))
        member(tar, "15.json", b'{"class":' * 30000)                   # nesting
        member(tar, "15.txt", b"number 15")
    below = os.path.join(top, "in", "here")                                # so that ../../ would end in top
    os.makedirs(below)
    path = write(below, "mess.tar", out.getvalue())
    before = [(folder, sorted(files)) for folder, _, files in os.walk(top)]
    pairs, counts, said = dump(path, cwd=below)
    keys = [p["key"] for p in pairs]
    check([p["words"] or p["label"] for p in pairs if p["ok"]][:4] == ["number 1", "number 2", "number 5", "number 11 \\357\\277\\275\\357\\277\\275"],
          "mess: %s" % pairs)
    check(len(pairs) == 9 and counts["orphans"] == 7 and counts["doubled"] == 2, "mess: %s %s" % (keys, counts))
    check("3 undecodable" in said[0] and said[0].startswith("6 pairs"), "mess: %s" % said)
    right(pairs, "mess")
    check(before == [(folder, sorted(files)) for folder, _, files in os.walk(top)], "something was extracted")

    good = shard()
    for where in (1, 100, 600, 2000, len(good) // 2, len(good) - 10300):    # cut anywhere
        pairs, counts, _ = dump(write(top, "cut.tar", good[:where]))
        check(pairs is not None and len(pairs) < 6 or where > len(good) - 10400, "cut at %d: %d" % (where, len(pairs)))
        right(pairs, "cut")
        pairs, counts, _ = dump(write(top, "cut.tar.xz", lzma.compress(good)[:where]))
        right(pairs, "cut xz")
        pairs, counts, _ = dump(write(top, "cut.tar.gz", gzip.compress(good)[:where]))
        right(pairs, "cut gz")
    for at, value in ((124, b"77777777777"), (124, b"\xff" * 12), (124, b"\x80" + b"\x7f" * 11), (124, b"zzzzzzzzzzz"),
                      (148, b"0000000"), (156, b"x"), (156, b"L"), (156, b"K"), (156, b"g")):
        bad = bytearray(good)
        bad[1024 * 2 + at:1024 * 2 + at + len(value)] = value
        pairs, _, _ = dump(write(top, "bad.tar", bytes(bad)))
        if pairs is not None:
            right(pairs, "bad header %d %r" % (at, value))
        bad = bytearray(good)
        bad[at:at + len(value)] = value
        block = bad[:512]
        block[148:156] = b" " * 8
        bad[148:156] = b"%06o\0 " % sum(block)
        pairs, _, _ = dump(write(top, "bad2.tar", bytes(bad)))
        right(pairs, "first header %d %r" % (at, value))
    for size in (b"0 path=x\n", b"999999 path=x\n", b"12 path=\n", b"-5 path=x\n"):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            member(tar, "pax", size, type=tarfile.XHDTYPE)
            member(tar, "1.jpg", jpeg(1))
            member(tar, "1.txt", b"number 1")
        pairs, _, _ = dump(write(top, "pax2.tar", out.getvalue()))
        right(pairs, "pax %r" % size)
    bomb = io.BytesIO()                                                     # 200 MiB of nothing in a few KiB
    with tarfile.open(fileobj=bomb, mode="w") as tar:
        member(tar, "1.jpg", bytes(100 << 20))
        member(tar, "1.txt", b"number 1")
        member(tar, "2.jpg", jpeg(2))
        member(tar, "2.txt", b"number 2")
    pairs, counts, _ = dump(write(top, "bomb.tar.xz", lzma.compress(bomb.getvalue(), preset=0)))
    check([p["words"] for p in pairs] == ["number 2"] and counts["unnamed"] == 1 and counts["orphans"] == 1,
          "bomb: %s %s" % (pairs, counts))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for i in range(20000):
            member(tar, "%d.txt" % i, b"number 1")
    pairs, counts, _ = dump(write(top, "many.tar", out.getvalue()))
    check(not pairs and counts["orphans"] == 20000, "20,000 members: %s" % counts)
    large(top)
    for name, data in (("html.tar", b"<html>" * 500), ("zero.tar", b""), ("zip.tar", b"PK\3\4" + bytes(2000)),
                       ("lfs.tar.xz", b"version https://git-lfs.github.com/spec/v1\n")):
        pairs, _, said = dump(write(top, name, data))
        check(not pairs and "expected pairs" in said[0], "%s: %s %s" % (name, pairs, said))


with tempfile.TemporaryDirectory() as top:
    forms(top)
    hostile(os.path.join(top, "hostile"))
    exchanged(os.path.join(top, "exchanged"))
print("%d passed, %d failed, 0 skipped" % (passed, failed))
sys.exit(failed > 0)
