"""Two cameras on one partition: how long one of them waits for its answers alone, and while the other floods it.

usage: fair.py PROGRAM   beside a Kafka, a PostgreSQL and a redis-server, as faults.py
    [--backlog 5000] questions of the flood that are unanswered at any time
    [--questions 200] of the other camera in each phase, one every 100 ms
    [--threads 1] of arithmetic

The phases alternate: alone, flooded, alone, flooded. At the end of each the other camera asks --burst (300) questions at once,
and when they are answered a single one, which must not wait for the flood that is still there. A latency is the answer's record time less the question's.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import tempfile
import threading
import time

from faults import CLIPS, QUESTIONS, TEXTS, Client, Redis, Worker, World, say


class Timed(Client):
    """Keeps when each question was answered, in place of the records."""

    def read(self):
        while not self.stop.is_set():
            for m in self.consumer.consume(500, .2):
                if m.error() is None:
                    self.records[m.value()[m.value().index(b'"question_id":"') + 15:].split(b'"', 1)[0].decode()] = m.timestamp()[1] / 1000


class Flood:
    """Keeps so many questions of one camera unanswered."""

    def __init__(self, client, clips, backlog, turn):
        self.client, self.clips, self.backlog, self.turn = client, clips, backlog, turn
        self.sent, self.stop = 0, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def unanswered(self):
        return self.sent - sum(1 for q in list(self.client.records) if q.startswith(f'a{self.turn}-'))

    def run(self):
        while not self.stop.is_set():
            for _ in range(max(0, self.backlog - self.unanswered())):
                ask(self.client, f'a{self.turn}-{self.sent}', self.clips[self.sent % len(self.clips)], self.sent)
                self.sent += 1
            self.client.producer.flush(10)
            time.sleep(.05)


def ask(client, name, clip, n):
    q = {'question_id': name, 'question': TEXTS[n % len(TEXTS)], 'clip_id': clip['clip_id'], 'camera': clip['camera']}
    client.publish(QUESTIONS, 'videoqa.question.asked.v1', clip['camera'], q, n)
    return time.time()


def latencies(client, clips, phase, n):
    asked = {}
    for i in range(n):
        name = f'b{phase}-{i}'
        asked[name] = ask(client, name, clips[i % len(clips)], i)
        client.producer.flush(10)
        time.sleep(.1)
    until = time.time() + 120
    while time.time() < until and any(q not in client.records for q in asked):
        time.sleep(.1)
    missing = [q for q in asked if q not in client.records]
    if missing:
        say(f'{len(missing)} of {n} were not answered within two minutes; they count as that')
    return sorted(client.records.get(q, at + 120) - at for q, at in asked.items())


def burst(client, clips, phase, n):
    """Seconds until the last of n questions asked at once is answered, and then those of a single one."""
    began = time.time()
    asked = [f'c{phase}-{i}' for i in range(n)]
    for i, name in enumerate(asked):
        ask(client, name, clips[i % len(clips)], i)
    client.producer.flush(10)
    until = began + 120
    while time.time() < until and any(q not in client.records for q in asked):
        time.sleep(.05)
    last = max(client.records.get(q, until) for q in asked) - began
    return last, latencies(client, clips, f'single{phase}', 1)[0]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('program')
    p.add_argument('--backlog', type=int, default=5000)
    p.add_argument('--questions', type=int, default=200)
    p.add_argument('--burst', type=int, default=300)
    p.add_argument('--threads', default='1')
    options = p.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='videoqa-fair-'))
    (folder / 'clips').mkdir()
    redis = Redis(folder)
    broker = os.environ['VIDEOQA_TEST_KAFKA']
    client = Timed(broker)
    worker = Worker(options.program, 'fair', folder, '--media-roots', str(folder / 'clips'), '--kafka-brokers', broker, '--kafka-group', 'fair', '--store-url', os.environ['VIDEOQA_TEST_POSTGRES'],
                    '--redis-url', f'redis://127.0.0.1:{redis.port}/0', '--role', 'worker', '--topic-partitions', '1', '--threads', options.threads)
    try:
        worker.ready()
        clips = [c for c in World(folder / 'clips', 80, 0, 1).clips if not pathlib.Path(c['uri'][7:]).read_bytes().startswith(b'not')]
        for i, clip in enumerate(clips):
            clip['camera'] = 'flooding' if i % 2 else 'quiet'
            client.publish(CLIPS, 'videoqa.clip.created.v1', clip['camera'], clip, i)
        client.producer.flush(10)
        quiet, flooding = clips[::2], clips[1::2]
        latencies(client, quiet, 'warm', 50)
        alone, flooded, answered, bursts = [], [], 0, {'alone': [], 'flooded': []}
        for turn in range(2):
            alone += latencies(client, quiet, f'alone{turn}', options.questions)
            bursts['alone'].append(burst(client, quiet, f'alone{turn}', options.burst))
            flood, began = Flood(client, flooding, options.backlog, turn), time.time()
            time.sleep(2)
            before = flood.sent - flood.unanswered()
            began = time.time()
            flooded += latencies(client, quiet, f'flooded{turn}', options.questions)
            answered += (flood.sent - flood.unanswered() - before) / (time.time() - began) / 2
            bursts['flooded'].append(burst(client, quiet, f'flooded{turn}', options.burst))
            flood.stop.set()
            flood.thread.join()
            until = time.time() + 300
            while flood.unanswered() and time.time() < until:
                time.sleep(.2)
            say(f'flood of {flood.sent}: {flood.unanswered()} unanswered')
        for name, all in (('alone', alone), ('flooded', flooded)):
            cuts = statistics.quantiles(all, n=100)
            say(f'{name:8} p50 {1000 * cuts[49]:.0f} ms  p90 {1000 * cuts[89]:.0f} ms  p99 {1000 * cuts[98]:.0f} ms  most {1000 * max(all):.0f} ms')
        say(f'p99 flooded is {statistics.quantiles(flooded, n=100)[98] / statistics.quantiles(alone, n=100)[98]:.2f} times p99 alone; meanwhile {answered:.0f} of the flood were answered a second')
        for name, all in bursts.items():
            say(f'{name:8} a burst of {options.burst} took ' + ', '.join(f'{b:.1f} s and a single question after it {1000 * s:.0f} ms' for b, s in all))
    finally:
        worker.end()
        client.close()
        redis.kill()
        shutil.rmtree(folder)


if __name__ == '__main__':
    main()
