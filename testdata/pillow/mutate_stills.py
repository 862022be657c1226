#!/usr/bin/env python3
"""Makes damaged and odd stills and says what Pillow makes of each, for TestMutatedStillsAreReadAsPillowReadsThem.

    pip install pillow==13.0.0 numpy==2.4.6
    python testdata/pillow/mutate_stills.py FOLDER [COUNT [SEED]]     # 3000 files
    VIDEOQA_MUTATED_STILLS=FOLDER go test ./frames -run Mutated -v

FOLDER/golden holds for each file: name, "refused" or width, height and sha256 of
ImageOps.exif_transpose(Image.open(file)).convert("RGB"), of grey of 16 bits the upper 8 bits. FOLDER/*.rgb holds the pixels.
"""

import hashlib
import pathlib
import random
import struct
import sys
import warnings
import zlib

import numpy as np
from PIL import Image, ImageOps

warnings.simplefilter("ignore")
SEEDS = pathlib.Path(__file__).parent / "stills"
KINDS = (".jpg", ".png", ".gif", ".webp")


def mutate(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data))
        if rng.random() < 0.4:
            at = rng.randrange(min(len(data), 200))  # heads are small and matter most
        match rng.randrange(7):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            case 2:
                del data[max(at, 16) :]
            case 3:
                del data[at : at + rng.choice((1, 2, 4, 16, 100))]
            case 4:
                data[at:at] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 2, 4, 16))))
            case 5:
                data[at : at + 8] = bytes(8)
            case 6:
                data += bytes(rng.randrange(256) for _ in range(rng.choice((1, 20, 70000))))
        if len(data) < 20:
            break
    return bytes(data)


def png_sums(data):
    """Rewrites the checksums of a PNG, so that what was changed is read."""
    data = bytearray(data)
    at = 8
    while at + 12 <= len(data):
        n = struct.unpack(">I", data[at : at + 4])[0]
        if at + 12 + n > len(data):
            break
        data[at + 8 + n : at + 12 + n] = struct.pack(">I", zlib.crc32(data[at + 4 : at + 8 + n]))
        at += 12 + n
    return bytes(data)


def read(path):
    image = Image.open(path)
    image.load()
    try:
        image = ImageOps.exif_transpose(image)
    except Exception:
        pass  # what cannot be read of EXIF turns nothing
    if image.mode == "I;16":
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")


def main():
    folder = pathlib.Path(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    folder.mkdir(parents=True, exist_ok=True)
    seeds = [p for p in sorted(SEEDS.iterdir()) if p.suffix in KINDS]
    lines = []
    for i in range(count):
        seed = seeds[i % len(seeds)]
        data = mutate(seed.read_bytes(), rng)
        if seed.suffix == ".png" and rng.random() < 0.7:
            data = png_sums(data)
        path = folder / f"{i:05}-{seed.name}"
        path.write_bytes(data)
        try:
            image = read(path)
        except Exception as error:
            lines.append(f"{path.name} refused {type(error).__name__}: {error}".replace("\n", " "))
            continue
        if image.width * image.height > 1 << 22:
            path.unlink()
            continue
        pixels = image.tobytes()
        (folder / (path.name + ".rgb")).write_bytes(pixels)
        lines.append(f"{path.name} {image.width} {image.height} {hashlib.sha256(pixels).hexdigest()}")
    (folder / "golden").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
