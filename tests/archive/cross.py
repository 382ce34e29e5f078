#!/usr/bin/python3
"""Checks the products of searching on processors that this machine does not have (elsewhere.py); of ARM's NEON with and without
dotprod.

    cross.py TEST SOURCES   the built test of the kernels, and the folder core/kernels
"""
import os
import sys

sys.path.insert(0, os.environ["CLIPMOE_TEST_SOURCES"])
import elsewhere  # noqa: E402

TEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_kernels.c")


def arm(compile_to):
    objects = [compile_to(name + ".o", "-DCM_HAVE_SEARCH_NEON", "-march=" + march, "-c", "arm/search_neon.c")
               for name, march in (("neon", "armv8-a"), ("neon_dotprod", "armv8.2-a+dotprod"))]
    built = compile_to("test", "-DCM_HAVE_SEARCH_NEON", "-static", TEST, "search-choose.c", "cpu.c", "generic/search_generic.c", *objects, "-lm")
    return built, [("Cortex-A72", ["-cpu", "cortex-a72"], "neon: equals plain C\n"),
                   ("Neoverse N1", ["-cpu", "neoverse-n1"], "neon+dotprod: equals plain C\n")]


elsewhere.run(sys.argv[1], sys.argv[2], arm)
