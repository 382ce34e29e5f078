#!/usr/bin/python3
"""Faults of cameras under `clipmoe watch`: killed, stopped, its port closed, silent, noise, a refused login, another size, another
codec, 20 % of its packets lost, a jump in time. Tags are back in time, and two cameras without a fault never miss a look.

    faults.py          two of each kind
    faults.py --long   twenty
"""
import random
import shutil
import sys
import threading

import live
import soaking
import watching
from live import until
from soaking import Follower, One, check

EACH = 20 if "--long" in sys.argv else 2


def suffer(one, kinds, follower):
    for i, kind in enumerate(kinds):
        one.suffer(kind, (0.2, 6)[i % 2] if kind in ("stop", "stall") else one.random.uniform(0.1, 2), follower)


def main():
    ones = [One("camera%d" % i, i, udp=i == 3, rate=i < 2) for i in range(6)]
    steady, others = ones[:2], ones[2:]
    more = {one.name: [] for one in others}  # whose turn a fault is
    for kind in soaking.KINDS:
        able = [one for one in others if kind in one.kinds()]
        for _ in range(EACH):
            more[min(able, key=lambda one: len(more[one.name])).name].append(kind)
    watch = None
    try:
        with open(watching.path("cameras.ini"), "w", encoding="utf-8") as f:
            f.write("[watch]\n" + soaking.LABELS + "model = clip-tiny\nlisten = 127.0.0.1:%d\n" % live.free_port() + "".join(o.ini() for o in ones))
        watch = watching.Watch(watching.path("cameras.ini"))
        follower, starved = Follower(watch), soaking.Starved()
        if not check("all cameras are online", until(lambda: watch.get("/health").get("online") == len(ones)), watch.said()):
            return
        since = soaking.begin(steady, watch)
        threads = [threading.Thread(target=suffer, args=(one, random.Random(1).sample(more[one.name], len(more[one.name])), follower)) for one in others]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        soaking.backs()
        soaking.count(ones, watch, steady, since, starved)
        follower.stop = True
        check("it ends well", watch.stop()[0] == 0, watch.said()[-1000:])
    finally:
        if watch and watch.process.poll() is None:
            watch.process.kill()
        for one in ones:
            one.end()
        shutil.rmtree(watching.work, ignore_errors=True)


try:
    main()
finally:
    check.close()
