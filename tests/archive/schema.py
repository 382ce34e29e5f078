"""Whether a line is as docs/search.schema.json says."""
import json
import os
import re

with open(os.path.join(os.environ["CLIPMOE_TEST_SOURCES"], "..", "docs", "search.schema.json"), encoding="utf-8") as schema_file:
    SCHEMA = json.load(schema_file)["$defs"]


def wrong_in(value, schema, where):
    """A list of what is wrong, by the words of JSON Schema that the file uses."""
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    wrong = []
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(isinstance(value, types[k]) if k in types else isinstance(value, int if k == "integer" else (int, float)) and
                   not isinstance(value, bool) for k in kinds):
            return ["%s: %r is no %s" % (where, value, kinds)]
    if "const" in schema and value != schema["const"]:
        wrong.append("%s: %r" % (where, value))
    if "pattern" in schema and not re.search(schema["pattern"], value):
        wrong.append("%s: %r" % (where, value))
    if isinstance(value, (int, float)) and not (schema.get("minimum", value) <= value <= schema.get("maximum", value)):
        wrong.append("%s: %r" % (where, value))
    if isinstance(value, list):
        wrong += [] if len(value) >= schema.get("minItems", 0) else [where + ": too few"]
        for i, item in enumerate(value):
            wrong += wrong_in(item, schema.get("items", {}), "%s[%d]" % (where, i))
    if isinstance(value, dict):
        wrong += ["%s: no %s" % (where, k) for k in schema.get("required", []) if k not in value]
        for key, item in value.items():
            if key in schema["properties"]:
                wrong += wrong_in(item, schema["properties"][key], where + "." + key)
            else:
                wrong.append("%s: %s is not in the schema" % (where, key))
    return wrong


def valid(line, name):
    """What is wrong in a line of this kind: "search" or "hit"."""
    return wrong_in(line, SCHEMA[name], "")
