#!/usr/bin/python3
"""Checks that pictures are decoded as by Pillow, bit for bit and rotated as EXIF says, whatever their colours; a truncated or
damaged file is refused in one sentence, and the libraries print nothing."""
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
    block = exif(orientation)
    text = b'\nexif\n%8d\n' % len(block) + b'\n'.join(block.hex().encode()[i:i + 72] for i in range(0, 2 * len(block), 72)) + b'\n'
    for kind, profile in (('exif', chunk(b'zTXt', b'Raw profile type exif\0\0' + zlib.compress(text))),
                          ('APP1', chunk(b'tEXt', b'Raw profile type APP1\0' + text))):
        data = png(61, 45, 8, 2, [r.tobytes() for r in noisy], before=profile)
        add(f'png orientation {orientation} as a text, {kind}', data, pillow(saved(rgb, 'PNG', exif=exif(orientation)[6:])))
for text in (b'', b'\n', b'\nexif\n', b'\nexif\n 5\n4', b'\nexif\n 5\nzz', b'\nexif\n 99999\n' + b'45' * 9999):
    add('png with a text that is no EXIF', png(61, 45, 8, 2, [r.tobytes() for r in noisy],
                                               before=chunk(b'tEXt', b'Raw profile type exif\0' + text)), noisy)
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

# GIF: the first frame
for colours in (2, 3, 16, 200, 256):
    data = saved(rgb.quantize(colours), 'GIF')
    add(f'gif {colours}', data, pillow(data))
for size in ((1, 1), (1, 9), (7, 2), (3, 5), (64, 64), (640, 480)):
    for woven in (0, 1):
        data = saved(Image.fromarray(random.integers(0, 256, size[::-1], np.uint8), 'L'), 'GIF', interlace=woven)
        add(f'gif of noise {size} {woven}', data, pillow(data))
flat = saved(Image.new('P', (2000, 1500), 3), 'GIF')  # the longest codes
add('gif of one colour', flat, pillow(flat))
moving = saved(rgb.quantize(64), 'GIF', save_all=True, loop=0, duration=100,
               append_images=[rgb.rotate(a).quantize(64) for a in (90, 180)])
add('gif that moves', moving, pillow(moving))
add('gif that moves, cut behind its first frame', moving[:len(moving) * 2 // 3], pillow(moving))
part = bytearray(saved(rgb.quantize(16), 'GIF'))
at = part.index(b',\0\0\0\0')
for left, top, canvas in ((5, 9, (80, 70)), (0, 0, (61, 46)), (3, 0, (61, 45)), (0, 0, (0, 0))):
    part[at + 1:at + 5] = struct.pack('<2H', left, top)
    part[6:10] = struct.pack('<2H', *canvas)
    if canvas != (0, 0):
        add(f'gif at {left}, {top} of {canvas}', bytes(part), pillow(bytes(part)))
    else:
        add('gif without a canvas', bytes(part), np.asarray(rgb.quantize(16).convert('RGB')))
clear = saved(rgb.quantize(16), 'GIF', transparency=2)
add('gif with a transparent colour', clear, pillow(clear))
whole_gif = saved(rgb.quantize(64), 'GIF')
for end in range(6, len(whole_gif) - 8, 97):
    add(f'gif cut at {end}', whole_gif[:end], {FORMAT})
huge = bytearray(whole_gif)
at = huge.index(b',\0\0\0\0')
huge[at + 5:at + 9] = b'\xff' * 4
add('gif of 65535 a side', bytes(huge), {LIMIT})
huge[at + 5:at + 9] = struct.pack('<2H', 20000, 30000)
add('gif of 600 megapixels', bytes(huge), {LIMIT})
huge[at + 5:at + 9] = struct.pack('<2H', 9000, 9000)
add('gif of 81 megapixels that are not there', bytes(huge), {FORMAT})

# WebP: the first frame
for name, options in (('lossless', {'lossless': True}), ('lossy', {'quality': 70})):
    for mode in ('RGB', 'RGBA'):
        # Pillow's lossless encoder forgets the colour under transparent pixels
        image = alpha if mode == 'RGBA' and name == 'lossy' else rgb.convert(mode)
        data = saved(image, 'WEBP', **options)
        add(f'webp {name} {mode}', data, pillow(data))
    for orientation in range(1, 9):
        for prefix in (b'', b'Exif\0\0'):
            data = saved(rgb, 'WEBP', exif=prefix + exif(orientation)[6:], **options)
            add(f'webp {name} orientation {orientation} {prefix}', data,
                pillow(saved(rgb, 'WEBP', exif=exif(orientation), **options)))
    data = saved(rgb, 'WEBP', save_all=True, append_images=[rgb.rotate(90), rgb.rotate(180)], duration=100, **options)
    add(f'webp that moves, {name}', data, pillow(data))
    whole_webp = saved(rgb, 'WEBP', **options)
    for end in range(12, len(whole_webp) - 8, 131):
        add(f'webp {name} cut at {end}', whole_webp[:end], {FORMAT})
frame = saved(rgb, 'WEBP', lossless=True)[12:]


def riff(*chunks):
    body = b'WEBP' + b''.join(k + struct.pack('<I', len(d)) + d + b'\0' * (len(d) % 2) for k, d in chunks)
    return b'RIFF' + struct.pack('<I', len(body)) + body


def u24(*values):
    return b''.join(struct.pack('<I', v)[:3] for v in values)


def animation(canvas, left, top):
    return riff((b'VP8X', b'\2\0\0\0' + u24(canvas[0] - 1, canvas[1] - 1)), (b'ANIM', bytes(6)),
                (b'ANMF', u24(left // 2, top // 2, 60, 44, 100) + b'\0' + frame))


placed = np.zeros((60, 80, 3), np.uint8)
placed[4:49, 6:67] = noisy
add('webp whose first frame is a part', animation((80, 60), 6, 4), placed)
add('webp whose first frame leaves the canvas', animation((80, 60), 20, 16), {FORMAT})
add('webp whose first frame lies outside', animation((80, 60), 2 << 20, 2 << 20), {FORMAT})
add('webp with a canvas of 16 million a side', animation((1 << 24, 1 << 24), 0, 0), {LIMIT})
add('webp without picture', riff((b'VP8X', b'\2\0\0\0' + u24(60, 44)), (b'ANIM', bytes(6))), {FORMAT})
add('webp with an empty frame', riff((b'VP8X', b'\2\0\0\0' + u24(60, 44)), (b'ANMF', b'')), {FORMAT})

# BMP and TIFF, by gdk-pixbuf
for mode in ('1', 'L', 'P', 'RGB'):
    image = rgb.convert(mode)
    for kind in ('BMP', 'TIFF'):
        add(f'{kind} {mode}', saved(image, kind), np.asarray(image.convert('RGB')))
for compression in ('tiff_lzw', 'tiff_deflate', 'packbits'):
    add(f'tiff {compression}', saved(rgb, 'TIFF', compression=compression), noisy)
for orientation in range(1, 9):
    data = saved(rgb, 'TIFF', tiffinfo={0x112: orientation})
    turned = Image.open(io.BytesIO(saved(rgb, 'PNG', exif=exif(orientation)[6:])))
    add(f'tiff orientation {orientation}', data, np.asarray(ImageOps.exif_transpose(turned)))
for kind in ('BMP', 'TIFF'):
    data = saved(rgb, kind)
    for end in (20, 60, len(data) // 2):
        add(f'{kind} cut at {end}', data[:end], {FORMAT})
huge = bytearray(saved(rgb, 'BMP'))
huge[18:26] = struct.pack('<2i', 30000, 30000)
add('bmp of 900 megapixels', bytes(huge), {LIMIT})
down = bytearray(saved(rgb, 'BMP'))  # the rows from top to bottom
down[22:26] = struct.pack('<i', -45)
add('bmp from top to bottom', bytes(down), noisy[::-1])
old = b'BM' + struct.pack('<IHHI', 26 + 16, 0, 0, 26) + struct.pack('<IHHHH', 12, 2, 2, 1, 24) + bytes(range(16))
add('bmp of OS/2', old, pillow(old))
huge = struct.pack('<2sHIH', b'II', 42, 8, 5)
for tag, value in ((256, 200000), (257, 200000), (258, 8), (262, 1), (273, 8)):
    huge += struct.pack('<HHII', tag, 4, 1, value)
add('tiff of 40000 megapixels', huge + bytes(99), {LIMIT, FORMAT})
small_tiff = struct.pack('<2sHIH', b'II', 42, 8, 1) + struct.pack('<HHII', 0xfe, 4, 1, 1)
add('tiff that begins with a thumbnail', small_tiff + bytes(99), {UNSUPPORTED})

# Neither
for name, data in (('nothing', b''), ('one byte', b'\xff'), ('garbage', random.bytes(999)),
                   ('png name only', b'\x89PNG'), ('a web page', b'<!DOCTYPE html><title>404</title>'),
                   ('text', b'hello\n'), ('a PDF', b'%PDF-1.4\n'), ('a ZIP', b'PK\3\4' + bytes(99))):
    add(name, data, {UNSUPPORTED})
for kind, image in (('GIF', rgb.quantize(64)), ('WEBP', rgb), ('BMP', rgb), ('TIFF', rgb)):
    good = saved(image, kind)
    for i in range(60):
        data = bytearray(good)
        for _ in range(int(random.integers(1, 6))):  # most at the front, where sizes and offsets stand
            data[int(random.integers(4, min(len(data), int(random.choice((40, 200, len(data)))))))] = int(random.integers(0, 256))
        add(f'spoilt {kind} {i}', bytes(data), None)
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
