"""Puts two workers through crashes, pauses and losses of their servers, and holds every outcome to a run without faults.

usage: faults.py PROGRAM   beside a Kafka, a PostgreSQL and a redis-server:
    testdata/kafka/run.sh testdata/postgres/run.sh testdata/redis/run.sh faults.py bin/videoqa
    [--questions 2000] [--clips 200] [--kills 10] [--seed 1]

The client is confluent-kafka, which shares no code with the program. Events are plain JSON and CloudEvents in both modes;
questions come before their clips and after. Faults: SIGKILL of a worker that has questions in hand, a worker that is stopped
for longer than its session and goes on, a broker that is killed and started again, a Redis that is killed and comes back empty.
Held to: each question has one outcome in the store, and in the topics the stored bytes, at least once; answers, their ids and
their frames equal those of the run without faults; dead letters are the planned ones.
"""
import argparse
import base64
import collections
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import confluent_kafka
import psycopg

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLIPS, QUESTIONS, ANSWERS, DEAD = 'vqa.clips.v1', 'vqa.questions.v1', 'vqa.answers.v1', 'vqa.dlq.v1'
TEXTS = ['what is it?', 'where is it?', 'which way does it move?', 'what colour is the background?', 'how many things are there?', 'what comes first?']


def say(text):
    print(f'{time.strftime("%H:%M:%S")} {text}', flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class World:
    """The clips and questions of a seed. Times are a fixed day's, so that both runs ask for the same."""

    def __init__(self, folder, clips, questions, seed):
        rng = random.Random(seed)
        sources = sorted(p for p in (ROOT / 'clips').glob('*.mp4') if not p.name.startswith(('truncated', 'damaged', 'one-frame')))
        sources += sorted((ROOT / 'world' / 'demo').glob('*.mp4'))
        self.clips, self.questions, self.planned = [], [], {}
        corrupt = set(rng.sample(range(clips), clips // 20))
        for i in range(clips):
            source = sources[i % len(sources)]
            path = folder / f'{i:04}.mp4'
            mark = b'%08d' % i
            # A box of its own makes each file's bytes differ, and its pictures those of the source.
            path.write_bytes(b'not a video ' + mark if i in corrupt else source.read_bytes() + struct.pack('>I4s', 16, b'free') + mark)
            camera, at = f'camera-{i % 17}', 1788256000 + 20 * (i // 17)
            self.clips.append({'clip_id': f'c-{i}', 'uri': f'file://{path}', 'camera': camera, 'start': stamp(at), 'end': stamp(at + 4)})
            if i % 9 == 0:
                self.clips[-1]['digest'] = 'sha256:' + hashlib.sha256(path.read_bytes()).hexdigest()
        for n in range(questions):
            self.questions.append(self.question(rng, n, rng.randrange(clips), corrupt))

    def question(self, rng, n, i, corrupt):
        clip, form = self.clips[i], rng.random()
        q = {'question_id': f'q-{n}', 'question': rng.choice(TEXTS), 'clip_id': clip['clip_id'], 'camera': clip['camera']}
        if form < .1:
            q.update(kind='yesno', question='is there a dog?')
        elif form < .2:
            q.update(kind='choice', question='what is it?', choices=['a dog', 'a cow', 'a bus'])
        elif form < .3:
            q.update(kind='count', question='how many things are there?')
        elif form < .35:
            q.update(question='')
        elif form < .45:  # the end of one clip's time on its camera, which no other shows
            start = time.mktime(time.strptime(clip['start'], '%Y-%m-%dT%H:%M:%SZ')) - time.timezone
            q.update(start=stamp(start + 1), end=stamp(start + 4))
            del q['clip_id']
        elif form < .46:
            q['clip_id'] = f'c-never-{n}'
            q['deadline'] = None  # set when it is sent
        elif form < .47:
            q['uri'] = 'file:///etc/passwd'
            del q['clip_id']
        if q.get('clip_id', '').startswith('c-never'):
            self.planned[q['question_id']] = 'unknown-clip'
        elif 'uri' in q:
            self.planned[q['question_id']] = 'refused-uri'
        elif i in corrupt:
            self.planned[q['question_id']] = 'bad-video'
        return q


def stamp(seconds):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(seconds))


class Client:
    """A client of the topics: publishes events, and reads every record of the outcomes from the start."""

    def __init__(self, broker):
        self.producer = confluent_kafka.Producer({'bootstrap.servers': broker, 'acks': 'all', 'enable.idempotence': True, 'message.timeout.ms': 120000, 'log_level': 0})
        self.consumer = confluent_kafka.Consumer({'bootstrap.servers': broker, 'group.id': f'faults-{os.getpid()}-{time.time()}', 'auto.offset.reset': 'earliest', 'enable.auto.commit': False, 'log_level': 0})
        self.consumer.subscribe([ANSWERS, DEAD])
        self.records, self.conflicts = collections.defaultdict(list), 0
        self.written = collections.defaultdict(list)  # the same records, with keys and headers
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def publish(self, topic, kind, key, data, n):
        headers, value = [], data
        if n % 3 == 1:
            headers = [('ce_specversion', b'1.0'), ('ce_type', kind.encode()), ('ce_id', b'e-%d' % n), ('ce_source', b'/faults'), ('content-type', b'application/json')]
        elif n % 3 == 2:
            value = {'specversion': '1.0', 'type': kind, 'id': f'e-{n}', 'source': '/faults', 'data': data}
            headers = [('content-type', b'application/cloudevents+json')]
        self.producer.produce(topic, key=key, value=json.dumps(value), headers=headers)
        self.producer.poll(0)

    def read(self):
        while not self.stop.is_set():
            for m in self.consumer.consume(200, .3):
                if m.error() is None:
                    data = json.loads(m.value())
                    if data.get('error_kind') == 'conflict':
                        self.conflicts += 1
                    else:
                        self.records[data.get('question_id')].append((m.topic(), m.value(), data))
                        self.written[data.get('question_id')].append((m.topic(), m.key(), m.value(), m.headers() or []))

    def close(self):
        self.producer.flush(60)
        self.stop.set()
        self.thread.join()
        self.consumer.close()


class Worker:
    def __init__(self, program, name, folder, *flags):
        self.program, self.name, self.folder, self.flags = program, name, folder, flags
        self.port, self.log = free_port(), open(folder / f'{name}.log', 'ab')
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.program, 'serve', '--data-dir', str(self.folder / self.name), '--ops-listen', f'127.0.0.1:{self.port}', '--threads', '1', *self.flags],
                                        stdout=self.log, stderr=self.log)

    def metric(self, name):
        try:
            text = urllib.request.urlopen(f'http://127.0.0.1:{self.port}/metrics', timeout=2).read().decode()
        except OSError:
            return 0
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    def ready(self, patience=60):
        until = time.time() + patience
        while time.time() < until:
            if self.process.poll() is not None:
                sys.exit(f'{self.name} ended with {self.process.returncode}: see {self.log.name}\n' + pathlib.Path(self.log.name).read_text()[-2000:])
            try:
                urllib.request.urlopen(f'http://127.0.0.1:{self.port}/health/ready', timeout=2)
                return
            except OSError:
                time.sleep(.1)
        sys.exit(f'{self.name} is not ready after {patience} s')

    def end(self):
        self.process.terminate()
        if self.process.wait(60) != 0:
            sys.exit(f'{self.name} ended with {self.process.returncode}')


def publish_all(client, world, seconds, before_burst=lambda n: None):
    """Publishes everything within so many seconds, questions in bursts of 40, clips along the way."""
    clips, questions = list(enumerate(world.clips)), list(enumerate(world.questions))
    bursts = max(1, len(questions) // 40)
    began = time.time()
    for b in range(bursts + 1):
        for n, clip in clips[len(clips) * b // (bursts + 1):len(clips) * (b + 1) // (bursts + 1)]:
            client.publish(CLIPS, 'videoqa.clip.created.v1', clip['camera'], clip, n)
        for n, q in questions[len(questions) * b // (bursts + 1):len(questions) * (b + 1) // (bursts + 1)]:
            if 'deadline' in q:
                q = {**q, 'deadline': stamp(time.time() + 20)}
            client.publish(QUESTIONS, 'videoqa.question.asked.v1', q['camera'], q, n)
        client.producer.flush(60)
        before_burst(b)
        time.sleep(max(0, began + seconds * (b + 1) / (bursts + 1) - time.time()))


def wait_for_all(client, world, patience):
    """Waits until each question has its outcome on a topic, as long as one comes every so many seconds."""
    until, before = time.time() + patience, 0
    while time.time() < until:
        have = sum(1 for q in world.questions if q['question_id'] in client.records)
        if have == len(world.questions):
            return
        if have != before:
            until, before = time.time() + patience, have
        time.sleep(.5)
    missing = [q['question_id'] for q in world.questions if q['question_id'] not in client.records]
    sys.exit(f'{len(missing)} of {len(world.questions)} questions have no outcome, and none came for {patience} s: {missing[:20]}')


def outcomes(client, world):
    """Each question's one outcome; exits if the topics hold two different ones."""
    one, repeats = {}, 0
    for q in world.questions:
        records = client.records[q['question_id']]
        if len({value for _, value, _ in records}) != 1 or len({topic for topic, _, _ in records}) != 1:
            sys.exit(f'{q["question_id"]} has different outcomes:\n' + '\n'.join(value.decode()[:600] for _, value, _ in records))
        one[q['question_id']] = records[0][2]
        repeats += len(records) - 1
    return one, repeats


def compare_with_store(client, world):
    """Holds the topics to the store: each outcome is there at least once, and each time as it is stored. Returns how many records are repeats."""
    with psycopg.connect(os.environ['VIDEOQA_TEST_POSTGRES']) as db:
        stored = {id: (state, bytes(message)) for id, state, message in db.execute('SELECT question_id, state, message FROM videoqa_outcomes').fetchall()}
        waiting = db.execute('SELECT count(*) FROM videoqa_waiting').fetchone()[0]
    wrong, repeats = [], 0
    for q in world.questions:
        id = q['question_id']
        if id not in stored:
            wrong.append(f'{id} is on a topic and has no outcome in the store' if client.written[id] else f'{id} has no outcome')
            continue
        want, records = message_of(stored[id][1]), client.written[id]
        if not records:
            wrong.append(f'{id} is stored as {stored[id][0]} and was never published')
        wrong += [f'{id} was published otherwise than it is stored: {r} instead of {want}' for r in records if r != want][:1]
        repeats += max(0, len(records) - 1)
    if waiting:
        wrong.append(f'{waiting} rows still wait')
    if wrong:
        sys.exit(f'{len(wrong)} of {len(world.questions)} questions are not on the topics as they are stored:\n' + '\n'.join(wrong[:10]))
    return repeats


def message_of(text):
    """A stored record, as the client reads it from a topic."""
    m = json.loads(text)
    plain = lambda value: base64.b64decode(value) if value else None
    return m['topic'], plain(m.get('key')), plain(m['value']), [(h['k'], plain(h['v'])) for h in m.get('headers') or []]


def post_form(address, name, data, media, headers={}):
    """Sends a form with a JSON part and a media part, and returns the reply."""
    head = (f'--b\r\ncontent-disposition: form-data; name="{name}"\r\ncontent-type: application/json\r\n\r\n{json.dumps(data)}\r\n'
            '--b\r\ncontent-disposition: form-data; name="media"; filename="a.mp4"\r\n\r\n')
    request = urllib.request.Request(address, head.encode() + media + b'\r\n--b--\r\n', {'content-type': 'multipart/form-data; boundary=b', **headers})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


def kernel(outcome):
    """What may not differ between two runs."""
    if 'error_kind' in outcome:
        return ('dead', outcome['error_kind'])
    return (outcome['answer'], outcome['answer_id'], outcome['kind'], round(outcome['score'], 3), json.dumps(outcome['sampling']), json.dumps(outcome['clips']))


def quiet_run(options, folder, world):
    port = free_port()
    w = Worker(options.program, 'quiet', folder, '--media-roots', str(folder / 'clips'), '--kafka-listen', f'127.0.0.1:{port}', '--listen', '')
    w.ready()
    client = Client(f'127.0.0.1:{port}')
    began = time.time()
    publish_all(client, world, 0)
    wait_for_all(client, world, 300)
    say(f'without faults: {len(world.questions)} outcomes in {time.time() - began:.0f} s')
    frames = w.metric('vqa_frames_total{state="encoded"}')
    one, repeats = outcomes(client, world)
    client.close()
    w.end()
    if repeats or client.conflicts:
        sys.exit(f'without faults {repeats} records were repeated, {client.conflicts} conflicts')
    dead = {k: v['error_kind'] for k, v in one.items() if 'error_kind' in v}
    if dead != world.planned:
        sys.exit(f'dead letters that were not planned: {sorted(set(dead.items()) ^ set(world.planned.items()))[:10]}')
    return one, frames


class Redis:
    def __init__(self, folder):
        self.server, self.port, self.folder = os.environ['VIDEOQA_TEST_REDIS_SERVER'], free_port(), folder
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.server, '--port', str(self.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', str(self.folder)], stdout=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Faults:
    """What goes wrong, burst by burst."""

    def __init__(self, options, workers, redis, client, bursts):
        self.rng, self.workers, self.redis = random.Random(options.seed), workers, redis
        self.kills, self.encoded, self.last = 0, 0, 0
        self.client, self.answered = client, None  # records before Redis is lost and when it is back
        self.wanted, self.done = options.kills, set()
        self.at = {'stop': bursts // 4, 'restart_broker': bursts // 2, 'lose_redis': bursts * 3 // 4}

    def __call__(self, burst):
        for what, when in self.at.items():
            if burst >= when and what not in self.done:
                self.done.add(what)
                getattr(self, what)()
                self.last = time.time()
                return
        if self.kills < self.wanted and time.time() - self.last > self.rng.uniform(10, 14):
            self.kill()

    def kill(self):
        """Kills a worker that has questions in hand; none, if nobody has within three seconds."""
        until, in_hand = time.time() + 3, 0
        while not in_hand and time.time() < until:
            w = self.rng.choice(self.workers)
            in_hand = w.metric('vqa_questions_in_hand')
        if not in_hand:
            return
        self.encoded += w.metric('vqa_frames_total{state="encoded"}')
        w.process.kill()
        w.process.wait()
        self.kills, self.last = self.kills + 1, time.time()
        say(f'killed {w.name} with {in_hand:.0f} questions in hand')
        w.start()

    def stop(self):
        w = self.workers[0]
        w.process.send_signal(signal.SIGSTOP)
        say(f'{w.name} stopped for 12 s, twice its session')
        threading.Timer(12, lambda: (w.process.send_signal(signal.SIGCONT), say(f'{w.name} goes on'))).start()

    def restart_broker(self):
        began = time.time()
        subprocess.run([os.environ['VIDEOQA_TEST_KAFKA_CONTROL'], 'restart'], check=True)
        say(f'broker killed and started again, {time.time() - began:.0f} s')

    def lose_redis(self):
        self.redis.kill()
        before = len(self.client.records)
        say('Redis killed for 8 s')

        def back():
            self.answered = len(self.client.records) - before
            self.redis.start()
            say(f'Redis is back, and empty; {self.answered} questions had their outcome meanwhile')
        threading.Timer(8, back).start()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('program')
    p.add_argument('--questions', type=int, default=2000)
    p.add_argument('--clips', type=int, default=200)
    p.add_argument('--kills', type=int, default=10)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--keep', action='store_true', help='keep the folder with the logs')
    options = p.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='videoqa-faults-'))
    (folder / 'clips').mkdir()
    try:
        run(options, folder)
    except SystemExit:
        say(f'logs are in {folder}')
        options.keep = True
        raise
    finally:
        if not options.keep:
            shutil.rmtree(folder)


def upload_at_one_process(program, folder, flags, client):
    """A clip is uploaded to a process that only serves HTTP, and the workers answer about it; the topic has the answer too."""
    port = free_port()
    front = Worker(program, 'front', folder, *flags, '--role', 'api', '--listen', f'127.0.0.1:{port}')
    front.ready()

    address = f'http://127.0.0.1:{port}'
    clip = post_form(f'{address}/v1/clips', 'clip', {'clip_id': 'c-uploaded'}, (ROOT / 'world/demo/yard.mp4').read_bytes())
    body = json.dumps({'clip_id': clip['clip_id'], 'questions': [{'question_id': 'q-uploaded', 'question': 'what is it?'}]}).encode()
    with urllib.request.urlopen(urllib.request.Request(f'{address}/v1/questions', body, {'content-type': 'application/json'}), timeout=60) as reply:
        got = json.load(reply)['results'][0]
    if got.get('answer', {}).get('answer') != 'the dog':
        sys.exit(f'about an upload: {got}')
    until = time.time() + 30
    while 'q-uploaded' not in client.records and time.time() < until:
        time.sleep(.1)
    if json.loads(client.records['q-uploaded'][0][1]) != got['answer']:
        sys.exit('the answers topic and HTTP say different things')
    front.end()
    say('uploaded at one process, answered by another, on the topic as over HTTP')


def run(options, folder):
    world = World(folder / 'clips', options.clips, options.questions, options.seed)
    say(f'{len(world.questions)} questions over {len(world.clips)} clips, dead letters planned: {dict(collections.Counter(world.planned.values()))}')
    want, frames = quiet_run(options, folder, world)
    redis = Redis(folder)
    flags = ['--media-roots', str(folder / 'clips'), '--kafka-brokers', os.environ['VIDEOQA_TEST_KAFKA'], '--kafka-group', 'faults',
             '--store-url', os.environ['VIDEOQA_TEST_POSTGRES'], '--redis-url', f'redis://127.0.0.1:{redis.port}/0']
    flags += ['--spool-url', f'file://{folder}/uploads']
    workers = [Worker(options.program, f'worker-{i}', folder, *flags, '--role', 'worker') for i in (1, 2)]
    for w in workers:
        w.ready()
    client = Client(os.environ['VIDEOQA_TEST_KAFKA'])
    upload_at_one_process(options.program, folder, flags, client)
    faults = Faults(options, workers, redis, client, max(1, len(world.questions) // 40))
    began = time.time()
    publish_all(client, world, 14.5 * (options.kills + 2), faults)
    wait_for_all(client, world, 300)
    if faults.kills < faults.wanted or not faults.answered:
        sys.exit(f'{faults.kills} of {faults.wanted} kills with questions in hand; {faults.answered} outcomes while Redis was away')
    time.sleep(8)  # for what is published again
    say(f'with faults: {len(world.questions)} outcomes in {time.time() - began:.0f} s, {faults.kills} kills, each with questions in hand')
    faults.encoded += sum(w.metric('vqa_frames_total{state="encoded"}') for w in workers)
    for w in workers:
        w.end()
    got, repeats = outcomes(client, world)
    compare_with_store(client, world)
    client.close()
    redis.kill()
    differ = [q for q in want if kernel(want[q]) != kernel(got[q])]
    if differ:
        q = differ[0]
        sys.exit(f'{len(differ)} outcomes differ from the run without faults, as {q}:\n{json.dumps(want[q])}\n{json.dumps(got[q])}')
    with psycopg.connect(os.environ['VIDEOQA_TEST_POSTGRES']) as db:
        states = dict(db.execute('SELECT state, count(*) FROM videoqa_outcomes GROUP BY state').fetchall())
        waiting = db.execute('SELECT count(*) FROM videoqa_waiting').fetchone()[0]
    planned = len(world.planned)
    if states != {'answered': len(want) - planned + 1, 'dead': planned} or waiting:
        sys.exit(f'the store holds {states}, and {waiting} rows wait')
    if client.conflicts or None in client.records:
        sys.exit(f'{client.conflicts} conflicts, {len(client.records.get(None, []))} dead letters of no question')
    say(f'every question has one outcome, {planned} of them the planned dead letters; {repeats} records repeated, '
        f'{faults.encoded:.0f} frames encoded, {frames:.0f} without faults')


if __name__ == '__main__':
    main()
