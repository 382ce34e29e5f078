"""Innermost loops of tiles, by objdump. Imported by spills.py and cross.py."""
import re
import subprocess

JUMP = r"(?:j\w+|b|b\.\w+|cbn?z \w+,|tbn?z \w+, \S+) ([0-9a-f]+)\b"
STACK = r"(?:[xyz]mm\d+,\S*\(%r[sb]p|st[pru]+ [qdv]\d+,.*\[(?:sp|x29))"


def innermost(objdump, file):
    """(name, [[instruction, …], …]) of each tile, blanks single."""
    text = subprocess.run([objdump, "-d", "--no-show-raw-insn", file], stdout=subprocess.PIPE, text=True, check=True).stdout
    for name, body in re.findall(r"^[0-9a-f]+ <(tile\w*_\d+)>:\n(.*?)(?:\n\n|\Z)", text, re.M | re.S):
        code = [(int(at, 16), " ".join(what.split())) for at, what in re.findall(r"^\s*([0-9a-f]+):\s+(.*)$", body, re.M)]
        jumps = [(int(j.group(1), 16), at) for at, what in code for j in [re.match(JUMP, what)] if j]
        loops = [j for j in jumps if code[0][0] <= j[0] <= j[1]]
        inner = [r for r in loops if not any(o != r and r[0] <= o[0] and o[1] <= r[1] for o in loops)]
        yield name, [[what for at, what in code if low <= at <= high] for low, high in inner]


def spilled(loop):
    return [what for what in loop if re.search(STACK, what)]
