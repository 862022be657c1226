"""Has workers join and leave their group all the time, and holds the topics to the store.

usage: rebalance.py PROGRAM   beside a Kafka, a PostgreSQL and a redis-server, as faults.py
    [--minutes 10] [--rate 200] questions a second [--seed 1]

Up to three workers share one group. Every two seconds one of them is started, told to end, or killed (SIGKILL). After every
eight such changes the group is left alone for ten seconds, because what goes wrong in a group that is stable and at work does not
show in one that never settles. Of the questions 3 % bring an upload over HTTP, 5 % are about a range of a camera's time, 5 %
come before their clip, 2 % wait for a clip that never comes, and 3 % are about corrupt clips.
Held to: every question has one outcome in the store; that outcome is on its topic at least once, with the stored key, value and
headers each time; no other record is there; nothing waits. Repeated records are counted.
"""
import argparse
import collections
import json
import os
import pathlib
import queue
import random
import shutil
import struct
import sys
import tempfile
import threading
import time
import urllib.request

import psycopg

from faults import CLIPS, QUESTIONS, ROOT, Client, Redis, Worker, World, compare_with_store, free_port, post_form, say, stamp, wait_for_all


class Questions:
    """Questions of all kinds, and which error_kinds each may end with."""

    def __init__(self, world, address, seed):
        self.world, self.address, self.rng = world, address, random.Random(seed)
        self.corrupt = [c for c in world.clips if pathlib.Path(c['uri'][7:]).read_bytes().startswith(b'not')]
        self.good = [c for c in world.clips if c not in self.corrupt]
        self.source = (ROOT / 'world/demo/yard.mp4').read_bytes()
        self.asked, self.may, self.late = [], {}, collections.deque()
        self.uploads, self.failed = queue.Queue(), []
        self.senders = [threading.Thread(target=self.send_uploads, daemon=True) for _ in range(3)]
        for s in self.senders:
            s.start()

    def ask(self, client):
        n, form, now = len(self.asked), self.rng.random(), time.time()
        clip = self.rng.choice(self.good)
        q = {'question_id': f'r-{n}', 'question': 'what is it?', 'clip_id': clip['clip_id'], 'camera': clip['camera']}
        self.asked.append(q)
        if form < .03:
            self.uploads.put((n, q['question_id']))
            return
        if form < .08:
            q = {**{k: q[k] for k in ('question_id', 'question', 'camera')}, 'start': clip['start'], 'end': clip['end']}
        elif form < .13:
            q['clip_id'] = f'late-{n}'
            self.late.append((now + self.rng.uniform(1, 4), {**clip, 'clip_id': q['clip_id'], 'camera': f'late-{clip["camera"]}'}))
        elif form < .15:
            q.update(clip_id=f'never-{n}', deadline=stamp(now + 10))
            self.may[q['question_id']] = {'unknown-clip', 'deadline'}
        elif form < .18:
            bad = self.rng.choice(self.corrupt)
            q.update(clip_id=bad['clip_id'], camera=bad['camera'])
            self.may[q['question_id']] = {'bad-video'}
        client.publish(QUESTIONS, 'videoqa.question.asked.v1', q['camera'], q, n)

    def bring(self, client, now):
        """Sends the clips that are late enough."""
        while self.late and self.late[0][0] <= now:
            clip = self.late.popleft()[1]
            client.publish(CLIPS, 'videoqa.clip.created.v1', clip['camera'], clip, 0)

    def send_uploads(self):
        """Uploads until it is told to end; each file's bytes are its own."""
        while (job := self.uploads.get()) is not None:
            n, id = job
            request = {'questions': [{'question_id': id, 'question': 'what is it?'}]}
            try:
                post_form(f'{self.address}/v1/questions', 'request', request, self.source + struct.pack('>I4sQ', 16, b'free', n), {'prefer': 'respond-async'})
            except OSError as e:
                self.failed.append(f'{id}: {e}')

    def end(self):
        for _ in self.senders:
            self.uploads.put(None)
        for s in self.senders:
            s.join()
        if self.failed:
            sys.exit(f'{len(self.failed)} uploads were refused: {self.failed[:3]}')


class Group:
    """Three workers of which some run."""

    def __init__(self, program, folder, flags, seed):
        self.make = lambda i: Worker(program, f'worker-{i}', folder, *flags, '--role', 'worker')
        self.rng, self.members, self.ending = random.Random(seed), {i: self.make(i) for i in range(3)}, []
        self.done = collections.Counter()

    def change(self):
        """One joins or leaves."""
        gone = [i for i in range(3) if i not in self.members]
        if gone and (len(gone) == 2 or self.rng.random() < .6):
            self.start(self.rng.choice(gone))
            self.done['joined'] += 1
            return
        i = self.rng.choice(sorted(self.members))
        worker = self.members.pop(i)
        if self.rng.random() < .5:
            worker.process.kill()
            worker.process.wait()
            self.done['killed'] += 1
            return
        thread = threading.Thread(target=worker.end)
        thread.start()
        self.ending.append((i, thread))
        self.done['left'] += 1

    def start(self, i):
        for thread in [t for n, t in self.ending if n == i]:
            thread.join()  # its data folder is free again
        self.members[i] = self.make(i)

    def fill(self):
        for i in range(3):
            if i not in self.members:
                self.start(i)

    def kill(self):
        """Leaves nothing running, whatever went wrong."""
        for w in self.members.values():
            w.process.kill()

    def end(self):
        for w in self.members.values():
            w.end()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('program')
    p.add_argument('--minutes', type=float, default=10)
    p.add_argument('--rate', type=float, default=200)
    p.add_argument('--seed', type=int, default=1)
    options = p.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='videoqa-rebalance-'))
    (folder / 'clips').mkdir()
    try:
        run(options, folder)
    except SystemExit:
        say(f'logs are in {folder}')
        raise
    shutil.rmtree(folder)


def run(options, folder):
    redis, broker, port = Redis(folder), os.environ['VIDEOQA_TEST_KAFKA'], free_port()
    flags = ['--media-roots', str(folder / 'clips'), '--kafka-brokers', broker, '--kafka-group', 'rebalance', '--store-url', os.environ['VIDEOQA_TEST_POSTGRES'],
             '--redis-url', f'redis://127.0.0.1:{redis.port}/0', '--spool-url', f'file://{folder}/uploads']
    front = Worker(options.program, 'front', folder, *flags, '--role', 'api', '--listen', f'127.0.0.1:{port}')
    front.ready()
    group = Group(options.program, folder, flags, options.seed)
    try:
        measure(options, folder, group, front, broker, port)
    finally:
        group.kill()
        front.process.kill()
        redis.kill()


def measure(options, folder, group, front, broker, port):
    for w in group.members.values():
        w.ready()
    client, world = Client(broker), World(folder / 'clips', 100, 0, options.seed)
    questions = Questions(world, f'http://127.0.0.1:{port}', options.seed)
    for n, clip in enumerate(world.clips):
        client.publish(CLIPS, 'videoqa.clip.created.v1', clip['camera'], clip, n)
    began = time.time()
    changes, next_change = 0, began + 10
    while (now := time.time()) < began + options.minutes * 60:
        while len(questions.asked) < (now - began) * options.rate:
            questions.ask(client)
        questions.bring(client, now)
        if now >= next_change:
            group.change()
            changes += 1
            next_change = now + (10 if changes % 8 == 0 else 2)
        time.sleep(.01)
    questions.bring(client, float('inf'))
    questions.end()
    client.producer.flush(60)
    group.fill()
    world.questions = questions.asked
    wait_for_all(client, world, 300)
    took = time.time() - began
    time.sleep(8)  # for what is published again
    group.end()
    front.end()
    repeats = compare_with_store(client, world)
    client.close()
    judge(client, questions)
    say(f'{len(questions.asked)} questions in {options.minutes:g} minutes, answered after {took:.0f} s; {dict(group.done)}; '
        f'each outcome is on its topic as it is stored, {repeats} records repeated')


def judge(client, questions):
    """Exits if a question ended otherwise than it may. Whoever was in hand alone at two kills is dead by rule."""
    wrong, dead = [], collections.Counter()
    for q in questions.asked:
        kind, id = client.records[q['question_id']][0][2].get('error_kind'), q['question_id']
        dead[kind] += kind is not None
        if kind != 'crashed-worker' and (kind not in questions.may[id] if id in questions.may else kind):
            wrong.append(f'{id}: {json.dumps(client.records[id][0][2])[:300]}')
    say(f'dead letters: { {k: n for k, n in dead.items() if n} }')
    if wrong:
        sys.exit(f'{len(wrong)} questions ended otherwise than they may:\n' + '\n'.join(wrong[:5]))


if __name__ == '__main__':
    main()
