"""Queries of an archive: exact search over a vector file beside faiss and usearch, all with the same rows, queries and number of
threads, rounds interleaved. All answers are compared first: recall, against the best of all engines. See `archive`."""
import os
import shutil
import statistics
import subprocess
import sys
import time

import numpy as np

import archive_growth
import goals
import peers
import vectorfile

USEARCH = "2.25.3"
HIT = np.dtype([("row", "<u8"), ("cosine", "<f8")])
AWAY = 2e-6  # of a cosine that was summed in f32


class Queries:
    def __init__(self, o, cpus):
        self.o, self.cpus, self.k = o, cpus, o.k
        self.ours = self.start_ours()

    def start_ours(self):
        command = os.path.join(self.o.build, "tests", "bench", "archive_bench")
        if not os.path.exists(command):
            sys.exit("archive: %s is missing: meson setup %s && ninja -C %s" % (command, self.o.build, self.o.build))
        return peers.Peer("clipmoe", [command], self.cpus)

    def path(self, rows):
        return os.path.join(self.o.cache, "archive-%d-%d" % (rows, self.o.embed))

    def make(self, rows):
        self.ours.ask("make", self.path(rows), rows, self.o.embed)
        self.open(self.ours, rows)

    def open(self, peer, rows, *more):
        """@peer has the rows, and queries: rows that something was added to."""
        path, embed = self.path(rows), self.o.embed
        rng = np.random.default_rng(5)
        near = vectorfile.some(path, rows, embed, rng.integers(0, rows, self.o.queries))
        near += rng.normal(0, 0.7 / np.sqrt(embed), near.shape).astype(np.float32)
        near /= np.linalg.norm(near, axis=1, keepdims=True)
        queries = os.path.join(self.o.cache, "archive-queries")
        near.astype(np.float32).tofile(queries)
        peer.ask("open", self.raw(rows) if peer.name == "usearch" else path, rows, embed, self.o.threads, *more)
        peer.ask("queries", queries, self.o.queries)

    def raw(self, rows):
        path = self.path(rows) + ".f32"
        if not os.path.exists(path):
            with open(path + ".part", "wb") as f:
                for some in vectorfile.parts(self.path(rows), rows, self.o.embed):
                    some.tofile(f)
            os.rename(path + ".part", path)
        return path

    def peers(self):
        """(name, peer): those that can be had."""
        kinds = ["flat", "fp16"] + (["flat-halves", "fp16-halves"] if self.o.halves else [])
        for kind in kinds if "faiss" in self.o.peers else []:
            peer = peers.Peer("faiss " + kind, ["/usr/bin/python3", os.path.join(peers.HERE, "faiss_peer.py")], self.cpus)
            yield peer.name, peer, (kind,)
        if "usearch" in self.o.peers:
            folder = self.o.cache
            if not os.path.isdir(os.path.join(folder, "node_modules", "usearch")):
                if not shutil.which("npm"):
                    print("  usearch: not measured: npm is missing")
                    return
                # --ignore-scripts: the package brings its library along
                subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder,
                                "usearch@" + USEARCH], check=True, stdout=sys.stderr)
            yield "usearch", peers.Peer("usearch", ["node", os.path.join(peers.HERE, "usearch_peer.js"), folder], self.cpus), ()

    def hits(self, peer):
        path = os.path.join(self.o.cache, "archive-hits")
        peer.ask("write", self.k, path)
        return np.fromfile(path, HIT).reshape(self.o.queries, self.k)

    def recall(self, hits, rows):
        """Of each query's k best rows by sums in double, those that are among @hits: rows as good as the last count as such."""
        found = 0
        queries = np.fromfile(os.path.join(self.o.cache, "archive-queries"), np.float32).reshape(self.o.queries, -1).astype(float)
        if not hasattr(self, "best") or self.best[0] != rows:
            self.best = (rows, exact(self.path(rows), rows, self.o.embed, queries, self.k))
        for q in range(len(queries)):
            mine = vectorfile.some(self.path(rows), rows, self.o.embed, hits[q]["row"].astype(int)).astype(float) @ queries[q]
            found += (np.sort(mine)[::-1] >= self.best[1][q] - 1e-9).sum() if len(set(hits[q]["row"])) == self.k else 0
        return found / (len(queries) * self.k)

    def measure(self, peer, what, n):
        """The median of n runs, in ms."""
        return statistics.median(wall for wall, _ in ((v[0], v[1]) for v in times(peer, what, n)))

    def compare(self, rows):
        o = self.o
        self.make(rows)
        running = [("clipmoe", self.ours)]
        for name, peer, more in self.peers():
            try:
                self.open(peer, rows, *more)
                running.append((name + " " + peer.ask("version")[0], peer))
            except peers.Failed as e:
                print("  %-22s not measured: %s" % (name, e))
                peer.close()
        calls, recalls = {name: [] for name, _ in running}, {}
        for name, peer in running:
            recalls[name] = self.recall(self.hits(peer), rows)
        for _ in range(o.rounds):
            for name, peer in running:
                calls[name] += times(peer, (self.k, 1), 7 if name == "clipmoe" else 3)
        print("\n%d rows of %d, the best %d, one query at a time, %d threads" % (rows, o.embed, self.k, o.threads))
        print("  %-22s %9s %18s %8s %8s" % ("", "ms/query", "10 % .. 90 %", "ours is", "recall"))
        mine = statistics.median(w for w, _ in calls["clipmoe"])
        good = recalls["clipmoe"] == 1
        for name, _ in running:
            walls = sorted(w for w, _ in calls[name])
            ms, kind = statistics.median(walls), " ".join(name.split()[:2])
            goal = goals.SEARCH.get(kind)
            verdict = "goal %.1f times: %s" % (goal, "reached" if ms / mine >= goal else "BELOW") if goal else ""
            print("  %-22s %9.1f %8.1f .. %-7.1f %8s %8.4f  %s" % (
                name, ms, walls[len(walls) // 10], walls[-1 - len(walls) // 10],
                "" if name == "clipmoe" else "%.2f x" % (ms / mine), recalls[name], verdict))
        for name, peer in running[1:]:
            peer.close()
        print("  recall %.4f (goal 1: %s)" % (recalls["clipmoe"], "reached" if good else "BELOW"))
        return good

    def costs(self, rows):
        """What a query costs beyond its first pass, with filters, and how much memory."""
        o, n = self.o, 5 * self.o.rounds
        fresh = self.start_ours()
        self.open(fresh, rows)
        begin = time.monotonic()  # the files are in memory, and nothing of them is known to be right
        fresh.ask("open", self.path(rows), rows, o.embed, o.threads)
        fresh.ask("time", self.k, 1, 1)
        self.tell("opening, and the first answer", (time.monotonic() - begin) * 1e3, goals.SEARCH_FIRST_MS, "ms", most=True)
        fresh.close()
        self.make(rows)
        self.measure(self.ours, (self.k, 1), 3)
        whole, first = [], []
        for _ in range(n):
            whole += times(self.ours, (self.k, 1), 1)
            first += times(self.ours, (0, 0), 1)
        full, alone = (statistics.median(w for w, _ in v) for v in (whole, first))
        work = (statistics.median(p for _, p in whole) - statistics.median(p for _, p in first)) / o.threads
        self.tell("beyond the first pass", full - alone, goals.SEARCH_BEYOND_MS, "ms", most=True)
        print("  %-50s %8.1f ms" % ("  of each processor, whatever else runs", work))
        for ranges, length in (1, rows // 100), (100, rows // 10000), (1000, rows // 100000):
            if not length:
                continue
            self.ours.ask("ranges", ranges, length)
            ms = self.measure(self.ours, (self.k, 1), n)
            self.ours.ask("ranges", 0, 0)
            self.tell("1 %% of the rows, %4d ranges: %.2f ms, faster" % (ranges, ms), full / ms, goals.SEARCH_FILTER, "times")
        self.tell("memory besides files", float(self.ours.ask("memory")[0]) / 1e6, goals.SEARCH_MEMORY_MB, "MB", most=True)

    @staticmethod
    def tell(what, value, goal, unit, most=False):
        good = value <= goal if most else value >= goal
        print("  %-50s %8.1f %s (goal %s%g: %s)" % (what, value, unit, "at most " if most else "", goal, "reached" if good else "BELOW"))


def times(peer, what, n):
    values = list(map(float, peer.ask("time", *what, n)))
    return list(zip(values[0::2], values[1::2]))


def exact(path, rows, embed, queries, k):
    """The k best cosines of each query, summed in double."""
    best = np.full((len(queries), k), -2.0)
    for some in vectorfile.parts(path, rows, embed, 16384):
        rough = some @ queries.T.astype(np.float32)  # those that may be among the best
        for q in range(len(queries)):
            may = np.flatnonzero(rough[:, q] > best[q, -1] - 1e-4)
            if len(may):
                best[q] = np.sort(np.concatenate([best[q], some[may].astype(float) @ queries[q]]))[::-1][:k]
    return best


def run(o, cpus):
    q, good = Queries(o, cpus), True
    try:
        if "queries" in o.only:
            good = q.compare(o.rows)
            q.costs(o.rows)
        if "growth" in o.only:
            measured = archive_growth.measure(q, o.most)
            good = archive_growth.tell(measured, o.threads) and good
            if o.svg:
                archive_growth.draw(measured, o.svg, "A query's time by the number of moments, %d dimensions, %d threads" % (o.embed, o.threads))
    finally:
        q.ours.close()
    return good
