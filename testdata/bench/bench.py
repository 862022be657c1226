"""Times one question on a full-size GIT-base over six frames, by videoqa and by transformers, in turns on the same cores.

usage: bench.py FOLDER [--rounds 3] [--threads 2]      (called by make bench, which gives FOLDER in the cache)
       bench.py FOLDER --checkpoint      makes the checkpoint and prints where it lies

The checkpoint is random, of GIT-base's sizes with six temporal embeddings: what is computed costs the same. Both sides start
from the encoded clip's bytes, look at six frames and write four tokens, greedy, in fp32 and in what else the processor has.
Cold: a clip never seen. Warm: videoqa was asked about the clip before; transformers keeps nothing between questions.
"""
import argparse
import io
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FRAMES, TOKENS, QUESTION = 6, 4, 'which way does the train move?'


def checkpoint(folder):
    """A random GIT-base for video, with the tokenizer that the tokenizers module carries."""
    if not (folder / 'tokenizer.json').exists():
        torch.manual_seed(1)
        model = transformers.GitForCausalLM(transformers.GitConfig(num_image_with_embedding=FRAMES))
        for p in model.git.img_temperal_embedding:
            torch.nn.init.normal_(p, std=.02)
        model.save_pretrained(folder)
        transformers.VideoMAEImageProcessor().save_pretrained(folder)
        module = subprocess.run(['go', 'list', '-m', '-f', '{{.Dir}}', 'github.com/daulet/tokenizers'], cwd=ROOT, check=True, capture_output=True, text=True)
        shutil.copyfile(pathlib.Path(module.stdout.strip()) / 'test/data/bert-base-uncased.json', folder / 'tokenizer.json')
    return folder


def clip(path, phase=0):
    """Ten seconds of moving colours, H.264, 640 x 360 at 25 frames a second; no frame is that of another phase."""
    if not path.exists():
        y, x = np.mgrid[0:360, 0:640]
        with av.open(str(path), 'w') as out:
            stream = out.add_stream('libx264', rate=25, options={'crf': '23'})
            stream.width, stream.height, stream.pix_fmt = 640, 360, 'yuv420p'
            for i in range(250):
                picture = np.stack([(x + 3 * i + 7 * phase) % 256, (y + 2 * i + 11 * phase) % 256, (x + y - 4 * i + 13 * phase) % 256], -1).astype(np.uint8)
                for packet in stream.encode(av.VideoFrame.from_ndarray(picture, 'rgb24')):
                    out.mux(packet)
            for packet in stream.encode(None):
                out.mux(packet)
    return path


def seen(data):
    """The frames in the middle of six equal slices, as PyAV decodes them."""
    with av.open(io.BytesIO(data)) as f:
        f.streams.video[0].thread_type = 'AUTO'
        n = f.streams.video[0].frames
        wanted = {(2 * i + 1) * n // (2 * FRAMES) for i in range(FRAMES)}
        return [frame.to_image() for i, frame in enumerate(f.decode(video=0)) if i in wanted]


def by_transformers(model, processor, ids, data):
    """Seconds from bytes to tokens, and those of decoding and preparing alone."""
    begin = time.perf_counter()
    pictures = seen(data)
    decoded = time.perf_counter() - begin
    pixels = processor(images=pictures, return_tensors='pt').pixel_values.to(model.dtype)
    with torch.inference_mode():
        model.generate(pixel_values=pixels, input_ids=ids, max_new_tokens=TOKENS, min_new_tokens=TOKENS, do_sample=False)
    return time.perf_counter() - begin, decoded


def ids_of(folder):
    """The question's tokens."""
    vocabulary = json.loads((folder / 'tokenizer.json').read_text())['model']['vocab']
    return torch.tensor([[vocabulary['[CLS]'], *(vocabulary[w] for w in QUESTION.rstrip('?').split()), vocabulary['?']]])


def precisions():
    """Those that videoqa can have here: bfloat16 needs a processor that multiplies it."""
    flags = next((line.split() for line in open('/proc/cpuinfo') if line.startswith('flags')), [])
    return ['fp32', *(['bf16+int8'] if {'avx512_bf16', 'amx_bf16'} & set(flags) else []), 'int8']


def by_videoqa(program, environment):
    """What the benchmarks of package answers print: {name: {unit: value}}."""
    done = subprocess.run([str(program), '-test.run', '^$', '-test.bench', 'Question|Windows', '-test.benchtime', '3x'], cwd=ROOT / 'answers', env=environment, capture_output=True, text=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        if m := re.match(r'Benchmark([\w/]+?)(?:-\d+)?\s+\d+\s+(.*)', line):
            values = m[2].split()
            found[m[1]] = {unit: float(value) for value, unit in zip(values[::2], values[1::2])}
    return found


def product():
    """GFLOP/s of the fastest of torch's fp32 products of the sizes that GIT-base's towers have."""
    best = 0
    for m, k, n in ((1182, 768, 768), (1182, 768, 3072), (1182, 3072, 768)):
        a, b = torch.randn(m, k), torch.randn(k, n)
        for _ in range(12):
            began = time.perf_counter()
            torch.mm(a, b)
            best = max(best, 2e-9 * m * k * n / (time.perf_counter() - began))
    return best


def vision(model, processor, data):
    """Seconds of the vision tower alone, over six frames."""
    pixels = processor(images=seen(data), return_tensors='pt').pixel_values.to(model.dtype)[0]
    with torch.inference_mode():
        model.git.image_encoder(pixels)
        began = time.perf_counter()
        model.git.image_encoder(pixels)
        return time.perf_counter() - began


def processor():
    return next((line.split(':', 1)[1].strip() for line in open('/proc/cpuinfo') if line.startswith('model name')), 'an unnamed processor')


def row(name, seconds, note=''):
    print(f'{name:<54} {min(seconds) * 1e3:>9.0f} {statistics.median(seconds) * 1e3:>9.0f} {max(seconds) * 1e3:>9.0f}  {note}')


def main():
    p = argparse.ArgumentParser()
    p.add_argument('folder', type=pathlib.Path)
    p.add_argument('--rounds', type=int, default=3)
    p.add_argument('--threads', type=int, default=2)
    p.add_argument('--checkpoint', action='store_true')
    args = p.parse_args()
    if args.checkpoint:
        return print(checkpoint(args.folder / 'git-base-video'))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:args.threads])
    torch.set_num_threads(args.threads)
    args.folder.mkdir(parents=True, exist_ok=True)
    folder, video = checkpoint(args.folder / 'git-base-video'), clip(args.folder / 'clip.mp4')
    program = args.folder / 'answers.test'
    subprocess.run(['go', 'test', '-c', '-o', program, './answers'], cwd=ROOT, check=True)
    environment = {**os.environ, 'VIDEOQA_BENCH_MODEL': str(folder), 'VIDEOQA_BENCH_CLIP': str(video), 'VIDEOQA_THREADS': str(args.threads), 'GOMAXPROCS': str(args.threads)}
    processor = transformers.VideoMAEImageProcessor.from_pretrained(folder)
    ids = ids_of(folder)
    models = {'fp32': transformers.GitForCausalLM.from_pretrained(folder).eval(), 'bf16': transformers.GitForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()}
    towers, peaks = {name: [] for name in models}, []
    data, ours, theirs = video.read_bytes(), {p: [] for p in precisions()}, {name: [] for name in models}
    for r in range(args.rounds):
        for precision, found in ours.items():
            found.append(by_videoqa(program, {**environment, 'VIDEOQA_PRECISION': precision}))
        for name, model in models.items():
            theirs[name].append(by_transformers(model, processor, ids, data))
            towers[name].append(vision(model, processor, data))
        peaks.append(product())
    report(args, ours, theirs, towers, max(peaks))


WORK = {'encode': 211, 'prefix': 109}  # GFLOP for six frames


def report(args, ours, theirs, towers, peak):
    print(f'\n{args.threads} cores of {processor()}; torch {torch.__version__}, transformers {transformers.__version__}, av {av.__version__}; {args.rounds} rounds in turns')
    print(f'GIT-base, random, {FRAMES} frames of 10 s H.264 640 x 360, {TOKENS} tokens, greedy\n')
    print(f'{"milliseconds":<54} {"minimum":>9} {"median":>9} {"maximum":>9}')
    for name, times in theirs.items():
        row(f'transformers {name}', [t for t, _ in times], f'of which decode {min(d for _, d in times) * 1e3:.0f}')
    base = {name: statistics.median(t for t, _ in times) for name, times in theirs.items()}
    for precision, found in ours.items():
        for bench, title in (('ColdQuestion', 'clip never seen'), ('WarmQuestion', 'clip asked about before'), ('SixteenQuestions', '16 questions on such a clip'), ('SixteenColdQuestions', '16 questions on a clip never seen'), ('Windows/Cold', 'window never seen'), ('Windows/MovedByOne', 'window moved by one frame')):
            seconds = [o[bench]['ns/op'] / 1e9 for o in found]
            stages = ', '.join(f'{k} {statistics.median(o[bench][f"{k}-ms"] for o in found):.0f}' for k in ('decode', 'encode', 'prefix', 'generate'))
            row(f'videoqa {precision}, {title}', seconds, stages)
            if bench == 'SixteenColdQuestions':
                print(f'{"":<54} {"":>9} {statistics.median(o[bench]["ns/op"] / o["ColdQuestion"]["ns/op"] for o in found):>8.2f}x of one question on it')
            elif bench == 'Windows/MovedByOne':
                print(f'{"":<54} {"":>9} {statistics.median(o[bench]["least-ms"] / o["Windows/Cold"]["least-ms"] for o in found):>8.2f}x of a cold window; {found[0][bench]["frames-encoded"]:.0f} frames encoded')
            elif bench in ('ColdQuestion', 'WarmQuestion'):
                print(f'{"":<54} {"":>9} {base["fp32"] / statistics.median(seconds):>8.1f}x of transformers fp32, {base["bf16"] / statistics.median(seconds):.1f}x of its bf16')

    print(f'\nvision tower over six frames: transformers fp32 {min(towers["fp32"]) * 1e3:.0f} ms, bf16 {min(towers["bf16"]) * 1e3:.0f} ms; fp32 product of torch {peak:.0f} GFLOP/s at best')
    for precision, found in ours.items():
        stages = {k: min(o['ColdQuestion'][f'{k}-ms'] for o in found) / 1e3 for k in WORK}
        rates = ', '.join(f'{k} {1e3 * t:.0f} ms, {WORK[k] / t:.0f} GFLOP/s, {100 * WORK[k] / t / peak:.0f} % of that' for k, t in stages.items())
        print(f'videoqa {precision}: {rates}; vision {min(towers["fp32"]) / stages["encode"]:.2f}x of fp32, {min(towers["bf16"]) / stages["encode"]:.2f}x of bf16')


if __name__ == '__main__':
    import av
    import numpy as np
    import torch
    import transformers
    main()
