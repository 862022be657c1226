"""The small world: things that stand, move, come and go over plain and textured grounds, with questions and answers.

A scene is independent of size and of frame rate: render() draws it at any moment and any width and height. The world is the
square in the middle of the picture, so that a centre crop loses nothing that is asked about.
"""
import pathlib
import random
import re

import numpy as np
from PIL import Image

FRAMES = 6  # of a clip, looked at in the middle of six equal slices
PETS = ['dog', 'cat', 'rabbit', 'turtle', 'fish', 'bird']
FARM = ['horse', 'cow', 'pig', 'sheep', 'rooster', 'goat']
VEHICLES = ['car', 'bus', 'bicycle', 'train', 'airplane', 'boat']
NAMES = PETS + FARM + VEHICLES
COLOURS = dict(red=(200, 60, 60), green=(70, 160, 80), blue=(70, 110, 200), yellow=(225, 205, 80), grey=(140, 140, 140),
               white=(235, 235, 235), black=(30, 30, 30), purple=(140, 70, 160))
BACKS = list(COLOURS)
TEXTURES = ['plain', 'plain', 'stripes', 'checks', 'slope', 'clouds']
STEP = dict(left=(-1, 0), right=(1, 0), up=(0, -1), down=(0, 1))
BACKWARDS = dict(left='right', right='left', up='down', down='up')
COUNT = ['zero', 'one', 'two', 'three']
SPRITES = {n: Image.open(pathlib.Path(__file__).parent / 'sprites' / f'{n}.png').convert('RGBA') for n in NAMES}


def moments(frames=FRAMES):
    return [(i + .5) / frames for i in range(frames)]


def scene(rng):
    """One to three things in rows of their own; each stands or moves in a straight line; of two, one may come late."""
    n = rng.choice([1, 1, 2, 2, 2, 3])
    things, lanes = rng.sample(NAMES, n), rng.sample(range(3), n)
    upright = rng.random() < .5  # lanes are columns, and things move up and down
    objs = []
    for name, lane in zip(things, lanes):
        if n == 1:
            move, side = rng.choice([*STEP, *STEP, None]), rng.uniform(.4, .6)
            centre = np.array([.5, .5]) + np.array([rng.uniform(-.09, .09), rng.uniform(-.09, .09)])
            if move is None:
                centre += [rng.uniform(-.19, .19), rng.uniform(-.19, .19)]
            span = rng.uniform(.42, .62)
        else:
            move = rng.choice([['up', 'down'], ['left', 'right']][not upright] * 2 + [None])
            side, span = rng.uniform(.27, .33), rng.uniform(.42, .58)
            along, across = .5 + rng.uniform(-.12, .12), 1 / 6 + lane / 3 + rng.uniform(-.015, .015)
            centre = np.array([across, along] if upright else [along, across])
        objs.append(dict(name=name, move=move, side=side, centre=centre, span=span))
    late = rng.randrange(2) if n == 2 and rng.random() < .5 else None
    return dict(back=rng.choice(BACKS), texture=rng.choice(TEXTURES), tint=[rng.randint(-12, 12) for _ in range(3)],
                grain=rng.randrange(1 << 30), objs=objs, late=late, shown=rng.choice([.5, .66]), reverse=False)


def reversed_scene(sc):
    """The same scene played backwards."""
    flip = {**sc, 'reverse': not sc['reverse']}
    flip['objs'] = [{**o, 'move': BACKWARDS.get(o['move'])} for o in sc['objs']]
    flip['late'] = None if sc['late'] is None else 1 - sc['late']
    return flip


def seen(sc):
    """A scene as questions() wants it: things in their own direction of time."""
    return {**sc, 'reverse': False}


def visible(sc, i, t):
    """Of two things in order each is shown equally long, so that counting frames tells nothing."""
    if sc['late'] is None:
        return True
    return t >= 1 - sc['shown'] if i == sc['late'] else t < sc['shown']


def place(o, t):
    return o['centre'] + (np.array(STEP[o['move']]) * o['span'] * (t - .5) if o['move'] else 0)


def ground(sc, width, height):
    """The background, float [height, width, 3]; a texture is two shades of one colour."""
    rng, base = np.random.default_rng(sc['grain']), np.array(COLOURS[sc['back']], float) + sc['tint']
    y, x = np.mgrid[0:height, 0:width] / min(width, height)
    k, angle, shift = rng.uniform(3, 7), rng.uniform(0, np.pi), rng.uniform(0, 1)
    along = x * np.cos(angle) + y * np.sin(angle)
    if sc['texture'] == 'stripes':
        wave = np.sign(np.sin(2 * np.pi * (along * k + shift)))
    elif sc['texture'] == 'checks':
        wave = np.sign(np.sin(2 * np.pi * (x * k / 2 + shift)) * np.sin(2 * np.pi * (y * k / 2 + shift)))
    elif sc['texture'] == 'slope':
        wave = 2 * (along - along.min()) / (np.ptp(along) + 1e-9) - 1
    elif sc['texture'] == 'clouds':
        coarse = Image.fromarray(rng.normal(0, 1, (6, 6)).astype('f')).resize((width, height), Image.BICUBIC)
        wave = np.clip(np.asarray(coarse), -1, 1)
    else:
        wave = np.zeros((height, width))
    return np.clip(base + wave[..., None] * rng.uniform(8, 22), 0, 255)


def render(sc, t, width=96, height=None, complete=False, back=None):
    """The moment t (0 to 1) as a picture. complete draws things that are not there at t too; back is ground()'s result."""
    height = height or width
    t = 1 - t if sc['reverse'] else t
    flat = reversed_scene(sc) if sc['reverse'] else sc
    im = Image.fromarray((ground(sc, width, height) if back is None else back).astype('uint8'))
    unit, left, top = min(width, height), (width - min(width, height)) / 2, (height - min(width, height)) / 2
    for i, o in enumerate(flat['objs']):
        if not complete and not visible(flat, i, min(max(t, 0), 1 - 1e-9)):
            continue
        sprite = SPRITES[o['name']]
        w = max(4, round(o['side'] * unit)); h = max(4, round(w * sprite.height / sprite.width))
        if h > w * 1.1:
            w, h = max(4, round(w * w / h)), w
        x, y = place(o, t) * unit
        im.paste(s := sprite.resize((w, h), Image.BICUBIC), (round(left + x - w / 2), round(top + y - h / 2)), s)
    return im


def owners(sc, t, grid, complete=False):
    """Which thing covers each patch: int [grid*grid], 0 for none, else 1 + its index in NAMES."""
    own = np.zeros((grid, grid), np.int64)
    t = 1 - t if sc['reverse'] else t
    flat = reversed_scene(sc) if sc['reverse'] else sc
    edge = (np.arange(grid) + .5) / grid
    for i, o in enumerate(flat['objs']):
        if complete or visible(flat, i, min(t, 1 - 1e-9)):
            sprite = SPRITES[o['name']]
            w = o['side']; h = w * sprite.height / sprite.width
            if h > w * 1.1:
                w, h = w * w / h, w
            x, y = place(o, t)
            own[np.ix_(abs(edge - y) < h / 2, abs(edge - x) < w / 2)] = 1 + NAMES.index(o['name'])
    return own.ravel()


def where(o, t):
    x, y = place(o, t) - .5
    if max(abs(x), abs(y)) < .08 or abs(abs(x) - abs(y)) < .04:
        return None
    return ('right' if x > 0 else 'left') if abs(x) > abs(y) else ('bottom' if y > 0 else 'top')


def a(name):
    return ('an ' if name[0] in 'aeiou' else 'a ') + name


def questions(rng, sc, t=None):
    """(kind, question, answer) on the moment t as a picture, or on the whole clip."""
    objs, n = sc['objs'], len(sc['objs'])
    names = [o['name'] for o in objs]
    absent = rng.choice([x for x in NAMES if x not in names])
    qs = [('colour', rng.choice(['what color is the background?', 'what colour is the background?']), sc['back']),
          ('count', 'how many things are there?', COUNT[n]),
          ('is there', f'is there {a(rng.choice(names))}?', 'yes'), ('is there', f'is there {a(absent)}?', 'no')]
    if n == 1:
        qs.append(('what', 'what is this?', a(names[0])))
    if t is not None:
        for o in objs:
            if where(o, t):
                qs += [('where', f"where is the {o['name']}?", where(o, t))] * 2
        if n == 1:
            qs.append(('caption', '', f"{a(names[0])} on a {sc['back']} background"))
        return qs
    for o in objs:
        axis = 'up or down' if o['move'] in ('up', 'down') else 'left or right'
        qs += [('still' if o['move'] is None else axis, f"which way does the {o['name']} move?", o['move'] or 'it stays still')] * 3
    if n == 1:
        move = 'moves ' + objs[0]['move'] if objs[0]['move'] else 'stays still'
        qs += [('caption', '', f"{a(names[0])} {move} on a {sc['back']} background")] * 2
    if sc['late'] is not None:
        qs += [('order', 'what comes first?', 'the ' + names[1 - sc['late']]), ('order', 'what comes last?', 'the ' + names[sc['late']])] * 2
    return qs


def words(text):
    return re.findall(r'\[UNK\]|[a-z]+|\?', text)


def vocabulary():
    rng, seen = random.Random(1), set(NAMES) | set(COUNT) | {'it', 'an', 'color', 'colour'}
    for i in range(6000):
        for _, q, answer in questions(rng, scene(rng), .5 if i % 2 else None):
            seen.update(words(q) + words(answer))
    return ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] + sorted(seen)
