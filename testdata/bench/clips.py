"""Makes the clips of peers.py: pictures that move as a camera's do, every one stamped with its number.

A camera pans and zooms over a textured ground while six textured things cross it and the light changes; every picture has
fresh grain. The stamp is a row of squares, so that a frame says by itself which it is, whoever decoded it.
"""
import io

import av
import cv2
import numpy as np

RATE, SECONDS, DIGITS = 30, 60, 12
ENCODERS = {
    'h264': ('libx264', {'preset': 'veryfast', 'crf': '25', 'x264-params': 'keyint={gop}:min-keyint={gop}:scenecut=0'}),
    'hevc': ('libx265', {'preset': 'superfast', 'crf': '27', 'x265-params': 'keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:bframes=3:log-level=none'}),
}


def texture(rng, height, width):
    """Noise whose spectrum falls off as a photograph's does, in colours that hang together."""
    y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    fall = 1 / np.maximum(np.hypot(x, y), 1 / max(height, width)) ** 1.6
    layers = [np.fft.irfft2(np.fft.rfft2(rng.standard_normal((height, width))) * fall, (height, width)) for _ in range(3)]
    light, warm, green = (layer / layer.std() for layer in layers)
    rgb = np.stack([light + .25 * warm, light + .15 * green, light - .25 * warm], -1)
    return np.clip(rgb * 42 + 120, 0, 255).astype(np.uint8)


class Scene:
    def __init__(self, height, width, seed=1):
        self.height, self.width = height, width
        self.rng = rng = np.random.default_rng(seed)
        self.ground = texture(rng, height * 3 // 2, width * 3 // 2)
        self.grain = rng.normal(0, 1.5, (height * 2, width * 2, 1)).astype(np.int8)
        side = height // 3
        disc = np.hypot(*np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))) < .95
        self.things = [(texture(rng, side, side), disc.astype(np.uint8), rng.uniform(.5, 2, 2), rng.uniform(0, 6.3, 2), rng.uniform(-1, 1)) for _ in range(6)]

    def at(self, i):
        """Picture i, RGB."""
        t, h, w = i / RATE, self.height, self.width
        zoom = 1 + .15 * np.sin(t * .31)
        pan = np.array([w, h]) * (.25 + .2 * np.array([np.sin(t * .4), np.cos(t * .27)]))
        size = (w, h)
        out = cv2.warpAffine(self.ground, np.float32([[zoom, 0, -pan[0] * zoom], [0, zoom, -pan[1] * zoom]]), size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for picture, disc, speed, phase, turn in self.things:
            self.draw(out, picture, disc, .5 + .45 * np.sin(speed * t + phase), turn * t)
        out = cv2.convertScaleAbs(out, alpha=1 + .1 * np.sin(t * .9), beta=6 * np.sin(t * 1.7))
        y, x = self.rng.integers(0, h), self.rng.integers(0, w)
        out = cv2.add(out, np.repeat(self.grain[y:y + h, x:x + w], 3, 2), dtype=cv2.CV_8U)
        return stamp(out, i)

    def draw(self, out, picture, disc, place, angle):
        side = len(picture)
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), np.degrees(angle), 1)
        x, y = place[0] * self.width - side / 2, place[1] * self.height - side / 2
        x0, y0 = int(np.floor(x)), int(np.floor(y))
        turn[:, 2] += (x - x0, y - y0)
        picture = cv2.warpAffine(picture, turn, (side, side))
        top, left, bottom, right = max(y0, 0), max(x0, 0), min(y0 + side, self.height), min(x0 + side, self.width)
        part = np.s_[top - y0:bottom - y0, left - x0:right - x0]
        cv2.copyTo(picture[part], disc[part], out[top:bottom, left:right])


def stamp(picture, i):
    """Writes i into the upper left corner, a square for each binary digit."""
    side = len(picture) // 24
    for d in range(DIGITS):
        picture[:side, d * side:(d + 1) * side] = 235 if i >> d & 1 else 20
    return picture


def number(picture):
    """Reads what stamp wrote."""
    side = len(picture) // 24
    squares = picture[side // 4:side * 3 // 4, :DIGITS * side].reshape(side * 3 // 4 - side // 4, DIGITS, side, 3)
    bright = squares[:, :, side // 4:side * 3 // 4].mean((0, 2, 3))
    return sum(1 << d for d in range(DIGITS) if bright[d] > 128)


def encode(folder, height, gops):
    """Encodes a minute and its first ten seconds in every codec and GOP at once, so that each picture is drawn once."""
    paths = {(codec, gop, seconds): path_of(folder, codec, height, gop, seconds) for codec in ENCODERS for gop in gops for seconds in (10, 60)}
    files = [Encoding(path, *key, height) for key, path in paths.items() if not path.exists()]
    scene = Scene(height, height * 16 // 9)
    for i in range(RATE * max((f.seconds for f in files), default=0)):
        frame = av.VideoFrame.from_ndarray(scene.at(i), 'rgb24').reformat(format='yuv420p')
        frame.pts = i
        for f in files:
            f.add(i, frame)


def path_of(folder, codec, height, gop, seconds):
    return folder / f'{codec}-{height}-{gop}-{seconds}s.mp4'


class Encoding:
    """One file on its way; it has its name once it is whole."""

    def __init__(self, path, codec, gop, seconds, height):
        self.path, self.seconds = path, seconds
        name, options = ENCODERS[codec]
        self.out = av.open(str(path.with_suffix('.part')), 'w', format='mp4')
        self.stream = self.out.add_stream(name, rate=RATE, options={key: value.format(gop=gop) for key, value in options.items()})
        self.stream.width, self.stream.height, self.stream.pix_fmt = height * 16 // 9, height, 'yuv420p'

    def add(self, i, frame):
        if i < RATE * self.seconds:
            self.out.mux(self.stream.encode(frame))
        if i == RATE * self.seconds - 1:
            self.out.mux(self.stream.encode(None))
            self.out.close()
            self.path.with_suffix('.part').rename(self.path)


def lengthen(minute, seconds):
    """The bytes of a clip of that many seconds: a minute repeated by stream copy."""
    file = io.BytesIO()
    with av.open(str(minute)) as one, av.open(file, 'w', format='mp4') as out:
        stream = out.add_stream_from_template(one.streams.video[0])
        packets = [p for p in one.demux(video=0) if p.size]
        base = packets[0].time_base
        step = int(1 / (RATE * base))
        for p in copies(packets, seconds * RATE, step):
            p.stream = stream
            out.mux(p)
    return file.getvalue()


def copies(packets, frames, step):
    """packets again and again, each time right behind the last, until that many frames are shown."""
    first = min(p.pts for p in packets)
    data = [(p.pts - first, p.dts - first, p) for p in packets]
    for again in range(frames // len(packets)):
        begin = again * len(packets) * step
        for pts, dts, p in data:
            copy = av.Packet(bytes(p))
            copy.pts, copy.dts, copy.time_base, copy.is_keyframe = begin + pts, begin + dts, p.time_base, p.is_keyframe
            yield copy
