#!/usr/bin/python3
"""Checks children.py: whichever way a test ends, what it started ends with it, and its status says how it ended."""
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BEGIN = ("import sys; sys.path.insert(0, %r)\nimport children, os, signal, subprocess, threading, time\n"
         "def start():\n  global p\n  p = subprocess.Popen(['sh', '-c', 'sleep 1000 & echo $!; wait'], stdout=subprocess.PIPE)\n"
         "t = threading.Thread(target=start); t.start(); t.join()\n"
         "print(p.pid, p.stdout.readline().decode(), flush=True)\n" % HERE)
failed = 0


def runs(pid):
    """A zombie, whose parent has not looked yet, does not."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            return f.read().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


for name, how, status in (("an exception", "raise ValueError", 1), ("its end", "", 0), ("sys.exit", "sys.exit(3)", 3),
                          ("its alarm", "signal.setitimer(signal.ITIMER_REAL, .05); time.sleep(100)", -signal.SIGALRM),
                          ("SIGTERM", "os.kill(os.getpid(), signal.SIGTERM); time.sleep(100)", -signal.SIGTERM)):
    r = subprocess.run([sys.executable, "-c", BEGIN + how], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60)
    pids = [int(word) for word in r.stdout.split()]
    end = time.monotonic() + 20
    while (left := [pid for pid in pids if runs(pid)]) and time.monotonic() < end:
        time.sleep(.02)
    ok = len(pids) == 2 and not left and r.returncode == status
    failed += not ok
    if not ok:
        print("FAILED: a test that ends by %s:" % name, r, left)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
print("%d passed, %d failed, 0 skipped" % (5 - failed, failed))
sys.exit(failed != 0)
