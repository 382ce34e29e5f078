"""What the tests of `clipmoe serve` share: an archive of films that are made here, and a server on it."""
import http.client
import json
import os
import signal
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import children  # noqa: E402, F401
from slow import seconds  # noqa: E402

COMMAND = os.environ["CLIPMOE_COMMAND"]
SCENES = ["smpte", "pinwheel", "checkers-8", "spokes"]  # of SCENE seconds each: nothing blank, each unlike the others
SCENE, RATE = 4, 10
HTML_NAME = "<img src=x onerror=alert(1)>\"&'.webm"
failed = 0


def check(name, holds, *why):
    global failed
    failed += not holds
    print("%s %s" % ("ok" if holds else "FAIL", name), *([] if holds else [repr(w)[-800:] for w in why]), flush=True)
    return holds


def launch(*words):
    subprocess.run(["gst-launch-1.0", "-q", *words], check=True, timeout=seconds(120), stdout=subprocess.DEVNULL)


def film(path, scenes, encoder, muxer):
    sources = []
    for scene in scenes:
        sources += ["videotestsrc", "pattern=" + scene, "num-buffers=%d" % (SCENE * RATE), "!",
                    "video/x-raw,width=320,height=180,framerate=%d/1" % RATE, "!", "c."]
    launch("concat", "name=c", "!", "videoconvert", "!", *encoder, "!", muxer, "!", "filesink", "location=" + path, *sources)


class Place:
    """A folder with films, and what was indexed of it."""

    def __init__(self):
        self.top = tempfile.mkdtemp(prefix="clipmoe-serve-")
        self.films, self.store = os.path.join(self.top, "films"), os.path.join(self.top, "store")
        os.mkdir(self.films)
        vp8 = ["vp8enc", "deadline=1", "cpu-used=8", "keyframe-max-dist=%d" % RATE]
        plain = self.path("scenes.webm")
        film(os.path.join(self.top, "film.webm"), SCENES, vp8, "webmmux")
        shutil.move(os.path.join(self.top, "film.webm"), plain)
        film(os.path.join(self.top, "film.webm"), SCENES[2:3], vp8, "webmmux")
        shutil.move(os.path.join(self.top, "film.webm"), self.path(HTML_NAME))
        film(self.path("old.avi"), SCENES[1:3], ["jpegenc"], "avimux")  # which no browser plays
        launch("videotestsrc", "pattern=spokes", "num-buffers=1", "!", "video/x-raw,width=320,height=180", "!", "pngenc", "!",
               "filesink", "location=" + self.path("still.png"))
        launch("videotestsrc", "pattern=checkers-8", "num-buffers=1", "!", "video/x-raw,width=320,height=180", "!", "pngenc", "!",
               "filesink", "location=" + os.path.join(self.top, "query.png"))
        self.query = os.path.join(self.top, "query.png")
        self.index(self.films)

    def path(self, name):
        return os.path.join(self.films, name)

    def index(self, path):
        done = subprocess.run([COMMAND, "index", "--store", self.store, "--sample", "all", "--every", "1", path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=seconds(240))
        check("indexed", done.returncode == 0, done)

    def remove(self):
        shutil.rmtree(self.top, ignore_errors=True)


class Server:
    def __init__(self, place, *more, listen="127.0.0.1:0"):
        self.place = place
        self.process = subprocess.Popen([COMMAND, "serve", "--store", place.store, "--listen", listen, *more], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.url = self.process.stdout.readline().decode().strip()
        self.port = urllib.parse.urlsplit(self.url).port
        if not self.port:
            raise RuntimeError("no server: %r" % self.process.communicate())

    def ask(self, path, method="GET", body=None, headers=None, address="127.0.0.1", source=None, timeout=30):
        """(status, headers, body)"""
        c = http.client.HTTPConnection(address, self.port, timeout=seconds(timeout), source_address=source)
        try:
            c.request(method, path, body=body, headers=headers or {})
            r = c.getresponse()
            return r.status, r.headers, r.read()
        finally:
            c.close()

    def get(self, path, **more):
        """The JSON of a success."""
        status, _, body = self.ask(path, **more)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def wait_for(self, holds):
        end = time.monotonic() + seconds(20)
        while not holds() and time.monotonic() < end:
            time.sleep(0.05)
        return holds()

    def files(self):
        """{name: file of /api/files}"""
        return {f["name"]: f for f in self.get("/api/files")["list"]}

    def moments(self, name):
        """[(id, start, end, time)] of a file."""
        file = self.files()[name]["file_id"]
        hit = self.get("/api/search?q=x&limit=200&file=%d" % file)["hits"][0]
        return [tuple(n) for n in self.get("/api/moments/%d" % hit["moment"])["neighbours"]]

    def stop(self):
        """The exit status."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=seconds(30))
        self.said = err.decode()
        return self.process.returncode
