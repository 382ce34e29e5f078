#!/usr/bin/python3
"""Checks what an MQTT broker gets, through Debian's mosquitto on loopback: topics, what is retained, the last will, Home
Assistant's discovery, commands; that events arrive in order, once or more, whatever happens between; and that each trouble is
told once.

    mqtt.py FEED          two faults of each kind
    mqtt.py FEED --long   twenty
"""
import json
import os
import random
import re
import signal
import sys
import tempfile
import time

import mqttbroker
from mqttbroker import Broker, Client, Feed, Gate, events_of, firsts, until

FEED = sys.argv[1]
FAULTS = 20 if "--long" in sys.argv else 2
work = tempfile.mkdtemp()
passed = failed = skipped = 0
running = []


def check(name, ok, *why):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print("FAILED:", name, *[str(w)[:800] for w in why])


def broker(name, lines=(), **more):
    running.append(Broker(os.path.join(work, name), lines, **more).start())
    return running[-1]


def feed(target, *more):
    running.append(Feed(FEED, target, *more))
    return running[-1]


def path(name, text, mode=0o600):
    name = os.path.join(work, name)
    with open(name, "w") as f:
        f.write(text)
    os.chmod(name, mode)
    return name


def connected(f):
    return any(n.endswith("is connected") for n in f.news())


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "state.schema.json"), encoding="utf-8") as schema:
    STATE = json.load(schema)
KINDS = {"string": str, "number": (int, float), "null": type(None), "boolean": bool, "object": dict}


def conforms(value, rule):
    """Whether @value is as docs/state.schema.json says."""
    kinds = rule.get("type", [])
    if "const" in rule and value != rule["const"] or kinds and not isinstance(
            value, tuple(k for n in ([kinds] if isinstance(kinds, str) else kinds) for k in ([KINDS[n]] if isinstance(KINDS[n], type) else KINDS[n]))):
        return False
    if not isinstance(value, dict):
        return True
    more = rule.get("additionalProperties")
    return set(rule.get("required", [])) <= set(value) and all(
        conforms(v, rule["properties"][k]) if k in rule.get("properties", {}) else bool(more) and conforms(v, more) for k, v in value.items())


def topics():
    b = broker("topics")
    c = Client(b.port)
    f = feed("mqtt://127.0.0.1:%d" % b.port)
    f.say("labels", "rtsp://cam/1+#", "a person", "open=gate", "shut=gate")
    f.say("look", "rtsp://cam/1+#", 1.5, "a person:0.9", "shut:0.5")
    f.say("event", "start", "e1", "rtsp://cam/1+#", "a person", "-", 1.5)
    f.say("event", "start", "e2", "rtsp://cam/1+#", "shut", "gate", 1.5)
    f.say("look", "rtsp:__cam_1__", 2, "a person:0.9")
    f.say("look", "rtsp:///cam/1+#\x07", 2, "a person:0.9")
    f.say("drain")
    source = "clipmoe/rtsp:__cam_1__"
    until(lambda: (json.loads(c.last(source + "/state") or "{}").get("labels") or {}).get("shut", {}).get("score") == 0.75, "the state of the last event")
    until(lambda: len(c.of(source + "/event")) == 2 and c.of(source + "/look"), "the events and the look")
    look = json.loads(c.last(source + "/look"))
    check("a look", look["schema"] == "clipmoe.tags/1" and look["source"] == "rtsp://cam/1+#" and look["time"] == 1.5 and
          [t["label"] for t in look["tags"]] == ["a person", "shut"], look)
    check("events", [json.loads(e)["id"] for e in c.of(source + "/event")] == ["e1", "e2"], c.of(source + "/event"))
    state = json.loads(c.last(source + "/state"))
    check("every state is as the schema says", all(conforms(json.loads(p), STATE) for p in c.of(source + "/state")), c.of(source + "/state"))
    check("the state has all labels and groups", state["schema"] == "clipmoe.state/1" and state["labels"] == {
        "a person": {"on": True, "score": 0.75}, "open": {"on": False, "score": None}, "shut": {"on": True, "score": 0.75}}, state)
    until(lambda: len([t for t in c.topics() if t.endswith("/look")]) == 3, "three streams")
    levels = sorted(re.sub("-[0-9a-f]{8}$", "-HASH", t.split("/")[1]) for t in c.topics() if t.endswith("/look"))
    check("two names that become alike stay apart", levels == ["rtsp:___cam_1___", "rtsp:__cam_1__", "rtsp:__cam_1__-HASH"], levels)
    late = Client(b.port)
    until(lambda: late.last(source + "/state"), "the retained state")
    check("a state is retained, a look is not", late.last(source + "/available") == "online" and
          late.last("clipmoe/available") == "online" and not late.of(source + "/look") and not late.of(source + "/event"),
          late.messages)
    f.say("event", "end", "e2", "rtsp://cam/1+#", "shut", "gate", 3)
    until(lambda: json.loads(c.last(source + "/state"))["groups"] == {"gate": "unknown"}, "a group without a label")
    s = f.stats()
    check("all is counted", s["looks"] == 3 and s["events"] == 3 and not s["looks_dropped"] and not s["waiting"], s)
    lost = f.finish()
    until(lambda: c.last("clipmoe/available") == "offline", "offline")
    check("at its end a stream is offline", c.last(source + "/available") == "offline" and not lost, c.messages)
    check("and nothing is left on there", not any(x["on"] for x in json.loads(c.last(source + "/state"))["labels"].values()), c.last(source + "/state"))
    f = feed("mqtt://localhost:%d/house/one" % b.port, "gva")
    f.say("look", "door", 1, "a person:0.9")
    until(lambda: c.last("house/one/door/look"), "a look under its prefix")
    look = json.loads(c.last("house/one/door/look"))
    check("gva", look["resolution"] == {"height": 480, "width": 640} and look["timestamp"] == 10 ** 9 and look["source"] == "door" and
          look["objects"][0]["classification"]["label"] == "a person" and look["objects"][0]["w"] == 640 and
          look["objects"][0]["detection"]["bounding_box"] == {"x_min": 0, "x_max": 1, "y_min": 0, "y_max": 1}, look)
    f.kill()
    until(lambda: c.last("house/one/available") == "offline", "the last will")
    check("killed: its last will", True)
    b.kill()


def cameras():
    """Whether a camera is there, and its picture, as its stream's topics say it."""
    b = broker("cameras")
    c = Client(b.port)
    f = feed("mqtt://127.0.0.1:%d" % b.port, "discovery", "pictures")
    state = lambda client=c: json.loads(client.last("clipmoe/door/state") or "{}").get("camera")
    f.say("camera", "door", "offline", "It cannot be reached")
    until(lambda: c.last("clipmoe/door/available") == "offline" and state(), "a camera that never came")
    check("why it is offline, and since when", state() == {"online": False, "reason": "It cannot be reached", "since": "1970-01-01T00:00:01.000Z"}, state())
    check("it was not online for a moment", "online" not in c.of("clipmoe/door/available"), c.of("clipmoe/door/available"))
    f.say("camera", "door", "online", "-")
    f.say("labels", "door", "a person")
    until(lambda: c.last("clipmoe/door/available") == "online" and state()["online"], "online")
    f.say("camera", "door", "offline", "No picture for 5 s")
    until(lambda: c.last("clipmoe/door/available") == "offline", "offline again")
    f.say("look", "door", 2, "a person:0.9")  # one that was on its way
    f.say("picture", "door", 300)
    until(lambda: len(c.last("clipmoe/door/snapshot") or "") == 300, "the picture")
    check("a picture is not cut at its first NUL", c.last("clipmoe/door/snapshot")[:4] == "\0\1\2\3", c.last("clipmoe/door/snapshot"))
    check("a late look does not make it available", c.last("clipmoe/door/available") == "offline", c.of("clipmoe/door/available"))
    check("every state is as the schema says", all(conforms(json.loads(p), STATE) for p in c.of("clipmoe/door/state")), c.of("clipmoe/door/state"))
    images = [json.loads(p) for t, p, _ in c.messages if t.startswith("homeassistant/image/") and p]
    check("the picture is an entity", images and images[-1]["image_topic"] == "clipmoe/door/snapshot" and images[-1]["content_type"] == "image/jpeg", images)
    late = Client(b.port)
    until(lambda: late.last("clipmoe/door/state") and late.last("clipmoe/door/snapshot"), "what is retained")
    check("all is retained", late.last("clipmoe/door/available") == "offline" and not state(late)["online"], late.messages)
    f.finish()
    until(lambda: c.last("clipmoe/available") == "offline", "the end")
    check("at its end the camera is not known", state() is None, c.last("clipmoe/door/state"))
    b.kill()


def home_assistant():
    b = broker("home")
    c = Client(b.port)
    strange = ['a "bus"', "caf\u00e9/\u2615 \U0001f600", "x'] | {{ 1 }} + #", "back\\slash"]
    f = feed("mqtt://127.0.0.1:%d" % b.port, "discovery", "commands")
    f.say("labels", "front door", *strange, "open=gate", "shut=gate")

    def configs(client=None):
        with c.lock:
            known = {}
            for t, p, _ in (client or c).messages:
                if t.startswith("homeassistant/") and t.endswith("/config"):
                    known[t] = p
            return {t: json.loads(p) for t, p in known.items() if p}

    until(lambda: len(configs()) == 15, "the announcements")
    made = configs()
    check("they are retained", len(configs(Client(b.port)) or {}) >= 0 and all(r for t, _, r in Client_after(b.port) if "config" in t))
    kinds = sorted(t.split("/")[1] for t in made)
    check("a sensor for each", kinds == ["binary_sensor"] * 6 + ["number"] + ["sensor"] * 7 + ["switch"], kinds)
    check("one device", {json.dumps(m["device"]["identifiers"]) for m in made.values()} == {json.dumps([next(iter(made)).split("/")[2]])}
          and all(m["device"]["name"] == "front door" for m in made.values()), made)
    check("identities are plain and different", len({m["unique_id"] for m in made.values()}) == 15 and
          all(re.fullmatch(r"[a-z0-9_]+", m["unique_id"]) and re.fullmatch(r"[a-z0-9_/]+", t) for t, m in made.items()), made)
    check("every entity has its availability", all([a["topic"] for a in m["availability"]] == ["clipmoe/available",
          "clipmoe/front door/available"] and m["availability_mode"] == "all" for m in made.values()), made)
    check("every message has the documented fields alone", not any(wrong_fields(t, m) for t, m in made.items()),
          {t: wrong_fields(t, m) for t, m in made.items()})
    check("scores are off by default", all(m["enabled_by_default"] is False for m in made.values() if m["name"].endswith(" score")))
    group = [m for m in made.values() if m["name"] == "gate"][0]
    check("a group is a choice", group["options"] == ["open", "shut", "unknown"] and group["device_class"] == "enum", group)
    until(lambda: c.last("clipmoe/front door/state"), "the state")
    f.say("event", "start", "e1", "front door", strange[2], "-", 1)
    f.say("event", "start", "e2", "front door", "open", "gate", 1)
    until(lambda: json.loads(c.last("clipmoe/front door/state"))["groups"]["gate"] == "open", "the group's state")
    templates(made, c.last("clipmoe/front door/state"), strange)
    n = len([1 for t, _, _ in c.messages if t.startswith("homeassistant/binary")])
    c.publish("homeassistant/status", "online")
    until(lambda: len([1 for t, _, _ in c.messages if t.startswith("homeassistant/binary")]) == n + 6, "again after the birth message")
    f.say("labels", "front door", *strange[1:], "open=gate", "shut=gate")
    until(lambda: len(configs()) == 13, "a label that went is removed")
    check("it is removed by an empty message", not [m for m in configs().values() if m["name"] == strange[0]])
    f.kill()
    f = feed("mqtt://127.0.0.1:%d" % b.port, "discovery", "commands")
    f.say("labels", "front door", *strange[2:], "cat", "open=gate", "shut=gate")
    until(lambda: len(configs()) == 13 and any(m["name"] == "cat" for m in configs().values()), "after a restart the old one is removed")
    now = configs()
    same = [t for t in now if t in made]
    check("identities and topics last over restarts", len(same) == 11 and all(now[t] == made[t] for t in same), same)
    check("identities last", {t for t in now} & {t for t in made} == {t for t, m in now.items() if not m["name"].startswith("cat")}, now)
    f.finish()
    commands(b)
    b.kill()


# The fields that Home Assistant's documents name for a component by MQTT (needed ones first); a message with others is refused there.
ENTITY = {"availability": list, "availability_mode": str, "device": dict, "origin": dict, "unique_id": str, "name": str, "entity_category": str,
          "enabled_by_default": bool, "icon": str, "qos": int, "json_attributes_topic": str, "json_attributes_template": str, "object_id": str,
          "device_class": str, "encoding": str}
COMPONENTS = {
    "binary_sensor": ({"state_topic"}, {"state_topic": str, "value_template": str, "payload_on": str, "payload_off": str, "off_delay": int, "expire_after": int,
                                        "force_update": bool}),
    "sensor": ({"state_topic"}, {"state_topic": str, "value_template": str, "state_class": str, "unit_of_measurement": str, "suggested_display_precision": int,
                                 "options": list, "expire_after": int, "force_update": bool}),
    "switch": ({"command_topic"}, {"command_topic": str, "state_topic": str, "value_template": str, "payload_on": str, "payload_off": str, "state_on": str,
                                   "state_off": str, "optimistic": bool, "retain": bool}),
    "number": ({"command_topic"}, {"command_topic": str, "command_template": str, "state_topic": str, "value_template": str, "min": (int, float),
                                   "max": (int, float), "step": (int, float), "mode": str, "unit_of_measurement": str, "optimistic": bool, "retain": bool}),
    "image": (set(), {"image_topic": str, "url_topic": str, "url_template": str, "content_type": str, "image_encoding": str}),
    "camera": ({"topic"}, {"topic": str, "image_encoding": str})}
CHOICES = {"availability_mode": {"all", "any", "latest"}, "entity_category": {"config", "diagnostic"}, "mode": {"auto", "box", "slider"},
           "state_class": {"measurement", "total", "total_increasing"}}
PARTS = {"device": {"identifiers": list, "connections": list, "name": str, "manufacturer": str, "model": str, "model_id": str, "sw_version": str, "hw_version": str,
                    "serial_number": str, "suggested_area": str, "via_device": str, "configuration_url": str},
         "origin": {"name": str, "sw_version": str, "support_url": str},
         "availability": {"topic": str, "payload_available": str, "payload_not_available": str, "value_template": str}}


def wrong_fields(topic, message):
    """What Home Assistant would not take of a discovery message."""
    _, component, node, identity, last = topic.split("/")
    needed, own = COMPONENTS[component]
    fields, wrong = {**ENTITY, **own}, [f for f in needed | {"unique_id", "device", "origin", "availability"} if f not in message]
    wrong += [f for f, v in message.items() if f not in fields or not isinstance(v, fields[f]) or f in CHOICES and v not in CHOICES[f]]
    for part, known in PARTS.items():
        for one in message[part] if isinstance(message[part], list) else [message[part]]:
            wrong += [part + "." + f for f, v in one.items() if f not in known or not isinstance(v, known[f])]
    if message.get("device_class") == "enum" and ("state_class" in message or "unit_of_measurement" in message) or \
            "options" in message and message.get("device_class") != "enum":
        wrong.append("options")  # go with no other class
    if any(f.endswith("topic") and (set("+#\0") & set(v) or not v) for f, v in message.items()):
        wrong.append("a topic with wildcards")
    if last != "config" or not all(re.fullmatch("[a-zA-Z0-9_-]+", x) for x in (node, identity)):
        wrong.append(topic)
    return wrong


def Client_after(port):
    """What a client that comes now is told."""
    c = Client(port)
    until(lambda: len(c.messages) >= 15, "what is retained")
    with c.lock:
        return list(c.messages)


def templates(made, state, strange):
    """Home Assistant's templates are Jinja."""
    global skipped
    try:
        import jinja2
    except ImportError:
        print("SKIPPED: templates: python3-jinja2 is not installed")
        skipped += 1
        return
    env, value = jinja2.Environment(), json.loads(state)
    got = {m["name"]: env.from_string(m["value_template"]).render(value_json=value) for t, m in made.items() if "value_template" in m}
    want = {n: "ON" if n in (strange[2], "open") else "OFF" for n in strange + ["open", "shut"]}
    check("whatever a label is called, its template reads its state", {n: got[n] for n in want} == want, got)
    check("scores and groups", got["open score"] == "0.75" and got["shut score"] == "None" and got["gate"] == "open", got)


def commands(b):
    c = Client(b.port)
    gate = Gate(b.port)
    f = feed("mqtt://127.0.0.1:%d" % gate.port, "commands")
    quiet = feed("mqtt://127.0.0.1:%d/quiet" % b.port)
    for g in (f, quiet):
        g.say("look", "a/b", 1, "x:0.5")
        g.say("drain")
        until(lambda: g.heard("drained"), "drained")
    for prefix in ("clipmoe", "quiet"):
        top = prefix + "/a_b/set/"
        c.publish(top + "labels", "cat; dog")
        c.publish(top + "threshold", " 0.25\n")
        c.publish(top + "enable", "OFF")
        for name, bad in (("labels", "cat;cat"), ("labels", ""), ("labels", "a\x1bb"), ("labels", b"\xff"), ("labels", "x" * 20000),
                          ("labels", ";".join("l%d" % i for i in range(1001))), ("threshold", "2"), ("threshold", "nan"),
                          ("threshold", "0x1"), ("enable", "maybe"), ("enable", b"on\0"), ("reboot", "now")):
            c.publish(top + name, bad)
        c.publish(top + "threshold", "0.75", retain=True)
        c.publish(top + "enable", "on")
    until(lambda: len(f.heard("command")) == 5, "the commands")
    check("what is right is carried out", f.heard("command") == [["a/b", "labels", "cat; dog"], ["a/b", "threshold", "0.25"],
          ["a/b", "enable", "0"], ["a/b", "threshold", "0.75"], ["a/b", "enable", "1"]], f.heard("command"))
    refused = [n for n in f.news() if "/set/" in n]
    check("what is wrong is refused with a sentence", len(refused) == 12 and all("expected" in n for n in refused), refused)
    gate.cut()

    def again():
        c.publish("clipmoe/a_b/set/threshold", "0.125")
        return ["a/b", "threshold", "0.125"] in f.heard("command")

    until(again, "a command after the connection was made anew")
    check("without commands nothing is heard", not quiet.heard("command") and not [n for n in quiet.news() if "/set/" in n], quiet.lines)
    f.finish()
    f = feed("mqtt://127.0.0.1:%d" % b.port, "commands")
    f.say("look", "a/b", 1, "x:0.5")
    until(lambda: [n for n in f.news() if "retained" in n], "the retained command")
    check("a retained command is not carried out", not f.heard("command"), f.lines)
    f.finish()
    quiet.finish()


def faults():
    """Cuts of every kind between the stream and its broker: all events arrive, in order; the stream never waits."""
    b = broker("faults")
    gate = Gate(b.port)
    c = Client(b.port)
    gate.shut()  # absent at the start
    f = feed("mqtt://127.0.0.1:%d" % gate.port, "live", "size=5000")
    until(lambda: any("cannot be reached" in n for n in f.news()), "the first trouble")
    sent, slowest, rng = 0, 0, random.Random(1)

    def more(n):
        nonlocal sent, slowest
        for _ in range(n):
            begin = time.time()
            f.say("event", "start", sent, "s", "x", "-", sent)
            sent += 1
            slowest = max(slowest, time.time() - begin)

    more(5)
    gate.open()
    until(lambda: connected(f), "the connection")
    kinds = ["cut", "half", "shut", "stalled", "slow", "gone"] * FAULTS
    rng.shuffle(kinds)
    for kind in kinds:
        told, before = len(f.news()), gate.accepted
        more(rng.randrange(1, 10))
        if kind == "cut":
            gate.cut(reset=rng.random() < .5)
            more(3)
        elif kind == "half":
            n = b.logged().count("already connected")
            gate.half()
            until(lambda: b.logged().count("already connected") > n, "the broker hears that the old connection is over")
        elif kind == "shut":
            gate.shut()
            until(lambda: any("cannot be reached" in n or "closed" in n or "broke" in n or "reset" in n.lower()
                              for n in f.news()[told:]), "the trouble")
            more(3)
            gate.open()
        elif kind == "stalled":
            gate.how = "stalled"
            more(30)
            time.sleep(.2)
            gate.how = "open"
            continue
        elif kind == "slow":
            gate.how = "slow"
            more(10)
            until(lambda: f.stats()["waiting"] == 0, "a slow broker takes it")
            gate.how = "open"
            continue
        else:  # mosquitto itself is killed; nobody gets through before the listener hears again
            gate.shut()
            until(lambda: f.stats()["waiting"] >= 0, "stats")
            b.kill()
            heard.extend(events_of(c))
            b.start()
            c = Client(b.port)
            gate.open()
        until(lambda: gate.accepted > before, "another try")
        until(lambda: f.stats()["waiting"] == 0, "the connection after " + kind)
    more(5)
    until(lambda: f.stats()["waiting"] == 0, "the end")
    until(lambda: sent - 1 in events_of(c), "the last event")
    heard.extend(events_of(c))
    s = f.stats()
    numbers = firsts(heard)
    missing = [n for n in range(sent) if n not in set(numbers)]
    check("every event arrived", not missing and s["events"] == sent and not s["events_dropped"], missing, s)
    check("in order", numbers == sorted(numbers), numbers)
    check("the state came back with the connection", json.loads(Client_state(b.port, "clipmoe/s/state"))["labels"]["x"]["on"])
    told = [n for n in f.news()]
    check("it is available at the end", c.last("clipmoe/available") == "online", c.of("clipmoe/available"))
    check("no trouble is told twice in a row", all(a != b for a, b in zip(told, told[1:])), told)
    lost = f.finish()
    check("nothing is lost at the end", lost == 0, lost)
    gate.shut()
    b.kill()


heard = []


def Client_state(port, topic):
    c = Client(port)
    until(lambda: c.last(topic), topic)
    return c.last(topic)


def stopped():
    """A broker that was stopped (SIGSTOP) while connected, and one that takes connections and says nothing."""
    b = broker("stopped")
    c = Client(b.port)
    f = feed("mqtt://127.0.0.1:%d" % b.port, "live", "size=50")
    until(lambda: connected(f), "the connection")
    for round in range(FAULTS):
        b.process.send_signal(signal.SIGSTOP)
        begin = time.time()
        for i in range(100):
            f.say("look", "s", i, "x:0.5")
        for i in range(60):
            f.say("event", "start", round * 60 + i, "s", "x", "-", i)
        s = f.stats()
        check("a stopped broker does not stop the stream", time.time() - begin < 20, time.time() - begin)
        check("full: looks go first, then events; all are counted", s["waiting"] <= 50 and s["events_dropped"] > 0 and
              s["looks"] + s["looks_dropped"] + s["events"] + s["events_dropped"] + s["waiting"] == 160 * (round + 1), s)
        b.process.send_signal(signal.SIGCONT)
        until(lambda: f.stats()["waiting"] == 0, "it goes on")
    check("it is told that the outbox is full", [n for n in f.news() if "outbox is full" in n], f.news())
    b.process.send_signal(signal.SIGSTOP)
    f.say("event", "start", 9999, "s", "x", "-", 1)
    begin = time.time()
    lost = f.finish()
    check("the end comes all the same", lost == 1 and time.time() - begin < 20, lost, time.time() - begin)
    b.process.send_signal(signal.SIGCONT)
    until(lambda: c.last("clipmoe/available") == "offline", "the last will of one that could not say goodbye")
    b.kill()


def outbox_file():
    """With a file nothing that was accepted is lost when the stream's process is killed and the broker is not there."""
    b = broker("outbox")
    gate = Gate(b.port)
    db, sent = os.path.join(work, "outbox.db"), 0
    c = Client(b.port)
    for round in range(FAULTS):
        gate.shut()
        f = feed("mqtt://127.0.0.1:%d" % gate.port, "outbox=" + db)
        for _ in range(40):
            f.say("event", "start", sent, "s", "x", "-", sent)
            sent += 1
        f.stats()  # all of them were accepted
        f.kill()
    gate.open()
    f = feed("mqtt://127.0.0.1:%d" % gate.port, "outbox=" + db)
    until(lambda: sent - 1 in events_of(c), "what an earlier process had accepted")
    check("accepted is sent, in order", firsts(events_of(c)) == list(range(sent)), events_of(c))
    other = feed("mqtt://127.0.0.1:%d" % gate.port, "outbox=" + db)
    until(lambda: other.heard("error"), "the refusal")
    check("an outbox has one process", "another process has this outbox" in other.heard("error")[0][0], other.lines)
    gate.shut()
    f.say("event", "start", sent, "s", "x", "-", sent)
    begin = time.time()
    until(lambda: any("cannot be reached" in n or "closed" in n or "broke" in n for n in f.news()), "the trouble")
    check("what the file keeps is not lost", f.finish() == 0 and time.time() - begin < 20)
    b.kill()


def logins():
    b = broker("login", ["allow_anonymous false", "password_file " + path("passwords", "")])
    b.kill()
    import subprocess
    subprocess.run(["mosquitto_passwd", "-b", os.path.join(work, "passwords"), "me", "pass:word"], check=True, capture_output=True)
    os.chmod(os.path.join(work, "passwords"), 0o644)
    b.start()
    good, bad = path("good.login", "# the camera's\nme:pass:word\n"), path("bad.login", "user = me\npassword = wrong\n", 0o644)
    f = feed("mqtt://me@127.0.0.1:%d" % b.port, "login-file=" + bad)
    f.say("event", "start", 1, "s", "x", "-", 1)
    until(lambda: any("not authori" in n.lower() or "bad user" in n.lower() for n in f.news()), "the refusal")
    check("a file that all may read is warned of", any("every user of this machine may read it" in n for n in f.news()), f.news())
    c = Client(b.port, user="me", password="pass:word")
    with open(bad, "w") as g:
        g.write("user=me\npassword=pass:word\n")
    until(lambda: connected(f), "the new password")
    until(lambda: events_of(c) == [1], "the event that waited")
    check("a password that was put right is taken", True)
    check("the password is in no message", not [n for n in f.news() if "word" in n or "wrong" in n], f.news())
    f.finish()
    f = feed("mqtt://127.0.0.1:%d" % b.port, "login-file=" + good)
    until(lambda: connected(f), "a login without a user in the target")
    f.finish()
    for text, why in (("me", "line 1: expected user:password"), ("user=a\nuser=b\n", "line 2: user is given twice"),
                      ("password=x\n", "no user in it"), ("other:pw\n", "another user"), ("a:b\nc:d\n", "second login")):
        f = feed("mqtt://me@127.0.0.1:%d" % b.port, "login-file=" + path("broken.login", text))
        until(lambda: f.heard("error"), "the refusal")
        check("a login that is none: " + why, why in f.heard("error")[0][0] and "pw" not in f.heard("error")[0][0], f.lines)
    b.kill()


def tls():
    global skipped
    if not mqttbroker.have_openssl():
        print("SKIPPED: certificates: openssl is not installed")
        skipped += 1
        return
    keys = mqttbroker.certificates(os.path.join(work, "keys"))
    port = mqttbroker.free_port()
    b = Broker(os.path.join(work, "tls"), ["allow_anonymous true", "listener %d 127.0.0.1" % port, "cafile %s/ca.crt" % keys,
                                           "certfile %s/server.crt" % keys, "keyfile %s/server.key" % keys]).start()
    running.append(b)
    c = Client(b.port)
    f = feed("mqtts://localhost:%d" % port, "tls-ca=%s/ca.crt" % keys)
    for i in range(100):
        f.say("event", "start", i, "s", "x", "-", i)
    until(lambda: events_of(c) == list(range(100)), "events over TLS")
    check("a good certificate", connected(f))
    f.finish()
    for name, target, ca in (("another authority", "localhost", "%s/other.crt" % keys), ("another host", "127.0.0.1", "%s/ca.crt" % keys),
                             ("the system's authorities", "localhost", None)):
        f = feed("mqtts://%s:%d/bad" % (target, port), *(["tls-ca=" + ca] if ca else []))
        f.say("event", "start", 7, "s", "x", "-", 1)
        until(lambda: f.news(), "the refusal")
        check("a wrong certificate: " + name, "no secure connection" in f.news()[0] and not connected(f), f.news())
        s = f.stats()
        check("the event waits", s["waiting"] == 1 and not s["events"], s)
        f.kill()
    f = feed("mqtts://localhost:%d" % b.port, "tls-ca=%s/ca.crt" % keys)  # a broker without TLS
    until(lambda: f.news(), "the refusal")
    check("no TLS there", not connected(f), f.news())
    f.kill()
    f = feed("mqtts://localhost:%d" % port, "tls-ca=%s/missing.crt" % keys)
    until(lambda: f.news() or f.heard("error"), "the refusal")
    check("no such file", any("missing.crt" in n for n in f.news()) or "missing.crt" in f.heard("error")[0][0], f.lines)
    f.kill()
    check("nothing of it came through", not [t for t in c.topics() if t.startswith("bad")], c.topics())
    b.kill()


signal.alarm(1500 if "--long" in sys.argv else 170)
if not mqttbroker.MOSQUITTO:
    print("SKIPPED: mosquitto is not installed\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)
try:
    for part in (topics, cameras, home_assistant, faults, stopped, outbox_file, logins, tls):
        begin = time.time()
        try:
            part()
        except AssertionError as e:
            check(part.__name__, False, e, [r.lines[-5:] for r in running if isinstance(r, Feed) and r.process.poll() is None])
        print("%s: %.1f s" % (part.__name__, time.time() - begin))
finally:
    for r in running:
        if isinstance(r, Broker) or r.process.poll() is None:
            r.kill()
print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
sys.stdout.flush()
os._exit(failed != 0)
