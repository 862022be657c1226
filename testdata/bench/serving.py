"""What it takes to serve a GIT-base: from start to the first answer, memory, answers a second, and cost of a camera's hour.

usage: serving.py PROGRAM FOLDER [--precisions fp32,int8] [--clips 24] [--rounds 5] [--threads 2]      (called by make bench-serving, which gives FOLDER in the cache)

The checkpoint is bench.py's random GIT-base, the clips are ten seconds of moving colours, each with a phase of its own, so that
no frame is known. Start: one process that loads everything, answers one question about one clip, and ends; with the folder of
built graphs empty and full, in rounds, in turns with transformers. Serving: one videoqa serve with its own broker and
SQLite, asked over HTTP; each clip gets 1, 4 and 16 questions that wait for it. CPU seconds and memory are the kernel's count of
that process: an hour of a camera is 360 such clips.
"""
import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import bench

QUESTIONS = [bench.QUESTION, 'is there a dog?', 'what is it?', 'where is it?', 'what comes first?', 'what comes last?',
             'how many things are there?', 'what color is the background?', 'is there a cat?', 'is there a bus?', 'which way does it go?',
             'what is on the left?', 'what is on the right?', 'is it moving?', 'is it near?', 'is it large?']


def ended(command, **more):
    """Runs a command to its end: seconds, and its largest resident memory in MB."""
    began = time.perf_counter()
    p = subprocess.Popen(command, stdout=subprocess.DEVNULL, **more)
    _, status, used = os.wait4(p.pid, 0)
    if status != 0:
        sys.exit(f'{command[:3]} … ended with {status}')
    return time.perf_counter() - began, used.ru_maxrss / 1024


def ask(program, folder, clip, precision, threads, cache):
    return ended([program, 'ask', '--model', folder, '--precision', precision, '--threads', str(threads), '--max-tokens', str(bench.TOKENS), clip, bench.QUESTION],
                 env={**os.environ, 'XDG_CACHE_HOME': str(cache)})


def starts(args, folder, clip):
    """Rows of starting: {name: (seconds of each round, largest memory)}."""
    rows = {}
    with tempfile.TemporaryDirectory(dir=args.folder) as cache:
        built = {precision: f'{cache}/{precision}' for precision in args.precisions}
        for precision in args.precisions:
            ask(args.program, folder, clip, precision, args.threads, built[precision])
        for _ in range(args.rounds):
            for dtype in ('float32', 'bfloat16'):
                rows.setdefault(f'transformers {dtype}', []).append(ended([sys.executable, __file__, '--once', dtype, str(folder), str(clip), str(args.threads)]))
            for precision in args.precisions:
                with tempfile.TemporaryDirectory(dir=cache) as empty:
                    rows.setdefault(f'videoqa {precision}, no graphs built yet', []).append(ask(args.program, folder, clip, precision, args.threads, empty))
                rows.setdefault(f'videoqa {precision}', []).append(ask(args.program, folder, clip, precision, args.threads, built[precision]))
    return rows


def once(dtype, folder, clip, threads):
    """What transformers' user runs: load, decode, ask, print."""
    folder, clip = pathlib.Path(folder), pathlib.Path(clip)
    torch.set_num_threads(int(threads))
    model = transformers.GitForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    processor = transformers.VideoMAEImageProcessor.from_pretrained(folder)
    print(bench.by_transformers(model, processor, bench.ids_of(folder), clip.read_bytes()))


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Served:
    """A running serve."""

    def __init__(self, args, folder, precision, data):
        self.http, self.ops = free_port(), free_port()
        self.process = subprocess.Popen([args.program, 'serve', '--model', folder, '--precision', precision, '--threads', str(args.threads), '--max-tokens', str(bench.TOKENS), '--data-dir', data,
                                         '--listen', f'127.0.0.1:{self.http}', '--ops-listen', f'127.0.0.1:{self.ops}', '--kafka-listen', f'127.0.0.1:{free_port()}', '--media-roots', str(args.folder.resolve())],
                                        stdout=subprocess.DEVNULL, stderr=open(f'{data}/log', 'w'))
        until = time.time() + 120
        while time.time() < until:
            try:
                urllib.request.urlopen(f'http://127.0.0.1:{self.ops}/health/ready', timeout=2)
                return
            except OSError:
                time.sleep(.1)
        sys.exit('serve is not ready: ' + open(f'{data}/log').read()[-2000:])

    def post(self, path, body):
        request = urllib.request.Request(f'http://127.0.0.1:{self.http}{path}', json.dumps(body).encode(), {'Content-Type': 'application/json'})
        return json.load(urllib.request.urlopen(request, timeout=600))

    def cpu(self):
        fields = pathlib.Path(f'/proc/{self.process.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def memory(self, what='VmRSS'):
        return int(next(l for l in open(f'/proc/{self.process.pid}/status') if l.startswith(what)).split()[1]) / 1024

    def end(self):
        self.process.terminate()
        self.process.wait(60)


def hour(served, seen, standing):
    """CPU seconds, wall seconds and ages of answers, when each clip comes and is asked about at once."""
    cpu, began, ages = served.cpu(), time.perf_counter(), []
    for i, clip in enumerate(seen):
        came = time.perf_counter()
        name = f'{standing}-{i}'
        served.post('/v1/clips', {'clip_id': name, 'camera': 'dock-3', 'uri': f'file://{clip.resolve()}'})
        results = served.post('/v1/questions', {'clip_id': name, 'camera': 'dock-3', 'questions': [{'question': q} for q in QUESTIONS[:standing]]})['results']
        if any(r['status'] != 'answered' for r in results):
            sys.exit(f'not answered: {results}')
        ages.append(time.perf_counter() - came)
    return served.cpu() - cpu, time.perf_counter() - began, ages


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, len(values) * p // 100)]


def main():
    p = argparse.ArgumentParser()
    p.add_argument('program')
    p.add_argument('folder', type=pathlib.Path)
    p.add_argument('--precisions', default='fp32,bf16,bf16+int8,int8', type=lambda s: s.split(','))
    p.add_argument('--clips', type=int, default=24)
    p.add_argument('--rounds', type=int, default=5)
    p.add_argument('--threads', type=int, default=2)
    args = p.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:args.threads])
    folder = bench.checkpoint(args.folder)
    size = (folder / 'model.safetensors').stat().st_size / 2**20
    seen = bench.clips(args.folder / 'phases', 3 * args.clips + 1)
    print(f'{args.threads} cores of {bench.processor_name()}; torch {torch.__version__}, transformers {transformers.__version__}; random GIT-base, {size:.0f} MB in fp32\n')
    print(f'{"from start to the first answer, seconds":<44} {"minimum":>9} {"median":>9} {"maximum":>9}   memory, MB')
    for name, rounds in starts(args, folder, seen[0]).items():
        seconds = [s for s, _ in rounds]
        print(f'{name:<44} {min(seconds):>9.2f} {statistics.median(seconds):>9.2f} {max(seconds):>9.2f}   {max(m for _, m in rounds):.0f}')
    print(f'\n{"serving":<12} {"questions":>10} {"answers/s":>10} {"age p50, ms":>12} {"p99":>7} {"CPU s a camera-hour":>20} {"resident, MB":>13} {"of fp32 size":>13}')
    for precision in args.precisions:
        with tempfile.TemporaryDirectory(dir=args.folder) as data:
            served = Served(args, str(folder), precision, data)
            hour(served, seen[-1:], 16)  # builds the graphs
            for k, standing in enumerate((1, 4, 16)):
                batch = seen[k * args.clips:(k + 1) * args.clips]
                cpu, wall, ages = hour(served, batch, standing)
                memory = served.memory()
                print(f'{precision:<12} {standing:>10} {standing * len(batch) / wall:>10.2f} {percentile(ages, 50) * 1e3:>12.0f} {percentile(ages, 99) * 1e3:>7.0f} {cpu / len(batch) * 360:>20.0f} {memory:>13.0f} {memory / size:>12.2f}x')
            served.end()


if __name__ == '__main__':
    import torch
    import transformers
    bench.torch, bench.transformers = torch, transformers
    import av
    import numpy as np
    bench.av, bench.np = av, np
    once(*sys.argv[2:]) if sys.argv[1] == '--once' else main()
