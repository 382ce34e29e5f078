#!/usr/bin/python3
"""`clipmoe serve` by its bytes: who may ask, what may be asked for, that only ids reach files and a file that was replaced does
not, ranges, that a slow client holds nobody up, and that the answers are right."""
import concurrent.futures
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time

import attacks
import serving
from serving import COMMAND, HTML_NAME, SCENE, Place, Server, check, seconds

TOKEN = "correct-horse-battery-staple"


def raw(server, data, wait=10):
    """What comes back to these bytes until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds(wait)) as s:
        s.sendall(data)
        out = b""
        while True:
            try:
                piece = s.recv(65536)
            except (ConnectionResetError, socket.timeout):
                return out
            if not piece:
                return out
            out += piece


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


def who_may_ask(server):
    for host, expected in (("localhost:%d" % server.port, 200), ("127.0.0.1", 200), ("[::1]:9", 200), ("127.9.9.9:80", 200), ("evil.example", 421),
                           ("localhost.evil.example", 421), ("127.0.0.1.evil.example:%d" % server.port, 421), ("192.168.1.1", 421), ("localhost:x", 400),
                           ("", 421)):
        answer = raw(server, b"GET /api/files HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
        check("host %r" % host, status_of(answer) == expected, answer)
    check("no host", status_of(raw(server, b"GET /api/files HTTP/1.0\r\n\r\n")) == 421)
    for site, path, expected in (("cross-site", "/api/files", 403), ("same-site", "/thumb/1.jpg", 403), ("same-origin", "/api/files", 200),
                                 ("none", "/api/files", 200), ("cross-site", "/", 200)):
        got = server.ask(path, headers={"Sec-Fetch-Site": site})[0]
        check("%s at %s" % (site, path), got == expected, got)
    for origin, expected in (("http://evil.example", 403), ("null", 403), ("http://127.0.0.1:%d" % server.port, 400)):
        got = server.ask("/api/search", "POST", b"x", {"Origin": origin})[0]
        check("origin %s" % origin, got == expected, got)


def headers(server):
    for path in ("/", "/page.js", "/api/files", "/thumb/1.jpg", "/nowhere", "/api/search?bad=1"):
        _, h, _ = server.ask(path)
        policy = h.get("Content-Security-Policy", "")
        check("headers of %s" % path, policy.startswith("default-src 'none';") and "unsafe" not in policy and "http" not in policy
              and h.get("X-Content-Type-Options") == "nosniff" and h.get("Referrer-Policy") == "no-referrer"
              and h.get("Cross-Origin-Resource-Policy") == "same-origin" and not h.get("Access-Control-Allow-Origin"), h.items())
    answer = raw(server, b"nonsense\r\n\r\n")
    check("nonsense", status_of(answer) in (0, 400) and (not answer or b"Content-Security-Policy" in answer), answer)
    page = server.ask("/")[2].decode()
    check("the page has nothing inline", "<style" not in page and " style=" not in page and " on" + "click" not in page
          and page.count("<script") == 1 and "https:" not in page and "http:" not in page)
    _, h, body = server.ask("/page.css")
    check("not sent again", server.ask("/page.css", headers={"If-None-Match": h["ETag"]})[0] == 304 and body)
    check("unknown methods", [server.ask("/api/files", m)[0] for m in ("PUT", "DELETE", "OPTIONS", "POST")] == [405, 405, 405, 411]
          or [server.ask("/api/files", m)[0] for m in ("PUT", "DELETE", "OPTIONS")] == [405, 405, 405])


def queries(server, place):
    a = server.get("/api/search?q=a%20wheel&limit=5")
    check("an answer", a["schema"] == "clipmoe.search/1" and a["query"] == [{"weight": 1.0, "text": "a wheel"}] and 1 <= len(a["hits"]) <= 5
          and a["moments"] >= 8 and isinstance(a["stands_out"], bool), a)
    hit = a["hits"][0]
    check("a hit", hit["schema"] == "clipmoe.hit/1" and os.path.exists(hit["file"]) and hit["start"] <= hit["time"] <= hit["end"]
          and hit["model"] == a["model"] and -1 <= hit["cosine"] <= 1, hit)
    cosines = [h["cosine"] for h in server.get("/api/search?q=a%20wheel&limit=200")["hits"]]
    check("best first", cosines == sorted(cosines, reverse=True), cosines)
    check("plus and minus", [t["weight"] for t in server.get("/api/search?q=%22a%20wheel%22%20%2B%200.5%20night%20-%20rain")["query"]] == [1, 0.5, -1])
    for query in ("", "?q=", "?q=x&q=y", "?q=x&nonsense=1", "?q=x&limit=0", "?q=x&limit=201", "?q=x&limit=1e3", "?q=%zz", "?q=%00", "?q=%ff", "?like=0",
                  "?like=x", "?q=x&since=whenever", "?q=x&hours=99", "?q=x&file=-1", "?q=x&min-duration=-2", "?q=" + "x" * 1001,
                  "?" + "&".join("a%d=1" % i for i in range(40)), "?q=a%20-%20a"):
        status, _, body = server.ask("/api/search" + query)
        check("refused: %s" % query[:40], status == 400 and (not body or list(json.loads(body)) == ["error"]), status, body)  # nothing: libsoup refuses it
    check("an address too long", server.ask("/api/search?q=" + "x" * 5000)[0] == 414)
    check("no such moment", server.ask("/api/search?like=999999")[0] == 400 and server.ask("/api/moments/999999")[0] == 404
          and server.ask("/thumb/999999.jpg")[0] == 404 and server.ask("/video/999999")[0] == 404)
    check("no file passes the filter", server.get("/api/search?q=x&path=/nowhere/*")["hits"] == [])
    names = {h["name"] for h in server.get("/api/search?q=x&limit=200&path=*.avi")["hits"]}
    check("path filter", names == {"old.avi"}, names)

    with open(place.query, "rb") as f:
        picture = f.read()
    a = server.get("/api/search?limit=3", method="POST", body=picture)
    best = a["hits"][0]
    at = 2 * SCENE if best["name"] == "scenes.webm" else SCENE if best["name"] == "old.avi" else 0
    check("a picture finds its moment first", best["cosine"] > 0.9 and at <= best["time"] < at + SCENE and a["query"] == [{"weight": 1.0, "picture": True}], best)
    like = server.get("/api/search?limit=3&like=%d" % best["moment"])["hits"]
    check("more like this", like[0]["cosine"] > 0.99, like)
    check("a picture and words", len(server.get("/api/search?q=a%20wheel", method="POST", body=picture)["query"]) == 2)
    for body in (b"no picture", picture[:50], b"\xff\xd8\xff" + b"x" * 100, b""):
        status, _, answer = server.ask("/api/search", "POST", body)
        check("a broken picture of %d bytes" % len(body), status == 400, status, answer)

    thumb = server.ask(best["thumb"])
    check("a thumbnail", thumb[0] == 200 and thumb[1]["Content-Type"] == "image/jpeg" and thumb[2][:3] == b"\xff\xd8\xff")
    moments = server.moments("scenes.webm")
    check("neighbours in time order", len(moments) >= 4 and moments == sorted(moments, key=lambda m: m[1]), moments)
    files = server.files()
    check("files", HTML_NAME in files and files["still.png"]["picture"] and abs(files["scenes.webm"]["duration"] - 4 * SCENE) < 0.5, files)
    check("files by name", [f["name"] for f in server.get("/api/files?name=STILL")["list"]] == ["still.png"])


def path_tricks(server, place):
    secret = os.path.join(place.top, "secret.txt")
    with open(secret, "w") as f:
        f.write("the-secret-of-this-test")
    for path in ("/../../../../../../etc/passwd", "/video/../../../etc/passwd", "/video/%2e%2e/%2e%2e/etc/passwd", "/video/1/../2/..", "/video/1/",
                 "/video/01", "/video/-1", "/video/+1", "/video/1.0", "/video/0x1", "/video/99999999999999999999", "/video/1%00", "/video/", "/video/1%2f",
                 "/thumb/1.jpg/", "/thumb/1.jpg%00.png", "//video/1", "/video//1", "/clip/1.mp4x", "/clip/1.webm/..", "/page/index.html",
                 "/..%5c..%5c", "/video/%s" % secret, "/video?path=%s" % secret, "/api/moments/1;2"):
        answer = raw(server, b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
        check("path %s" % path, status_of(answer) in (400, 404) and b"root:" not in answer and b"the-secret" not in answer, answer)
    same = [raw(server, b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % p).partition(b"\r\n\r\n")[2] for p in (b"/thumb/1.jpg", b"/video/../thumb/%31.jpg")]
    check("an address is brought into its usual form before it is looked at", same[0] and same[0] == same[1])
    answer = raw(server, b"GET /video/1?path=%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % secret.encode())
    check("a path as a parameter", status_of(answer) == 400, answer[:300])
    answer = raw(server, b"GET http://evil.example/api/files HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    check("an absolute address", status_of(answer) == 421, answer)


def ranges(server, place):
    with open(place.path("scenes.webm"), "rb") as f:
        data = f.read()
    n, url = len(data), "/video/%d" % server.files()["scenes.webm"]["file_id"]
    status, h, body = server.ask(url)
    check("all of a file", status == 200 and body == data and h["Accept-Ranges"] == "bytes" and h["Content-Type"] == "video/webm", status, h.items())
    etag = h["ETag"]
    for header, first, last in (("bytes=0-", 0, n - 1), ("bytes=0-0", 0, 0), ("bytes=10-19", 10, 19), ("bytes=%d-" % (n - 1), n - 1, n - 1), ("bytes=-5", n - 5, n - 1),
                                ("bytes=5-%d" % (n * 9), 5, n - 1), ("bytes=-%d" % (n * 9), 0, n - 1), ("bytes=7-99999999999999999999", 7, n - 1),
                                ("bytes=0-18446744073709551616", 0, n - 1), ("bytes=-18446744073709551617", 0, n - 1), ("BYTES=3-4", 3, 4)):
        status, h, body = server.ask(url, headers={"Range": header})
        check("range %s" % header, status == 206 and body == data[first:last + 1] and h["Content-Range"] == "bytes %d-%d/%d" % (first, last, n), status, h.items())
    for header in ("bytes=%d-" % n, "bytes=%d-%d" % (n, n + 5), "bytes=99999999999999999999-", "bytes=18446744073709551616-", "bytes=-0"):
        status, h, body = server.ask(url, headers={"Range": header})
        check("range beyond the end: %s" % header, status == 416 and h["Content-Range"] == "bytes */%d" % n and body == b"", status, h.items())
    for header in ("bytes=5-2", "bytes=", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=1 -2", "bytes=--5", "bytes=0-1,", "bytes 0-1",
                   "bytes=" + ",".join("%d-%d" % (i, i) for i in range(0, 3000, 3)), "bytes=-1-"):
        status, h, body = server.ask(url, headers={"Range": header})
        check("not followed: %s" % header, status == 200 and body == data, status)
    check("if it is the same", server.ask(url, headers={"Range": "bytes=0-3", "If-Range": etag})[0] == 206
          and server.ask(url, headers={"Range": "bytes=0-3", "If-Range": '"other"'})[0] == 200)
    status, h, body = server.ask(url, "HEAD")
    check("head", status == 200 and int(h["Content-Length"]) == n and body == b"")


def replaced(server, place):
    path, url = place.path("scenes.webm"), "/video/%d" % server.files()["scenes.webm"]["file_id"]
    moment = server.moments("scenes.webm")[0][0]
    aside, st = path + ".aside", os.stat(path)
    os.rename(path, aside)
    gone = server.ask(url)
    check("a file that is gone", gone[0] in (404, 409, 500) and place.top.encode() not in gone[2], gone)
    for name, make in (("a link to /etc/passwd", lambda: os.symlink("/etc/passwd", path)), ("a folder", lambda: os.mkdir(path)), ("a pipe", lambda: os.mkfifo(path)),
                       ("a device", lambda: os.symlink("/dev/zero", path))):
        make()
        begun = time.monotonic()
        status, _, body = server.ask(url)
        clip = server.ask("/clip/%d.webm" % moment)
        check("replaced by %s" % name, status == 409 and clip[0] == 409 and b"root:" not in body + clip[2] and time.monotonic() - begun < seconds(5), status, body)
        os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    with open(path, "wb") as f:  # of the same size and time
        f.write(b"x" * st.st_size)
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
    check("another file of the same size and time", server.ask(url)[0] == 409)
    os.unlink(path)
    os.rename(aside, path)
    check("itself again", server.ask(url)[0] == 200)
    check("a picture is no web page", server.ask("/video/%d" % server.files()["still.png"]["file_id"])[1]["Content-Type"] == "image/png")


def clips(server):
    moment = server.moments("old.avi")[0]
    url = server.get("/api/moments/%d" % moment[0])["clip"]["url"]
    status, h, body = server.ask(url, timeout=120)
    check("a clip", status == 200 and h["Content-Type"] == "video/webm" and body[:4] == b"\x1a\x45\xdf\xa3" and len(body) > 2000, status, body[:300])
    status, h, part = server.ask(url, headers={"Range": "bytes=100-199"})
    check("a range of a clip, which was kept", status == 206 and part == body[100:200])
    still = server.get("/api/search?q=x&file=%d" % server.files()["still.png"]["file_id"])["hits"][0]["moment"]
    check("no clip of a picture", server.ask("/clip/%d.webm" % still)[0] == 400)


def many(server):
    thumb = server.get("/api/search?q=x")["hits"][0]["thumb"]
    paths = ["/api/search?q=word%d" % i for i in range(50)] + [thumb] * 100 + ["/api/files"] * 25 + ["/"] * 25
    barrier = threading.Barrier(len(paths))

    def one(path):
        barrier.wait(seconds(30))
        return server.ask(path, timeout=60)[0]

    with concurrent.futures.ThreadPoolExecutor(len(paths)) as pool:
        codes = list(pool.map(one, paths))
    check("200 at once", codes == [200] * len(paths), {c: codes.count(c) for c in codes})


def bodies(server):
    begun = time.monotonic()
    big = raw(server, b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n")
    check("a body that is announced as too large", status_of(big) == 413 and time.monotonic() - begun < seconds(10), big)
    chunked = raw(server, b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    check("a body of unknown length", status_of(chunked) == 411, chunked)
    check("a body where none belongs", status_of(raw(server, b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")) == 400)


def slow_bodies(place):
    """A picture that comes slowly is taken, since it moves."""
    file = os.path.join(place.top, "token")
    with open(file, "w") as f:
        f.write(TOKEN + "\n")
    limit = int(seconds(2))
    server = Server(place, "--timeout", str(limit), "--token-file", file)
    start = b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
    piece = b"no picture " * 4000
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds(20)) as s:
        s.sendall(start % (TOKEN.encode(), len(piece) * 12))
        try:
            for _ in range(12):
                time.sleep(0.15 * limit)
                s.sendall(piece)
            answer = s.recv(4096)
        except OSError as e:
            answer = str(e).encode()
    check("a body that takes longer than the time of a connection", status_of(answer) == 400, answer)
    server.stop()


def slow_clients(place):
    server = Server(place, "--timeout", "2", "--connections", "30")
    url = "/video/%d" % server.files()["scenes.webm"]["file_id"]
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
    for s in silent[:20]:
        try:
            s.sendall(b"GET / HTTP/1.1\r\nHost: local")
        except OSError:  # it was the first to go
            pass
    begun = time.monotonic()
    check("somebody comes between silent ones", server.ask("/health")[0] == 200 and time.monotonic() - begun < seconds(4))
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect(("127.0.0.1", server.port))
    reader.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % url.encode())
    begun = time.monotonic()
    check("beside one that does not read", server.get("/api/search?q=x")["hits"] and time.monotonic() - begun < seconds(5))
    end = time.monotonic() + seconds(15)
    open_still = silent
    while open_still and time.monotonic() < end:
        time.sleep(0.3)
        left = []
        for s in open_still:
            s.setblocking(False)
            try:
                if s.recv(4096):
                    left.append(s)
            except BlockingIOError:
                left.append(s)
            except OSError:
                pass
        open_still = left
    check("silent ones are ended", not open_still, len(open_still))
    for s in silent + [reader]:
        s.close()
    check("and it ends when it is told to", server.stop() == 0, server.process.returncode)


def tokens(place):
    file = os.path.join(place.top, "token")
    with open(file, "w") as f:
        f.write(TOKEN + "\n")
    refused = subprocess.run([COMMAND, "serve", "--store", place.store, "--listen", "0.0.0.0:0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds(60))
    check("other machines without a token", refused.returncode == 1 and b"--token-file" in refused.stderr and refused.stdout == b"", refused)
    with open(file + ".short", "w") as f:
        f.write("short\n")
    refused = subprocess.run([COMMAND, "serve", "--store", place.store, "--token-file", file + ".short"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             timeout=seconds(60))
    check("a token that is too short", refused.returncode == 1 and refused.stderr.count(b"\n") == 1 and b"16" in refused.stderr, refused)

    server = Server(place, "--token-file", file, listen="0.0.0.0:0")
    for path in ("/api/files", "/api/search?q=x", "/api/moments/1", "/thumb/1.jpg", "/video/1", "/clip/1.webm", "/metrics", "/api/files?token=" + TOKEN):
        check("nothing without a token: %s" % path, server.ask(path)[0] == 401, server.ask(path))
    status, _, body = server.ask("/")
    check("the page asks for it", status == 401 and b"<form id=\"token\"" in body, status)
    check("health is no secret", server.ask("/health")[0] == 200)
    status, h, _ = server.ask("/?q=red%20van&token=" + TOKEN)
    cookie = h.get("Set-Cookie", "")
    check("let in", status == 303 and h["Location"] == "/?q=red%20van" and "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie, status, h.items())
    cookie = cookie.split(";")[0]
    check("by the cookie", server.ask("/api/files", headers={"Cookie": "a=b; " + cookie, "Host": "archive.example"})[0] == 200)
    check("by the header", server.ask("/metrics", headers={"Authorization": "Bearer " + TOKEN})[0] == 200)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        codes = list(pool.map(lambda i: server.ask("/?token=wrong-wrong-wrong-%d" % i)[0], range(10)))
    check("wrong ones", codes == [401] * 10, codes)
    status, h, _ = server.ask("/?token=" + TOKEN)
    check("too many wrong ones: not even the right one", status == 429 and int(h["Retry-After"]) > 0, status)
    check("who is in stays in", server.ask("/api/files", headers={"Cookie": cookie})[0] == 200)
    check("but from another address", server.ask("/api/files", headers={"Cookie": cookie}, source=("127.0.0.2", 0))[0] == 200)
    server.stop()
    check("it says that TLS belongs in front", "TLS" in server.said, server.said)


def grows(server, place):
    before = server.get("/api/files")["moments"]
    serving.film(place.path("later.webm"), ["ball", "smpte"], ["vp8enc", "deadline=1", "cpu-used=8", "keyframe-max-dist=10"], "webmmux")
    place.index(place.films)
    check("what is indexed meanwhile is found", server.get("/api/files")["moments"] > before
          and server.get("/api/search?q=x&limit=200&path=*later.webm")["hits"])


def forgotten(server, place):
    """What the archive has forgotten is not given away, though it lies there again and was asked for before."""
    path, url = place.path("later.webm"), "/video/%d" % server.files()["later.webm"]["file_id"]
    check("not forgotten yet", [server.ask(url)[0] for _ in range(8)] == [200] * 8)  # by each thread that looks things up
    os.rename(path, path + ".aside")
    done = subprocess.run([COMMAND, "index", "--store", place.store, "--prune"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds(60))
    check("pruned", done.returncode == 0 and b"1 files" in done.stderr, done)
    os.rename(path + ".aside", path)
    time.sleep(1.1)
    codes = [server.ask(url)[0] for _ in range(8)]
    check("forgotten", codes == [404] * 8, codes)


def stopped(server):
    """It ends well while it is asked."""
    done, codes = threading.Event(), set()

    def ask():
        while not done.is_set():
            try:
                codes.add(server.ask("/api/files")[0])
            except (OSError, http.client.HTTPException):
                pass

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for t in threads:
        t.start()
    while 200 not in codes:
        time.sleep(0.01)
    check("SIGTERM while it is asked", server.stop() == 0, server.said)
    done.set()
    for t in threads:
        t.join()
    check("all answers are answers", codes <= {200, 503}, codes)


def measures(server):
    status, h, body = server.ask("/metrics")
    lines = [line for line in body.decode().splitlines() if line and not line.startswith("#")]
    check("metrics", status == 200 and h["Content-Type"].startswith("text/plain; version=0.0.4") and lines and all(line.startswith("clipmoe_") for line in lines)
          and "clipmoe_search_seconds_count" in body.decode(), body[:500])


def usage(place):
    for more, status in ((["--listen", "nonsense"], 1), (["--listen", "example.org:80"], 1), (["--store", place.top + "/nowhere"], 1), (["--timeout", "0"], 2),
                         (["--connections", "-1"], 2), (["word"], 2), (["--nonsense"], 2)):
        done = subprocess.run([COMMAND, "serve", "--store", place.store, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds(60))
        check("usage %s" % more, done.returncode == status and done.stderr.count(b"\n") == 1 and done.stdout == b"", done)


def main():
    place = Place()
    try:
        server = Server(place)
        who_may_ask(server)
        headers(server)
        queries(server, place)
        path_tricks(server, place)
        ranges(server, place)
        replaced(server, place)
        clips(server)
        bodies(server)
        many(server)
        grows(server, place)
        forgotten(server, place)
        attacks.thumbnails(server, place)
        attacks.cut_short(server, place)
        measures(server)
        stopped(server)
        check("SIGTERM as soon as it says where it is", all(Server(place).stop() == 0 for _ in range(3)))
        attacks.store_replaced(place)
        attacks.stopped_under_load(place)
        slow_clients(place)
        slow_bodies(place)
        tokens(place)
        usage(place)
    finally:
        place.remove()
    return serving.failed != 0


if __name__ == "__main__":
    sys.exit(main())
