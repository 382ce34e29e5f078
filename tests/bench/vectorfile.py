"""The rows of a vector file, as archive/rowfile.h describes it: a page of header; then groups, each of a page of checksums and the
f16 rows of 128 blocks of 1024."""
import numpy as np

PAGE, GROUP = 4096, 128 * 1024


def parts(path, rows, embed, most=32768):
    """f32 arrays of at most @most rows, in order."""
    with open(path, "rb") as f:
        for first in range(0, rows, GROUP):
            at, n = PAGE + first // GROUP * (PAGE + GROUP * embed * 2) + PAGE, min(GROUP, rows - first)
            for row in range(0, n, most):
                f.seek(at + row * embed * 2)
                some = min(most, n - row)
                yield np.fromfile(f, np.float16, some * embed).reshape(some, embed).astype(np.float32)


def some(path, rows, embed, numbers):
    """The rows with these numbers."""
    out = np.empty((len(numbers), embed), np.float32)
    with open(path, "rb") as f:
        for i, row in enumerate(numbers):
            f.seek(PAGE + row // GROUP * (PAGE + GROUP * embed * 2) + PAGE + row % GROUP * embed * 2)
            out[i] = np.fromfile(f, np.float16, embed)
    return out
