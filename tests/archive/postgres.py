"""Protects: the store in PostgreSQL (test_postgres.c); of three workers one is killed, one is stopped past its lease and goes
on later, and the server restarts: nothing is lost, nothing doubled, and the answers are those of a store in a folder; the same
with connections that break at any place, so that nobody knows whether a commit was done.

    postgres.py TEST_POSTGRES WORKER

The server is the test's own: pgserver.py."""
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import slow  # noqa: E402
from pgserver import NONE_HERE, Server, binaries  # noqa: E402

TEST, WORKER = sys.argv[1:3]
FILES, MOMENTS, LEASE = 18, 10, 3


class Worker:
    """A worker with its lines as they come."""

    def __init__(self, uri, pause):
        self.lines, self.news = [], threading.Condition()
        self.process = subprocess.Popen([WORKER, "work", uri, str(LEASE), str(pause)], stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()

    def wait_for_takes(self, n):
        with self.news:
            ok = self.news.wait_for(lambda: sum(line.startswith("take") for line in self.lines) >= n and self.lines[-1].startswith("take"),
                                    slow.seconds(60))
        assert ok, "a worker did not begin %d files: %s" % (n, self.lines)

    def end(self):
        code = self.process.wait(slow.seconds(120))
        self.thread.join()
        self.process.stdout.close()
        return code


def output(*words):
    return subprocess.run([WORKER, *words], check=True, stdout=subprocess.PIPE, timeout=slow.seconds(120)).stdout.decode()


def make_files(folder):
    where = os.path.join(folder, "files")
    os.mkdir(where)
    paths = []
    for i in range(FILES):
        paths.append(os.path.join(where, "f%02d" % i))
        with open(paths[-1], "w", encoding="ascii") as f:
            f.write("%d %d" % (100 * i, MOMENTS + i % 3))
    return paths


def check_store(server, database, paths, folder_answers, lines):
    """Everything is there, once, and answers as the folder does."""
    assert not output("verify", server.uri(database)), output("verify", server.uri(database))
    done = sorted(line[5:] for line in lines if line.startswith("done"))
    assert len(set(done)) == len(done), "a file was finished twice: %s" % done
    assert set(done) <= set(paths)
    answers = output("answers", server.uri(database))
    assert answers == folder_answers, "the answers are not the folder's:\n%s\n%s" % (answers, folder_answers)
    assert output("answers", server.uri(database)) == folder_answers, "other answers from the mirror that is there"
    assert server.ask(database, "SELECT count(*) FROM clipmoe.take") == str(FILES)
    assert server.ask(database, "SELECT count(*) FROM clipmoe.file WHERE waits OR worker IS NOT NULL") == "0"


def killed_and_stopped(server, paths, folder_answers):
    uri = server.create("workers")
    output("register", uri, *paths)
    killed, stopped, third = (Worker(uri, slow.seconds(40)) for _ in range(3))
    killed.wait_for_takes(2)
    killed.process.kill()
    stopped.wait_for_takes(2)
    stopped.process.send_signal(signal.SIGSTOP)
    before = time.monotonic()
    third.wait_for_takes(3)
    server.stop()
    time.sleep(0.5)
    server.start()
    third.wait_for_takes(4)
    server.stop(signal.SIGQUIT)
    server.start()
    assert third.end() == 0  # it has waited for what the other two had
    assert time.monotonic() - before > LEASE
    stopped.process.send_signal(signal.SIGCONT)
    assert stopped.end() == 0
    assert killed.end() == -signal.SIGKILL
    lost = [line for line in stopped.lines if line.startswith("lost")]
    assert len(lost) == 1, stopped.lines
    lines = killed.lines + stopped.lines + third.lines
    assert sorted(line[5:] for line in lines if line.startswith("done")) == paths, lines
    check_store(server, "workers", paths, folder_answers, lines)


class Cutter(threading.Thread):
    """Stands between workers and the server, and cuts each connection after some bytes of one direction or the other, so that a
    statement does not arrive, arrives in part, or is done and nobody is told."""

    def __init__(self, port, seed):
        super().__init__(daemon=True)
        self.to, self.random, self.cuts, self.calm = port, random.Random(seed), 0, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                client.close()
                continue
            up, down = self.random.randrange(3000, 40000), self.random.randrange(1500, 6000)
            for source, target, most in ((client, server, up), (server, client, down)):
                threading.Thread(target=self.carry, args=(source, target, most), daemon=True).start()

    def carry(self, source, target, left):
        try:
            while True:
                some = source.recv(1024)
                if not some:
                    break
                if len(some) > left and not self.calm:
                    target.sendall(some[:left])
                    self.cuts += 1
                    break
                left -= len(some)
                target.sendall(some)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def cut_connections(server, paths, folder_answers):
    uri = server.create("cut")
    output("register", uri, *paths)
    cutter = Cutter(server.port, 5)
    cutter.start()
    workers = [Worker(server.uri("cut", cutter.port), 5) for _ in range(3)]
    assert [w.end() for w in workers] == [0, 0, 0]
    cutter.listener.close()
    assert cutter.cuts > 10, cutter.cuts
    lines = sum((w.lines for w in workers), [])
    check_store(server, "cut", paths, folder_answers, lines)
    print("connections cut: %d" % cutter.cuts)


def main():
    where = binaries()
    if not where:
        print(NONE_HERE)
        return 77
    folder = tempfile.mkdtemp(prefix="clipmoe-postgres-")
    server = None
    os.environ["XDG_CACHE_HOME"] = os.path.join(folder, "cache")
    os.environ["TZ"] = "UTC"
    try:
        server = Server(folder, where)
        os.environ["CLIPMOE_TEST_POSTGRES"] = server.uri("%s")
        subprocess.run([TEST], check=True, timeout=slow.seconds(240))
        paths = make_files(folder)
        output("index", os.path.join(folder, "archive"), *paths)
        folder_answers = output("answers", os.path.join(folder, "archive"))
        assert "all: %d\n" % sum(MOMENTS + i % 3 for i in range(FILES)) in folder_answers, folder_answers
        killed_and_stopped(server, paths, folder_answers)
        cut_connections(server, paths, folder_answers)
    finally:
        if server and server.process:
            server.stop(signal.SIGQUIT)
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
