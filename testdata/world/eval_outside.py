"""Asks the demonstration model about pictures and videos that are not of its world, and counts how often it plays the expert:
answers with a score of 0.5 or more. It should have abstained.

usage: eval_outside.py [--program bin/videoqa] [--drawings 210] [--seed 1] [FOLDER...]   (requirements.txt)

Drawings are those of outside.py. Of a FOLDER, all pictures are asked about (--most at most), and all videos: each whole, as a
video, and some of its frames, as pictures. Questions are open ones, captions, and in turn yes or no, counts and choices. The
exit status is 1 if in any group, or of any kind of question, less than 95 % are abstained from or scored below 0.5.
"""
import argparse
import collections
import itertools
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import outside

WANTED = 95  # percent
OPEN = ['what is this?', 'what color is the background?', 'which way does the dog move?', 'is there a dog?', '']
CLOSED = [(['--kind', 'yesno'], ['is there a dog?', 'is there a car?']), (['--kind', 'count'], ['how many things are there?']),
          (['--choices', 'a dog,a car,a boat'], ['what is this?'])]


def asked(command, media):
    """(place in media, kind, answer object) of every question about some media."""
    for turn, (flags, questions) in enumerate([([], OPEN), *CLOSED]):
        chosen = media if not turn else media[turn - 1::len(CLOSED)]
        options = [o for q in questions for o in ('-q', q)]
        run = subprocess.run([*command, *flags, *options, '--', *map(str, chosen)], capture_output=True, text=True, check=False)
        if run.returncode:
            print(run.stderr.strip(), file=sys.stderr)  # of the media that it could not read; the others have their answers
        for line in run.stdout.splitlines():
            answer = json.loads(line)
            yield media.index(pathlib.Path(answer['file'])), answer['kind'], answer


def batches(items, size):
    items = iter(items)
    while some := list(itertools.islice(items, size)):
        yield some


def media(folder, work, most, frames, seed):
    """(what, path) of what a folder holds; frames of videos are written into work."""
    pictures, videos = outside.files(folder)
    random.Random(seed).shuffle(pictures)
    for path in pictures[:most]:
        yield 'pictures', path
    for n, path in enumerate(videos):
        yield 'videos', path
        try:
            for k, im in enumerate(outside.moments(path, frames)):
                im.save(frame := work / f'{folder.name}-{n}-{k}.png', compress_level=1)
                yield 'frames', frame
        except Exception as e:  # whatever PyAV cannot read
            print(f'{path}: {e}', file=sys.stderr)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('folders', nargs='*', type=pathlib.Path)
    p.add_argument('--program', default='bin/videoqa')
    p.add_argument('--model', help='folder of a checkpoint; without it, the one that is built in')
    p.add_argument('--frames', type=int, default=12, help='of a video')
    p.add_argument('--drawings', type=int, default=10 * len(outside.KINDS))
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--most', type=int, default=300, help='pictures of a folder')
    p.add_argument('--expert', action='store_true', help='list the answers with a score of 0.5 or more on standard error')
    args = p.parse_args()
    command = [str(pathlib.Path(args.program).resolve()), 'ask', '--json', '--threads', '1', *(['--model', args.model] if args.model else [])]
    groups = collections.defaultdict(list)  # of whether the model did well
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)

        def drawings():
            for i, (kind, im) in enumerate(outside.drawn(random.Random(args.seed), args.drawings)):
                im.save(path := work / f'{kind}-{i}.png')
                yield 'drawings', path
        sources = [('', drawings()), *((f.name + ', ', media(f, work, args.most, args.frames, args.seed)) for f in args.folders)]
        for source, found in sources:
            for some in batches(found, 60):
                for place, kind, a in asked(command, [path for _, path in some]):
                    well = a['abstained'] or a['score'] < .5
                    groups['group', source + some[place][0]].append(well)
                    groups['kind', kind].append(well)
                    if args.expert and not well:
                        print(f"{some[place][1]} {kind} {a['question']!r}: {a['answer']!r} {a['score']:.2f}", file=sys.stderr)
                for _, path in some:
                    if path.is_relative_to(work):
                        path.unlink()
    missed = False
    for by in ('group', 'kind'):
        print(f'{by:<52} {"answers":>8} {"abstained, or below 0.5, %":>28}')
        for (b, name), all in groups.items():
            if b == by:
                share = 100 * sum(all) / len(all)
                missed |= share < WANTED
                print(f'{name:<52} {len(all):>8} {share:>28.1f}')
        print()
    sys.exit('less than 95 % somewhere' if missed else 0)


if __name__ == '__main__':
    main()
