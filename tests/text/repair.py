"""ftfy's repair of wrongly decoded text as plainly as it can be written, for comparison: regular expressions and Python's codecs. The
sets of characters are the ones that the library's tables are made of."""
import codecs
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "core", "text"))
import make_mojibake as sets  # noqa: E402

KINDS = {sets.SPACE: r"\s", sets.WORD: r"\w", sets.LINE: ".", sets.NOT_PLAIN: "[^A-Za-z]"}
SLOPPY = {"cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1257"}


def one_of(characters):
    return "[%s]" % re.escape(characters)


def sequence(rule):
    return "".join(KINDS.get(item) or one_of(item) for item in rule)


BAD = re.compile("|".join(list(map(sequence, sets.RULES)) + ["^" + sequence(rule) for rule in sets.AT_START]))
RUNS = re.compile("(?<!%s)(?:%s%s|%s%s{2}|%s%s{3})+" % (
    one_of(sets.CONTINUES_ALONE), one_of(sets.LEAD_2), one_of(sets.CONTINUES), one_of(sets.LEAD_3), one_of(sets.CONTINUES),
    one_of(sets.LEAD_4), one_of(sets.CONTINUES)))
A_WORD = re.compile(b"\xc3 (?! |quele|quela|quilo|s )")
SPACED = re.compile(
    b"[\xc2\xc3\xc5\xce\xd0\xd9] |[\xe2\xe3] [\x80-\x84\x86-\x9f\xa1-\xbf]|[\xe0-\xe3][\x80-\x84\x86-\x9f\xa1-\xbf] "
    b"|\xf0 [\x80-\xbf]{2}|\xf0[\x80-\xbf] [\x80-\xbf]|\xf0[\x80-\xbf]{2} ")
LOSSY = re.compile(
    b"[\xc2-\xdf]\x1a|[\xc2-\xc3][?]|\xed[\xa0-\xaf][\x1a?]\xed[\xb0-\xbf][\x1a?\x80-\xbf]"
    b"|\xed[\xa0-\xaf][\x1a?\x80-\xbf]\xed[\xb0-\xbf][\x1a?]|[\xe0-\xef][\x1a?][\x1a\x80-\xbf]|[\xe0-\xef][\x1a\x80-\xbf][\x1a?]"
    b"|[\xf0-\xf4][\x1a?][\x1a\x80-\xbf]{2}|[\xf0-\xf4][\x1a\x80-\xbf][\x1a?][\x1a\x80-\xbf]"
    b"|[\xf0-\xf4][\x1a\x80-\xbf]{2}[\x1a?]|\x1a")
SURROGATES = re.compile(b"\xed([\xa0-\xaf])([\x80-\xbf])\xed([\xb0-\xbf])([\x80-\xbf])")


def table(encoding):
    """{character: byte}"""
    found = {}
    for b in range(256):
        try:
            found[codecs.decode(bytes([b]), encoding)] = b
        except UnicodeDecodeError:
            found[chr(b)] = b
    if encoding in SLOPPY:
        del found["\x1a"]
        found["\ufffd"] = 0x1A
    return found


TABLES = [(encoding, table(encoding)) for encoding in sets.ENCODINGS]


def surrogates(match):
    a, b, c, d = (group[0] for group in match.groups())
    return chr(0x10000 + ((a & 15) << 16) + ((b & 63) << 10) + ((c & 15) << 6) + (d & 63)).encode()


def once(text):
    if text.isascii() or not BAD.search(text):
        return text
    for encoding, codes in TABLES:
        if any(c not in codes for c in text):
            continue
        data = bytes(codes[c] for c in text)
        if encoding != "mac-roman" and SPACED.search(data):
            data = SPACED.sub(lambda m: m.group().replace(b" ", b"\xa0"), A_WORD.sub(b"\xc3\xa0 ", data))
        if encoding in SLOPPY:
            data = LOSSY.sub("\ufffd".encode(), data)
        try:
            return SURROGATES.sub(surrogates, data).replace(b"\xc0\x80", b"\0").decode()
        except UnicodeDecodeError:
            pass
    fixed = RUNS.sub(lambda m: fix(m.group()) if len(m.group()) < len(text) and BAD.search(m.group()) else m.group(), text)
    if fixed != text:
        return fixed
    try:
        fixed = text.encode("latin-1").decode("cp1252")
        if fixed != text:
            return fixed
    except UnicodeError:
        pass
    return "".join(c.encode("latin-1").decode("cp1252", "ignore") or c if "\x80" <= c <= "\x9f" else c for c in text)


def fix(text):
    before = None
    while text != before:
        before, text = text, once(text)
    return text
