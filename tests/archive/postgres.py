"""Protects: the store in PostgreSQL (test_postgres.c); of three workers one is killed, one is stopped past its lease and goes
on later, and the server restarts: nothing is lost, nothing doubled, and the answers are those of a store in a folder; the same
with connections that break at any place, so that nobody knows whether a commit was done.

    postgres.py TEST_POSTGRES WORKER

The server is this test's own: in a folder of its own, on a port of its own, run by a user who is not root, and ended with it."""
import glob
import os
import pwd
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

TEST, WORKER = sys.argv[1:3]
PASSWORD = "geheim"
FILES, MOMENTS, LEASE = 18, 10, 3


def binaries():
    """The folder of the newest server, or None."""
    found = [os.path.dirname(p) for p in glob.glob("/usr/lib/postgresql/*/bin/initdb")]
    if not found and shutil.which("initdb"):
        found = [os.path.dirname(shutil.which("initdb"))]
    return max(found, key=lambda p: [int(n) for n in p.split("/") if n.isdigit()], default=None)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, folder, where):
        self.bin, self.where, self.port = where, os.path.join(folder, "server"), free_port()
        self.user = {}
        os.mkdir(self.where, 0o700)
        if os.geteuid() == 0:  # which the server refuses
            names = [u.pw_name for u in pwd.getpwall()]
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            self.user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chmod(folder, 0o755)
            os.chown(self.where, user.pw_uid, user.pw_gid)
        secret = os.path.join(self.where, "password")
        with open(secret, "w", encoding="ascii") as f:
            f.write(PASSWORD + "\n")
        os.chmod(secret, 0o644)
        self.data = os.path.join(self.where, "data")
        self.run("initdb", "-D", self.data, "-U", "clipmoe", "--auth=scram-sha-256", "--pwfile=" + secret, "--no-sync", "-E", "UTF8",
                 "--locale=C.UTF-8")
        self.process = None
        self.start()

    def run(self, name, *words):
        subprocess.run([os.path.join(self.bin, name), *words], check=True, stdout=subprocess.DEVNULL, cwd=self.where, **self.user)

    def start(self):
        with open(os.path.join(os.path.dirname(self.where), "log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(self.bin, "postgres"), "-D", self.data, "-p", str(self.port), "-k", self.where, "-c",
                 "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=40"],
                stdout=log, stderr=log, cwd=self.where, **self.user)
        until = time.monotonic() + slow.seconds(30)
        while subprocess.run([os.path.join(self.bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False).returncode:
            assert self.process.poll() is None and time.monotonic() < until, "the server did not start"
            time.sleep(0.05)

    def stop(self, how=signal.SIGINT):
        """SIGINT: connections are cut; SIGQUIT: as if the machine had crashed."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(slow.seconds(60))

    def uri(self, database, port=None):
        return "postgresql://clipmoe:%s@127.0.0.1:%d/%s" % (PASSWORD, port or self.port, database)

    def create(self, database):
        subprocess.run([os.path.join(self.bin, "psql"), "-q", self.uri("postgres"), "-c", "CREATE DATABASE " + database], check=True)
        return self.uri(database)

    def ask(self, database, query):
        return subprocess.run([os.path.join(self.bin, "psql"), "-qtA", self.uri(database), "-c", query], check=True,
                              stdout=subprocess.PIPE).stdout.decode().strip()


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
        print("no PostgreSQL server here: pipelines/install-deps --tests (Debian: postgresql)")
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
