"""Asks two workers questions for a long time, and holds their memory, goroutines and open files to what they were.

usage: soak.py PROGRAM   beside a Kafka, a PostgreSQL and a redis-server, as faults.py
    [--minutes 20] [--rate 20] questions a second

Of the questions 5 % are about corrupt clips, 5 % wait for a clip that comes some seconds later, and 5 % for one that never
comes, to their deadline. Every two minutes a third worker joins the group, or leaves it. The first quarter of the time warms
caches; the median of each number in the last quarter may be 5 % above that of the second, or a few goroutines, files or
megabytes where that is more. Each question has to have its one planned outcome.
"""
import argparse
import os
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import time

from faults import CLIPS, QUESTIONS, Client, Redis, Worker, World, outcomes, say, stamp, wait_for_all

SERIES = {  # metric, unit, and how much more it may be whatever its size
    'process_resident_memory_bytes': ('MB resident', 1e6, 8),
    'vqa_native_heap_bytes': ('MB of C heap', 1e6, 4),
    'go_goroutines': ('goroutines', 1, 4),
    'process_open_fds': ('files', 1, 4),
}


class Questions:
    """A world's questions without those that wait for ever, one after the other, with waits and deadlines of our own."""

    def __init__(self, world, seed):
        self.world, self.rng = world, random.Random(seed)
        self.corrupt = [c for i, c in enumerate(world.clips) if pathlib.Path(c['uri'][7:]).read_bytes().startswith(b'not')]
        self.good = [c for c in world.clips if c not in self.corrupt]
        self.asked, self.planned, self.late = [], {}, []

    def ask(self, client):
        n, form, now = len(self.asked), self.rng.random(), time.time()
        clip = self.rng.choice(self.good)
        q = {'question_id': f's-{n}', 'question': 'what is it?', 'clip_id': clip['clip_id'], 'camera': clip['camera']}
        if form < .05:
            clip = self.rng.choice(self.corrupt)
            q.update(clip_id=clip['clip_id'], camera=clip['camera'])
            self.planned[q['question_id']] = 'bad-video'
        elif form < .10:
            late = {**clip, 'clip_id': f'late-{n}'}
            q['clip_id'] = late['clip_id']
            self.late.append((now + self.rng.uniform(2, 15), late))
        elif form < .15:
            q.update(clip_id=f'never-{n}', deadline=stamp(now + 10))
            self.planned[q['question_id']] = 'unknown-clip'
        self.asked.append(q)
        client.publish(QUESTIONS, 'videoqa.question.asked.v1', q['camera'], q, n)
        while self.late and self.late[0][0] < now:
            late = self.late.pop(0)[1]
            client.publish(CLIPS, 'videoqa.clip.created.v1', late['camera'], late, n)

    def bring(self, client):
        for _, late in self.late:
            client.publish(CLIPS, 'videoqa.clip.created.v1', late['camera'], late, 0)
        self.late = []


def sample(worker):
    return {name: worker.metric(name) for name in SERIES}


def judge(name, samples):
    """What of a worker's samples is not flat."""
    quarter, wrong = len(samples) // 4, []
    for metric, (unit, scale, slack) in SERIES.items():
        before = statistics.median(s[metric] for s in samples[quarter:2 * quarter]) / scale
        after = statistics.median(s[metric] for s in samples[3 * quarter:]) / scale
        flat = after <= max(before * 1.05, before + slack)
        say(f'{name}: {before:.1f}, then {after:.1f} {unit}' + ('' if flat else ': not flat'))
        wrong += [] if flat else [f'{name}: {unit}']
    return wrong


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('program')
    p.add_argument('--minutes', type=float, default=20)
    p.add_argument('--rate', type=float, default=20)
    options = p.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='videoqa-soak-'))
    (folder / 'clips').mkdir()
    redis, broker = Redis(folder), os.environ['VIDEOQA_TEST_KAFKA']
    flags = ['--media-roots', str(folder / 'clips'), '--kafka-brokers', broker, '--kafka-group', 'soak', '--store-url', os.environ['VIDEOQA_TEST_POSTGRES'],
             '--redis-url', f'redis://127.0.0.1:{redis.port}/0', '--role', 'worker']
    workers = [Worker(options.program, f'soak-{i}', folder, *flags) for i in (1, 2)]
    third = None
    for w in workers:
        w.ready()
    client, world = Client(broker), World(folder / 'clips', 100, 0, 1)
    questions = Questions(world, 1)
    for n, clip in enumerate(world.clips):
        client.publish(CLIPS, 'videoqa.clip.created.v1', clip['camera'], clip, n)
    began, samples, rebalanced = time.time(), [[] for _ in workers], 0
    while (passed := time.time() - began) < options.minutes * 60:
        while len(questions.asked) < passed * options.rate:
            questions.ask(client)
        if passed > 120 * (rebalanced + 1):
            rebalanced += 1
            if third:
                third.end()
                third = None
            else:
                third = Worker(options.program, 'soak-3', folder, *flags)
        if passed > 5 * len(samples[0]):
            for w, list in zip(workers, samples):
                list.append(sample(w))
        time.sleep(.05)
    questions.bring(client)
    world.questions, world.planned = questions.asked, questions.planned
    wait_for_all(client, world, 120)
    one, repeats = outcomes(client, world)
    dead = {k: v['error_kind'] for k, v in one.items() if 'error_kind' in v}
    for w in workers + ([third] if third else []):
        w.end()
    client.close()
    redis.kill()
    wrong = [line for i, list in enumerate(samples) for line in judge(f'worker {i + 1}', list)]
    say(f'{len(one)} questions in {options.minutes:g} minutes, {len(dead)} dead letters, {rebalanced} rebalances, {repeats} records repeated')
    if dead != questions.planned:
        wrong.append(f'dead letters that were not planned: {sorted(set(dead.items()) ^ set(questions.planned.items()))[:10]}')
    if wrong:
        sys.exit('\n'.join(wrong) + f'\nlogs are in {folder}')
    shutil.rmtree(folder)


if __name__ == '__main__':
    main()
