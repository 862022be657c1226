"""Asks the program about fresh scenes of the small world, encoded as real video, and counts the answers that match exactly.

usage: eval.py [--seed 1] [--clips 500] [--stills 100] [--program bin/videoqa | --reference]   (see requirements.txt)

A scene with motion or order gives two clips, one played backwards with the backward answers; such questions come in pairs,
and a pair counts only if both answers are right. The question-only baseline answers each question text with the answer
most frequent for that text over scenes of another seed, without looking at a picture. Direction and order are asked again
of the same model with its temporal embeddings zeroed. --against asks everything again with another precision, and says how
often the answer is another; at most half a percent may be. --reference answers by transformers on frames decoded by PyAV
(requirements-train.txt). The exit status is 1 if a figure misses its bound.
"""
import argparse
import collections
import dataclasses
import fractions
import functools
import json
import multiprocessing
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import av

import world as W

MODEL = pathlib.Path(__file__).resolve().parent.parent / 'model'
CODINGS = [  # name, encoder, containers, options: each encoder's usual quality at a fast preset
    ('h264', 'libx264', ('mp4', 'mkv'), dict(preset='veryfast', crf='23')),
    ('hevc', 'libx265', ('mp4', 'mkv'), {'preset': 'ultrafast', 'crf': '28', 'x265-params': 'log-level=none:pools=none:frame-threads=1'}),
    ('vp9', 'libvpx-vp9', ('webm', 'mkv'), {'crf': '32', 'b': '0', 'deadline': 'realtime', 'cpu-used': '8', 'threads': '1'}),
    ('av1', 'libsvtav1', ('mp4', 'webm'), {'preset': '11', 'crf': '35', 'svtav1-params': 'lp=1'}),
]
VIDEO = ('.mp4', '.mkv', '.webm')
SIZES = [(192, 192), (256, 192), (320, 240), (360, 640), (480, 360)]
RATES = [25, 30]
STRANGE = ['shiny', 'gigantic', 'wonderful', 'muddy', 'famous']  # no word of the vocabulary and none that training inserted
PAIRED = ('left or right', 'up or down', 'order')  # kinds that cannot be known without the order of the frames
OVERALL, KIND, ZEROED = 95, 90, 55  # bounds, in percent
CHANGED = .5  # of the answers, by another precision, in percent


@dataclasses.dataclass(frozen=True)
class Result:
    kind: str
    coding: str  # codec or picture format
    scene: int
    question: str
    want: str
    got: str
    zeroed: str | None  # the answer with temporal embeddings zeroed, where asked
    against: str | None = None  # the answer by the other precision, where asked


def asked(seed, index, sc, t=None):
    """The questions of a scene, each once, and one of them with a word that the model does not know."""
    rng = random.Random(f'questions {seed} {index}')
    qs = list(dict.fromkeys(W.questions(rng, sc, t)))
    _, question, answer = rng.choice([q for q in qs if q[0] not in ('caption', 'is there')])
    words = question.split()
    words.insert(rng.randrange(len(words)), rng.choice(STRANGE))
    return qs + [('unknown word', ' '.join(words), answer)]


def baseline(seed, stills):
    """The most frequent answer to each question text, over scenes of another seed; stills is the share of pictures."""
    counts = collections.defaultdict(collections.Counter)
    rng = random.Random(f'baseline {seed}')
    for i in range(6000):
        sc = W.scene(rng)
        t = rng.choice(W.moments()) if rng.random() < stills else None
        for _, question, answer in asked(f'baseline {seed}', i, sc, t):
            counts[question][answer] += 1
    return {q: c.most_common(1)[0][0] for q, c in counts.items()}


def encode(path, frames, encoder, options, rate):
    """Writes frames, RGB pictures, as a video file."""
    with av.open(str(path), 'w', options={'fflags': 'bitexact'}) as out:
        stream = out.add_stream(encoder, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, 'yuv420p'
        stream.thread_count = 1
        for k, im in enumerate(frames):
            frame = av.VideoFrame.from_image(im)
            frame.pts, frame.time_base = k, fractions.Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


class Program:
    """The answers of the program under test."""

    def __init__(self, program, precision):
        self.command = [program, 'ask', '--json', '--threads', '1', '--precision', precision]

    def answers(self, media, questions, model):
        # The AV1 encoder makes its process a real-time one, and a child inherits that: two such programs on two cores
        # leave none to the threads that they wait for.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        run = subprocess.run([*self.command, '--model', str(model), '--', str(media), *questions], capture_output=True, text=True, check=False)
        lines = run.stdout.splitlines()
        if run.returncode or len(lines) != len(questions):
            raise RuntimeError(f'{media.name}: status {run.returncode}, {len(lines)} answers to {len(questions)} questions: {run.stderr}')
        return [json.loads(line)['answer'] for line in lines]


class Reference:
    """The answers of transformers on frames decoded by PyAV."""

    def answers(self, media, questions, model):
        import torch
        m, processor, tokenizer = loaded(str(model))
        pixels = processor(images=sampled(media), return_tensors='pt').pixel_values
        pixels = pixels[None] if media.suffix in VIDEO else pixels
        out = []
        for q in questions:
            ids = torch.tensor([[m.config.bos_token_id, *tokenizer(q, add_special_tokens=False).input_ids]])
            with torch.no_grad():
                made = m.generate(pixel_values=pixels, input_ids=ids, max_new_tokens=20, use_cache=False)
            out.append(tokenizer.decode(made[0, ids.shape[1]:], skip_special_tokens=True))
        return out


@functools.cache
def loaded(folder):
    import torch
    import transformers
    torch.set_num_threads(1)
    return (transformers.GitForCausalLM.from_pretrained(folder).eval(), transformers.CLIPImageProcessor.from_pretrained(folder),
            transformers.BertTokenizerFast.from_pretrained(folder))


def sampled(media):
    """The pictures shown in the middle of six equal slices of a clip; of a picture, itself."""
    with av.open(str(media)) as file:
        frames = list(file.decode(video=0))
    at = [int(t * len(frames)) for t in W.moments()] if media.suffix in VIDEO else [0]
    return [frames[i].to_image() for i in at]


@dataclasses.dataclass
class Examination:
    """What the processes that examine scenes have in common."""
    seed: int
    asker: Program | Reference
    model: pathlib.Path
    zeroed: pathlib.Path
    work: pathlib.Path
    other: Program | None  # of another precision

    def clip(self, index):
        """Results on a scene's clip and, if it has motion or order, on the clip played backwards."""
        rng = random.Random(f'clip {self.seed} {index}')
        sc = W.scene(rng)
        name, encoder, containers, options = CODINGS[index % len(CODINGS)]
        (width, height), rate, seconds = rng.choice(SIZES), rng.choice(RATES), rng.uniform(2, 4)
        container, n = rng.choice(containers), round(rate * seconds)
        back = W.ground(sc, width, height)
        frames = [W.render(sc, (k + .5) / n, width, height, back=back) for k in range(n)]
        results = []
        for way, scene, order in [('forward', sc, 1), ('backward', W.reversed_scene(sc), -1)][:1 + paired(sc)]:
            path = self.work / f'{index}-{way}.{container}'
            encode(path, frames[::order], encoder, options, rate)
            results += self.ask(path, name, index, asked(self.seed, index, scene))
        return results

    def still(self, index):
        """Results on a picture of a scene, as PNG or JPEG."""
        rng = random.Random(f'still {self.seed} {index}')
        sc, t, (width, height) = W.scene(rng), rng.choice(W.moments()), rng.choice(SIZES)
        name = ('png', 'jpeg')[index % 2]
        path = self.work / f'{index}.{name}'
        W.render(sc, t, width, height, complete=True).save(path)
        return self.ask(path, name, index, asked(f'still {self.seed}', index, sc, t))

    def ask(self, path, coding, index, qs):
        got = self.asker.answers(path, [q for _, q, _ in qs], self.model)
        timed = [q for kind, q, _ in qs if kind in PAIRED]
        zeroed = dict(zip(timed, self.asker.answers(path, timed, self.zeroed))) if timed else {}
        again = self.other.answers(path, [q for _, q, _ in qs], self.model) if self.other else [None] * len(qs)
        path.unlink()
        return [Result(kind, coding, index, q, want, answer, zeroed.get(q), other) for (kind, q, want), answer, other in zip(qs, got, again)]


def paired(sc):
    """Whether time has a direction in the scene."""
    return sc['late'] is not None or any(o['move'] for o in sc['objs'])


def scenes(seed, count):
    """How many scenes it takes to give at least count clips, and how many clips they give."""
    index = made = 0
    while made < count:
        made += 1 + paired(W.scene(random.Random(f'clip {seed} {index}')))
        index += 1
    return index, made


def zero(folder, out):
    """A copy of a checkpoint with its temporal embeddings zeroed."""
    shutil.copytree(folder, out)
    path = out / 'model.safetensors'
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[:8], 'little')
    tensors = [t for name, t in json.loads(data[8:8 + size]).items() if name.startswith('git.img_temp')]
    for begin, end in (t['data_offsets'] for t in tensors):
        data[8 + size + begin:8 + size + end] = bytes(end - begin)
    path.write_bytes(data)


def percent(hits):
    hits = list(hits)
    return 100 * sum(hits) / len(hits) if hits else float('nan')


def pairs(results):
    """Whether both answers of each pair are right."""
    both = collections.defaultdict(list)
    for r in results:
        both[r.scene, r.question].append(r.got == r.want)
    return [all(hits) for hits in both.values() if len(hits) == 2]


def row(name, results, constant):
    """A line of the table: figures of one kind or one coding."""
    line = (f'{name:<14} {len(results):>9} {percent(r.got == r.want for r in results):>7.1f} '
            f'{percent(constant.get(r.question) == r.want for r in results):>15.1f}')
    if all(r.zeroed is not None for r in results):
        line += f' {percent(pairs(results)):>7.1f} {percent(r.zeroed == r.want for r in results):>8.1f}'
    return line


def report(results, constant):
    """Prints the figures and returns the bounds that they miss."""
    overall = percent(r.got == r.want for r in results)
    print(f'exact match {overall:.1f} % of {len(results)} questions')
    missed = [] if overall >= OVERALL else [f'overall: {overall:.1f} % is below {OVERALL} %']
    for by in ('kind', 'coding'):
        print(f'\n{by:<14} {"questions":>9} {"right %":>7} {"question only %":>15}' + (f' {"pairs %":>7} {"zeroed %":>8}' if by == 'kind' else ''))
        groups = collections.defaultdict(list)
        for r in results:
            groups[getattr(r, by)].append(r)
        for name in sorted(groups):
            print(row(name, groups[name], constant))
            if by == 'kind':
                missed += misses(name, groups[name])
    print('\n' + row('all', results, constant))
    return missed


def misses(kind, results):
    """The bounds that a kind of question misses."""
    out = []
    if (right := percent(r.got == r.want for r in results)) < KIND:
        out.append(f'{kind}: {right:.1f} % is below {KIND} %')
    if kind in PAIRED:
        if (right := percent(pairs(results))) < KIND:
            out.append(f'{kind}, pairs: {right:.1f} % is below {KIND} %')
        if (right := percent(r.zeroed == r.want for r in results)) > ZEROED:
            out.append(f'{kind}, temporal embeddings zeroed: {right:.1f} % is above {ZEROED} %')
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--clips', type=int, default=500, help='at least so many clips')
    p.add_argument('--stills', type=int, default=100)
    p.add_argument('--program', default='bin/videoqa')
    p.add_argument('--precision', default='auto')
    p.add_argument('--against', help='another precision, to ask again')
    p.add_argument('--reference', action='store_true', help='answer by transformers instead of the program')
    p.add_argument('--model', type=pathlib.Path, default=MODEL, help='folder of the checkpoint')
    p.add_argument('--jobs', type=int, default=2)
    p.add_argument('--wrong', action='store_true', help='list the wrong answers on standard error')
    args = p.parse_args()
    os.environ['SVT_LOG'] = '1'  # errors only, in the processes started below
    with tempfile.TemporaryDirectory() as work:
        zeroed = pathlib.Path(work) / 'zeroed'
        zero(args.model, zeroed)
        asker = Reference() if args.reference else Program(str(pathlib.Path(args.program).resolve()), args.precision)
        other = Program(str(pathlib.Path(args.program).resolve()), args.against) if args.against else None
        examination = Examination(args.seed, asker, args.model, zeroed, pathlib.Path(work), other)
        with multiprocessing.get_context('spawn').Pool(args.jobs) as pool:
            count, made = scenes(args.seed, args.clips)
            parts = [*pool.imap(examination.clip, range(count)),
                     *pool.imap(examination.still, range(args.stills))]
    results = [r for part in parts for r in part]
    for r in results:
        if args.wrong and r.got != r.want:
            print(f'{r.kind}, {r.coding} {r.scene}: {r.question!r}: {r.got!r}, not {r.want!r}', file=sys.stderr)
    missed = report(results, baseline(args.seed, args.stills / (made + args.stills)))
    if args.against:
        changed = percent(r.got != r.against for r in results)
        print(f'\n{changed:.2f} % of the answers by {args.precision} are others by {args.against}, which are right in {percent(r.against == r.want for r in results):.1f} %')
        missed += [f'{changed:.2f} % of the answers change, above {CHANGED} %'] if changed > CHANGED else []
    print(f'\n{made} clips and {args.stills} pictures of seed {args.seed}')
    if missed:
        sys.exit('\nmissed:\n' + '\n'.join(missed))


if __name__ == '__main__':
    main()
