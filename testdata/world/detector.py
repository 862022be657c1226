"""Fits the detector of the demonstration model, which tells pictures of the small world from others, and writes it beside
the model: ../model/detector.safetensors. docs/checkpoints.md has its format.

usage: detector.py FOLDER... [--held FOLDER...] [--emoji FONT] [--cutouts FOLDER] [--steps 5000] [--keep FOLDER] [--out FILE]   (requirements-train.txt)

It is a small network over the features of the image encoder, whose weights stay what they are. Inside are scenes of the
world, as pictures and as frames of videos in many codings. Outside are the pictures that outside.py draws, the pictures
and video frames in each FOLDER, other emoji of the FONT and cut-out pictures of things (PNG with transparency) in place of
the world's things. One emoji and one cutout in three, and the folders after --held, are only checked. --keep has features kept in a
folder, and those that are there already taken from it.
"""
import argparse
import fractions
import io
import os
import pathlib
import random
import sys

import av
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from safetensors.torch import save_file
from transformers import GitForCausalLM

import outside
import train as T
import world as W

MODEL = pathlib.Path(__file__).resolve().parent.parent / 'model'
SIDE, HIDDEN, POOLED, BATCH = T.SIZE, 96, 32, 256
SIZES = [(96, 96), (128, 128), (192, 192), (192, 192), (200, 150), (256, 192), (256, 192), (320, 240), (360, 640), (480, 360)]
CODINGS = [
    ('libx264', 'mp4', lambda r: dict(preset='veryfast', crf=str(r.randint(18, 34)))),
    ('libx265', 'mp4', lambda r: {'preset': 'ultrafast', 'crf': str(r.randint(22, 36)), 'x265-params': 'log-level=none:pools=none:frame-threads=1'}),
    ('libvpx-vp9', 'webm', lambda r: {'crf': str(r.randint(24, 42)), 'b': '0', 'deadline': 'realtime', 'cpu-used': '8', 'threads': '1'}),
    ('libsvtav1', 'mp4', lambda r: {'preset': '11', 'crf': str(r.randint(28, 45)), 'svtav1-params': 'lp=1'}),
    ('mpeg4', 'mp4', lambda r: {'qscale': '5'}),
    ('libvpx', 'webm', lambda r: {'crf': str(r.randint(10, 30)), 'b': '1M', 'deadline': 'realtime', 'cpu-used': '8'}),
]
# Emoji that show what the world's things show: nobody could say that one of them is no dog.
ALIKE = set('🐶🐕🦮🐩🐱🐈🐰🐇🐢🐟🐠🐡🐦🐤🐥🐣🐴🐎🐮🐄🐂🐃🐷🐖🐗🐑🐏🐐🐓🐔🚗🚙🚕🚌🚍🚎🚲🚴🚆🚂🚄🚅🚈🚝🚞🚇✈🛩⛵🚤🛥🚢🛶🛳⛴🚋🚊🚉🚐🚘🚖🦃🕊🐧🚵🏇🚃🎏')


def prepared(im):
    """A picture as the model gets it: the shorter side to SIDE, bicubic, and a square from the middle."""
    im = im.convert('RGB')
    w, h = im.size
    if max(w, h) > 3 * min(w, h):
        im = im.crop(((w - 3 * min(w, h)) // 2, 0, (w + 3 * min(w, h)) // 2, h) if w > h else (0, (h - 3 * w) // 2, w, (h + 3 * w) // 2))
        w, h = im.size
    if min(w, h) > 6 * SIDE:  # only to save time
        im = im.resize((3 * SIDE * w // min(w, h), 3 * SIDE * h // min(w, h)), Image.BOX)
        w, h = im.size
    size = (SIDE, SIDE * h // w) if w <= h else (SIDE * w // h, SIDE)
    im = im.resize(size, Image.BICUBIC)
    left, top = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    return np.asarray(im.crop((left, top, left + SIDE, top + SIDE)))


def parts(im, rng, count):
    """A picture, and squares cut from it."""
    yield prepared(im)
    for _ in range(count):
        side = int(min(im.size) * rng.uniform(.15, .8))
        if side >= 24:
            x, y = rng.randint(0, im.width - side), rng.randint(0, im.height - side)
            yield prepared(im.crop((x, y, x + side, y + side)))


def folder(path):
    """All pictures below a folder, and frames of its videos, with parts of them."""
    rng = random.Random(path.name)
    pictures, videos = outside.files(path)
    rng.shuffle(pictures)
    for file in pictures[:1000]:
        try:
            im = outside.opened(file, rng)
            if min(im.size) >= 24:
                yield from parts(im, rng, 2)
        except (OSError, ValueError, SyntaxError) as e:
            print(f'{file}: {e}', file=sys.stderr)
    for file in videos:
        try:
            for im in outside.moments(file, 20):
                yield from parts(im, rng, 1)
        except (av.FFmpegError, IndexError) as e:
            print(f'{file}: {e}', file=sys.stderr)


def jpeg(im, rng):
    buffer = io.BytesIO()
    im.save(buffer, 'JPEG', quality=rng.randint(30, 95))
    return Image.open(buffer)


def coded(frames, rng):
    """What is left of pictures, all of one size, after a video coding."""
    encoder, form, options = rng.choice(CODINGS)
    buffer = io.BytesIO()
    with av.open(buffer, 'w', format=form) as out:
        stream = out.add_stream(encoder, rate=6, options=options(rng))
        stream.width, stream.height, stream.pix_fmt, stream.thread_count = frames[0].width, frames[0].height, 'yuv420p', 1
        for k, im in enumerate(frames):
            frame = av.VideoFrame.from_image(im)
            frame.pts, frame.time_base = k, fractions.Fraction(1, 6)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer) as file:
        pictures = [frame.to_image() for frame in file.decode(video=0)]
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # the AV1 encoder makes its process a real-time one
    return pictures


def scenes(count, seed, things=None):
    """Scenes as pictures, one in two as JPEG; with things in place of the world's."""
    rng, own = random.Random(seed), dict(W.SPRITES)
    for _ in range(count):
        sc = W.scene(rng)
        if things:
            W.SPRITES.update((name, rng.choice(things)) for name in W.NAMES)
        im = W.render(sc, rng.choice(W.moments()), *rng.choice(SIZES), complete=True)
        W.SPRITES.update(own)
        yield prepared(jpeg(im, rng) if rng.random() < .5 else im)


def clips(count, seed):
    """Scenes as frames of coded videos."""
    rng = random.Random(seed)
    for _ in range(count):
        sc, size = W.scene(rng), rng.choice(SIZES)
        back = W.ground(sc, *size)
        try:
            yield from map(prepared, coded([W.render(sc, (k + .5) / 12, *size, back=back) for k in range(12)], rng)[1::2])
        except av.InvalidDataError as e:  # of one in some hundred of these very short videos
            print(f'a video of {size}: {e}', file=sys.stderr)


def trained(count, seed):
    """Scenes with the changes that the model was trained with."""
    rng = random.Random(seed)
    for _ in range(count):
        image = rng.random() < .4
        yield from T.pictures(rng, W.scene(rng), [rng.choice(W.moments())] if image else W.moments()[::3], image)


def drawings(count, seed):
    rng = random.Random(seed)
    for _, im in outside.drawn(rng, count):
        yield prepared(jpeg(im, rng) if rng.random() < .4 else im)


def emoji(font):
    """Emoji that show something else than the world's things do, cut out."""
    font = ImageFont.truetype(font, 109)
    for first, last in ((0x2600, 0x27BF), (0x2B00, 0x2BFF), (0x1F300, 0x1F64F), (0x1F680, 0x1F6FF), (0x1F900, 0x1F9FF), (0x1FA70, 0x1FAFF)):
        for code in range(first, last + 1):
            im = Image.new('RGBA', (136, 128), (0, 0, 0, 0))
            ImageDraw.Draw(im).text((0, 0), chr(code), font=font, embedded_color=True)
            box = im.getbbox()
            if chr(code) not in ALIKE and box and box[2] - box[0] > 40 and box[3] - box[1] > 30:
                yield im.crop(box)


def cutouts(path):
    for file in outside.files(path)[0]:
        if file.suffix == '.png':
            im = Image.open(file).convert('RGBA')
            if im.getbbox():
                im = im.crop(im.getbbox())
                im.thumbnail((140, 140))
                yield im


class Detector(torch.nn.Module):
    """internal/nn/detector says the same."""

    def __init__(self, width):
        super().__init__()
        self.token, self.pooled, self.output = torch.nn.Linear(width, HIDDEN), torch.nn.Linear(2 * HIDDEN, POOLED), torch.nn.Linear(POOLED, 1)

    def forward(self, features):
        t = F.relu(self.token(features))
        return self.output(F.relu(self.pooled(torch.cat([t.mean(1), t.amax(1)], 1))))[:, 0]


def features(encoder, pictures):
    """The encoder's features of pictures, as half floats to save memory."""
    out, batch = [], []

    def run():
        with torch.no_grad():
            out.append(encoder(T.pixels(np.stack(batch)[None])[0]).last_hidden_state.half())
        batch.clear()
    for im in pictures:
        batch.append(im)
        if len(batch) == 64:
            run()
    if batch:
        run()
    return torch.cat(out) if out else torch.zeros(0, 1 + T.GRID ** 2, T.D, dtype=torch.half)


def fit(groups, steps):
    """A detector of groups: (name, inside or not, features). Inside weighs twice as much as outside; a large group
    weighs more than a small one, but less than its size."""
    x = torch.cat([f for _, _, f in groups])
    y = torch.cat([torch.full((len(f),), float(inside)) for _, inside, f in groups])
    weight = torch.cat([torch.full((len(f),), len(f) ** -.3) for _, _, f in groups])
    weight[y == 1] *= 2 * weight[y == 0].sum() / weight[y == 1].sum()
    weight /= weight.mean()
    detector = Detector(x.shape[-1])
    opt = torch.optim.AdamW(detector.parameters(), weight_decay=.02)
    for step in range(steps):
        opt.param_groups[0]['lr'] = 3e-3 * min(1, (step + 1) / 50) * (.02 + .98 * (1 - step / steps))
        at = torch.randint(0, len(x), (BATCH,))
        noisy = x[at].float() + torch.randn(BATCH, 1, 1) * .02 * torch.randn(BATCH, *x.shape[1:])  # as other precisions round
        loss = (F.binary_cross_entropy_with_logits(detector(noisy), y[at] * .98 + .01, reduction='none') * weight[at]).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 500 == 0:
            print(step, round(loss.item(), 4), flush=True)
    return detector.eval()


def report(detector, groups):
    for name, inside, f in groups:
        with torch.no_grad():
            z = torch.cat([detector(part.float()) for part in f.split(512)])
        wrong = ((z < 0) if inside else (z >= 0)).float().mean()
        print(f'{name:40} {"inside" if inside else "outside":8} {len(f):6} pictures {100 * wrong:6.2f} % on the wrong side, z {z.median():6.2f}', flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('folders', nargs='*', type=pathlib.Path)
    p.add_argument('--held', nargs='*', type=pathlib.Path, default=[], help='folders that are only checked')
    p.add_argument('--emoji')
    p.add_argument('--cutouts', type=pathlib.Path)
    p.add_argument('--steps', type=int, default=5000)
    p.add_argument('--keep', type=pathlib.Path)
    p.add_argument('--out', type=pathlib.Path, default=MODEL / 'detector.safetensors')
    args = p.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    os.environ['SVT_LOG'] = '1'
    encoder = GitForCausalLM.from_pretrained(MODEL).eval().git.image_encoder
    used, held = [], []

    def add(to, name, inside, pictures):
        kept = args.keep / f'{name}.npy' if args.keep else None
        f = torch.from_numpy(np.load(kept)) if kept and kept.exists() else features(encoder, pictures)
        if kept and not kept.exists():
            np.save(kept, f.numpy())
        print(name, len(f), flush=True)
        if len(f):
            to.append((name, inside, f))
    add(used, 'pictures of the world', True, scenes(5000, 31))
    add(used, 'videos of the world', True, clips(700, 21))
    add(used, 'pictures as trained on', True, trained(1500, 51))
    add(held, 'other pictures of the world', True, scenes(400, 32))
    add(held, 'other videos of the world', True, clips(150, 22))
    add(used, 'drawings', False, drawings(3360, 11))
    add(held, 'other drawings', False, drawings(630, 12))
    for name, things in (('emoji', emoji(args.emoji) if args.emoji else ()), ('cutouts', cutouts(args.cutouts) if args.cutouts else ())):
        things = list(things)
        random.Random(1).shuffle(things)
        if things:
            add(used, name, False, scenes(2500, 41, things[len(things) // 3:]))
            add(held, 'other ' + name, False, scenes(300, 42, things[:len(things) // 3]))
    for to, folders in ((used, args.folders), (held, args.held)):
        for path in folders:
            add(to, path.name, False, folder(path))
    detector = fit(used, args.steps)
    report(detector, held)
    report(detector, used)
    save_file({k: v.contiguous() for k, v in detector.state_dict().items()}, args.out)


if __name__ == '__main__':
    main()
