"""How long a test waits before it calls something hung: tests/run measures how slow or busy the machine is and says so in
CLIPMOE_TEST_SLOWNESS, a whole number; 1 without it. slow.h is the same in C."""
import os


def seconds(n):
    """@n on an idle machine."""
    return n * max(1, int(os.environ.get("CLIPMOE_TEST_SLOWNESS", "1")))
