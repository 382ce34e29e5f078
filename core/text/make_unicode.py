#!/usr/bin/python3
"""Writes unicode_tables.c from the Unicode Character Database: make_unicode.py FOLDER, where FOLDER holds UnicodeData.txt,
DerivedCoreProperties.txt and DerivedNormalizationProps.txt of one version (Debian's package unicode-data has them in /usr/share/unicode).

Token ids may not depend on the version of the system's GLib, so the properties that they depend on are fixed here to
Unicode 15.0, the version with which the reference ids were made."""
import os
import re
import sys

VERSION = "15.0.0"


def rows(path):
    with open(path, encoding="utf-8") as f:
        for line in f:
            line = line.split("#")[0].strip()
            if line:
                yield [field.strip() for field in line.split(";")]


def characters(folder):
    """(code point, category, lower case) of every assigned character."""
    first = None
    for fields in rows(os.path.join(folder, "UnicodeData.txt")):
        code, name, category, lower = int(fields[0], 16), fields[1], fields[2], fields[13]
        if name.endswith("First>"):
            first = code
        elif name.endswith("Last>"):
            for c in range(first, code + 1):
                yield c, category, None
        else:
            yield code, category, int(lower, 16) if lower else None


def property_of(folder, name):
    codes = set()
    for fields in rows(os.path.join(folder, "DerivedCoreProperties.txt")):
        if fields[1] == name:
            first, _, last = fields[0].partition("..")
            codes.update(range(int(first, 16), int(last or first, 16) + 1))
    return codes


def normalisation(folder):
    """The characters that composing may change or move, and those of them before which a text may not be cut for it."""
    first, classes = {}, {}
    for fields in rows(os.path.join(folder, "UnicodeData.txt")):
        if fields[5] and not fields[5].startswith("<"):
            first[int(fields[0], 16)] = int(fields[5].split()[0], 16)
        if fields[3] != "0":
            classes[int(fields[0], 16)] = True
    check = {"N": set(), "M": set()}
    for fields in rows(os.path.join(folder, "DerivedNormalizationProps.txt")):
        if fields[1] == "NFC_QC":
            start, _, last = fields[0].partition("..")
            check[fields[2]].update(range(int(start, 16), int(last or start, 16) + 1))

    def joins(c):
        return c in classes or c in check["M"] or c in check["N"] and joins(first[c])

    changes = check["N"] | check["M"] | set(classes)
    return changes, {c for c in changes if joins(c)}


def ranges(codes):
    found = []
    for c in sorted(codes):
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def mappings(lower):
    """Runs of characters whose lower case lies equally far, one or two apart."""
    found = []
    for c in sorted(lower):
        delta = lower[c] - c
        last = found[-1] if found else None
        if last and last[2] == delta and c - last[1] in (1, 2) and (last[0] == last[1] or last[3] == c - last[1]):
            last[3] = c - last[1]
            last[1] = c
        else:
            found.append([c, c, delta, 1])
    return found


def write(name, kind, items):
    print("\nconst %s %s[] = {" % (kind, name))
    for item in items:
        print("  {%s}," % ", ".join("0x%X" % v if i < 2 else "%d" % v for i, v in enumerate(item)))
    print("};\nconst guint %s_n = G_N_ELEMENTS (%s);" % (name, name))


def main():
    folder = sys.argv[1]
    with open(os.path.join(folder, "DerivedCoreProperties.txt"), encoding="utf-8") as f:
        found = re.search(r"DerivedCoreProperties-([0-9.]+)\.txt", f.readline())
    if not found or found.group(1) != VERSION:
        sys.exit("%s: version %s, expected %s" % (folder, found and found.group(1), VERSION))
    known = list(characters(folder))
    print("/* Made by make_unicode.py from the Unicode Character Database, version %s. */" % VERSION)
    print("/* clang-format off */")
    print('#include "unicode_tables.h"')
    write("clipmoe_unicode_letters", "ClipmoeCodeRange", ranges(c for c, category, _ in known if category[0] == "L"))
    write("clipmoe_unicode_numbers", "ClipmoeCodeRange", ranges(c for c, category, _ in known if category[0] == "N"))
    write("clipmoe_unicode_assigned", "ClipmoeCodeRange", ranges(c for c, _, _ in known))
    write("clipmoe_unicode_cased", "ClipmoeCodeRange", ranges(property_of(folder, "Cased")))
    write("clipmoe_unicode_ignorable", "ClipmoeCodeRange", ranges(property_of(folder, "Case_Ignorable")))
    changes, joins = normalisation(folder)
    write("clipmoe_unicode_changes", "ClipmoeCodeRange", ranges(changes))
    write("clipmoe_unicode_joins", "ClipmoeCodeRange", ranges(joins))
    write("clipmoe_unicode_lower", "ClipmoeCodeMapping", mappings({c: low for c, _, low in known if low}))


main()
