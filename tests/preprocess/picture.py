#!/usr/bin/python3
"""Protects: pictures are decoded as Pillow decodes them, bit for bit and turned as EXIF says, whatever their
colours; a cut or spoilt file is refused in one sentence, and nothing is printed by the libraries."""
import io
import os
import struct
import subprocess
import sys
import tempfile
import zlib

try:
    import numpy as np
    from PIL import Image, ImageOps
except ImportError as e:
    print(f'skipped: {e}')
    sys.exit(77)

IO, FORMAT, UNSUPPORTED, LIMIT = 0, 1, 2, 4
folder = tempfile.TemporaryDirectory()
cases = []  # name, path, expected array or set of error codes


def add(name, data, expected):
    path = os.path.join(folder.name, f'{len(cases)}')
    with open(path, 'wb') as f:
        f.write(data)
    cases.append((name, path, expected))


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pillow(data):
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert('RGB'))


def exif(orientation, order='<', kind=3):
    value = struct.pack(order + ('HH' if kind == 3 else 'I'), *((orientation, 0) if kind == 3 else (orientation,)))
    return (b'Exif\0\0' + (b'II' if order == '<' else b'MM') + struct.pack(order + 'HI', 42, 8) +
            struct.pack(order + 'H', 2) + struct.pack(order + 'HHI', 0x0100, 3, 1) + bytes(4) +
            struct.pack(order + 'HHI', 0x0112, kind, 1) + value + bytes(4))


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, before=b'', interlace=0):
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>2I5B', width, height, depth, colour, 0, 0, interlace)) +
            before + chunk(b'IDAT', zlib.compress(b''.join(b'\0' + r for r in rows))) + chunk(b'IEND', b''))


random = np.random.default_rng(3)
y, x = np.mgrid[0:45, 0:61]
smooth = np.stack([(127 + 100 * np.sin(x / 9 + c) * np.cos(y / 7 + c)) for c in range(3)], 2)
noisy = np.clip(smooth + random.normal(0, 25, smooth.shape), 0, 255).astype(np.uint8)
rgb = Image.fromarray(noisy)

# JPEG
for quality in (30, 75, 95):
    for subsampling in (0, 1, 2):
        for progressive in (False, True):
            data = saved(rgb, 'JPEG', quality=quality, subsampling=subsampling, progressive=progressive)
            add(f'jpeg q{quality} s{subsampling} p{progressive}', data, pillow(data))
for size in ((1, 1), (1, 17), (33, 1), (8, 8), (300, 211)):
    data = saved(rgb.resize(size), 'JPEG')
    add(f'jpeg {size}', data, pillow(data))
for mode in ('L', 'CMYK'):
    data = saved(rgb.convert(mode), 'JPEG')
    add(f'jpeg {mode}', data, pillow(data))
cmyk = Image.fromarray(random.integers(0, 256, (24, 24, 4), np.uint8), 'CMYK')
data = saved(cmyk, 'JPEG', quality=100)
add('jpeg CMYK noise', data, pillow(data))
whole = saved(rgb, 'JPEG')
for orientation in range(0, 10):
    for order in '<>':
        data = saved(rgb, 'JPEG', exif=exif(orientation, order))
        add(f'jpeg orientation {orientation} {order}', data, pillow(data))
shapes = {np.asarray(e).shape for n, _, e in cases if 'orientation' in n}
assert shapes == {(45, 61, 3), (61, 45, 3)}, shapes
upright = pillow(whole)
for end in range(6, len(exif(6))):  # cut EXIF blocks: the picture as it is, or as the part that is there says
    data = saved(rgb, 'JPEG', exif=exif(6)[:end])
    add(f'jpeg exif cut at {end}', data, np.rot90(upright, -1) if end >= 6 + 10 + 24 else upright)
bad = bytearray(exif(6))
bad[10:14] = b'\xff\xff\xff\xff'
add('jpeg exif offset', saved(rgb, 'JPEG', exif=bytes(bad)), upright)
add('jpeg with bytes behind', whole + b'xyz' * 99, upright)
add('jpeg cut by two', whole[:-2], {FORMAT})
for end in range(3, len(whole) - 2, 37):
    add(f'jpeg cut at {end}', whole[:end], {FORMAT})
progressive = saved(rgb, 'JPEG', progressive=True)
for end in range(3, len(progressive) - 2, 53):
    add(f'progressive jpeg cut at {end}', progressive[:end], {FORMAT})
at = whole.index(b'\xff\xc0')
huge = bytearray(whole)
huge[at + 5:at + 9] = struct.pack('>2H', 20000, 20000)
add('jpeg of 400 megapixels', bytes(huge), {LIMIT})
huge[at + 5:at + 9] = struct.pack('>2H', 1, 40000)
add('jpeg 40000 wide', bytes(huge), {LIMIT})
at = progressive.rindex(b'\xff\xda')
add('jpeg of 400 scans', progressive[:at] + progressive[at:-2] * 400 + b'\xff\xd9', {LIMIT, FORMAT})
add('jpeg without picture', b'\xff\xd8\xff\xd9', {FORMAT})

# PNG
alpha = Image.fromarray(np.dstack([noisy, random.integers(0, 256, noisy.shape[:2], np.uint8)]))
add('png rgb', saved(rgb, 'PNG'), noisy)
add('png rgba', saved(alpha, 'PNG'), noisy)
gray = np.asarray(rgb.convert('L'))
as_rgb = np.repeat(gray[..., None], 3, 2)
add('png gray', saved(rgb.convert('L'), 'PNG'), as_rgb)
add('png gray alpha', saved(alpha.convert('LA'), 'PNG'), np.repeat(np.asarray(alpha.convert('LA'))[..., :1], 3, 2))
add('png rgb, one colour transparent', saved(rgb, 'PNG', transparency=tuple(int(v) for v in noisy[3, 3])), noisy)
for colours in (2, 4, 16, 200):
    p = rgb.quantize(colours)
    add(f'png palette {colours}', saved(p, 'PNG'), np.asarray(p.convert('RGB')))
    add(f'png palette {colours}, transparent', saved(p, 'PNG', transparency=bytes(range(colours))),
        np.asarray(p.convert('RGB')))
bits = rgb.convert('1')
add('png 1 bit', saved(bits, 'PNG'), np.asarray(bits.convert('RGB')))
for depth in (2, 4):
    values = random.integers(0, 2 ** depth, (5, 16 // depth))
    packed = [bytes(sum(int(v) << (8 - depth - depth * j) for j, v in enumerate(r[i:i + 8 // depth]))
                    for i in range(0, len(r), 8 // depth)) for r in values]
    want = (values * (255 // (2 ** depth - 1))).astype(np.uint8)
    add(f'png gray {depth} bits', png(16 // depth, 5, depth, 0, packed), np.repeat(want[..., None], 3, 2))
for colour, channels in ((0, 1), (2, 3), (4, 2), (6, 4)):
    wide = random.integers(0, 65536, (7, 9, channels)).astype('>u2')
    high = (wide.astype(int) >> 8).astype(np.uint8)[..., :3 if channels > 2 else 1]
    add(f'png 16 bits, colour type {colour}', png(9, 7, 16, colour, [r.tobytes() for r in wide]),
        np.broadcast_to(high, (7, 9, 3)))
for orientation in range(1, 9):
    data = saved(rgb, 'PNG', exif=exif(orientation)[6:])
    add(f'png orientation {orientation}', data, pillow(data))
# Adam7, 5 x 3: passes 1 (0,0), 2 (4,0), 4 (2,0), 5 (row 2, columns 0 2 4), 6 (rows 0 2, columns 1 3), 7 (row 1).
small = noisy[:3, :5]
order = [small[0, 0:1], small[0, 4:5], small[0, 2:3], small[2, 0::2], small[0, 1::2], small[2, 1::2], small[1]]
data = png(5, 3, 8, 2, [o.tobytes() for o in order], interlace=1)
assert (pillow(data) == small).all()
add('png interlaced', data, small)
whole = saved(rgb, 'PNG')
for end in list(range(8, len(whole) - 12, 211)) + [len(whole) - 12, len(whole) - 1]:
    add(f'png cut at {end}', whole[:end], {FORMAT})
spoilt = bytearray(whole)
spoilt[len(whole) // 2] ^= 0x55
add('png with a wrong sum', bytes(spoilt), {FORMAT})
add('png 40000 wide', png(40000, 1, 8, 2, [bytes(120000)]), {LIMIT})
add('png of 2^31 a side', png(0x7fffffff, 0x7fffffff, 8, 2, [b'']), {LIMIT, FORMAT})
add('png 0 wide', png(0, 1, 8, 2, [b'']), {FORMAT, LIMIT})
bomb = chunk(b'zTXt', b'k\0\0' + zlib.compress(bytes(64 << 20), 9))  # a comment is left out, the picture is not
add('png text of 64 MiB', png(5, 3, 8, 2, [small[r].tobytes() for r in range(3)], before=bomb), small)

# Neither
for name, data in (('nothing', b''), ('one byte', b'\xff'), ('garbage', random.bytes(999)), ('gif', saved(rgb, 'GIF')),
                   ('png name only', b'\x89PNG')):
    add(name, data, {UNSUPPORTED})
for i in range(150):  # spoilt bytes: either a picture or a sentence, never a crash
    data = bytearray(random.choice((0, 1)) and whole or progressive)
    for _ in range(int(random.integers(1, 9))):
        data[int(random.integers(2, len(data)))] = int(random.integers(0, 256))
    add(f'spoilt {i}', bytes(data), None)
cases.append(('no such file', os.path.join(folder.name, 'missing'), {IO}))
cases.append(('a folder', folder.name, {IO, FORMAT, UNSUPPORTED}))

run = subprocess.run([sys.argv[1]] + [c[1] for c in cases], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100)
failed = 0
if run.returncode or run.stderr:
    print(f'exit status {run.returncode}, standard error: {run.stderr[:3000]!r}')
    failed += 1
out = run.stdout
for name, path, expected in cases:
    line, _, out = out.partition(b'\n')
    words = line.decode(errors='replace').split(' ', 2)
    if words[0] == 'ok':
        w, h = int(words[1]), int(words[2])
        got = np.frombuffer(out[:w * h * 3], np.uint8).reshape(h, w, 3)
        out = out[w * h * 3:]
        ok = expected is None or (not isinstance(expected, set) and got.shape == expected.shape
                                  and bool((got == expected).all()))
        what = f'a picture of {w} x {h}'
    elif words[0] == 'error':
        ok = (expected is None or isinstance(expected, set) and int(words[1]) in expected) and path in words[2]
        what = line.decode(errors='replace')
    else:
        ok, what = False, f'no answer ({line[:80]!r})'
    if not ok:
        failed += 1
        print(f'{name}: {what}')
assert failed or not out
print(f'{len(cases)} files, {failed} wrong')
sys.exit(failed > 0)
