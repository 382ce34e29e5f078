#!/usr/bin/python3
"""Checks what `clipmoe watch` answers over HTTP: health, figures, states, events, pictures; who is let in; that its clients hold nobody up
and that it ends in time with them."""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import live
import metrics
import watching
from watching import HTML_LABEL, HTML_NAME, TOKEN, Events, Watch, cameras, path, seconds, write

check = live.Checks()
LOST = live.free_port()


def jpeg_size(data):
    at = 2
    while data[at] == 0xFF:
        marker, n = data[at + 1], struct.unpack(">H", data[at + 2:at + 4])[0]
        if 0xC0 <= marker <= 0xC3:
            return struct.unpack(">HH", data[at + 5:at + 9])[::-1]
        at += 2 + n
    return None


def refused():
    camera = "[camera a]\nuri = x.mp4\n"
    port = live.free_port()
    taken = socket.socket()
    taken.bind(("127.0.0.1", port))
    taken.listen(1)
    short = write("short", "x\n")
    for name, text, more, said in (
            ("no address", "[watch]\nlisten = here\n" + camera, ["--check"], "line 2: [watch] listen: expected an address and a port"),
            ("in a camera's group", camera + "listen = 127.0.0.1:0\n", ["--check"], "belongs into [watch]"),
            ("open without a token", "[watch]\nlisten = 0.0.0.0:0\n" + camera, ["--check"], "token-file"),
            ("open without a token, as an option", camera, ["--listen", "0.0.0.0:0"], "token-file"),
            ("no token there", camera, ["--listen", "0.0.0.0:0", "--token-file", path("none")], "none"),
            ("a short token", camera, ["--listen", "0.0.0.0:0", "--token-file", short], "short"),
            ("a port that is taken", camera, ["--listen", "127.0.0.1:%d" % port], "127.0.0.1:%d" % port)):
        r = subprocess.run([watching.COMMAND, "watch", *more, write("refused.ini", text)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=seconds(60))
        check("refused: " + name, r.returncode == 1 and said in r.stderr and not r.stdout and r.stderr.count("\n") == 1, r)
    taken.close()


def states(w):
    check("cameras are online", w.wait(lambda: w.get("/health").get("online") == 2), w.said(), w.get("/health"))
    health = w.get("/health")
    check("health", health == {"status": "ok", "cameras": 3, "online": 2, "offline": 1}, health)
    check("tags", w.wait(lambda: all(w.cameras()[n]["tags"] for n in (HTML_NAME, "yard"))), w.cameras())
    all_of_them = w.cameras()
    door, lost = all_of_them[HTML_NAME], all_of_them["lost"]
    check("names as they are, in the order of the file", list(all_of_them) == [HTML_NAME, "yard", "lost"], list(all_of_them))
    check("labels and scores", {t["label"] for t in door["tags"]} == {HTML_LABEL, "b"} and all(0 <= t["score"] <= 1 for t in door["tags"]), door)
    check("a state with its time", door["state"] == "online" and door["reason"] is None and door["since"].endswith("Z") and door["latency"] >= 0, door)
    check("a reason", lost["state"] == "offline" and lost["reason"] and not lost["tags"], lost)
    check("events", [e["type"] for e in door["events"]] == ["start", "start"] and {e["label"] for e in door["events"]} == {HTML_LABEL, "b"}, door)
    check("with the ids that publishers tell", all(len(e["id"]) == 32 and e["group"] is None and e["object_id"] is None for e in door["events"]), door)
    check("no login", "geheim" not in json.dumps(all_of_them), all_of_them)


def figures(w):
    status, headers, body = w.ask("/metrics")
    check("figures", status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers)
    found, faults = metrics.read(body.decode())
    check("the format", not faults, faults)
    tool = shutil.which("promtool")
    if tool:
        r = subprocess.run([tool, "check", "metrics"], input=body, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds(60))
        check("promtool has nothing to say", r.returncode == 0 and not r.stdout, r)
    value = lambda name, **labels: found.get((name, tuple(sorted(labels.items()))))
    check("online", [value("clipmoe_online", stream=s) for s in (HTML_NAME, "yard", "lost")] == [1, 1, 0], body)
    check("looks and events are counted", value("clipmoe_inferences_total", stream=HTML_NAME, result="ok") > 0
          and value("clipmoe_frames_total", stream=HTML_NAME) > 0 and value("clipmoe_events_total", stream=HTML_NAME, label=HTML_LABEL) == 1, body)
    check("every reason has a figure", all(value("clipmoe_skipped_total", stream="yard", reason=r) is not None for r in ("late", "corrupted", "overload")), body)
    check("latency", value("clipmoe_result_latency_seconds_count", stream="yard") > 0 and value("clipmoe_result_age_seconds", stream="yard") < seconds(60), body)
    check("publishers are told apart", all(value("clipmoe_publish_lines_total", stream="yard", sink=s) > 0 for s in ("file", "file-2"))
          and value("clipmoe_publish_dropped_total", stream="yard", sink="file") == 0, body)
    check("the process", value("process_resident_memory_bytes") > 1e6 and value("process_open_fds") > 3 and abs(value("process_start_time_seconds") - time.time()) < 3600, body)
    check("the build", any(n == "clipmoe_build_info" and dict(k)["kernel"] and dict(k)["precision"] for n, k in found), body)
    check("reconnects", value("clipmoe_reconnects_total", stream="lost") is not None, body)


def pictures(w):
    ids = {name: c["camera"] for name, c in w.cameras().items()}
    begun, seen = time.monotonic(), set()
    for _ in range(20):
        status, headers, body = w.ask("/snapshot/%d.jpg?n=1" % ids["yard"])
        seen.add(body)
    took = time.monotonic() - begun
    check("a picture", status == 200 and headers["Content-Type"] == "image/jpeg" and body[:3] == b"\xff\xd8\xff", headers)
    check("its longer side", jpeg_size(body) == (640, 360), jpeg_size(body))
    check("at most one a second is made", len(seen) <= took + 2, len(seen), took)
    check("others follow", w.wait(lambda: w.ask("/snapshot/%d.jpg" % ids["yard"])[2] not in seen))
    for where in ("/snapshot/%d.jpg" % ids["lost"], "/snapshot/99.jpg", "/snapshot/yard.jpg", "/snapshot/%d.png" % ids["yard"],
                  "/snapshot/..%2f1.jpg", "/snapshot/123456789012345678.jpg"):
        status, _, body = w.ask(where)
        check("no picture: " + where, status == 404 and "error" in json.loads(body), status, body)
    check("no other parameter", w.ask("/snapshot/%d.jpg?path=x" % ids["yard"])[0] == 400)


def rules(w):
    check("its own name alone", w.ask("/api/cameras", Host="evil.example")[0] == 421)
    check("no page of another site", w.ask("/api/cameras", Sec_Fetch_Site="cross-site")[0] == 403)
    check("nothing is changed over it", w.ask("/api/cameras", method="POST")[0] == 405)
    headers = w.ask("/")[1]
    check("a strict policy", "default-src 'none'" in headers["Content-Security-Policy"] and "unsafe" not in headers["Content-Security-Policy"], headers)
    for where in ("/page.css", "/page.js", "/tile.js", "/icon.svg"):
        status, _, body = w.ask(where)
        check("part of the page: " + where, status == 200 and body and b"http://" not in body.replace(b"http://www.w3.org/", b""), status)


def follow(w):
    """A change of the file, as those who follow see it; one of them takes nothing."""
    slow = socket.create_connection(("127.0.0.1", w.port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    e = Events(w)
    first = e.next()
    check("who comes is told all", first[0] == "cameras" and [c["name"] for c in first[1]["cameras"]] == [HTML_NAME, "yard", "lost"], first)
    yard = first[1]["cameras"][1]["camera"]
    tags = e.until(lambda kind, data: kind == "tags" and data["camera"] == yard)
    check("tags come", tags and {t["label"] for t in tags[1]["tags"]} == {"a", "b"}, tags)
    with open(w.file) as f:
        text = f.read()
    write(os.path.basename(w.file), text.replace("labels = a;b", "labels = a;c") + "[camera new]\nuri = video.mp4\n")
    w.reload()
    is_event = lambda kind, data, what, label: kind == "event" and (data["camera"], data["type"], data["label"]) == (yard, what, label) and data["at"]
    came = e.until_all(end=lambda kind, data: is_event(kind, data, "end", "b"), start=lambda kind, data: is_event(kind, data, "start", "c"),
                       offline=lambda kind, data: kind == "state" and data["camera"] == yard and data["state"] == "offline",
                       new=lambda kind, data: kind == "cameras" and data["cameras"][-1]["name"] == "new")
    check("a change, its events and the new camera are told", len(came) == 4, came, w.said())
    check("and is in health", w.wait(lambda: w.get("/health").get("online") == 3), w.get("/health"))
    check("the camera that changed has its old number", w.cameras()["yard"]["camera"] == yard)
    before = metrics.read(w.ask("/metrics")[2].decode())[0]
    key = ("clipmoe_inferences_total", (("result", "ok"), ("stream", "yard")))
    check("and counts on", w.wait(lambda: metrics.read(w.ask("/metrics")[2].decode())[0][key] > before[key] > 0))
    return slow, e


def broken_off(w):
    """Who leaves in the middle of an answer is no failure of the server."""
    codes = lambda: {dict(k)["code"]: n for (name, k), n in metrics.read(w.ask("/metrics")[2].decode())[0].items() if name == "clipmoe_http_requests_total"}
    clients = lambda: metrics.read(w.ask("/metrics")[2].decode())[0][("clipmoe_http_event_clients", ())]
    before, n = codes(), clients()
    for _ in range(3):
        s = socket.create_connection(("127.0.0.1", w.port))
        s.sendall(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        s.recv(1000)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.close()
    check("they are gone", w.wait(lambda: clients() == n), clients(), n)
    after = codes()
    check("an answer that is broken off counts as what it was", "500" not in after and after["200"] >= before["200"] + 3, before, after)


def killed(w):
    """The process that answers may be killed at any time."""
    lines = os.path.getsize(path("all.jsonl"))
    server = w.servers()
    check("one process answers", len(server) == 1, server)
    os.kill(server[0], signal.SIGSTOP)
    check("one that hangs holds nobody up", w.wait(lambda: os.path.getsize(path("all.jsonl")) > lines + 20000), w.said())
    os.kill(server[0], signal.SIGKILL)
    check("it comes back", w.wait(lambda: w.servers() not in ([], server) and w.get("/health").get("online") == 3), w.said())
    check("that is said", "page: it has ended" in w.said(), w.said())
    check("the cameras went on", w.wait(lambda: os.path.getsize(path("all.jsonl")) > lines) and w.said().count("lost: offline") >= 1
          and w.said().count(": online") == 4, w.said())


def ends(w, others):
    check("clients are connected", all(o for o in others))
    e = Events(w)
    e.next()
    server = w.servers()
    status, took = w.stop()
    check("ends within 2 s with clients connected", status == 0 and took < 2.3 * max(1, live.SLOWNESS), status, took)
    check("they see that it is over", e.until(lambda kind, data: False, most=100000) is None)
    check("nothing is left behind", not os.path.exists("/proc/%d" % server[0]), server)
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", w.port))
    s.close()


def service():
    w = Watch(write("cameras.ini", cameras(LOST, more="listen = 127.0.0.1:%d\n" % live.free_port())))
    w.file = path("cameras.ini")
    if not check("listens", w.port, w.said()):
        return
    try:
        for part in (states, figures, pictures, rules, broken_off):
            part(w)
        others = follow(w)
        killed(w)
        ends(w, others)
    finally:
        w.process.kill()
    check("no login anywhere", "geheim" not in w.said())


def token():
    w = Watch(write("token.ini", "[camera a]\nuri = video.mp4\nmodel = clip-tiny\nlabels = a\n"), "--listen", "0.0.0.0:%d" % live.free_port(),
              "--token-file", write("token", TOKEN + "\n"))
    check("says that it is not encrypted", "not encrypted" in w.said(), w.said())
    check("health is open", w.ask("/health")[0] == 200)
    for where in ("/api/cameras", "/api/events", "/metrics", "/snapshot/1.jpg"):
        check("a token is needed: " + where, w.ask(where)[0] == 401)
    check("the page asks for it", w.ask("/")[0] == 401 and b"<form" in w.ask("/")[2])
    check("let in", w.ask("/metrics", Authorization="Bearer " + TOKEN)[0] == 200 and w.ask("/api/cameras", Authorization="Bearer " + TOKEN)[0] == 200)
    check("not with another", w.ask("/metrics", Authorization="Bearer " + TOKEN[::-1])[0] in (401, 429))
    os.unlink(path("token"))
    write("token", TOKEN[::-1] + "\n")
    w.reload()
    check("another token counts when the file is read again", w.wait(lambda: w.ask("/metrics", Authorization="Bearer " + TOKEN[::-1])[0] == 200))
    server = w.servers()
    w.process.kill()
    w.process.wait()
    check("without who watches, nobody answers", w.wait(lambda: not os.path.exists("/proc/%d" % server[0]) or open("/proc/%d/stat" % server[0]).read().split()[2] == "Z"))


def main():
    watching.make_video()
    try:
        check.together(refused, service, token)
    finally:
        shutil.rmtree(watching.work, ignore_errors=True)
    check.close()


if __name__ == "__main__":
    sys.exit(main())
