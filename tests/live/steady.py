#!/usr/bin/python3
"""A pipeline with clipmoesrc, as a program of its own: prints what it uses each time the camera is online.

    steady.py SETTINGS       until standard input ends
"""
import sys
import threading

import live
from gi.repository import Gst

Gst.init(None)
w = live.Watched(sys.argv[1])


def end():
    sys.stdin.read()
    print("stopped in %.2f s" % w.stop(), flush=True)
    print("%d %d %d" % live.usage(), flush=True)


ender = threading.Thread(target=end)
ender.start()
while ender.is_alive():
    if not (live.until(lambda: w.states and w.states[-1][0] == "online" or not ender.is_alive()) and w.more(3) and ender.is_alive()):
        continue
    del w.messages[:], w.events[:], w.sizes[:]
    print("%d %d %d" % live.usage(), flush=True)
    live.until(lambda: w.states[-1][0] == "offline" or not ender.is_alive())
ender.join()
