#!/usr/bin/python3
"""Makes pillow.bin: what Pillow's bicubic resize makes of integer patterns (see pattern () in pattern.h).

Little-endian; a record is four u32 (width, height, side, geometry: 0 crop, 1 squash) and side * side * 3 bytes.
Needs PIL and numpy; the file is committed, so that a test needs neither.
"""
import pathlib
import struct

import numpy as np
from PIL import Image

CASES = [  # width, height, side, geometry
    (1, 1, 16, 0), (1, 9, 16, 0), (9, 1, 16, 0), (2, 3, 16, 0), (1, 1000, 16, 0), (700, 1, 16, 0),
    (16, 16, 16, 0), (16, 17, 16, 0), (17, 16, 16, 0), (16, 19, 16, 0), (21, 16, 16, 0), (15, 15, 16, 0),
    (31, 33, 32, 0), (33, 31, 32, 0), (64, 48, 32, 0), (48, 64, 32, 0), (227, 300, 32, 0), (320, 180, 32, 0),
    (101, 50, 32, 0), (50, 101, 32, 0), (640, 480, 32, 0), (333, 500, 32, 0), (1365, 1024, 32, 0),
    (7, 5, 33, 0), (129, 97, 33, 0), (500, 375, 56, 0), (300, 301, 56, 0),
    (1, 1, 16, 1), (40, 10, 16, 1), (10, 40, 16, 1), (16, 50, 16, 1), (321, 123, 32, 1),
]


def pattern(w, h):
    y, x = np.mgrid[0:h, 0:w].astype(np.int64)
    c = np.arange(3)
    x, y = x[..., None], y[..., None]
    return (((x * x * 3 + y * 7 + c * 41 + (x * y) // 4) ^ (x * 5 + y * 11)) & 255).astype(np.uint8)


def half_even(d):
    return d // 2 + (d // 2 & 1) if d % 2 else d // 2


def expected(picture, side, geometry):
    h, w = picture.shape[:2]
    w2, h2 = (side, side) if geometry else (side, side * h // w) if w <= h else (side * w // h, side)
    image = Image.fromarray(picture).resize((w2, h2), Image.BICUBIC)
    left, top = half_even(w2 - side), half_even(h2 - side)
    return np.asarray(image.crop((left, top, left + side, top + side)))


if __name__ == '__main__':
    with open(pathlib.Path(__file__).with_name('pillow.bin'), 'wb') as f:
        for case in CASES:
            f.write(struct.pack('<4I', *case))
            f.write(expected(pattern(*case[:2]), *case[2:]).tobytes())
