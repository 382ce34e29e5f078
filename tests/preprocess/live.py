#!/usr/bin/python3
"""Checks that random sizes and noise give, bit for bit, the results of the Pillow of this machine."""
import struct
import subprocess
import sys

try:
    import numpy as np
    import PIL
    from PIL import Image  # noqa: F401  (make_fixtures needs it)
except ImportError as e:
    print(f'skipped: {e}')
    sys.exit(77)
from make_fixtures import expected

MEAN = np.array((0.48145466, 0.4578275, 0.40821073), np.float32)
STD = np.array((0.26862954, 0.26130258, 0.27577711), np.float32)

random = np.random.default_rng(7)
cases, inputs = [], []
for i in range(72):
    w, h = (int(2 ** random.uniform(0, 9.5 if i < 60 else 4)) for _ in range(2))
    side = int(random.choice((16, 64, 224, 336))) if max(w, h) < 60 * min(w, h) else 16
    geometry = int(i % 4 == 3)
    picture = random.integers(0, 256, (h, w, 3), np.uint8)
    if i % 3 == 0:  # hard edges, where the kernel overshoots
        picture = np.where(picture > 127, 255, 0).astype(np.uint8)
    cases.append((picture, side, geometry))
    inputs.append(struct.pack('<5I', w, h, side, geometry, 0) + picture.tobytes())
got = np.frombuffer(subprocess.run([sys.argv[1]], input=b''.join(inputs), stdout=subprocess.PIPE, check=True).stdout,
                    np.float32)
at = failed = 0
for picture, side, geometry in cases:
    want = expected(picture, side, geometry).astype(np.float32) / np.float32(255)
    want = ((want - MEAN) / STD).transpose(2, 0, 1)
    have = got[at:at + want.size].reshape(want.shape)
    at += want.size
    if want.tobytes() != have.tobytes():
        print(f'{picture.shape[1]} x {picture.shape[0]} to {side}, geometry {geometry}: '
              f'{int((want != have).sum())} values differ')
        failed += 1
assert at == got.size
print(f'Pillow {PIL.__version__}: {len(cases)} pictures, {failed} differ')
sys.exit(failed > 0)
