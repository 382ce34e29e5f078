"""A PostgreSQL server of a test's own: in a folder of its own, on a port of its own, run by a user who is not root, and ended with
the test."""
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import slow  # noqa: E402

PASSWORD = "geheim"
NONE_HERE = "no PostgreSQL server here: pipelines/install-deps --tests (Debian: postgresql)"


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
