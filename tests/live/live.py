"""What the tests of cameras share: a camera as a process, a link to it that can be cut, and a pipeline that is watched."""
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import children  # noqa: E402, F401
import gi  # noqa: E402
gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SLOWNESS = float(os.environ.get("CLIPMOE_TEST_SLOWNESS", "1"))
PATIENCE = 20 * max(SLOWNESS, 1)  # for what must come


class Checks:
    def __init__(self):
        self.passed = self.failed = 0
        self.lock = threading.Lock()

    def __call__(self, name, ok, *why):
        with self.lock:
            self.passed += bool(ok)
            self.failed += not ok
            if not ok:
                print("FAILED:", name, *[str(w)[:800] for w in why], flush=True)
        return ok

    def together(self, *functions):
        """Runs them at the same time: they mostly wait."""
        def run(function):
            try:
                function()
            except Exception:
                self("%s ends" % function.__name__, False, traceback.format_exc())
        threads = [threading.Thread(target=run, args=(f,)) for f in functions]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def close(self):
        print("%d passed, %d failed, 0 skipped" % (self.passed, self.failed))
        sys.exit(1 if self.failed else 0)


def until(condition, patience=PATIENCE):
    """Whether @condition() becomes true in time."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


class Camera:
    """tests/live/camera.py, on a port of its own or on @port."""

    def __init__(self, *args, port=0):
        self.process = subprocess.Popen(["/usr/bin/python3", os.path.join(HERE, "camera.py"), "--port", str(port)] + list(args),
                                        stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the camera does not start")
        self.port = int(line)

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Link:
    """Passes connections on to a port of this machine. cut(): all are reset and nobody listens; stall(): they stay and nothing
    moves; garbage(): what comes is noise; mend(): as at first."""

    def __init__(self, to):
        self.to, self.port, self.mode = to, free_port(), "pass"
        self.lock, self.sockets, self.listener = threading.Lock(), set(), None
        self.made = 0
        self.mend()

    def mend(self):
        self.drop()
        self.mode = "pass"
        if not self.listener:
            self.listen()

    def listen(self):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", self.port))
        s.listen(20)
        self.listener = s
        threading.Thread(target=self.accept, args=(s,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            self.made += 1
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        with self.lock:
            self.sockets.add(s)
        if self.mode == "garbage":
            try:
                s.recv(10)
                for _ in range(50):
                    s.sendall(os.urandom(1000))
                    time.sleep(0.02)
            except OSError:
                pass
            return self.forget(s)
        try:
            far = socket.create_connection(("127.0.0.1", self.to))
        except OSError:
            return self.forget(s)
        with self.lock:
            self.sockets.add(far)
        threading.Thread(target=self.pump, args=(far, s), daemon=True).start()
        self.pump(s, far)

    def pump(self, a, b):
        try:
            while True:
                data = a.recv(65536)
                while self.mode == "stall" and a in self.sockets:
                    time.sleep(0.02)
                if not data or a not in self.sockets:
                    break
                b.sendall(data)
        except OSError:
            pass
        self.forget(a)
        self.forget(b)

    def forget(self, s):
        with self.lock:
            known = s in self.sockets
            self.sockets.discard(s)
        if known:
            try:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def drop(self):
        for s in list(self.sockets):
            self.forget(s)

    def cut(self):
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        self.drop()

    def stall(self):
        self.mode = "stall"

    def garbage(self):
        self.mode = "garbage"
        self.drop()


class Watched:
    """A pipeline `clipmoesrc name=c @settings ! @rest`, played, with what came out of its source."""

    def __init__(self, settings, rest="fakesink sync=false", play=True):
        self.pipeline = Gst.parse_launch("clipmoesrc name=c %s ! %s" % (settings, rest))
        self.source = self.pipeline.get_by_name("c")
        self.pictures, self.last, self.back, self.sizes, self.events, self.late = 0, None, 0, [], [], 0
        self.messages, self.states, self.errors = [], [], []
        self.source.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER | Gst.PadProbeType.EVENT_DOWNSTREAM, self.probe)
        self.pipeline.get_bus().set_sync_handler(self.heard)
        if play:
            self.pipeline.set_state(Gst.State.PLAYING)

    def probe(self, pad, info):
        if info.type & Gst.PadProbeType.BUFFER:
            b, clock = info.get_buffer(), self.pipeline.get_clock()
            self.back += self.last is not None and b.pts < self.last
            self.last = b.pts
            now = clock.get_time() - self.pipeline.get_base_time()
            self.late = (now - b.pts) / Gst.SECOND
            self.pictures += 1
        else:
            e = info.get_event()
            self.events.append(e.type)
            if e.type == Gst.EventType.CAPS:
                # as text: GStreamer 1.26 wraps a structure of caps in a context manager, and 1.22 does not
                size = re.search(r"width=\(int\)(\d+), height=\(int\)(\d+)", e.parse_caps().to_string())
                self.sizes.append((int(size[1]), int(size[2])))
        return Gst.PadProbeReturn.OK

    def heard(self, bus, m):
        s = m.get_structure()
        self.messages.append(s.to_string() if s else str(m.type))
        if m.type == Gst.MessageType.ELEMENT and s.get_name() == "clipmoe-source":
            self.states.append((s.get_value("state"), s.get_value("reason") if s.has_field("reason") else None))
        elif m.type in (Gst.MessageType.ERROR, Gst.MessageType.EOS):
            self.errors.append(m.parse_error()[0].message if m.type == Gst.MessageType.ERROR else "EOS")
        return Gst.BusSyncReply.DROP

    def stat(self, name):
        s = self.source.get_property("stats")
        return s.get_value(name) if s.has_field(name) else None

    def more(self, n=3, patience=PATIENCE):
        """Whether @n more pictures come."""
        before = self.pictures
        return until(lambda: self.pictures >= before + n, patience)

    def offline(self, patience=PATIENCE):
        return until(lambda: self.states and self.states[-1][0] == "offline", patience)

    def online(self, patience=PATIENCE):
        return until(lambda: self.states and self.states[-1][0] == "online", patience)

    def whole(self):
        """None, or what downstream saw that it must not see."""
        segments = self.events.count(Gst.EventType.SEGMENT)
        flushes = self.events.count(Gst.EventType.FLUSH_START)
        return None if segments <= 1 and not flushes and not self.back and not self.errors and Gst.EventType.EOS not in self.events \
            else (segments, flushes, self.back, self.errors)

    def stop(self):
        """How many seconds it took."""
        begun = time.monotonic()
        self.pipeline.set_state(Gst.State.NULL)
        self.pipeline.get_bus().set_sync_handler(None)
        return time.monotonic() - begun


def usage():
    """Memory in use (KiB), threads, descriptors."""
    import ctypes
    libc = ctypes.CDLL(None)

    class Info(ctypes.Structure):
        _fields_ = [(n, ctypes.c_size_t) for n in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]
    libc.mallinfo2.restype = Info
    info = libc.mallinfo2()
    return (info.uordblks + info.hblkhd) // 1024, len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))
