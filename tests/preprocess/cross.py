#!/usr/bin/python3
"""Checks the sums of resizing on processors that this machine does not have (elsewhere.py).

    cross.py TEST SOURCES   the built test of the kernels, and the folder core/kernels
"""
import os
import sys

sys.path.insert(0, os.environ["CLIPMOE_TEST_SOURCES"])
import elsewhere  # noqa: E402

TEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_kernels.c")


def arm(compile_to):
    built = compile_to("test", "-static", TEST, "resize-choose.c", "generic/resize_generic.c", "arm/resize_neon.c")
    return built, [("NEON", [], "neon: equals plain C\n")]


elsewhere.run(sys.argv[1], sys.argv[2], arm)
