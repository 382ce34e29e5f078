#!/usr/bin/python3
"""Checks resuming: a run that is killed at random moments ends with the same bytes in every file as an uninterrupted one;
SIGTERM ends it in an orderly way, and it can continue.

    kills.py NUMBER_OF_KILLS
"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import slow  # noqa: E402

try:
    import tiny
except ImportError as e:
    print("missing: %s" % e)
    sys.exit(77)

KILLS = int(sys.argv[1])


def same(a, b, what):
    names = sorted(set(a) ^ set(b))
    different = [n for n in a if n in b and a[n] != b[n]]
    if names or different:
        print("FAILED: %s: only in one: %s; different: %s" % (what, names, different))
        sys.exit(1)


def run(arguments, out):
    began = time.monotonic()
    r = subprocess.run(arguments + ["--out", out], capture_output=True, text=True, timeout=slow.seconds(300))
    if r.returncode:
        print("FAILED: exit %d: %s" % (r.returncode, r.stderr[-2000:]))
        sys.exit(1)
    return r, time.monotonic() - began


with tempfile.TemporaryDirectory() as top:
    arguments = tiny.setup(top)
    _, seconds = run(arguments, os.path.join(top, "alone"))
    alone = tiny.files(os.path.join(top, "alone"))
    for wanted in ("run.json", "curves.jsonl", "report.html", "moe/model.safetensors", "route.state.safetensors",
                   "finetune-2.state.safetensors", "compare.json", "evaluate-route.json",
                   "tune.state.safetensors", "evaluate-tune.json"):
        if wanted not in alone:
            print("FAILED: no %s among %s" % (wanted, sorted(alone)))
            sys.exit(1)
    _, seconds = run(arguments, os.path.join(top, "again"))
    same(alone, tiny.files(os.path.join(top, "again")), "a second run")
    _, start = run(arguments, os.path.join(top, "again"))  # nothing left to do: what starting up costs
    same(alone, tiny.files(os.path.join(top, "again")), "a finished run begun again")
    rng = random.Random(20)
    kills = rounds = 0
    while kills < KILLS:
        out = os.path.join(top, "killed%d" % rounds)
        rounds += 1
        while True:
            p = subprocess.Popen(arguments + ["--out", out], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                # short enough that a run is killed several times, long enough that it gets on
                _, err = p.communicate(timeout=start / 2 + rng.uniform(0, max(seconds - start, start) / 2))
                if p.returncode:
                    print("FAILED: exit %d after %d kills: %s" % (p.returncode, kills, err.decode()[-2000:]))
                    sys.exit(1)
                break
            except subprocess.TimeoutExpired:
                p.kill()
                p.communicate()
                kills += 1
        same(alone, tiny.files(out), "after kills")
    out = os.path.join(top, "term")
    stopped = 0
    for i in range(100):
        p = subprocess.Popen(arguments + ["--out", out], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(start + (seconds - start) * 0.3)
        p.send_signal(signal.SIGTERM)
        said, err = p.communicate(timeout=slow.seconds(60))
        if p.returncode and p.returncode != -signal.SIGTERM:
            print("FAILED: exit %d after SIGTERM: %s" % (p.returncode, err.decode()[-2000:]))
            sys.exit(1)
        stopped += b"stopped" in said
        if b"done" in said:
            break
    run(arguments, out)
    same(alone, tiny.files(out), "after SIGTERM")
    print("%d kills over %d runs of %.1f s, %d orderly stops: the same bytes" % (kills, rounds, seconds, stopped))
    print("%d passed, 0 failed, 0 skipped" % (rounds + 3))
