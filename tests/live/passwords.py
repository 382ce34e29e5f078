#!/usr/bin/python3
"""No password of a camera or a broker, and no token, is anywhere but in its file: not in logs at their most talkative, dot files,
arguments of any process, messages, statistics, what brokers and files are sent, outboxes, or on the page of `clipmoe watch`."""
import base64
import glob
import os
import signal
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "publish"))
import live  # noqa: E402
import mqttbroker  # noqa: E402
from live import Camera, until  # noqa: E402
from watching import Events, Watch, path, work, write  # noqa: E402

check = live.Checks()
CAMERA, BROKER, TOKEN = "Kamera-geheim:1/ü@", "Makler-geheim:2/ü@", "Seite-geheim-000000000"
LOGS = {"GST_DEBUG": "*:5,clipmoe*:9", "GST_DEBUG_NO_COLOR": "1"}


def forms(secret):
    """How it may be written."""
    whole = base64.b64encode(("me:" + secret).encode()).decode()
    return [secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote(secret), whole, secret.partition(":")[0]]


def clean(where, text, *secrets):
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    for secret in secrets or (CAMERA, BROKER, TOKEN):
        for form in forms(secret):
            at = text.find(form)
            check("no secret in " + where, at < 0, secret, text[max(0, at - 200):at + 50])
            if at >= 0:
                return


def read(name):
    with open(name, "rb") as f:
        return f.read()


def processes(camera):
    """The arguments of all but the test's own @camera, as any user of the machine sees them."""
    found = b""
    for name in set(glob.glob("/proc/[0-9]*/cmdline")) - {"/proc/%d/cmdline" % camera.process.pid}:
        try:
            found += read(name) + b"\n"
        except OSError:
            pass
    ps = subprocess.run(["ps", "-efww"], capture_output=True).stdout if os.path.exists("/bin/ps") or os.path.exists("/usr/bin/ps") else b""
    return found + b"\n".join(line for line in ps.split(b"\n") if line.split()[1:2] != [b"%d" % camera.process.pid])


def has(target):
    import gi
    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
    Gst.init(None)
    return " %s: is not in" % target not in Gst.ElementFactory.make("clipmoepublish").find_property("target").blurb


def private(name, text):
    write(name, text)
    os.chmod(path(name), 0o600)
    return path(name)


def elements(camera, mqtt):
    """clipmoesrc and clipmoepublish, with everything that GStreamer says of them."""
    dots, log = path("dots"), path("elements.log")
    os.mkdir(dots)
    kafka = "clipmoepublish name=k target=kafka://127.0.0.1:%d/looks login-file=%s outbox=%s !" % (live.free_port(), path("broker.login"), path("k.db"))
    line = "clipmoesrc uri=rtsp://127.0.0.1:%d/stream login-file=%s name=c ! clipmoetag labels=a;b threshold=0 rate=5 source=door post-messages=all ! " \
        "clipmoepublish target=%s login-file=%s outbox=%s on=event discovery=homeassistant commands=true ! %s fakesink" % (
            camera.port, path("door.login"), mqtt, path("broker.login"), path("m.db"), kafka if has("kafka") else "")
    with open(path("elements.out"), "wb") as out:
        p = subprocess.Popen(["gst-launch-1.0", "-m", "-v", "-e"] + line.split(" "), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                             env=dict(os.environ, GST_DEBUG_FILE=log, GST_DEBUG_DUMP_DOT_DIR=dots, **LOGS))
    said = lambda: read(path("elements.out")).decode(errors="replace")
    check("pictures come", until(lambda: "clipmoe-tags" in said() or "clipmoe-look" in said()), said()[-800:])
    check("it plays", until(lambda: glob.glob(dots + "/*PAUSED_PLAYING*")))
    clean("arguments", processes(camera))
    p.send_signal(signal.SIGINT)
    try:
        p.wait(live.PATIENCE * 3)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
    check("the log is talkative", len(read(log)) > 100000)
    for name in [log, path("elements.out")] + glob.glob(dots + "/*") + glob.glob(path("*.db*")):
        clean(os.path.basename(name), read(name))


def watch(camera, mqtt):
    """The same of `clipmoe watch`, whose cameras have their logins in a file, in the URI and in the environment."""
    os.environ.update(LOGS, GST_DEBUG_FILE=path("watch.log"), DOOR="me:" + CAMERA)
    uri = "rtsp://127.0.0.1:%d/stream" % camera.port
    file = private("cameras.ini", "[watch]\nmodel = clip-tiny\nlabels = a;b\nthreshold = 0\nrate = 5\nretry-interval = 0.2\ndiscovery = homeassistant\n"
                   "publish = file:all.jsonl; %s%s\npublish-login-file = broker.login\noutbox = w.db\nlisten = 127.0.0.1:0\ntoken-file = token\n"
                   "[camera door]\nuri = %s\nlogin-file = door.login\n[camera yard]\nuri = %s\n[camera hall]\nuri = %s\nlogin-env = DOOR\n"
                   "[camera lost]\nuri = rtsp://me:%s@127.0.0.1:%d/stream\n" % (
                       mqtt, "; kafka://127.0.0.1:%d/looks" % live.free_port() if has("kafka") else "", uri,
                       uri.replace("//", "//me:%s@" % urllib.parse.quote(CAMERA, safe="")), uri, urllib.parse.quote(CAMERA, safe=""), live.free_port()))
    w = Watch(file)
    head = {"Authorization": "Bearer " + TOKEN}
    states = lambda: {c["name"]: c["state"] for c in __import__("json").loads(w.ask("/api/cameras", **head)[2] or b"{}").get("cameras", [])}
    check("three cameras are online", w.wait(lambda: states() == {"door": "online", "yard": "online", "hall": "online", "lost": "offline"}), w.said())
    check("lines are sent", w.wait(lambda: os.path.exists(path("all.jsonl")) and read(path("all.jsonl"))), w.said())
    for where in ("/", "/api/cameras", "/metrics", "/health", "/api/nothing"):
        clean("the page: " + where, str(w.ask(where, **head)[1]) + w.ask(where, **head)[2].decode())
    clean("arguments", processes(camera))
    for child in w.servers():  # it answers strangers, and has no use for a camera's login
        clean("the environment of the page's process", read("/proc/%d/environ" % child))
    w.process.send_signal(signal.SIGHUP)
    code, _ = w.stop()
    check("the end", code == 0, w.said())
    for name in [path("watch.log"), w.log] + glob.glob(path("*.jsonl")) + glob.glob(path("*.db*")):
        clean(os.path.basename(name), read(name), CAMERA, BROKER)
    clean("watch.log", read(path("watch.log")), TOKEN)


if not mqttbroker.MOSQUITTO or not has("mqtt"):
    print("SKIPPED: mosquitto or MQTT is not there\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)
for name, secret in (("door.login", CAMERA), ("broker.login", BROKER)):
    private(name, "me:%s\n" % secret)
private("token", TOKEN + "\n")
write("passwords", "")
subprocess.run(["mosquitto_passwd", "-b", path("passwords"), "me", BROKER], check=True, capture_output=True)
os.chmod(path("passwords"), 0o644)
os.chmod(work, 0o755)
broker = mqttbroker.Broker(path("broker"), ["allow_anonymous false", "password_file " + path("passwords")]).start()
heard = mqttbroker.Client(broker.port, user="me", password=BROKER)
camera = Camera("--login", "me:" + CAMERA)
try:
    target = "mqtt://127.0.0.1:%d" % broker.port
    elements(camera, target)
    check("the broker is told", until(lambda: heard.last("clipmoe/door/state")))
    if "--no-watch" not in sys.argv:
        watch(camera, target)
    clean("what the broker is sent", str(heard.messages))
finally:
    camera.end()
    broker.kill()
check.close()
