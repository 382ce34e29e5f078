"""What the tests of the page of `clipmoe watch` share: cameras that are files, and a watch on them that listens."""
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import children  # noqa: E402, F401
from slow import seconds  # noqa: E402

COMMAND = os.environ["CLIPMOE_COMMAND"]
HTML_NAME = "<img src=x onerror=alert(1)> \"&'\\"  # a camera's
HTML_LABEL = "<b onclick=alert(1)>\"bold\"</b>"
TOKEN = "correct-horse-battery-staple"
work = tempfile.mkdtemp(prefix="clipmoe-watch-")


def path(name):
    return os.path.join(work, name)


def write(name, text):
    with open(path(name), "w", encoding="utf-8") as f:
        f.write(text)
    return path(name)


def make_video():
    """Two seconds of something that moves, wider than a picture may be."""
    subprocess.run(["gst-launch-1.0", "-q", "videotestsrc", "pattern=ball", "num-buffers=20", "!", "video/x-raw,width=800,height=450,framerate=10/1", "!",
                    "x264enc", "tune=zerolatency", "key-int-max=10", "!", "h264parse", "!", "mp4mux", "!", "filesink", "location=" + path("video.mp4")],
                   check=True, timeout=seconds(60), stdout=subprocess.DEVNULL)


def cameras(lost_port, labels=HTML_LABEL + ";b", more=""):
    """The text of a file: two cameras, and one that cannot be reached."""
    return ("[watch]\nmodel = clip-tiny\nlabels = %s\nthreshold = 0\nrate = 5\npublish = file:all.jsonl; file:more.jsonl\nretry-interval = 0.2\n%s\n"
            "[camera %s]\nuri = video.mp4\n[camera yard]\nuri = video.mp4\nlabels = a;b\n"
            "[camera lost]\nuri = rtsp://user:geheim@127.0.0.1:%d/stream\n" % (labels, more, HTML_NAME, lost_port))


class Watch:
    def __init__(self, file, *more):
        handle, self.log = tempfile.mkstemp(".log", dir=work)
        with open(handle, "w") as log:
            self.process = subprocess.Popen([COMMAND, "watch", *more, file], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait(lambda: "page: http" in self.said() or self.process.poll() is not None)
        url = re.search(r"page: (http\S+)", self.said())
        self.url = url.group(1) if url else ""
        self.port = urllib.parse.urlsplit(self.url).port

    def said(self):
        with open(self.log, encoding="utf-8") as f:
            return f.read()

    def wait(self, holds, timeout=20):
        """Whether @holds () becomes true; a refused connection is none."""
        end, last = time.monotonic() + seconds(timeout), None
        while True:
            try:
                last = holds()
            except OSError:
                last = None
            if last or time.monotonic() > end:
                return last
            time.sleep(0.05)

    def ask(self, where, method="GET", **headers):
        """(status, headers, body)"""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds(20))
        try:
            c.request(method, where, headers={k.replace("_", "-"): v for k, v in headers.items()})
            r = c.getresponse()
            return r.status, r.headers, r.read()
        finally:
            c.close()

    def get(self, where):
        status, _, body = self.ask(where)
        return json.loads(body) if status == 200 else {}

    def cameras(self):
        """{name: camera of /api/cameras}"""
        return {c["name"]: c for c in self.get("/api/cameras").get("cameras", [])}

    def servers(self):
        """The ids of the processes that answer."""
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as f:
            return [int(pid) for pid in f.read().split()]

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        """(exit status, seconds)"""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds(20))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return self.process.returncode, time.monotonic() - begun


class Events:
    """Follows /api/events."""

    def __init__(self, watch):
        self.connection = http.client.HTTPConnection("127.0.0.1", watch.port, timeout=seconds(20))
        self.connection.request("GET", "/api/events")
        self.response = self.connection.getresponse()

    def next(self):
        """(type, data), or None at the end."""
        kind, data = None, []
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                data.append(line[6:])
            elif not line and kind:
                return kind, json.loads("\n".join(data))
            elif not line and self.response.isclosed():
                return None

    def until(self, holds, most=400):
        """The first of which @holds (type, data); None where there was none among @most."""
        for _ in range(most):
            e = self.next()
            if e is None or holds(*e):
                return e
        return None

    def until_all(self, most=400, **wanted):
        """{name: the first event for which wanted[name] (type, data)}, in whatever order they come."""
        found = {}
        for _ in range(most):
            e = self.next()
            if e is None:
                break
            for name, holds in wanted.items():
                if name not in found and holds(*e):
                    found[name] = e[1]
            if len(found) == len(wanted):
                break
        return found
