#!/usr/bin/python3
"""Writes mojibake_tables.c: the one-byte encodings, and which sequences of characters hardly occur in any language.

CLIP's tokenizer cleans texts with ftfy, which repairs UTF-8 that was read in a one-byte encoding ("cafÃ©"). Which texts it
holds for broken decides token ids, so the sets and sequences here state the same rules as ftfy 6.3.1. The characters
of all sets are divided into classes that no set tells apart; a rule is a row of sets of classes."""
import codecs

ENCODINGS = ["latin-1", "cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1257", "iso-8859-2", "mac-roman", "cp437"]


def span(first, last):
    return "".join(map(chr, range(ord(first), ord(last) + 1)))


COMMON = "\xa0\xad·´–—―…’"
CONTROL = span("\x80", "\x9f")
BAD = "¦¤¨¬¯¸ƒˆˇ˘˛˜†‡‰⌐◊\ufffdªº"
LAW = "¶§"
CURRENCY = "¢£¥₧€"
START = "¡«¿©\u0384\u0385‘‚“„•‹\uf8ff"
END = "®»˝”›™"
NUMERIC = "²³¹±¼½¾×µ÷⁄∂∆∏∑√∞∩∫≈≠≡≤≥№"
FACES = span("Ò", "Ö") + span("Ù", "Ü") + span("ò", "ö") + span("ø", "ü") + "ŐŌŪŲ°"
UPPER = span("À", "Ñ") + "ØÜÝĂĀĄĆČĎĐĘĚĒĖĞĢİĪĶĹĽŁĻŃŇŅŒŘŚŞŠŢŤŮŰŸŹŻŽҐ"
LOWER = "ß" + span("à", "ñ") + "ăąāćčďđęěēėğģįīķĺľłļœŕśşšťüźżžґﬁﬂ"
UPPER_ELSEWHERE = "Þ" + span("Α", "Ω") + "ΆΈΉΊΌΎΏΪΫ" + span("Ё", "Я")
LOWER_ELSEWHERE = span("α", "ω") + "άέήίΰ" + span("а", "џ")
BOX = "│┌┐┘├┤┬┼" + span("═", "╬") + "▀▄█▌▐░▒▓"
SMALL, CAPITAL = span("a", "z"), span("A", "Z")
PLAIN = SMALL + CAPITAL

# What stands for all characters of a kind, in the sets too and beyond them.
SPACE, WORD, LINE, NOT_PLAIN = "space", "word", "not a line's end", "not A to Z"

ARABIC = COMMON + CURRENCY + BAD + NUMERIC + START + "ŸŠ®°µ»"
RULES = [
    [CONTROL],
    [BAD + LOWER + UPPER + BOX + START + END + CURRENCY + NUMERIC + LAW, BAD],
    [PLAIN, LOWER_ELSEWHERE + UPPER_ELSEWHERE, BAD],
    [BAD, LOWER + UPPER + BOX + START + END + CURRENCY + NUMERIC + LAW],
    [LOWER + LOWER_ELSEWHERE + BOX + END + CURRENCY + NUMERIC, UPPER],
    [BOX + END + CURRENCY + NUMERIC, LOWER],
    [LOWER + BOX + END, CURRENCY],
    [SPACE, UPPER, CURRENCY],
    [UPPER + BOX, NUMERIC + LAW],
    [LOWER + UPPER + BOX + CURRENCY + END, START, NUMERIC],
    [LOWER + UPPER + CURRENCY + NUMERIC + BOX + LAW, END, START],
    [CURRENCY + NUMERIC + BOX, START],
    [SMALL, UPPER, START + CURRENCY],
    [BOX, FACES],
    [LOWER + UPPER + CURRENCY + NUMERIC + START + END + LAW, BOX],
    [BOX, END],
    [LOWER + UPPER, START + END, WORD],
    ["Œœ", NOT_PLAIN],
    [UPPER, "°"],
    ["ÂÃÎÐ", "€œŠš¢£Ÿž\xa0\xad®©°·»–—´" + START + END],
    ["×", "²³"],
    ["ØÙ", ARABIC, "ØÙ", ARABIC],
    ["à", "²µ¹¼½¾"],
    ["√", "±∂†≠®™´≤≥¥µø"],
    ["≈", "°¢"],
    ["‚", "Ä", "ìîïòôúùû†°¢π"],
    ["‚", "âó", "àä°ê"],
    ["в", "Ђ"],
    ["ВГРС", CONTROL + BAD + START + END + CURRENCY + "°µ", "ВГРС"],
    ["Г", "ў", "В", "Ђ", "В", LINE, PLAIN + " "],
    ["Ã", "\xa0¡"],
    [SMALL, "ÃÂ", " "],
    [SMALL, SPACE, "ÃÂ", " "],
    [SMALL + ".,?!" + END, "Â", " " + START + END],
    ["β", "€", "™\xa0Ά\xad®°"],
    ["ΒΓΞΟ", CONTROL + BAD + START + END + CURRENCY + "°", "ΒΓΞΟ"],
    ["ā", "€"],
]
AT_START = [["ÃÂ", " "]]

# What the lead and continuation bytes of UTF-8 read as in these encodings.
LEAD_2 = ("ĂÂÄĀÅÃÆĆČÇĎĐÉĚÊËĖÈĒĘÐĞĢÍÎÏİÌĪĶĹĻŁŃŇŅÑÓÔÖŐÒŌØÕŘŚŠŞŢÞÚÛÜŰÙŪŲŮÝŹŽŻß×ΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫάέήί"
          "ВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ")
LEAD_3 = "áăâäàāąåãæćčçďéěêëėèēęęģíîïìīįķĺļŕźΰαβγδεζηθικλμνξοабвгдежзийклмноп"
LEAD_4 = "đðğóšπσру"
CONTINUES_ALONE = (span("\x80", "\xbf") + "ĄÆĽŁØŖŚŠŞŤŸŹŽŻŒąæƒľłøŗśšşťźžżœˆˇ˘˛˜˝΄΅ΆΈΉΊΌΎΏЁЂЃЄЅІЇЈЉЊЋЌЎЏёђѓєѕіїјљњћќўџҐґ"
                   "†‡‰‹›€№™")
CONTINUES = CONTINUES_ALONE + " –—―‘’‚“”„•…"

# What Python's \w and \s match, for a character that stands in one of the sets.
KINDS = {
    SPACE: lambda c: c.isspace(),
    WORD: lambda c: c.isalnum() or c == "_",
    LINE: lambda c: c != "\n",
    NOT_PLAIN: lambda c: c not in PLAIN,
}


def holds(item, c):
    return KINDS[item](c) if item in KINDS else c in item


def main():
    rules = RULES + AT_START
    singles = [LEAD_2, LEAD_3, LEAD_4, CONTINUES, CONTINUES_ALONE]
    items = list(dict.fromkeys([item for rule in rules for item in rule] + singles))
    characters = sorted(set("".join(item for item in items if item not in KINDS)) | set("\n\r\t "))
    members, class_of = {}, {}
    # one of each kind that no set names: any other character is of one of these classes
    others = {"OTHER": "\u2e80", "OTHER_WORD": "\u4e00", "OTHER_SPACE": "\u3000"}
    for c in list(others.values()) + characters:
        key = tuple(holds(item, c) for item in items)
        class_of[c] = members.setdefault(key, len(members))
    assert len(members) <= 128, len(members)

    def bits(item):
        low = high = 0
        for key, number in members.items():
            if key[items.index(item)]:
                low, high = low | (1 << number if number < 64 else 0), high | (1 << number - 64 if number >= 64 else 0)
        return "{{0x%XuLL, 0x%XuLL}}" % (low, high)

    print("/* Made by make_mojibake.py. */")
    print("/* clang-format off */")
    print('#include "mojibake_tables.h"')
    print("\nconst ClipmoeCharacterClass clipmoe_mojibake_classes[] = {")
    line = "  "
    for c in characters:
        entry = "{0x%X, %d}, " % (ord(c), class_of[c])
        if len(line + entry) > 110:
            print(line.rstrip())
            line = "  "
        line += entry
    print(line.rstrip() + "\n};")
    print("const guint clipmoe_mojibake_classes_n = G_N_ELEMENTS (clipmoe_mojibake_classes);")
    for name, c in others.items():
        print("const guint8 clipmoe_mojibake_%s = %d;" % (name.lower(), class_of[c]))
    for name, item in (("lead_2", LEAD_2), ("lead_3", LEAD_3), ("lead_4", LEAD_4), ("continues", CONTINUES),
                       ("continues_alone", CONTINUES_ALONE)):
        print("const ClipmoeClassSet clipmoe_mojibake_%s = %s;" % (name, bits(item)))
    print("\nconst ClipmoeMojibakeRule clipmoe_mojibake_rules[] = {")
    for rule in rules:
        print("  {%d, %s, {%s}}," % (len(rule), "TRUE" if rule in AT_START else "FALSE", ", ".join(map(bits, rule))))
    print("};\nconst guint clipmoe_mojibake_rules_n = G_N_ELEMENTS (clipmoe_mojibake_rules);")
    print("\n/* What the bytes 0x80 to 0xFF stand for; 0: nothing. */")
    print("const guint16 clipmoe_one_byte[CLIPMOE_ONE_BYTE_ENCODINGS][128] = {")
    for name in ENCODINGS:
        print("  { /* %s */" % name)
        codes = []
        for b in range(0x80, 0x100):
            try:
                codes.append(ord(codecs.decode(bytes([b]), name)))
            except UnicodeDecodeError:
                codes.append(0)
        for i in range(0, 128, 16):
            print("   " + " ".join("0x%X," % c for c in codes[i:i + 16]))
        print("  },")
    print("};")


if __name__ == "__main__":
    main()
