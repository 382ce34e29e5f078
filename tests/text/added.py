#!/usr/bin/python3
"""Checks that tokens which a tokenizer file adds are recognised where their text occurs, as in Hugging Face's tokenizers: raw or
cleaned, as words of their own, with the white space beside them, the longest first; and that they are counted.

Expected ids are put together from the pieces around the tokens, which have none.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

COMMAND = os.environ["CLIPMOE_COMMAND"]
TINY = os.path.join(os.path.dirname(os.environ["CLIPMOE_TEST_SOURCES"]), "models", "clip-tiny")
TOP = tempfile.mkdtemp(prefix="clipmoe-added-")
passed, failed = [], []
with open(TINY + "/vocab.json", encoding="utf-8") as f:
    VOCAB = json.load(f)
with open(TINY + "/merges.txt", encoding="utf-8") as f:
    MERGES = [line for line in f.read().split("\n")[1:] if line]
START, END, N = VOCAB["<|startoftext|>"], VOCAB["<|endoftext|>"], len(VOCAB)
USUAL = [{"id": START, "content": "<|startoftext|>", "special": True, "normalized": True},
         {"id": END, "content": "<|endoftext|>", "special": True, "normalized": False}]


def check(name, ok, why=""):
    (passed if ok else failed).append(name)
    if not ok:
        print("FAILED: %s: %s" % (name, str(why)[:500]))


def run(vocab, *texts):
    done = subprocess.run([COMMAND, "tokenize", "--vocab", vocab] + list(texts), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    return done.returncode, [json.loads(line)["ids"] for line in done.stdout.decode().splitlines()], done.stderr.decode()


plain = {}


def words(text):
    """The ids of a text without added tokens, and without start and end."""
    if text not in plain:
        plain[text] = run(TINY, text)[1][0][1:-1]
    return plain[text]


def tokenizer(name, added, vocab=VOCAB):
    folder = os.path.join(TOP, name)
    os.makedirs(folder)
    path = os.path.join(folder, "tokenizer.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"added_tokens": USUAL + added, "model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": vocab, "merges": MERGES}}, f)
    return path


def token(content, id=N, **flags):
    return dict({"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}, **flags)


def ids(*parts):
    return [START] + [i for p in parts for i in (words(p) if isinstance(p, str) else [p])] + [END]


def expect(name, vocab, text, *parts):
    code, got, err = run(vocab, text)
    check(name, code == 0 and got == [ids(*parts)], "%s, expected %s %s" % (got, ids(*parts), err))


def test_json():
    bare = tokenizer("bare", [{"id": N, "content": "<cat-toy>"}])
    expect("without flags", bare, "a <cat-toy>", "a", N)
    expect("in any case, as what is not special is cleaned", bare, "A <Cat-Toy> b", "a", N, "b")
    expect("inside a word", bare, "xx<cat-toy>yy", "xx", N, "yy")
    expect("twice", bare, "<cat-toy><cat-toy>", N, N)
    expect("alone", bare, "<cat-toy>", N)
    expect("nearly", bare, "a <cat-toy", "a <cat-toy")
    expect("start and end as before", bare, "a <|endoftext|> <cat-toy>", "a", END, N)
    raw = tokenizer("raw", [token("<Cat>", special=True)])
    expect("raw: as it stands", raw, "a <Cat> dog", "a", N, "dog")
    expect("raw: not in another case", raw, "a <cat> dog", "a <cat> dog")
    both = tokenizer("both", [token("Cat"), token("dog", N + 1, normalized=True)])
    expect("raw before cleaned", both, "DOG Cat dog cat", N + 1, N, N + 1, "cat")
    expect("cleaned before it is looked for", tokenizer("entity", [token("A&amp;B", normalized=True)]), "x a&amp;b y", "x", N, "y")
    one = tokenizer("single", [token("qzx", single_word=True)])
    expect("a word of its own", one, "a qzx day", "a", N, "day")
    expect("not inside one", one, "a qzxer day", "a qzxer day")
    expect("not at the end of one", one, "reqzx", "reqzx")
    expect("not beside _", one, "qzx_", "qzx_")
    expect("beside signs", one, "(qzx)", "(", N, ")")
    expect("at both ends", one, "qzx and qzx", N, "and", N)
    expect("not beside letters of other scripts", one, "\u00e9qzx", "\u00e9qzx")
    expect("white space before", tokenizer("left", [token("<m>", lstrip=True)]), "a  <m> b", "a", N, "b")
    strip = tokenizer("strip", [token("<m>", lstrip=True, rstrip=True)])
    expect("white space that is taken along", strip, "a  <m>  b c", "a", N, "b c")
    longer = tokenizer("longest", [token("<a>"), token("<a><b>", N + 1), token("<a><b><c>", N + 2), token("qb", N + 3)])
    expect("the longest", longer, "<a><b><c> <a><b>c <a>", N + 2, N + 1, "c", N)
    expect("the leftmost", longer, "xqb<a>", "x", N + 3, N)
    pad = tokenizer("pad", [token("!", VOCAB["!"], special=True)])
    expect("one of the vocabulary", pad, "dog! cat", "dog", VOCAB["!"], "cat")
    expect("many", tokenizer("many", [token("<%d>" % i, N + i) for i in range(300)]), "<7> <299> <300>", N + 7, N + 299, "<300>")
    expect("not only ASCII", tokenizer("wide", [token("\u732b")]), "a\u732bb \u732a", "a", N, "b \u732a")
    code, got, err = run(longer, "--context", "5", "<a> <a> <a> <a> <a>")
    check("cut", code == 0 and got == [[START, N, N, N, END]], (got, err))


def test_beside():
    """vocab.json with merges.txt, and what transformers' slow tokenizer writes beside them."""
    def beside(name, **files):
        folder = os.path.join(TOP, name)
        os.makedirs(folder)
        for file in ("vocab.json", "merges.txt"):
            shutil.copy(os.path.join(TINY, file), folder)
        for file, value in files.items():
            with open(os.path.join(folder, file + ".json"), "w", encoding="utf-8") as f:
                json.dump(value, f)
        return folder
    expect("added_tokens.json", beside("b1", added_tokens={"<cat-toy>": N}), "a <cat-toy>", "a", N)
    config = {"added_tokens_decoder": {str(N): {"content": "<Toy>", "normalized": False, "special": False, "single_word": False, "lstrip": False,
                                                "rstrip": False}, str(END): {"content": "<|endoftext|>", "special": True}}}
    expect("tokenizer_config.json", beside("b2", tokenizer_config=config), "a <Toy> <toy>", "a", N, "<toy>")
    expect("both", beside("b3", tokenizer_config=config, added_tokens={"<Toy>": N, "<x>": N + 1}), "<x> <Toy>", N + 1, N)
    for name, files, word in (("b4", {"added_tokens": {"<x>": N + 5}}, "expected an id"), ("b5", {"added_tokens": {"<x>": "5"}}, "<x>"),
                              ("b6", {"added_tokens": {"cat": 5}}, "cat"), ("b7", {"tokenizer_config": {"added_tokens_decoder": {"x": {"content": "y"}}}}, "added_tokens_decoder"),
                              ("b8", {"added_tokens": {"dog</w>": 5}}, "another id")):
        code, got, err = run(beside(name, **files), "a")
        check("refused: " + word, code == 1 and not got and word in err and err.count("\n") == 1, err)


def test_refused():
    for name, added, word in (("r1", token("<x>", N + 1), "id"), ("r2", token("x" * 257), "256"), ("r3", token(""), "256"), ("r4", token("  ", normalized=True), "white space"),
                              ("r5", token("<x>", normalized="no"), "normalized"), ("r6", token("<x>", -1), "id"), ("r7", token("dog</w>", N), "another id"),
                              ("r8", token("<x>", lstrip=1), "lstrip")):
        code, got, err = run(tokenizer(name, [added]), "a")
        check("refused: %s" % added, code == 1 and not got and word in err and err.count("\n") == 1, err)


def main():
    try:
        test_json()
        test_beside()
        test_refused()
    finally:
        shutil.rmtree(TOP)
    print("%d passed, %d failed, 0 skipped" % (len(passed), len(failed)))
    return 1 if failed else 0


sys.exit(main())
