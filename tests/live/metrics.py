"""A strict reader of Prometheus' text format 0.0.4: (figures, faults)."""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
LINE = re.compile(r"(%s)(?:\{(%s(?:,%s)*)\})? (\S+)" % (NAME, LABEL, LABEL))
UNESCAPE = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def read(text):
    """figures: {(name, ((label, value), …)): number}"""
    figures, faults, kinds, helped, done, family = {}, [], {}, set(), set(), None
    if not text.endswith("\n"):
        faults.append("no line end at the end")
    for line in text.split("\n")[:-1]:
        head = re.fullmatch(r"# (HELP|TYPE) (%s) (.+)" % NAME, line)
        if head:
            what, name, rest = head.groups()
            if what == "HELP":
                if name in helped:
                    faults.append("twice: " + line)
                helped.add(name)
                done.add(family)
                family = name
            elif name in kinds or name != family or rest not in ("counter", "gauge", "histogram", "summary"):
                faults.append(line)
            else:
                kinds[name] = rest
                if (rest == "counter") != name.endswith("_total"):
                    faults.append("a name that does not fit: " + line)
            continue
        m = LINE.fullmatch(line)
        if not m:
            faults.append("no figure: " + line)
            continue
        name, labels, number = m.groups()
        pairs = [(k, re.sub(r"\\[\\\"n]", lambda e: UNESCAPE[e.group()], v)) for k, v in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")]
        base = re.sub(r"_(bucket|sum|count)$", "", name) if kinds.get(family) in ("histogram", "summary") else name
        key = (name, tuple(sorted(pairs)))
        if base != family or family in done or family not in kinds:
            faults.append("not below its head: " + line)
        if key in figures or len(dict(pairs)) != len(pairs):
            faults.append("twice: " + line)
        try:
            figures[key] = float(number)
        except ValueError:
            faults.append("no number: " + line)
    for (name, labels), n in figures.items():  # the last bucket is the count, and none is below the one before
        if name.endswith("_count") and kinds.get(name[:-6]) == "histogram":
            own = sorted((float(dict(key)["le"]), value) for (other, key), value in figures.items()
                         if other == name[:-6] + "_bucket" and tuple(p for p in key if p[0] != "le") == labels)
            if not own or own[-1] != (float("inf"), n) or [v for _, v in own] != sorted(v for _, v in own):
                faults.append("buckets of " + name)
    return figures, faults
