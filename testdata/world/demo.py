"""Makes the clips and pictures that `videoqa demo` asks about, and prints what transformers answers to demo.json.

usage: demo.py          makes demo/*.mp4, *.mkv, *.webm, *.jpg   (requirements.txt)
       demo.py --ask    answers demo.json's questions instead     (requirements-train.txt)
"""
import json
import os
import pathlib
import sys

import numpy as np

import world as W
from eval import CODINGS, MODEL, Reference, encode

DEMO = pathlib.Path(__file__).resolve().parent / 'demo'


def thing(name, x, y, move=None, side=.3, span=.5):
    return dict(name=name, move=move, side=side, centre=np.array([x, y]), span=span)


def scene(back, texture, grain, *things, late=None):
    return dict(back=back, texture=texture, tint=[0, 0, 0], grain=grain, objs=list(things), late=late, shown=.5, reverse=False)


CLIPS = [  # file, coding, size, frames a second, seconds, scene
    ('yard.mp4', 'h264', (320, 240), 25, 3, scene('green', 'stripes', 1, thing('dog', .5, .52, 'left', .5, .55))),
    ('airfield.mkv', 'hevc', (256, 192), 30, 2.5, scene('blue', 'clouds', 2, thing('airplane', .48, .5, 'up', .45, .55))),
    ('crossing.webm', 'vp9', (480, 360), 30, 3, scene('grey', 'plain', 3, thing('bus', .5, .17, 'right', .32), thing('train', .45, .5, side=.32),
                                                     thing('car', .5, .83, 'left', .32))),
    ('meadow.mp4', 'av1', (320, 240), 25, 4, scene('yellow', 'slope', 4, thing('cow', .5, .5, 'right'), thing('rooster', .45, .83), late=1)),
    ('portrait.mp4', 'h264', (360, 640), 30, 2, scene('purple', 'checks', 5, thing('rabbit', .17, .5, 'down'), thing('turtle', .83, .5, 'up'))),
]
PICTURE = 'harbour.jpg', (480, 360), scene('white', 'clouds', 6, thing('boat', .24, .45, side=.45))


def make():
    os.environ['SVT_LOG'] = '1'  # errors only
    encoders = {name: (encoder, options) for name, encoder, _, options in CODINGS}
    for name, coding, (width, height), rate, seconds, sc in CLIPS:
        n = round(rate * seconds)
        encoder, options = encoders[coding]
        encode(DEMO / name, [W.render(sc, (k + .5) / n, width, height) for k in range(n)], encoder, options, rate)
    name, (width, height), sc = PICTURE
    W.render(sc, .5, width, height).save(DEMO / name, quality=88)


def ask():
    for media in json.loads((DEMO / 'demo.json').read_text()):
        questions = [q['question'] for q in media['questions']]
        for question, answer in zip(questions, Reference().answers(DEMO / media['file'], questions, MODEL)):
            print(f"{media['file']:<14} {question:<40} {answer}")


if __name__ == '__main__':
    ask() if '--ask' in sys.argv else make()
