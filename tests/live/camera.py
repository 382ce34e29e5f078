#!/usr/bin/python3
"""A camera: an RTSP server on loopback, as a program of its own that tests can kill and stop.

    camera.py [--port N] [--video FILE] [--codec h264|mjpeg] [--size WxH] [--fps N] [--scenes SECONDS] [--login USER:PASSWORD]
              [--loss PERCENT] [--jump SECONDS]

Prints its port in a line when it can be asked for rtsp://127.0.0.1:PORT/stream. --video plays the file over and over, with
clipmoesrc. --scenes: after so many seconds another picture, and back.
--loss: so many RTP packets are not sent. --jump: after 2 s the times of its packets jump by so many seconds.
"""
import argparse
import itertools
import os
import random
import sys

import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

ENCODERS = {"h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=500 ! rtph264pay name=pay0 pt=96",
            "mjpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26"}


def picture(args):
    width, height = args.size.split("x")
    caps = "video/x-raw,format=I420,width=%s,height=%s,framerate=%d/1" % (width, height, args.fps)
    if args.video:
        return 'clipmoesrc uri="%s" ! videoconvert ! videoscale ! videorate ! %s' % (args.video, caps)
    return "videotestsrc name=picture is-live=true pattern=ball ! " + caps


class Factory(GstRtspServer.RTSPMediaFactory):
    def __init__(self, args):
        super().__init__()
        self.args = args
        self.set_shared(True)
        self.set_latency(0)

    def do_create_element(self, url):
        e = Gst.parse_launch("( %s ! %s )" % (picture(self.args), ENCODERS[self.args.codec]))
        pad = e.get_by_name("pay0").get_static_pad("src")
        if self.args.loss:
            lost = random.Random(1)
            kinds = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST
            pad.add_probe(kinds, lambda p, i: Gst.PadProbeReturn.DROP if lost.random() * 100 < self.args.loss else Gst.PadProbeReturn.OK)
        if self.args.scenes:
            GLib.timeout_add_seconds(self.args.scenes, self.change, e.get_by_name("picture"), itertools.cycle(("smpte", "ball")))
        if self.args.jump:
            GLib.timeout_add(2000, lambda: e.get_by_name("pay0").set_property("timestamp-offset", 1) or self.jump(e))
        return e

    def change(self, picture, scenes):
        Gst.util_set_object_arg(picture, "pattern", next(scenes))
        return picture.current_state != Gst.State.NULL  # nobody looks any more, and the next stream has its own

    def jump(self, e):
        e.get_by_name("pay0").get_static_pad("sink").set_offset(self.args.jump * Gst.SECOND)
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--video")
    parser.add_argument("--codec", default="h264", choices=sorted(ENCODERS))
    parser.add_argument("--size", default="160x120")
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--scenes", type=int, default=0)
    parser.add_argument("--login")
    parser.add_argument("--loss", type=float, default=0)
    parser.add_argument("--jump", type=int, default=0)
    args = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(args.port))
    factory = Factory(args)
    if args.login:
        auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
        user, password = args.login.split(":", 1)
        token.set_string("media.factory.role", user)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(auth)
        factory.add_role_from_structure(Gst.Structure.from_string(
            '%s, media.factory.access=(boolean)true, media.factory.construct=(boolean)true' % user)[0])
    server.get_mount_points().add_factory("/stream", factory)
    if not server.attach(None):
        sys.exit("camera.py: port %d cannot be had" % args.port)
    print(server.get_bound_port(), flush=True)
    if os.getppid() != 1:  # ends with the test
        parent = os.getppid()
        GLib.timeout_add(500, lambda: True if os.getppid() == parent else os._exit(0))
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
