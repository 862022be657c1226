"""Answers per second by 1, 2 and 4 processes of one group, each with one thread of arithmetic, on an empty stream each time.

usage: scale.py PROGRAM   beside a Kafka, a PostgreSQL and a redis-server, as faults.py; prints a table. Each clip's bytes differ and
its pictures are those of some 30 sources, so most frames come from Redis: what is measured is the stream, with decoding and words.
"""
import argparse
import os
import pathlib
import shutil
import tempfile
import time

from faults import Client, Redis, Worker, World, publish_all, say, wait_for_all


def measure(program, folder, turn, n, world):
    redis = Redis(folder)
    broker, database = os.environ['VIDEOQA_TEST_KAFKA'], os.environ['VIDEOQA_TEST_POSTGRES']
    client = Client(broker)
    workers = [Worker(program, f'scale-{turn}-{i}', folder, '--media-roots', str(folder / 'clips'), '--kafka-brokers', broker, '--kafka-group', 'scale', '--store-url', database,
                      '--redis-url', f'redis://127.0.0.1:{redis.port}/0', '--role', 'worker', '--work-slots', '1', '--topic-partitions', '8') for i in range(n)]
    for w in workers:
        w.ready()
    began = time.time()
    publish_all(client, world, 0)
    wait_for_all(client, world, 300)
    seconds = time.time() - began
    for w in workers:
        w.end()
    client.close()
    redis.kill()
    return len(world.questions) / seconds


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('program')
    p.add_argument('--questions', type=int, default=2000)
    options = p.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='videoqa-scale-'))
    (folder / 'clips').mkdir()
    try:
        first = 0
        for turn, n in enumerate((1, 1, 2, 4)):  # the first warms the servers, and does not count
            world = World(folder / 'clips', 200, options.questions, 1)
            for q in world.questions:  # the store and the topics are those of the run before
                q['question_id'] = f'{turn}-{q["question_id"]}'
                q.update({k: f'{turn}-{q[k]}' for k in ('clip_id',) if k in q}, camera=f'{turn}-{q["camera"]}')
            for c in world.clips:
                c.update(clip_id=f'{turn}-{c["clip_id"]}', camera=f'{turn}-{c["camera"]}')
            world.questions = [q for q in world.questions if 'deadline' not in q]  # which wait for their time
            rate = measure(options.program, folder, turn, n, world)
            if turn == 0:
                continue
            first = first or rate
            say(f'{n} processes: {rate:.0f} outcomes a second, {rate / first:.2f} times one')
    finally:
        shutil.rmtree(folder)


if __name__ == '__main__':
    main()
