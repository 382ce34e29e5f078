#!/usr/bin/python3
"""tools/clipmoe/http by its bytes, with a small server of its own: what is refused is refused at once and without its body,
what is too long is answered, a lock locks nobody out who is in, events reach all and are kept for nobody.

    http_rules.py SERVER"""
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from slow import seconds  # noqa: E402

TOKEN = "correct-horse-battery-staple"
failed = 0


def check(name, holds, *why):
    global failed
    failed += not holds
    print("%s %s" % ("ok" if holds else "FAIL", name), *([] if holds else [repr(w)[-800:] for w in why]), flush=True)


class Server:
    def __init__(self, *more):
        # AddressSanitizer keeps what is freed, 256 MiB of it: that is no memory of the server
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        self.process = subprocess.Popen([sys.argv[1], "--listen", "127.0.0.1:0", *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=dict(os.environ, ASAN_OPTIONS=sanitizer.strip(":")))
        self.port = urllib.parse.urlsplit(self.process.stdout.readline().decode().strip()).port

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds(20))

    def ask(self, path, method="GET", body=None, headers=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds(20))
        try:
            c.request(method, path, body=body, headers=headers or {})
            r = c.getresponse()
            return r.status, r.headers, r.read()
        finally:
            c.close()

    def metric(self, name, headers=None):
        lines = self.ask("/metrics", headers=headers)[2].decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split(" ")[0] == name)

    def memory(self):
        """MiB"""
        with open("/proc/%d/status" % self.process.pid) as f:
            return int(f.read().split("VmRSS:")[1].split()[0]) // 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=seconds(30))[1].decode()
        check("it ends well and has said nothing", self.process.returncode == 0 and "GLib" not in said and "oup" not in said and "Sanitizer" not in said, said)


def answer_of(s):
    """All that comes until the server has said everything; the connection stays open on this side."""
    out = b""
    while True:
        try:
            piece = s.recv(65536)
        except OSError as e:
            return out or str(e).encode()
        if not piece:
            return out
        out += piece


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else answer


def wait(holds):
    end = time.monotonic() + seconds(20)
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def refusals(server):
    """None of these sends the body that it announces."""
    for name, head, expected in (
            ("too large", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n", 413),
            ("of unknown length", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", 411),
            ("to nowhere", b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n", 404),
            ("where none belongs", b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n", 405),
            ("of a GET", b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n", 400),
            ("of a PUT", b"PUT /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n", 405),
            ("to another host", b"POST /echo HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 5000\r\n\r\n", 421),
            ("of another site's page", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Length: 5000\r\n\r\n", 403),
            ("that is waited with", b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n", 404)):
        with server.connect() as s:
            s.sendall(head)
            answer = answer_of(s)
        check("a body %s is not waited for" % name, status_of(answer) == expected and b"Content-Security-Policy" in answer
              and "error" in json.loads(answer.partition(b"\r\n\r\n")[2]), answer)
    for length in (b"-5", b"+5", b"5x", b"", b"0x5", b"99999999999999999999", b"5\r\nContent-Length: 6", b"5, 5", b"\r\n -5"):
        with server.connect() as s:
            s.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %s\r\n\r\nhello" % length)
            check("Content-Length: %r" % length, status_of(answer_of(s)) == 400)
    for name, data, expected in (("a line", b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"x" * 9000), 414), ("a line without end", b"GET /" + b"x" * 500000, 414),
                                 ("headers", b"GET /health HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (b"X: %s\r\n" % (b"x" * 3000) * 12), 431),
                                 ("a header without end", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: %s" % (b"x" * 500000), 431)):
        with server.connect() as s:
            s.sendall(data)
            answer = answer_of(s)
            check("%s that is too long is answered" % name, status_of(answer) == expected, answer[:300])
    with server.connect() as s:  # the answer comes though the client writes on and on before it reads
        s.sendall(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (30 << 20))
        for _ in range(30):
            s.sendall(bytes(1 << 20))
        answer = answer_of(s)
        check("who writes before reading is answered, too", status_of(answer) == 413, answer)
    with server.connect() as s:
        for byte in b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello":
            s.sendall(bytes([byte]))
        answer = answer_of(s)
        check("byte by byte", status_of(answer) == 200 and b'"bytes":5' in answer, answer)
    with server.connect() as s:
        s.sendall(b"GET /health HTTP/1.1\r\nHost: local")
        s.shutdown(socket.SHUT_WR)
        check("half a head", status_of(answer_of(s)) in (400, b""))
    with server.connect() as s:
        s.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        go_on = s.recv(1000)
        s.sendall(b"hello")
        check("who asks whether to go on is told to", b"100 Continue" in go_on and b'"bytes":5' in answer_of(s), go_on)
    check("what is taken is taken", server.ask("/echo", "POST", b"x" * (1 << 20))[2] == b'{"bytes":1048576}\n')
    codes = [int(line.split('"')[1]) for line in server.ask("/metrics")[2].decode().splitlines() if line.startswith("clipmoe_http_requests_total")]
    check("refusals are counted", {413, 411, 404, 405, 421, 403} <= set(codes), codes)


def idle(server):
    """Many that ask nothing, and one that does; none is left over."""
    silent = []
    for _ in range(500):
        silent.append(server.connect())
    check("beside 500 silent ones", server.ask("/health")[0] == 200)
    for s in silent:
        s.close()
    check("and they are gone", wait(lambda: server.metric("clipmoe_http_connections") <= 2), server.metric("clipmoe_http_connections"))


class Events:
    def __init__(self, server, read=True, headers=""):
        self.socket = socket.socket()
        if not read:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(seconds(20))
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % headers.encode())
        self.text, self.ended = "", False
        if read:
            self.thread = threading.Thread(target=self.read, daemon=True)
            self.thread.start()

    def read(self):
        while True:
            try:
                piece = self.socket.recv(65536)
            except OSError:
                piece = b""
            if not piece:
                self.ended = True
                return
            self.text += piece.decode()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def events(server):
    a, b = Events(server), Events(server)
    check("both have come", wait(lambda: "event: begin\ndata: " in a.text and "event: begin\ndata: " in b.text), a.text, b.text)
    check("as events", "Content-Type: text/event-stream" in a.text and "no-store" in a.text and "retry: 2000" in a.text and {"1", "2"} == {
          t.partition("event: begin\ndata: ")[2][0] for t in (a.text, b.text)}, a.text)
    check("two follow", server.ask("/say", "POST", "one\ntwo\r\n\rthree ü".encode())[2] == b'{"clients":2}\n')
    said = "event: said\ndata: one\ndata: two\ndata: \ndata: three ü\n\n"
    check("an event reaches both, and its lines are lines", wait(lambda: said in a.text and said in b.text), a.text)
    late = Events(server)
    check("who comes later gets what is said on coming alone", wait(lambda: "event: begin\ndata: 3\n\n" in late.text) and "said" not in late.text, late.text)
    slow = Events(server, read=False)
    wait(lambda: server.metric("clipmoe_http_event_clients") == 4)
    check("one too many", server.ask("/events")[0] == 503)
    check("its head", server.ask("/events", "HEAD")[0] == 200)
    check("parameters are refused", server.ask("/events?x=1")[0] == 400)
    before, number = server.memory(), 0
    while server.metric("clipmoe_http_event_clients_ended_total") == 0 and number < 3000:
        server.ask("/say", "POST", b"%d %s" % (number, b"x" * 8000))
        number += 1
    check("who does not take them is ended", number < 3000 and wait(lambda: server.metric("clipmoe_http_event_clients") == 3), number)
    check("little was kept for it", server.memory() - before < 20 and number < 200, server.memory() - before, number)
    check("the others have all", wait(lambda: "data: %d x" % (number - 1) in b.text) and all("data: %d x" % i in b.text for i in range(number)) and not a.ended)
    slow.socket.close()
    late.close()
    check("one that has left is noticed by the next event", wait(lambda: server.ask("/say", "POST", b"x") and server.metric("clipmoe_http_event_clients") == 2))
    server.ask("/say", "POST", b"x" * 70000)  # more than anybody may be behind
    check("more than anybody may hold ends all", wait(lambda: a.ended and b.ended and server.metric("clipmoe_http_event_clients") == 0))
    check("and they may come again", wait(lambda: server.ask("/health")[0] == 200) and Events(server).socket is not None)


def stopped(server):
    """What was asked while the process was stopped for longer than a connection's time is answered."""
    follows = Events(server)
    with server.connect() as s, server.connect() as half:
        half.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhe")
        wait(lambda: server.metric("clipmoe_http_connections") >= 3)
        server.process.send_signal(signal.SIGSTOP)
        s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        half.sendall(b"llo")
        time.sleep(4.5)
        server.process.send_signal(signal.SIGCONT)
        answers = [status_of(answer_of(s)), status_of(answer_of(half))]
        check("after SIGSTOP and SIGCONT", answers == [200, 200], answers)
    server.ask("/say", "POST", b"still here")
    check("and events go on, longer than a connection on which nothing moves", wait(lambda: "data: still here" in follows.text) and follows.text.count("\n:\n") >= 1, follows.text)


def tokens(place):
    file = os.path.join(place, "token")
    with open(file, "w") as f:
        f.write(TOKEN + "\n")
    server = Server("--token-file", file)
    bearer = {"Authorization": "Bearer " + TOKEN}
    for name, more, expected in (("without a token", b"", 401), ("with a wrong one", b"Authorization: Bearer wrong-wrong-wrong-wrong\r\n", 401)):
        with server.connect() as s:
            s.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 5000\r\n\r\n" % more)
            check("a body %s is not waited for" % name, status_of(answer_of(s)) == expected)
    check("events need it, too", server.ask("/events")[0] == 401)
    follows = Events(server, headers="Authorization: Bearer %s\r\n" % TOKEN)
    check("and are there with it", wait(lambda: "event: begin" in follows.text), follows.text)
    before, begun = server.memory(), []
    for _ in range(8):  # 96 MiB
        s = server.connect()
        s.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (13 << 20) + bytes(12 << 20))
        begun.append(s)
    wait(lambda: server.metric("clipmoe_http_requests_total{code=\"401\"}", bearer) >= 8)
    after = server.memory()
    check("bodies without a token are not kept", after - before < 40, (before, after))
    for s in begun:
        s.close()

    cookie = server.ask("/?token=" + TOKEN)[1]["Set-Cookie"].split(";")[0]
    word = cookie.partition(".")[0]
    check("the first part of a cookie will do", server.ask("/echo", headers={"Cookie": word})[0] == 200)
    status, h, _ = server.ask("/", headers={"Cookie": word + "." + "0" * 64})
    check("and the page gives it anew", status == 200 and h.get("Set-Cookie", "").startswith(cookie), h.items())
    check("but not where it is whole", "Set-Cookie" not in server.ask("/", headers={"Cookie": cookie})[1])
    begun = time.monotonic()
    status, h, _ = server.ask("/echo", headers={"Cookie": "clipmoe=" + TOKEN})
    check("the token is no cookie, and a wrong one takes a second", status == 401 and time.monotonic() - begun >= 1 and "Max-Age=0" in h["Set-Cookie"], status)
    threads = [threading.Thread(target=server.ask, args=("/?token=wrong-wrong-wrong-%d" % i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check("locked", [server.ask("/?token=" + TOKEN)[0], server.ask("/echo", headers=bearer)[0], server.ask("/echo", headers={"Cookie": word})[0]] == [429] * 3)
    check("but who was in stays in", server.ask("/echo", headers={"Cookie": cookie})[0] == 200)
    check("whoever has half of it", server.ask("/echo", headers={"Cookie": "clipmoe=%s.%s" % ("0" * 64, "0" * 64)})[0] == 429)
    server.stop()


def main():
    server = Server("--timeout", "3")
    refusals(server)
    events(server)
    stopped(server)
    server.stop()
    server = Server("--connections", "256")
    idle(server)
    server.stop()
    with tempfile.TemporaryDirectory() as place:
        tokens(place)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
