#!/usr/bin/env python3
"""Makes the goldens of this folder: what Pillow and Hugging Face's image processors give.

Made with Python 3.11, pillow 13.0.0, numpy 2.4.6, transformers 4.56.2, torch 2.15.0 (CPU).

    pip install pillow==13.0.0 numpy==2.4.6 transformers==4.56.2 torch
    python testdata/pillow/make.py            # rewrites the files beside it

Pillow 13 resizes along columns first where the height shrinks by more than twice as many pixels as the
width; 12.2 and 12.3 do so only where the height is more than 100 times the width, and older ones never.
With 12.1 53 of the 290 lines of resize.golden come out otherwise, and of prepare.golden those of the
narrowest portraits: mostly by one level, by up to 20 where the first pass clips an overshoot.

resize.golden   pattern, size, new size, filter, sha256 of the bytes Image.resize gives
prepare.golden  recipe, pattern, size, result's size, sha256 of the bytes the recipe gives
*.ppm           a few results in full, for a person who is looking for a difference
"""

import hashlib
import pathlib
import random

import numpy as np
from PIL import Image

from pictures import picture

HERE = pathlib.Path(__file__).parent
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def sha(pixels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def resize_cases():
    """(pattern, width, height, new width, new height): named corners, then a hundred drawn ones."""
    for pattern in ("noise", "rings", "board"):
        yield pattern, 320, 180, 224, 126  # down a little
        yield pattern, 1920, 1080, 398, 224  # down a lot
        yield pattern, 57, 91, 224, 357  # up
        yield pattern, 224, 224, 224, 224  # not at all
        yield pattern, 224, 300, 224, 224  # one axis only
        yield pattern, 300, 224, 224, 224
        yield pattern, 1, 1, 7, 5  # from one pixel
        yield pattern, 31, 17, 1, 1  # to one pixel
        yield pattern, 1, 640, 13, 480  # from one column
        yield pattern, 640, 1, 480, 13  # from one row
        yield pattern, 4001, 3, 5, 997  # extreme ratios
        yield pattern, 2, 2999, 701, 2
        yield pattern, 101, 103, 107, 109  # primes
        yield pattern, 640, 480, 320, 240  # exact halves
        yield pattern, 64, 48, 128, 96  # exact doubles
    draw = random.Random(20220527)
    for _ in range(100):
        side = lambda: draw.choice((draw.randint(1, 9), draw.randint(1, 60), draw.randint(1, 400)))
        yield draw.choice(("noise", "rings", "board")), side(), side(), side(), side()


def make_resize():
    lines = []
    for pattern, w, h, width, height in resize_cases():
        for name, resample in FILTERS.items():
            out = np.asarray(Image.fromarray(picture(pattern, w, h)).resize((width, height), resample))
            lines.append(f"{pattern} {w} {h} {width} {height} {name} {sha(out)}")
    (HERE / "resize.golden").write_text("\n".join(lines) + "\n")
    for pattern, w, h, width, height, name in (
        ("board", 13, 7, 5, 9, "bicubic"),
        ("board", 13, 7, 5, 9, "bilinear"),
        ("rings", 40, 30, 17, 23, "bicubic"),
    ):
        out = Image.fromarray(picture(pattern, w, h)).resize((width, height), FILTERS[name])
        out.save(HERE / f"{pattern}-{w}x{h}-{width}x{height}-{name}.ppm")


def hub(processor):
    """The resizing and cropping of one of transformers' slow processors, before its floats."""

    def run(pixels):
        if processor.do_resize:
            pixels = processor.resize(pixels, processor.size, processor.resample, input_data_format="channels_last")
        if processor.do_center_crop:
            pixels = processor.center_crop(pixels, processor.crop_size, input_data_format="channels_last")
        return pixels

    return run


def original(pixels):
    """torchvision's Resize(224, BICUBIC) and CenterCrop(224), by their rules in Python's arithmetic.

    torchvision.transforms.functional: _compute_resized_output_size and center_crop. torchvision 0.29.2 itself
    gives the same bytes for every line of prepare.golden that begins with original.
    """
    h, w = pixels.shape[:2]
    size = (224, int(224 * h / w)) if w <= h else (int(224 * w / h), 224)
    image = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
    return original_crop(np.asarray(image))


def original_crop(pixels):
    """torchvision's CenterCrop(224) alone, which pads what is smaller with black."""
    h, w = pixels.shape[:2]
    left, top = (int(round((n - 224) / 2.0)) if n >= 224 else -((224 - n) // 2) for n in (w, h))
    return np.asarray(Image.fromarray(pixels).crop((left, top, left + 224, top + 224)))


def original_vqa(shortest, longest):
    """The size rule of GenerativeImage2Text's MinMaxResizeForTest (inference.py), bicubic, no crop."""

    def run(pixels):
        h, w = pixels.shape[:2]
        short, long = float(min(w, h)), float(max(w, h))
        edge = shortest
        if long / short * edge > longest:
            edge = int(round(longest * short / long))
        if min(w, h) == edge:
            size = (w, h)
        elif w < h:
            size = (edge, int(edge * h / w))
        else:
            size = (int(edge * w / h), edge)
        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))

    return run


def recipes():
    from transformers import CLIPImageProcessor, VideoMAEImageProcessor

    yield "clip-224", hub(CLIPImageProcessor())
    yield "clip-480", hub(CLIPImageProcessor(size={"shortest_edge": 480}, crop_size={"height": 480, "width": 480}))
    yield "clip-odd-crop", hub(CLIPImageProcessor(size={"shortest_edge": 61}, crop_size={"height": 60, "width": 57}))
    yield "clip-no-crop", hub(CLIPImageProcessor(do_center_crop=False))
    yield "clip-no-resize", hub(CLIPImageProcessor(do_resize=False))
    yield "clip-exact", hub(CLIPImageProcessor(size={"height": 96, "width": 128}, do_center_crop=False))
    yield "videomae-224", hub(VideoMAEImageProcessor())
    yield "original-224", original
    yield "original-no-resize", original_crop
    yield "original-480", original_vqa(480, 640)
    yield "original-420", original_vqa(420, 560)


def make_prepare():
    sizes = [
        (1920, 1080), (1080, 1920), (640, 480), (320, 180), (225, 225), (224, 224), (223, 225), (641, 359),
        (359, 641), (100, 33), (33, 100), (480, 700), (700, 480), (480, 640), (1000, 999), (57, 7), (300, 200),
        (453, 227), (227, 455), (228, 911),
    ]  # fmt: skip
    lines = []
    for name, run in recipes():
        for i, (w, h) in enumerate(sizes):
            pattern = ("noise", "rings", "board")[i % 3]
            out = run(picture(pattern, w, h))
            assert out.dtype == np.uint8 and out.shape[2] == 3
            lines.append(f"{name} {pattern} {w} {h} {out.shape[1]} {out.shape[0]} {sha(out)}")
    (HERE / "prepare.golden").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    make_resize()
    make_prepare()
