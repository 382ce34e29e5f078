#!/usr/bin/python3
"""The order of the folders holds: nothing includes or calls what stands below it in the list, no files form a circle, no file is
longer than 600 lines.

    structure.py BUILD       fails with one sentence a fault; BUILD: its compile_commands.json and object files are read
    structure.py BUILD --all the known ones too
    structure.py --self      whether every kind of fault is found in small trees that have it

A file and the header of its name are one: `a.c` with `a.h` is a. It depends on what either of them includes, and on the file
that defines a symbol which its object file uses.
"""
import collections
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# From top to bottom: a folder may use those of earlier lines. Those of one line do not know each other.
ORDER = [["core/clipmoe"], ["core/base"], ["core/kernels"], ["core/checkpoint"], ["core/text", "core/preprocess"], ["core/model"],
         ["core/encoder"], ["core/tune"], ["core/labels"], ["core/stream"], ["core/engine"], ["publish", "archive", "gst", "picture"], ["plugin"],
         ["tools/dmu/trainer"], ["tools/dmu/data"], ["tools/dmu/stages"], ["tools/clipmoe"], ["tools/dmu"]]
LEVEL = {folder: i for i, line in enumerate(ORDER) for folder in line}
# What is not this project's and may be included.
LIBC = r"(assert|complex|ctype|errno|fenv|float|inttypes|limits|locale|math|setjmp|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio" \
       r"|stdlib|string|strings|time|wchar|dirent|dlfcn|fcntl|poll|pthread|sched|termios|unistd|malloc|execinfo|cpuid|immintrin|x86intrin|arm_neon|endian|elf" \
       r"|(sys|asm|linux|netinet|arpa)/\w+)\.h"
IN_CORE = LIBC + r"|(glib|glib-object|glib-unix|gmodule|jansson|xxhash|zlib)\.h|glib/gstdio\.h|gio/\w+\.h" \
               r"|clipmoe/version\.h"  # made when configuring
FOREIGN = [("core/kernels", LIBC, "libc and pthread alone"), ("core", IN_CORE, "libc, GLib, jansson, xxhash and zlib"),
           ("publish", r"(?!gst/).*", "no GStreamer"), ("archive", r"(?!gst/).*", "no GStreamer"),
           ("picture", r"(?!gst/).*", "no GStreamer")]
MOST_LINES = 600
TABLES = {"core/text/entities.c": "the named characters of HTML", "core/text/unicode_tables.c": "made of Unicode's files by make_unicode.py"}
# Circles that are being undone: files that may still hang together.
KNOWN_CIRCLES = [set(line.split()) for line in """
""".strip().splitlines()]
LOOKED_AT = ["core", "publish", "archive", "gst", "picture", "plugin", "tools", "tests", "pipelines", "docs"]


def folder_of(path):
    """The folder of ORDER that @path is in, or None."""
    at = os.path.dirname(path)
    while at and at not in LEVEL:
        at = os.path.dirname(at)
    return at or None


def module_of(path):
    return os.path.splitext(path)[0]


def files(root, *endings):
    for top in LOOKED_AT:
        for where, folders, names in os.walk(os.path.join(root, top)):
            folders[:] = sorted(f for f in folders if f not in ("__pycache__", "corpus"))
            for name in sorted(names):
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(where, name), root)


def text_of(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        return f.read()


class Tree:
    """@edges: {module: {module: why}}; @faults: sentences."""

    def __init__(self, root, build=None):
        self.root, self.faults = root, []
        self.sources = [p for p in files(root, ".c", ".h") if folder_of(p)]
        self.edges = collections.defaultdict(dict)
        self.headers = collections.defaultdict(list)  # by name
        for p in self.sources:
            if p.endswith(".h"):
                self.headers[os.path.basename(p)].append(p)
        for p in self.sources:
            self.read_includes(p)
        if build:
            self.read_symbols(build)

    def resolve(self, path, name):
        """The header of the project that @path means by @name, or None."""
        beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
        if beside in self.headers[os.path.basename(name)]:
            return beside
        found = [h for h in self.headers[os.path.basename(name)] if h.endswith("/" + name.replace("../", ""))]
        return min(found, key=len) if found else None

    def read_includes(self, path):
        for kind, name in re.findall(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[>"]', text_of(self.root, path), re.M):
            header = self.resolve(path, name)
            if header:
                self.add(path, header, "%s includes %s" % (os.path.basename(path), os.path.basename(header)))
            elif kind == "<":
                for top, allowed, said in FOREIGN:
                    if path.startswith(top + "/"):
                        if not re.fullmatch(allowed, name):
                            self.faults.append("%s includes <%s>, %s may use %s" % (path, name, top, said))
                        break

    def read_symbols(self, build):
        """Who defines and who uses what, by the object files of @build."""
        with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
            commands = json.load(f)
        objects = {}
        for c in commands:
            source = os.path.relpath(os.path.realpath(os.path.join(c["directory"], c["file"])), os.path.realpath(self.root))
            words = shlex.split(c["command"])
            target = c.get("output") or words[words.index("-o") + 1]
            target = os.path.join(c["directory"], target)
            if source in self.sources and os.path.exists(target):
                objects.setdefault(target, source)
        defined, used = {}, collections.defaultdict(set)
        targets = sorted(objects)
        for i in range(0, len(targets), 100):
            out = subprocess.run(["nm", "-A", "-g"] + targets[i:i + 100], stdout=subprocess.PIPE, check=True).stdout.decode()
            for line in out.splitlines():
                target, _, rest = line.partition(":")
                words = rest.split()
                kind, symbol = words[-2:]
                if kind == "U":
                    used[objects[target]].add(symbol)
                elif kind.isupper() and kind not in "VW" and symbol != "main":
                    defined.setdefault(symbol, set()).add(objects[target])
        for source, symbols in used.items():
            for symbol in sorted(symbols):
                for other in defined.get(symbol, ()) if len(defined.get(symbol, ())) == 1 else ():
                    self.add(source, other, "%s uses %s of %s" % (os.path.basename(source), symbol, os.path.basename(other)))

    def add(self, path, other, why):
        a, b = folder_of(path), folder_of(other)
        if a != b and LEVEL[b] >= LEVEL[a]:
            self.faults.append("%s %s, %s stands below %s or beside it" % (path, why.partition(" ")[2], b, a))
        if module_of(path) != module_of(other):
            self.edges[module_of(path)].setdefault(module_of(other), why)

    def circles(self):
        """Sets of modules each of which depends on all others of its set (Tarjan), without recursion."""
        number, low, on, stack, found = {}, {}, set(), [], []
        for start in sorted(self.edges):
            if start in number:
                continue
            work = [(start, iter(sorted(self.edges[start])))]
            number[start] = low[start] = len(number)
            stack.append(start)
            on.add(start)
            while work:
                node, children = work[-1]
                for child in children:
                    if child not in number:
                        number[child] = low[child] = len(number)
                        stack.append(child)
                        on.add(child)
                        work.append((child, iter(sorted(self.edges.get(child, ())))))
                        break
                    if child in on:
                        low[node] = min(low[node], number[child])
                else:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[node])
                    if low[node] == number[node]:
                        one = set()
                        while node not in one:
                            one.add(stack.pop())
                        on -= one
                        if len(one) > 1:
                            found.append(one)
        return found

    def shortest(self, members):
        """The shortest way round within @members."""
        best = None
        for start in sorted(members):
            before, queue = {start: None}, collections.deque([start])
            while queue:
                at = queue.popleft()
                if start in self.edges[at] and at != start:
                    way = [start]
                    while at != start:
                        way.insert(1, at)
                        at = before[at]
                    if not best or len(way) < len(best):
                        best = way
                    break
                for to in sorted(self.edges[at]):
                    if to in members and to not in before:
                        before[to] = at
                        queue.append(to)
        return best

    def tell_circles(self):
        for members in sorted(self.circles(), key=sorted):
            way = self.shortest(members)
            folder = os.path.commonpath([os.path.dirname(m) for m in members]) or "the tree"
            names = [os.path.basename(m) for m in way + way[:1]]
            why = [self.edges[a][b] for a, b in zip(way, way[1:] + way[:1])]
            more = "" if len(members) == len(way) else "; %d files hang together: %s" % (
                len(members), " ".join(sorted(os.path.basename(m) for m in members)))
            yield members, "%s: %s (%s)%s" % (folder, " -> ".join(names), "; ".join(why), more)

    def tell_lengths(self):
        for path in files(self.root, ".c", ".h", ".py"):
            n = text_of(self.root, path).count("\n")
            if n > MOST_LINES and path not in TABLES:
                yield "%s: %d lines, expected at most %d: usually two ideas" % (path, n, MOST_LINES)
        for path in sorted(TABLES):
            if self.root == ROOT and not os.path.exists(os.path.join(self.root, path)):
                yield "%s: named among the tables, but not there" % path


def all_faults(root, build=None):
    tree = Tree(root, build)
    return sorted(set(tree.faults)) + [sentence for _, sentence in tree.tell_circles()] + list(tree.tell_lengths())


def try_out():
    """Every fault is found where there is one, and none where there is none."""
    good = {"core/base/file.h": "int file (void);\n", "core/base/file.c": '#include "file.h"\n#include <glib.h>\nint file (void) { return 1; }\n',
            "core/model/a.h": "int a (void);\n", "core/model/a.c": '#include "a.h"\n#include "b.h"\nint a (void) { return b () + file (); }\n',
            "core/model/b.h": "#include <base/file.h>\nint b (void);\n", "core/model/b.c": '#include "b.h"\nint b (void) { return file (); }\n',
            "core/kernels/x.c": "#include <math.h>\n#include <pthread.h>\nint x;\n"}
    bad = {
        "core/base/x.c includes a.h, core/model stands below core/base or beside it": {"core/base/x.c": "#include <model/a.h>\n"},
        "core/base/x.c uses a of a.c, core/model stands below core/base or beside it":
            {"core/base/x.c": "int a (void);\nint y (void) { return a (); }\n"},
        "core/text/t.c includes p.h, core/preprocess stands below core/text or beside it":
            {"core/preprocess/p.h": "\n", "core/text/t.c": '#include "../preprocess/p.h"\n'},
        "core/model: a -> b -> a (a.c includes b.h; b.c includes a.h)": {"core/model/b.c": '#include "b.h"\n#include "a.h"\nint b (void) { return 1; }\n'},
        "core/model: a -> b -> a (a.c includes b.h; b.c uses a of a.c)":
            {"core/model/b.c": '#include "b.h"\nint a (void);\nint b (void) { return a (); }\n'},
        "core/model: a -> b -> c -> a (a.c includes b.h; b.h includes c.h; c.c uses a of a.c)":
            {"core/model/b.h": '#include <base/file.h>\n#include "c.h"\nint b (void);\n', "core/model/c.h": "int c (void);\n",
             "core/model/c.c": '#include "c.h"\nint a (void);\nint c (void) { return a (); }\n'},
        "core/kernels/x.c includes <glib.h>, core/kernels may use libc and pthread alone": {"core/kernels/x.c": "#include <glib.h>\nint x;\n"},
        "core/base/file.c includes <gst/gst.h>, core may use libc, GLib, jansson, xxhash and zlib": {"core/base/file.c": "#include <gst/gst.h>\nint file (void) { return 1; }\n"},
        "publish/p.c includes <gst/gst.h>, publish may use no GStreamer": {"publish/p.c": "#include <gst/gst.h>\n"},
        "tests/long.py: 601 lines, expected at most 600: usually two ideas": {"tests/long.py": "\n" * 601},
    }
    failed = 0
    for expected, changes in [(None, {}), (None, {"tests/long.py": "\n" * 600})] + list(bad.items()):
        with tempfile.TemporaryDirectory() as root:
            commands, tree = [], dict(good, **changes)
            for path, text in tree.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w") as f:
                    f.write(text)
            os.makedirs(root + "/there/gst")
            for name in "glib.h", "gst/gst.h":
                open(os.path.join(root, "there", name), "w").close()
            for path in sorted(p for p in tree if p.endswith(".c")):
                words = ["cc", "-w", "-Icore", "-Ithere", "-c", path, "-o", path.replace("/", "_") + ".o"]
                subprocess.run(words, cwd=root, check=True)
                commands.append({"directory": root, "file": path, "command": shlex.join(words)})
            with open(root + "/compile_commands.json", "w") as f:
                json.dump(commands, f)
            found = all_faults(root, root)
        if found != ([expected] if expected else []):
            print("expected %r, found %r" % (expected, found))
            failed += 1
    return failed


def main():
    if sys.argv[1] == "--self":
        return 1 if try_out() else 0
    tree = Tree(ROOT, sys.argv[1])
    faults = sorted(set(tree.faults))
    for members, sentence in tree.tell_circles():
        if "--all" in sys.argv or not any({os.path.basename(m) for m in members} <= known for known in KNOWN_CIRCLES):
            faults.append(sentence)
    faults += tree.tell_lengths()
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
