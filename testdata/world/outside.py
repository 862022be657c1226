"""Draws pictures that are not of the small world: plain colours, slopes, noise, textures, text, shapes, charts, screens.

    for kind, picture in outside.drawn(random.Random(1), 100): ...

Each is an RGB picture of a size of its own. Nothing is needed but numpy and Pillow, whose own font writes the text.

usage: outside.py   writes one picture of each kind into outside/, for the tests
"""
import pathlib
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import world as W

SIZES = [(96, 96), (128, 96), (160, 120), (192, 144), (256, 192), (320, 240), (360, 640)]
WORDS = ('the of and to in is that for it as was with be by on not he this are or his from at which but have an had they you '
         'were there one all we can her has their if will each about how up out them then she many some so these would other '
         'into more two time could no make than first been its who now people my made over did down only way find use may').split()
LETTERS = 'abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 äöüßéèñ αβγδε абвгд .,:;!?&%$#@'


def colour(rng):
    """Any colour, or one of the world's backgrounds, so that no colour alone tells what is outside."""
    if rng.random() < .4:
        return tuple(min(255, max(0, c + rng.randint(-15, 15))) for c in W.COLOURS[rng.choice(W.BACKS)])
    return tuple(rng.randrange(256) for _ in range(3))


def grid(size):
    y, x = np.mgrid[0:size[1], 0:size[0]] / min(size)
    return x, y


def blend(at, low, high):
    """Colours from low to high, at being 0 to 1 for each pixel."""
    return Image.fromarray((np.clip(at, 0, 1)[..., None] * (np.array(high, float) - low) + low).clip(0, 255).astype('uint8'))


def smooth(rng, size, cells):
    """Random values that change slowly, 0 to 1 for each pixel."""
    values = np.random.default_rng(rng.randrange(1 << 30)).random((max(2, cells), max(2, cells))).astype('f')
    at = np.asarray(Image.fromarray(values).resize(size, Image.BICUBIC))
    return (at - at.min()) / (np.ptp(at) + 1e-9)


def plain(rng, size):
    return Image.new('RGB', size, colour(rng))


def slope(rng, size):
    x, y = grid(size)
    angle = rng.uniform(0, 2 * np.pi)
    at = np.hypot(x - rng.random(), y - rng.random()) if rng.random() < .3 else x * np.cos(angle) + y * np.sin(angle)
    return blend((at - at.min()) / np.ptp(at), colour(rng), colour(rng))


def noise(rng, size):
    r = np.random.default_rng(rng.randrange(1 << 30))
    grey, spread = rng.random() < .4, rng.choice([10, 30, 60, 128])
    values = r.normal(0, spread, (size[1], size[0], 1 if grey else 3)) + np.array(colour(rng))
    im = Image.fromarray(values.clip(0, 255).astype('uint8'))
    return im.filter(ImageFilter.GaussianBlur(rng.uniform(.5, 6))) if rng.random() < .4 else im


def clouds(rng, size):
    at = sum(smooth(rng, size, 2 ** k) / 2 ** k for k in range(1, rng.randint(2, 7)))
    return blend((at - at.min()) / np.ptp(at), colour(rng), colour(rng))


def marble(rng, size):
    x, y = grid(size)
    k, angle = rng.uniform(2, 30), rng.uniform(0, np.pi)
    at = np.sin(k * (x * np.cos(angle) + y * np.sin(angle)) + rng.uniform(0, 12) * smooth(rng, size, rng.randint(2, 12)))
    return blend(at / 2 + .5, colour(rng), colour(rng))


def stripes(rng, size):
    x, y = grid(size)
    k, angle = rng.uniform(1, 40), rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    at = np.sin(2 * np.pi * k * (x * np.cos(angle) + y * np.sin(angle)))
    return blend(np.sign(at) / 2 + .5 if rng.random() < .7 else at / 2 + .5, colour(rng), colour(rng))


def checks(rng, size):
    x, y = grid(size)
    k, j = rng.uniform(1, 25), rng.uniform(1, 25)
    j = k if rng.random() < .7 else j
    return blend(np.sign(np.sin(2 * np.pi * k * x) * np.sin(2 * np.pi * j * y)) / 2 + .5, colour(rng), colour(rng))


def bricks(rng, size):
    im = Image.new('RGB', size, colour(rng))
    draw, base = ImageDraw.Draw(im), colour(rng)
    h = rng.randint(6, 40)
    w, gap = round(h * rng.uniform(1, 3)), rng.randint(1, 4)
    for row, top in enumerate(range(0, size[1], h)):
        for left in range(-(row % 2) * w // 2, size[0], w):
            draw.rectangle([left, top, left + w - gap, top + h - gap], tuple(max(0, min(255, c + rng.randint(-25, 25))) for c in base))
    return im


def dots(rng, size):
    im = blend(smooth(rng, size, 4), colour(rng), colour(rng)) if rng.random() < .3 else plain(rng, size)
    draw, inks = ImageDraw.Draw(im), [colour(rng) for _ in range(rng.randint(1, 5))]
    for _ in range(rng.randint(3, 300)):
        r, x, y = rng.uniform(1, min(size) / 12), rng.uniform(0, size[0]), rng.uniform(0, size[1])
        draw.ellipse([x - r, y - r, x + r, y + r], rng.choice(inks))
    return im


def shapes(rng, size):
    im = plain(rng, size) if rng.random() < .6 else empty(rng, size)
    draw = ImageDraw.Draw(im)
    for _ in range(rng.randint(1, 7)):
        x, y, r, ink = rng.uniform(0, size[0]), rng.uniform(0, size[1]), rng.uniform(.06, .35) * min(size), colour(rng)
        pick = rng.randrange(4)
        if pick == 0:
            draw.ellipse([x - r, y - r * rng.uniform(.4, 1), x + r, y + r], ink)
        elif pick == 1:
            draw.rectangle([x - r, y - r * rng.uniform(.4, 1), x + r, y + r], ink)
        elif pick == 2:
            draw.regular_polygon((x, y, r), rng.randint(3, 8), rng.uniform(0, 360), ink)
        else:
            points = [(x + r * rng.uniform(-1, 1), y + r * rng.uniform(-1, 1)) for _ in range(rng.randint(3, 9))]
            draw.polygon(points, ink)
    return im


def lines(rng, size):
    im = plain(rng, size)
    draw = ImageDraw.Draw(im)
    for _ in range(rng.randint(2, 60)):
        points = [(rng.uniform(0, size[0]), rng.uniform(0, size[1])) for _ in range(rng.randint(2, 5))]
        draw.line(points, colour(rng), rng.randint(1, max(2, min(size) // 30)))
    return im


def sketch(rng, size):
    """A child's drawing of a figure, a house or a flower, in outlines or filled."""
    im = plain(rng, size) if rng.random() < .5 else Image.new('RGB', size, (255, 255, 255))
    draw, u = ImageDraw.Draw(im), min(size) * rng.uniform(.25, .8)
    left, top, ink, width = rng.uniform(0, size[0] - u), rng.uniform(0, size[1] - u), colour(rng), max(1, int(u / rng.uniform(12, 60)))
    fill = colour(rng) if rng.random() < .5 else None

    def box(a, b, c, d):
        return [left + a * u, top + b * u, left + c * u, top + d * u]
    pick = rng.randrange(3)
    if pick == 0:
        draw.ellipse(box(.35, 0, .65, .3), fill, ink, width)
        for a, b, c, d in [(.5, .3, .5, .7), (.5, .7, .3, 1), (.5, .7, .7, 1), (.5, .4, .2, .55), (.5, .4, .8, .55)]:
            draw.line(box(a, b, c, d), ink, width)
    elif pick == 1:
        draw.rectangle(box(.15, .4, .85, 1), fill, ink, width)
        draw.polygon([(left, top + .4 * u), (left + .5 * u, top), (left + u, top + .4 * u)], colour(rng) if fill else None, ink)
        draw.rectangle(box(.4, .65, .6, 1), colour(rng), ink, width)
    else:
        draw.line(box(.5, .4, .5, 1), ink, width)
        for k in range(rng.randint(4, 9)):
            x, y = .5 + .2 * np.cos(k * 1.2), .25 + .2 * np.sin(k * 1.2)
            draw.ellipse(box(x - .1, y - .1, x + .1, y + .1), fill, ink, width)
        draw.ellipse(box(.4, .15, .6, .35), colour(rng))
    return im


def text(rng, size):
    """A few large letters or a page of lines."""
    im = Image.new('RGB', size, (255, 255, 255)) if rng.random() < .4 else plain(rng, size)
    draw = ImageDraw.Draw(im)
    ink = (0, 0, 0) if rng.random() < .4 else colour(rng)
    if rng.random() < .4:
        letters = ''.join(rng.choice(LETTERS) for _ in range(rng.randint(1, 8)))
        draw.text((rng.uniform(0, size[0] / 3), rng.uniform(0, size[1] / 2)), letters, ink, ImageFont.load_default(rng.uniform(.15, .9) * min(size)))
        return im
    height = rng.uniform(.03, .16) * min(size)
    font, y = ImageFont.load_default(height), rng.uniform(0, height)
    while y < size[1]:
        if rng.random() < .92:
            draw.text((rng.choice([4, 4, 20]), y), ' '.join(rng.choice(WORDS) for _ in range(rng.randint(2, 20))), ink, font)
        y += height * rng.uniform(1.1, 1.5)
    return im


def chart(rng, size):
    im = Image.new('RGB', size, (255, 255, 255) if rng.random() < .6 else colour(rng))
    draw, inks = ImageDraw.Draw(im), [colour(rng) for _ in range(5)]
    w, h = size
    if rng.random() < .25:
        start = 0
        for ink in inks:
            end = start + rng.uniform(20, 110)
            draw.pieslice([w * .2, h * .15, w * .8, h * .85], start, end, ink)
            start = end
        return im
    draw.line([(w * .1, h * .05), (w * .1, h * .9), (w * .95, h * .9)], (60, 60, 60), 2)
    n = rng.randint(3, 14)
    if rng.random() < .5:
        for i in range(n):
            x = w * (.12 + .8 * i / n)
            draw.rectangle([x, h * rng.uniform(.1, .85), x + .6 * w / n, h * .9], inks[i % rng.randint(1, 5)])
    else:
        for ink in inks[:rng.randint(1, 4)]:
            draw.line([(w * (.12 + .8 * i / n), h * rng.uniform(.1, .85)) for i in range(n)], ink, rng.randint(1, 4))
    return im


def screen(rng, size):
    """A program's window: bars, fields, buttons, lines of text."""
    im = Image.new('RGB', size, colour(rng))
    draw, font = ImageDraw.Draw(im), ImageFont.load_default(max(6, min(size) * rng.uniform(.03, .06)))
    for _ in range(rng.randint(1, 3)):
        x, y = rng.uniform(-.1, .4) * size[0], rng.uniform(-.1, .4) * size[1]
        w, h = rng.uniform(.4, 1) * size[0], rng.uniform(.4, 1) * size[1]
        back = rng.choice([(255, 255, 255), (40, 42, 46), (236, 236, 236), colour(rng)])
        ink = (20, 20, 20) if sum(back) > 380 else (220, 220, 220)
        draw.rectangle([x, y, x + w, y + h], back, (120, 120, 120))
        draw.rectangle([x, y, x + w, y + h * .09], colour(rng))
        for k in range(rng.randint(3, 14)):
            top = y + h * (.12 + .06 * k)
            if rng.random() < .2:
                draw.rectangle([x + w * .05, top, x + w * rng.uniform(.2, .5), top + h * .05], colour(rng))
            draw.text((x + w * rng.choice([.06, .06, .12, .5]), top), ' '.join(rng.choice(WORDS) for _ in range(rng.randint(1, 7))), ink, font)
    return im


def bars(rng, size):
    """A test pattern of colour bars."""
    n = rng.randint(3, 10)
    im = Image.new('RGB', size)
    draw, steep = ImageDraw.Draw(im), rng.random() < .7
    for i in range(n):
        box = [size[0] * i / n, 0, size[0] * (i + 1) / n, size[1]] if steep else [0, size[1] * i / n, size[0], size[1] * (i + 1) / n]
        draw.rectangle(box, colour(rng))
    return im


def fractal(rng, size):
    x, y = grid(size)
    scale = rng.uniform(.02, 2.5)
    c = (x - .5) * scale + 1j * (y - .5) * scale + complex(rng.uniform(-1.5, .3), rng.uniform(-.8, .8))
    z, at = np.zeros_like(c), np.zeros(c.shape)
    for _ in range(24):
        z = np.where(abs(z) < 4, z * z + c, z)
        at += abs(z) < 4
    return blend((at / 24) ** rng.uniform(.3, 2), colour(rng), colour(rng))


def maze(rng, size):
    """Tiles of two quarter circles each, turned at random."""
    im = plain(rng, size)
    draw, side, ink = ImageDraw.Draw(im), rng.randint(8, max(9, min(size) // 4)), colour(rng)
    for x in range(0, size[0], side):
        for y in range(0, size[1], side):
            h = side / 2
            for cx, cy, a in ([(x, y, 0), (x + side, y + side, 180)] if rng.random() < .5 else [(x + side, y, 90), (x, y + side, 270)]):
                draw.arc([cx - h, cy - h, cx + h, cy + h], a, a + 90, ink, max(1, side // 6))
    return im


def rays(rng, size):
    x, y = grid(size)
    x0, y0 = rng.uniform(0, size[0] / min(size)), rng.uniform(0, size[1] / min(size))
    at = np.sin(np.arctan2(y - y0, x - x0) * rng.randint(2, 40) + rng.uniform(0, 20) * np.hypot(x - x0, y - y0))
    return blend(np.sign(at) / 2 + .5 if rng.random() < .5 else at / 2 + .5, colour(rng), colour(rng))


def face(rng, size):
    """A face as a cartoonist draws it, on any ground."""
    im = plain(rng, size) if rng.random() < .5 else clouds(rng, size)
    draw, u = ImageDraw.Draw(im), min(size) * rng.uniform(.5, 1)
    x, y = size[0] / 2 + rng.uniform(-.1, .1) * u, size[1] / 2 + rng.uniform(-.1, .1) * u
    skin = rng.choice([(255, 220, 180), (224, 172, 105), (141, 85, 36), (90, 56, 37), (255, 210, 60)])

    def oval(cx, cy, rx, ry, ink):
        draw.ellipse([x + (cx - rx) * u, y + (cy - ry) * u, x + (cx + rx) * u, y + (cy + ry) * u], ink)
    oval(0, -.12, .33, .36, colour(rng))
    oval(0, 0, .28, .38, skin)
    for side in (-1, 1):
        oval(side * .11, -.06, .06, .035, (255, 255, 255))
        oval(side * .11, -.06, .03, .03, colour(rng))
    draw.line([(x, y - .02 * u), (x - .03 * u, y + .09 * u), (x + .02 * u, y + .1 * u)], tuple(c * 3 // 4 for c in skin), 2)
    oval(0, .19, rng.uniform(.05, .14), rng.uniform(.015, .06), (170, 50, 60))
    return im


def empty(rng, size):
    """A background of the small world with nothing on it."""
    sc = W.scene(rng)
    return Image.fromarray(W.ground(sc, *size).astype('uint8'))


KINDS = dict(plain=plain, slope=slope, noise=noise, clouds=clouds, marble=marble, stripes=stripes, checks=checks, bricks=bricks, dots=dots,
             shapes=shapes, lines=lines, sketch=sketch, text=text, chart=chart, screen=screen, bars=bars, fractal=fractal, maze=maze, rays=rays,
             face=face, empty=empty)


def drawn(rng, count, kinds=tuple(KINDS)):
    """count pictures of the kinds in turn, each with its kind's name."""
    for i in range(count):
        kind = kinds[i % len(kinds)]
        yield kind, KINDS[kind](rng, rng.choice(SIZES))


PICTURES, VIDEOS = ('.jpg', '.jpeg', '.png', '.gif', '.webp'), ('.mp4', '.avi', '.mkv', '.webm', '.mov', '.ogv', '.mpg', '.ts')


def files(folder):
    """The pictures and the videos below a folder, each list in order of its paths."""
    found = [p for p in sorted(folder.rglob('*')) if p.is_file()]
    return [p for p in found if p.suffix.lower() in PICTURES], [p for p in found if p.suffix.lower() in VIDEOS]


def opened(path, rng):
    """A picture file as RGB; what is transparent gets a colour."""
    im = Image.open(path)
    im.draft('RGB', (600, 600))  # a JPEG need not be decoded at its full size
    if im.mode not in ('RGBA', 'LA', 'P', 'PA'):
        return im.convert('RGB')
    im = im.convert('RGBA')
    back = Image.new('RGBA', im.size, (255, 255, 255, 255) if rng.random() < .5 else colour(rng) + (255,))
    return Image.alpha_composite(back, im).convert('RGB')


def moments(path, most):
    """At most so many pictures of a video's first 900, evenly spread."""
    import av
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.thread_type = 'NONE'
        count = stream.frames or int((file.duration or 5e6) / 1e6 * float(stream.average_rate or 25))
        step, made = max(1, min(count, 900) // most), 0
        for k, frame in enumerate(file.decode(stream)):
            if k % step == 0:
                yield frame.to_image()
                made += 1
            if made == most or k == 900:
                return


def main():
    folder = pathlib.Path(__file__).resolve().parent / 'outside'
    folder.mkdir(exist_ok=True)
    rng = random.Random(2)
    for kind, make in KINDS.items():
        make(rng, (128, 96)).save(folder / f'{kind}.jpg', quality=85)


if __name__ == '__main__':
    main()
