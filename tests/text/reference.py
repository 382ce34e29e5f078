"""CLIP's tokenizer written as directly as possible, for comparison: cleaning, splitting, merging; one vocabulary."""
import html
import html.entities
import json
import os
import re
import unicodedata

import repair

WHITE = set("\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}
STRIP = "".join(sorted(WHITE)) + "\x1c\x1d\x1e\x1f"
C1 = {c: bytes([c]).decode("cp1252", "ignore") or chr(c) for c in range(0x80, 0xA0)}
LIGATURES = str.maketrans({
    "Ĳ": "IJ", "ĳ": "ij", "ŉ": "ʼn", "Ǆ": "DŽ", "ǅ": "Dž", "ǆ": "dž", "Ǉ": "LJ", "ǈ": "Lj", "ǉ": "lj", "Ǌ": "NJ", "ǋ": "Nj", "ǌ": "nj",
    "Ǳ": "DZ", "ǲ": "Dz", "ǳ": "dz", "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "ſt", "ﬆ": "st"})
WIDTH = {c: unicodedata.normalize("NFKC", chr(c)) for c in range(0xFF01, 0xFFF0)}
WIDTH[0x3000] = " "
QUOTES = str.maketrans({**dict.fromkeys("“”„‟", '"'), **dict.fromkeys("ʼ‘’‚‛", "'")})
BREAKS = re.compile("\r\n|[\r\u2028\u2029\x85]")
ESCAPES = re.compile("\x1b\\[[0-9;]*[A-Za-z]")
CONTROLS = re.compile("[\0-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]")


def entity(match):
    text = match.group()
    if text[1] == "#":
        plain = html.unescape(text)
        return text if ";" in plain else plain
    table, name = html.entities.html5, text[1:]
    if name in table:
        return table[name]
    if name == name.upper() and name.lower() in table and html.unescape(text) == text:
        return table[name.lower()].upper()
    return text


def clean(text):
    lines, entities = [], True
    for line in re.findall("[^\n]*\n|[^\n]+", text):
        entities = entities and "<" not in line
        before = None
        while line != before:
            before = line
            if entities:
                line = re.sub("&#?[0-9A-Za-z]{1,24};", entity, line)
            line = repair.fix(line)
            line = line.translate(C1).translate(LIGATURES).translate(WIDTH).translate(QUOTES)
            line = unicodedata.normalize("NFC", CONTROLS.sub("", ESCAPES.sub("", BREAKS.sub("\n", line))))
        lines.append(line)
    text = html.unescape(html.unescape("".join(lines))).strip(STRIP)
    return re.sub("[%s]+" % "".join(sorted(WHITE)), " ", text).strip(STRIP).lower()


def kind(c):
    if c in WHITE or c == "\u0345":
        return "space"
    return {"L": "letter", "N": "number"}.get(unicodedata.category(c)[0], "other")


WORDS = re.compile("<\\|[sſ]tartoftext\\|>|<\\|endoftext\\|>|'[sſ]|'t|'re|'ve|'m|'ll|'d")


def split(text):
    chunks, i = [], 0
    while i < len(text):
        word = WORDS.match(text, i)
        end = word.end() if word else i + 1
        if not word and kind(text[i]) in ("letter", "other"):
            while end < len(text) and kind(text[end]) == kind(text[i]):
                end += 1
        if word or kind(text[i]) != "space":
            chunks.append(text[i:end])
        i = end
    return chunks


class Tokenizer:
    def __init__(self, folder):
        """@folder holds vocab.json and merges.txt."""
        with open(os.path.join(folder, "vocab.json"), encoding="utf-8") as f:
            self.ids = json.load(f)
        with open(os.path.join(folder, "merges.txt"), encoding="utf-8") as f:
            pairs = [tuple(line.split()) for line in f.read().split("\n")[1:] if line]
        self.ranks = {pair: i for i, pair in enumerate(pairs)}
        printed = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
        others = [b for b in range(256) if b not in printed]
        self.symbols = {b: chr(b) for b in printed}
        self.symbols.update((b, chr(256 + i)) for i, b in enumerate(others))
        self.known = {}

    def merge(self, chunk):
        if chunk in ("<|startoftext|>", "<|endoftext|>"):
            return [self.ids[chunk]]
        if chunk not in self.known:
            parts = [self.symbols[b] for b in chunk.encode()]
            parts[-1] += "</w>"
            while True:
                pairs = [pair for pair in zip(parts, parts[1:]) if pair in self.ranks]
                if not pairs:
                    break
                best, merged, i = min(pairs, key=self.ranks.get), [], 0
                while i < len(parts):
                    if tuple(parts[i:i + 2]) == best:
                        merged.append(parts[i] + parts[i + 1])
                        i += 2
                    else:
                        merged.append(parts[i])
                        i += 1
                parts = merged
            self.known[chunk] = [self.ids[part] for part in parts]
        return self.known[chunk]

    def encode(self, text):
        return [i for chunk in split(clean(text)) for i in self.merge(chunk)]

    def fit(self, ids, context):
        return [self.ids["<|startoftext|>"]] + ids[:context - 2] + [self.ids["<|endoftext|>"]]
