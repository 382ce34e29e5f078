#!/usr/bin/python3
"""Checks token ids on real text: sentences in many scripts from the message catalogues of installed Debian packages, strings of
awkward characters, sentences in a wrong encoding, all against a plain tokenizer, at 77 and 248 positions."""
import collections
import glob
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unicodedata

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import reference  # noqa: E402
import repair  # noqa: E402

MODEL = os.path.join(os.path.dirname(os.environ["CLIPMOE_TEST_SOURCES"]), "models", "default")
LEAST, MOST_OF_A_LANGUAGE = 10000, 200
PIECES = ["a", "B", "7", " ", "  ", "\t", "é", "e\u0301", "ß", "Σ", "ΑΣ", "İ", "ſ", "'s", "'ſ", "’ll", "'", "\"", "“", "!", "?!", "-", "…", "&",
          "&amp;", "&amp;amp;", "&lt;", "&EACUTE;", "&eacute", "&notit;", "&copy2", "&#233;", "&#x1F600;", "&#0;", "&#x80;", "&#55296;", "&;",
          "<", "<b>", "<|startoftext|>", "<|endoftext|>", "<|ENDOFTEXT|>", "<|ſtartoftext|>", "\x00", "\x01", "\x1b[1;31m", "\x1b", "\x7f",
          "\x85", "\x92", "\xa0", "\xad", "\u0300\u0316", "\u0345", "\u0132", "ﬁ", "ﬅ", "Ａ", "ｶﾞ", "～", "\u3000", "\u2028", "\u200d", "\u200b",
          "\u206a", "\ufeff", "\ufffd", "東京", "서울", "각", "ไทย", "नमस्ते", "Москва", "שלום", "مرحبا", "١٢", "½", "Ⅳ", "ⓐ", "Ⓐ", "²", "😀", "👍🏽", "🇩🇪",
          "𝓗", "\ue000", "ǅ", "ŉ", "·", "\u0387", "\u037e", "\u212b", "\u1e9e", "Ǆ"]


def translations(path):
    """What a compiled catalogue translates to: a table of lengths and places, then the texts."""
    with open(path, "rb") as f:
        data = f.read()
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    _, _, n, _, table = struct.unpack_from(order + "5I", data)
    for i in range(n):
        length, place = struct.unpack_from(order + "2I", data, table + 8 * i)
        text = data[place:place + length].decode()
        if i:  # the first one is the header
            yield text


def catalogue_lines():
    """(language, line) of every installed catalogue, in an order that does not depend on the disk."""
    for path in sorted(glob.glob("/usr/share/locale/*/LC_MESSAGES/*.mo")):
        try:
            for text in translations(path):
                for line in text.replace("\0", "\n").split("\n"):  # plural forms
                    yield path.split("/")[4], line
        except (OSError, ValueError, struct.error):
            continue  # in an old encoding


def is_sentence(line):
    """Three words, or six letters of a script that writes without spaces."""
    letters = [c for c in line if c.isalpha()]
    return len(letters) >= 12 and len(line.split()) >= 3 or sum(ord(c) >= 0xE00 for c in letters) >= 6


# What Unicode 15.1 assigned: letters and signs to a newer Python, nothing to a tokenizer whose ids stay the same.
NEWER = set(range(0x2FFC, 0x3000)) | {0x31EF} | set(range(0x2EBF0, 0x2EE5E))


def is_known(line):
    """Characters newer than this Python's tables, or newer than ours, have classes that one of them cannot tell."""
    return all(unicodedata.category(c) != "Cn" and ord(c) not in NEWER for c in line)


def script_of(line):
    names = collections.Counter(unicodedata.name(c, "?").split()[0] for c in line if c.isalpha())
    return names.most_common(1)[0][0] if names else "none"


def sentences():
    by_language = collections.defaultdict(dict)
    for language, line in catalogue_lines():
        own = by_language[language]
        if len(own) < MOST_OF_A_LANGUAGE and is_sentence(line) and is_known(line):
            own[line] = True
    return list(dict.fromkeys(line for own in by_language.values() for line in own)), len(by_language)


def awkward(n):
    numbers = random.Random(1)
    return ["".join(numbers.choice(PIECES) for _ in range(numbers.randint(1, 12))) for _ in range(n)] + [
        # as long as it takes for two words, marks and entities to meet the limits of a careless tokenizer
        "ab" * 300, "".join(numbers.choice("abcdefgh") for _ in range(2000)), "a" + "\u0301\u0316" * 200, "&" + "amp;" * 500 + "x", "&#5" * 3 + "&#49;" + ";" * 3,
        "&#" * 100, "Σ" + "'" * 500 + "Σ", "!" * 1000, "word " * 400]


def garbled(lines):
    """UTF-8 read in a one-byte encoding, once or twice, whole or in part, with what programs do to it on the way."""
    numbers = random.Random(3)
    texts = []
    for line in lines:
        encoding = numbers.choice(repair.sets.ENCODINGS)
        text = line
        for _ in range(numbers.choice((1, 1, 2))):
            bytes_of = {code: c for c, code in dict(repair.TABLES)[encoding].items()}
            cut = numbers.choice((0, 0, numbers.randrange(len(text))))
            text = text[:cut] + "".join(bytes_of.get(b, "\ufffd") for b in text[cut:].encode())
        change = numbers.randrange(6)
        if change == 0:
            text = text.replace("\xa0", " ")
        elif change == 1:
            text = "".join("\ufffd" if "\x7f" < c and numbers.random() < 0.1 else c for c in text)
        elif change == 2:
            text = "".join("?" if "\x7f" < c < "\xa0" else c for c in text)
        texts.append(text.replace("\n", " ").replace("\r", " "))
    return texts


def every_character():
    """Each one that has a class, after a letter and before a sigma, whose lower case depends on it."""
    known = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co") and c != "\n" and is_known(c)]
    return [" ".join("a%sΣ %sb" % (c, c) for c in known[i:i + 20]) for i in range(0, len(known), 20)]


# What each text is repaired to; the last ones stay as they are.
REPAIRS = {
    "cafÃ©": "café", "sÃ³": "só", "caf\xc3\xa9 d\xc3\xa9j\xc3\xa0 vu": "café déjà vu", "âœ” No problems": "✔ No problems",
    "itâ€™s broken": "it's broken", "ÃƒÂ©tÃƒÂ©": "été", "â€\ufffd quote": "\ufffd quote", "Ã la carte âge": "à la carte âge",
    "voilÃ le travail": "voilà le travail", "RÃ©union 東京": "Réunion 東京", "Ð¼Ð¾Ñ\x81ÐºÐ²Ð°": "москва", "ðŸ˜€": "😀", "Ã\x9f": "ß",
    "Brontë…”": "Brontë…”", "Ñandú": "Ñandú", "São Paulo": "São Paulo", "25 °C": "25 °C", "naïve – œuvre": "naïve – œuvre"}
# Assigned by Unicode 15.1 and 16: neither letters nor numbers nor with case, whatever the system's libraries know.
LATER = "\u1c89\ua7cb\ua7da\U00010d40\U00010d50\U0002ebf0\U000105c0"


def fixed_rules(plain):
    """Texts whose ids are known without the plain cleaning."""
    texts = list(REPAIRS) + list(REPAIRS.values()) + ["a%sb" % c for c in LATER] + ["a%sΣ" % c for c in LATER]
    got = [answer["ids"][1:-1] for answer in tokenize(texts, ["--model", MODEL])]
    n = len(REPAIRS)
    wrong = [text for i, text in enumerate(texts[:n]) if got[i] != got[n + i]]
    a, b, sigma, final = (plain.merge(c) for c in "abσς")
    for i, c in enumerate(LATER):
        if got[2 * n + i] != a + plain.merge(c) + b or got[2 * n + len(LATER) + i] != a + plain.merge(c) + sigma:
            wrong.append("a%sb, a%sΣ" % (c, c))
    for text in wrong:
        print("%a: not as it must be" % text)
    return len(wrong)


def tokenize(texts, arguments):
    done = subprocess.run([os.environ["CLIPMOE_COMMAND"], "tokenize"] + arguments + ["-"],
                          input="".join(text + "\n" for text in texts).encode(), stdout=subprocess.PIPE, check=True)
    got = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(got) == len(texts), (len(got), len(texts))
    return got


def compare(plain, texts, arguments, context, expected):
    wrong = 0
    for text, answer, ids in zip(texts, tokenize(texts, arguments + ["--context", str(context)]), expected):
        want = plain.fit(ids, context)
        if answer["text"] != text or answer["ids"] != want:
            wrong += 1
            if wrong <= 20:
                print("%a at %d: %s, expected %s" % (text[:80], context, answer["ids"][:30], want[:30]))
    return wrong


def in_any_order(texts):
    """The same merges shuffled: then some have a smaller rank than the ones that make their parts."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(MODEL, "vocab.json"), folder)
        with open(os.path.join(MODEL, "merges.txt"), encoding="utf-8") as f:
            header, *lines = f.read().rstrip("\n").split("\n")
        random.Random(2).shuffle(lines)
        with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as f:
            f.write("\n".join([header] + lines) + "\n")
        plain = reference.Tokenizer(folder)
        return compare(plain, texts, ["--vocab", folder], 248, [plain.encode(text) for text in texts])


def main():
    plain = reference.Tokenizer(MODEL)
    real, languages = sentences()
    if len(real) < LEAST:
        print("only %d sentences in /usr/share/locale, expected %d: catalogues of iso-codes, libglib2.0-data, coreutils, apt" % (
            len(real), LEAST))
        return 77
    scripts = collections.Counter(map(script_of, real))
    broken = garbled(real[::2])
    texts = real + broken + awkward(5000) + every_character()
    expected = [plain.encode(text) for text in texts]
    wrong = sum(compare(plain, texts, ["--model", MODEL], context, expected) for context in (77, 248))
    wrong += in_any_order(texts[:5000]) + fixed_rules(plain)
    repaired = sum(repair.fix(text) != text for text in broken)
    if repaired < len(broken) / 4:
        print("only %d of %d sentences in a wrong encoding are repaired" % (repaired, len(broken)))
        wrong += 1
    known = [script for script, n in scripts.most_common() if n >= 50]
    print("%d of %d sentences in a wrong encoding repaired" % (repaired, len(broken)))
    print("%d sentences of %d languages, %d scripts with 50 or more (%s), %d other strings, %d wrong" % (
        len(real), languages, len(known), ", ".join("%s %d" % (s.lower(), scripts[s]) for s in known), len(texts) - len(real), wrong))
    print("%d passed, %d failed, 0 skipped" % (2 * len(texts) + 5000 - wrong, wrong))
    return 1 if wrong else 0


sys.exit(main())
