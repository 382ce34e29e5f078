#!/usr/bin/python3
"""Checks the time that a text takes: a megabyte of the worst kind is tokenised in seconds, where an earlier version took hours."""
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import slow  # noqa: E402

SIZE, SECONDS = (1 << 20) - 16, 20  # under a sanitizer; plainly it is one
MODEL = os.path.join(os.path.dirname(os.environ["CLIPMOE_TEST_SOURCES"]), "models", "default")


def nested(depth):
    """&#4&#5&#5&#5&#5&#49;;;;;; - a reference whose last digit is a reference, and so on (49 is the digit 1, 51 is 3,
    53, 55, 57, and 49 again): each pass over the text undoes one."""
    return "".join("&#" + "55554"[i % 5] for i in reversed(range(depth))) + "&#49;" + ";" * depth


def over_and_over(text, most):
    """UTF-8 read as Latin-1, again and again: each repair undoes one."""
    while 2 * len(text.encode()) <= most:
        text = text.encode().decode("latin-1")
    return text


numbers = random.Random(1)
cases = {
    "one word": "".join(numbers.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(SIZE)),
    "one letter": "a" * SIZE,
    "signs": "".join(numbers.choice("!@#$%^*()_+-=[]{}|:,./?~") for _ in range(SIZE)),
    "nested &amp;": "&" + "amp;" * (SIZE // 4 - 1),
    "nested references": nested(SIZE // 4 - 8),
    "marks in the wrong order": "a" + "\u0301\u0316" * (SIZE // 4 - 1),
    "letters with accents": "é" * (SIZE // 2),
    "accents behind letters": "\u212b\u0301" * (SIZE // 5),
    "sigmas": "Σ'" * (SIZE // 3),
    "lines' ends": "a\r" * (SIZE // 2),
    "wrong encoding": "Ã©" * (SIZE // 4),
    "wrong encoding in part": "Ã©東" * (SIZE // 7),
    "wrong encoding, no repair": "Ã©Ã東" * (SIZE // 9),
    "wrong encoding over and over": over_and_over("é", SIZE),
}
failed = 0
for name, text in cases.items():
    begun = time.monotonic()
    try:
        done = subprocess.run([os.environ["CLIPMOE_COMMAND"], "tokenize", "--model", MODEL, "-"], input=text.encode(),
                              stdout=subprocess.DEVNULL, timeout=slow.seconds(SECONDS))
        result = "ok" if done.returncode == 0 else "exit status %d" % done.returncode
    except subprocess.TimeoutExpired:
        result = "not done"
    print("%s: %s after %.1f s" % (name, result, time.monotonic() - begun))
    failed += result != "ok"
print("%d passed, %d failed, 0 skipped" % (len(cases) - failed, failed))
sys.exit(1 if failed else 0)
