#!/usr/bin/env python3
"""Makes stills/: small pictures in every format that frames.DecodeStill reads, and what Pillow makes of them.

Made with Python 3.11, pillow 13.0.0 (its wheel: libjpeg-turbo 3, libwebp 1.6, zlib-ng), numpy 2.4.6.

    pip install pillow==13.0.0 numpy==2.4.6
    python testdata/pillow/make_stills.py       # rewrites stills/

stills.golden  file, width, height, sha256 of ImageOps.exif_transpose(Image.open(file)).convert("RGB"); for grey of
               16 bits, which that clips to white, of the upper 8 bits instead; or "refused", where Pillow reads none
by-cjpeg/      JPEGs of kinds that Pillow does not write: cjpeg of libjpeg-turbo 3.1 from photo(61, 43), with -quality 85 and
               -arithmetic, -arithmetic -progressive, -lossless 4, -precision 12, -restart 1 -sample 2x1, or the -sample that
               a file is called after
"""

import hashlib
import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent / "stills"


def photo(width, height):
    """Something like a photograph: soft light, a few edges, a little grain."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    base = np.stack([128 + 100 * np.sin(x / 19 + 1), 120 + 90 * np.cos(y / 23), 110 + 80 * np.sin((x + y) / 31)], axis=-1)
    base[(x - width / 3) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2] = (220, 40, 30)
    base[int(height * 0.6) : int(height * 0.8), int(width * 0.55) : int(width * 0.95)] = (20, 60, 200)
    grain = np.random.default_rng(7).normal(0, 4, base.shape)
    return Image.fromarray(np.clip(base + grain, 0, 255).astype(np.uint8))


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(color, depth, rows, extra=b"", size=(7, 3)):
    """A PNG by hand, for the kinds that Pillow does not write: rows of raw bytes."""
    header = struct.pack(">IIBBBBB", size[0], size[1], depth, color, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def trns(data):
    body = b"tRNS" + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def noise(n, seed):
    return np.random.default_rng(seed).integers(0, 256, n, dtype=np.uint8).tobytes()


def save(name, image, **options):
    image.save(HERE / name, **options)


def resample(source, name, sampling, size):
    """Writes a JPEG that reads the blocks of another in another order: for the kinds that Pillow does not write."""
    data = bytearray((HERE / source).read_bytes())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", size[1], size[0])
    data[at + 6] = sampling
    (HERE / name).write_bytes(data)


def jpegs():
    big, small = photo(122, 86), photo(61, 43)
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        save(f"photo-{name}.jpg", big, quality=90, subsampling=subsampling)
        save(f"odd-{name}.jpg", small, quality=75, subsampling=subsampling)
    save("progressive.jpg", big, quality=80, progressive=True)
    save("poor.jpg", big, quality=20)
    save("grey.jpg", small.convert("L"), quality=90)
    save("cmyk.jpg", small.convert("CMYK"), quality=90)
    save("rgb.jpg", small, quality=90, keep_rgb=True)
    save("one-pixel.jpg", photo(1, 1), quality=90)
    save("narrow.jpg", photo(3, 20), quality=90)
    resample("odd-422.jpg", "scrambled-440.jpg", 0x12, (43, 61))
    resample("odd-420.jpg", "scrambled-411.jpg", 0x41, (100, 20))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif.endian = "<" if orientation % 2 else ">"
        exif[0x0112] = orientation
        save(f"orientation-{orientation}.jpg", photo(32, 16), quality=95, subsampling=0, exif=exif)
    exif = Image.Exif()
    exif[0x0112] = 9  # not an orientation
    save("orientation-9.jpg", photo(32, 16), quality=95, subsampling=0, exif=exif)


def app1(data):
    return b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data


def tiff(order, kind, value, count=1, behind=b""):
    """EXIF of one entry, the orientation."""
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return mark + struct.pack(order + "IHHHI", 8, 1, 0x0112, kind, count) + value + struct.pack(order + "I", 0) + behind


def orientations():
    """Every way to say which way is up: 6, but where the name says otherwise."""
    exif = {
        "long-little": tiff("<", 4, struct.pack("<I", 6)),
        "long-big": tiff(">", 4, struct.pack(">I", 6)),
        "signed-long": tiff(">", 9, struct.pack(">i", 6)),
        "float": tiff("<", 11, struct.pack("<f", 6)),
        "rational": tiff("<", 5, struct.pack("<I", 26), behind=struct.pack("<II", 12, 2)),
        "two-shorts": tiff(">", 3, struct.pack(">HH", 6, 3), 2),
        "byte-none": tiff("<", 1, b"\6\0\0\0"),
        "text-none": tiff("<", 2, b"6\0\0\0", 2),
        "no-value": tiff("<", 3, struct.pack("<I", 6), 0),
        "broken": b"II+\0" + tiff("<", 3, struct.pack("<I", 6))[4:],
    }
    xmp = {"attribute": b'<x tiff:Orientation="6"/>', "element": b"<tiff:Orientation>6</tiff:Orientation>", "nine-none": b'<x tiff:Orientation="9"/>'}
    small = photo(32, 16)
    jpeg, png = io.BytesIO(), io.BytesIO()
    small.save(jpeg, "JPEG", quality=95)
    small.save(png, "PNG")
    jpeg, png = jpeg.getvalue(), png.getvalue()
    space = b"http://ns.adobe.com/xap/1.0/\0"
    for name, data in exif.items():
        (HERE / f"exif-{name}.jpg").write_bytes(jpeg[:2] + app1(b"Exif\0\0" + data) + jpeg[2:])
        save(f"exif-{name}.webp", small, lossless=True, exif=b"Exif\0\0" + data)
        (HERE / f"exif-{name}.png").write_bytes(png[:33] + chunk(b"eXIf", data) + png[33:])
        text = f"\nexif\n{len(data):8}\n{data.hex()}\n".encode()
        (HERE / f"raw-{name}.png").write_bytes(png[:-12] + chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)) + png[-12:])
        (HERE / f"exif-{name}-xmp-eight.jpg").write_bytes(
            jpeg[:2] + app1(b"Exif\0\0" + data) + app1(space + b'tiff:Orientation="8"') + jpeg[2:]
        )
    for name, data in xmp.items():
        (HERE / f"xmp-{name}.jpg").write_bytes(jpeg[:2] + app1(space + data) + jpeg[2:])
        (HERE / f"xmp-{name}.png").write_bytes(png[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + data) + png[33:])
        save(f"xmp-{name}.webp", small, lossless=True, xmp=data)
    six = exif["long-little"]
    (HERE / "exif-in-two-segments.jpg").write_bytes(jpeg[:2] + app1(b"Exif\0\0" + six[:12]) + app1(b"Exif\0\0" + six[12:]) + jpeg[2:])


def odd():
    """What other decoders refuse, or Pillow does."""
    for path in (HERE.parent / "by-cjpeg").iterdir():
        (HERE / path.name).write_bytes(path.read_bytes())
    jpeg = (HERE / "photo-420.jpg").read_bytes()
    tables = b""
    at = 2
    while jpeg[at + 1] != 0xDA:
        after = at + 2 + struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        if jpeg[at + 1] != 0xC4:
            tables += jpeg[at:after]
        at = after
    (HERE / "no-huffman-tables.jpg").write_bytes(jpeg[:2] + tables + jpeg[at:])
    bad = bytearray(jpeg)
    bad[at + 300] ^= 0x55
    (HERE / "bad-huffman-data.jpg").write_bytes(bad)
    (HERE / "no-end.jpg").write_bytes(jpeg[:-2])
    (HERE / "cut.jpg").write_bytes(jpeg[:-200])
    (HERE / "cut-progressive.jpg").write_bytes((HERE / "progressive.jpg").read_bytes()[:-200])
    image = (HERE / "rgb.png").read_bytes()
    (HERE / "no-end.png").write_bytes(image[:-12])
    (HERE / "bad-checksum.png").write_bytes(image[:-16] + b"abcd" + image[-12:])
    (HERE / "cut.png").write_bytes(image[:-100])
    (HERE / "palette-missing.png").write_bytes(png(3, 8, [noise(7, i) for i in range(3)]))
    (HERE / "header-cut.png").write_bytes(image[:8] + chunk(b"IHDR", image[16:28]) + image[33:])
    for depth, colour, samples in ((1, 0, 1), (4, 3, 1), (8, 2, 3), (16, 6, 4)):
        (HERE / f"interlaced-{depth}-{colour}.png").write_bytes(interlaced(depth, colour, samples, 13, 9))
    for name, screen, place in (("beyond", (12, 9), (9, 6)), ("far", (4, 4), (20, 30)), ("no-screen", (0, 0), (0, 0))):
        data = gif_offset(2)
        at = data.index(b"\x2c", 25)
        (HERE / f"{name}.gif").write_bytes(data[:6] + struct.pack("<HH", *screen) + data[10:at] + b"\x2c" + struct.pack("<HH", *place) + data[at + 5 :])
    still = (HERE / "still.gif").read_bytes()
    (HERE / "no-end.gif").write_bytes(still[:-1])
    (HERE / "cut.gif").write_bytes(still[:-20])
    webp = (HERE / "lossy-even.webp").read_bytes()
    (HERE / "cut.webp").write_bytes(webp[:-30])
    (HERE / "more.webp").write_bytes(webp + b"JUNK\4\0\0\0abcd")


def interlaced(depth, colour, samples, width, height):
    data = b""
    for x, y, across, down in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        columns, rows = (width - x + across - 1) // across, (height - y + down - 1) // down
        for row in range(rows if columns > 0 else 0):
            data += bytes([row % 5]) + noise((columns * samples * depth + 7) // 8, row + x)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 1)
    palette = chunk(b"PLTE", noise(30, 9)) if colour == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def pngs():
    small = photo(61, 43)
    alpha = small.copy()
    alpha.putalpha(Image.fromarray(np.arange(61 * 43, dtype=np.uint32).reshape(43, 61).astype(np.uint8)))
    save("rgb.png", small)
    save("rgba.png", alpha)
    save("grey.png", small.convert("L"))
    save("grey-alpha.png", alpha.convert("LA"))
    save("bilevel.png", small.convert("1"))
    save("palette.png", small.quantize(17))
    save("palette-transparent.png", small.quantize(200), transparency=bytes(range(200)))
    exif = Image.Exif()
    exif[0x0112] = 6
    save("orientation-6.png", small, exif=exif)
    made = {
        "rgb16.png": png(2, 16, [noise(42, i) for i in range(3)]),
        "rgba16.png": png(6, 16, [noise(56, i) for i in range(3)]),
        "grey16.png": png(0, 16, [noise(14, i) for i in range(3)]),
        "grey-alpha16.png": png(4, 16, [noise(28, i) for i in range(3)]),
        "grey2.png": png(0, 2, [noise(2, i) for i in range(3)]),
        "grey4.png": png(0, 4, [noise(4, i) for i in range(3)]),
        "rgb-key.png": png(2, 8, [noise(3, 0) * 7, noise(21, 1), noise(21, 2)], trns(b"\0%c\0%c\0%c" % tuple(noise(3, 0)))),
        "grey-key.png": png(0, 8, [b"\5" * 7, noise(7, 1), noise(7, 2)], trns(b"\0\5")),
    }
    for name, data in made.items():
        (HERE / name).write_bytes(data)
    save("animated.png", small, save_all=True, append_images=[small.rotate(90)], duration=100)


def gifs():
    small = photo(61, 43)
    save("still.gif", small.quantize(64))
    save("animated.gif", small.quantize(64), save_all=True, append_images=[small.rotate(90).quantize(64)], duration=100)
    save("transparent.gif", small.quantize(64), transparency=3)
    save("interlaced.gif", small.quantize(64), interlace=1)
    save("grey.gif", small.convert("L"))
    # A first picture smaller than the screen, at 3,2, with and without a transparent colour.
    for name, transparent in (("offset.gif", None), ("offset-transparent.gif", 2)):
        (HERE / name).write_bytes(gif_offset(transparent))


def gif_offset(transparent):
    inner = Image.fromarray(np.arange(20, dtype=np.uint8).reshape(4, 5) % 4, "L")
    buffer = io.BytesIO()
    colours = bytes((200, 10, 20, 30, 220, 40, 50, 60, 240, 250, 240, 90))
    image = inner.convert("P")
    image.putpalette(colours)
    image.save(buffer, "GIF", optimize=False)
    data = buffer.getvalue()
    table = 3 << ((data[10] & 7) + 1)
    descriptor = data.index(b"\x2c", 13 + table)
    control = b"" if transparent is None else struct.pack("<BBBBHBB", 0x21, 0xF9, 4, 1, 0, transparent, 0)
    screen = data[:6] + struct.pack("<HH", 12, 9) + data[10:11] + b"\1" + data[12 : 13 + table]
    return screen + control + b"\x2c" + struct.pack("<HH", 3, 2) + data[descriptor + 5 :]


def webps():
    small = photo(61, 43)
    alpha = small.copy()
    alpha.putalpha(Image.fromarray(np.arange(61 * 43, dtype=np.uint32).reshape(43, 61).astype(np.uint8)))
    save("lossless.webp", small, lossless=True)
    save("lossless-alpha.webp", alpha, lossless=True, exact=True)
    save("lossy.webp", small, quality=80)
    save("lossy-even.webp", photo(122, 86), quality=30)
    save("lossy-alpha.webp", alpha, quality=80, exact=True)
    save("lossy-one-pixel.webp", photo(1, 1), quality=80)
    exif = Image.Exif()
    exif[0x0112] = 8
    save("orientation-8.webp", small, lossless=True, exif=exif)
    save("animated.webp", small, save_all=True, append_images=[small.rotate(90)], duration=100, lossless=True)


def avif():
    """An animation in MP4 boxes, which is read as a video; beside stills/, because it is none."""
    small = photo(64, 48)
    frames = [small.rotate(30 * i) for i in range(1, 4)]
    small.save(HERE.parent / "animated.avif", save_all=True, append_images=frames, duration=100, quality=60)


def main():
    HERE.mkdir(exist_ok=True)
    for old in HERE.iterdir():
        old.unlink()
    for make in (jpegs, pngs, gifs, webps, orientations, odd):
        make()
    avif()
    lines = []
    for path in sorted(HERE.iterdir()):
        try:
            image = Image.open(path)
            image.load()
        except Exception as error:
            lines.append(f"{path.name} refused {type(error).__name__}")
            continue
        try:
            image = ImageOps.exif_transpose(image)
        except Exception:
            pass  # EXIF that cannot be read turns nothing
        if image.mode == "I;16":
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        image = image.convert("RGB")
        lines.append(f"{path.name} {image.width} {image.height} {hashlib.sha256(image.tobytes()).hexdigest()}")
    (HERE.parent / "stills.golden").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
