"""What may happen to an archive and its files while they are served."""
import os
import shutil
import signal
import socket
import sqlite3
import threading
import time

from serving import Server, check, seconds


def thumbnails(server, place):
    """Pictures in the database that no picture is: they are data of somebody else."""
    moments = [m[0] for m in server.moments("scenes.webm")[:3]]
    db = sqlite3.connect(os.path.join(place.store, "archive.sqlite"))
    kept = [db.execute("SELECT jpeg FROM thumbnail WHERE moment = ?", (m,)).fetchone()[0] for m in moments]
    hostile = (b"<script>alert(1)</script>" * 10, b"\xff\xd8\xff" + bytes(64 << 20), b"")
    for moment, bad in zip(moments, hostile):
        db.execute("UPDATE thumbnail SET jpeg = ? WHERE moment = ?", (bad, moment))
    db.commit()
    for moment, bad in zip(moments, hostile):
        status, h, body = server.ask("/thumb/%d.jpg" % moment)
        check("a picture of %d bytes %r" % (len(bad), bad[:8]), status in (400, 404, 500) and b"script" not in body and len(body) < 1000
              and h["X-Content-Type-Options"] == "nosniff", status, body[:300])
    for moment, good in zip(moments, kept):
        db.execute("UPDATE thumbnail SET jpeg = ? WHERE moment = ?", (good, moment))
    db.commit()
    db.close()
    check("and as it was", server.ask("/thumb/%d.jpg" % moments[0])[2] == kept[0])


def cut_short(server, place):
    """A file that shrinks while it is played: what is missing is missing, and nothing else comes instead."""
    path = place.path("large.webm")
    with open(place.path("scenes.webm"), "rb") as f:
        head = f.read()
    tail = b"\xec" + bytes(12 << 20)  # behind its end: a player ignores it
    shutil.copyfile(place.path("scenes.webm"), path)
    with open(path, "ab") as f:
        f.write(tail)
    place.index(path)
    file = server.files()["large.webm"]
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(seconds(20))
        s.connect(("127.0.0.1", server.port))
        s.sendall(b"GET /video/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % file["file_id"])
        got = s.recv(1000)
        os.truncate(path, len(head))
        try:
            while piece := s.recv(1 << 20):
                got += piece
        except OSError:
            pass
    body = got.partition(b"\r\n\r\n")[2]
    check("a file that is cut short while it plays", 0 < len(body) < file["size"] and (head + tail).startswith(body), len(body), got[:300])
    check("and is not given away then", server.ask("/video/%d" % file["file_id"])[0] == 409)
    os.unlink(path)


def store_replaced(place):
    """The archive goes away and another one comes, while it is served."""
    server = Server(place)
    moments = server.moments("scenes.webm")
    thumb = server.ask("/thumb/%d.jpg" % moments[0][0])[2]
    aside = place.store + ".aside"
    os.rename(place.store, aside)
    for path in ("/api/files", "/api/search?q=x", "/api/moments/%d" % moments[0][0], "/thumb/%d.jpg" % moments[0][0], "/video/1", "/clip/%d.webm" % moments[0][0]):
        status, _, body = server.ask(path)
        check("without an archive: %s" % path, status >= 400 and b"error" in body, status, body[:300])
    check("it is there all the same", server.ask("/health")[0] == 200 and server.ask("/")[0] == 200)
    place.index(place.path("still.png"))  # another archive at the same place
    server.wait_for(lambda: server.ask("/api/files")[0] == 200)
    check("another archive", set(server.files()) == {"still.png"} and server.get("/api/search?q=x")["moments"] == 1)
    body = server.ask("/thumb/%d.jpg" % moments[0][0])
    check("whose pictures are its own", body[0] == 404 or body[2] != thumb, body[0])
    shutil.rmtree(place.store)
    os.rename(aside, place.store)
    check("and the first again", server.wait_for(lambda: "scenes.webm" in server.files()) and server.ask("/thumb/%d.jpg" % moments[0][0])[2] == thumb)
    check("ends well", server.stop() == 0 and "GLib" not in server.said, server.said)


def stopped_under_load(place):
    """SIGSTOP for longer than a connection's time, with searches and files on their way."""
    server = Server(place, "--timeout", "2")
    url = "/video/%d" % server.files()["scenes.webm"]["file_id"]
    codes, done = [], threading.Event()

    def ask(path):
        while not done.is_set():
            codes.append(server.ask(path)[0])

    def tried(path):
        try:
            ask(path)
        except Exception as e:  # any is a fault here
            codes.append(repr(e))

    threads = [threading.Thread(target=tried, args=(p,)) for p in ("/api/search?q=a", url, "/api/files", "/thumb/1.jpg") * 3]
    for t in threads:
        t.start()
    server.wait_for(lambda: len(codes) > 50)
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(4)
    server.process.send_signal(signal.SIGCONT)
    n = len(codes)
    server.wait_for(lambda: len(codes) > n + 50)
    done.set()
    for t in threads:
        t.join()
    check("SIGSTOP and SIGCONT under load", set(codes) <= {200, 404}, [c for c in codes if c != 200][:10])
    check("and an end", server.stop() == 0, server.said)
