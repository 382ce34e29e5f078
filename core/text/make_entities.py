#!/usr/bin/python3
"""Writes entities.c, HTML5's named characters, from Python's copy of the standard's table."""
import html.entities

print("/* Made by make_entities.py: HTML5's named characters, sorted by name in byte order. */")
print("/* clang-format off */")
print('#include "entities.h"\n\nconst ClipmoeEntity clipmoe_entities[] = {')
for name, text in sorted(html.entities.html5.items()):
    data = "".join("\\%03o" % b for b in text.encode("utf-8"))
    print('  { "%s", "%s" },' % (name, data))
print("};\n\nconst guint clipmoe_n_entities = G_N_ELEMENTS (clipmoe_entities);")
