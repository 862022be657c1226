"""Times one question on a full-size GIT over six frames, by videoqa and by transformers, in turns on the same cores.

usage: bench.py FOLDER [--model git-base|git-large] [--rounds 5] [--threads 2] [--clips 64]      (called by make bench, which gives FOLDER in the cache)
       bench.py FOLDER --checkpoint       makes the checkpoint and prints where it lies
       bench.py FOLDER --trace PROGRAM    has testdata/bench/trace draw what is done when (make bench-trace)

The checkpoint is drawn by testdata/parity/parity.py, in the sizes of GIT-base or GIT-large with six temporal embeddings: what
is computed costs the same. Its bias bans the token that ends an answer, for all sides. The question has ten tokens. Both sides
start from the encoded clip's bytes, look at six frames and write four tokens, greedy, in fp32 and in what else the processor has.
Cold: a clip never seen. Warm: videoqa was asked about the clip before; transformers keeps nothing between questions.

Each round measures, in turns: videoqa's questions in each precision, transformers' in each, and the fastest products of the
towers' sizes by torch, ONNX Runtime, OpenVINO and videoqa. Behind the rounds, once: 1, 8 and 64 clients of clips that nobody asked
about before, twice as many for 8 and one for each of 64 (--clips 0: not); and the largest resident memory of a process of transformers' that
does what videoqa's does.
"""
import argparse
import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FRAMES, TOKENS, QUESTION = 6, 4, 'which way does the red train move now?'


def weights(folder):
    """A checkpoint of the sizes of the case that the folder is named by, which never ends an answer, without a tokenizer."""
    if not (folder / 'preprocessor_config.json').exists():
        sys.path.insert(0, str(ROOT / 'testdata/parity'))
        import parity
        model = parity.drawn(folder.name)
        with torch.no_grad():
            model.output.bias[model.config.eos_token_id] = -1e4
        model.save_pretrained(folder)
        transformers.VideoMAEImageProcessor().save_pretrained(folder)
    return folder


def checkpoint(folder, model='git-base'):
    """The same with the tokenizer that the tokenizers module carries."""
    folder = weights(folder / f'{model}-224')
    if not (folder / 'tokenizer.json').exists():
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


def clips(folder, n):
    """So many different clips."""
    folder.mkdir(exist_ok=True)
    return [clip(folder / f'{i}.mp4', i) for i in range(n)]


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


def run(command, **more):
    """What a command prints, and its largest resident memory in MB. It is read while it runs: a child's count at its end
    (ru_maxrss) begins with the memory of whoever started it."""
    with tempfile.TemporaryFile('w+') as out:
        p, most = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, **more), 0
        while p.poll() is None:
            with contextlib.suppress(OSError):
                most = next((int(line.split()[1]) / 1024 for line in open(f'/proc/{p.pid}/status') if line.startswith('VmHWM')), most)
            time.sleep(.1)
        out.seek(0)
        text = out.read()
    if p.returncode:
        sys.exit(f'{command} ended with {p.returncode}:\n{text}')
    return text, most


def measured(program, wanted, environment, times=1):
    """What a package's benchmarks print, {name: {unit: value}}, and the memory of their process."""
    text, memory = run([str(program), '-test.run', '^$', '-test.bench', wanted, '-test.benchtime', f'{times}x'], cwd=ROOT / FOLDERS[program.name], env=environment)
    found = {}
    for line in text.splitlines():
        if m := re.match(r'Benchmark([\w/]+?)(?:-\d+)?\s+\d+\s+(.*)', line):
            values = m[2].split()
            found[m[1]] = {unit: float(value) for value, unit in zip(values[::2], values[1::2])}
    return found, memory


FOLDERS = {'answers.test': 'answers', 'onnx.test': 'internal/onnx'}


def by_videoqa(program, environment):
    """What the benchmarks of package answers print, with the memory of a process that answers cold questions only."""
    found, memory = measured(program, 'ColdQuestion$', environment)
    more, _ = measured(program, 'SixteenColdQuestions|Windows', environment)
    short, _ = measured(program, 'WarmQuestion|SixteenQuestions', environment, 5)
    return {**found, **more, **short, 'memory': memory}


def products(program, environment):
    """GFLOP/s of the fastest products of the sizes that GIT-base's towers have: {(kind, library): best}."""
    best = {('fp32', 'torch'): torch_product(torch.float32), ('bf16', 'torch'): torch_product(torch.bfloat16)}
    found, _ = measured(program, 'Products', environment)
    for name, values in found.items():
        _, library, kind, _ = name.split('/')
        best[kind, library] = max(best.get((kind, library), 0), values['GFLOP/s'])
    return best


def torch_product(dtype):
    best = 0
    with torch.inference_mode():
        for m, k, n in ((1182, 768, 768), (1182, 768, 3072), (1182, 3072, 768)):
            a, b, w = (torch.randn(*shape).to(dtype) for shape in ((m, k), (k, n), (n, k)))
            for multiply in (lambda: torch.mm(a, b), lambda: torch.nn.functional.linear(a, w)):
                for _ in range(12):
                    began = time.perf_counter()
                    multiply()
                    best = max(best, 2e-9 * m * k * n / (time.perf_counter() - began))
    return best


def read_rate():
    """GB/s at which a sum reads memory that no cache holds."""
    x, best = torch.ones(1 << 27), 0
    for _ in range(5):
        began = time.perf_counter()
        x.sum()
        best = max(best, 4e-9 * len(x) / (time.perf_counter() - began))
    return best


def vision(model, processor, data):
    """Seconds of the vision tower alone, over six frames."""
    pixels = processor(images=seen(data), return_tensors='pt').pixel_values.to(model.dtype)[0]
    with torch.inference_mode():
        model.git.image_encoder(pixels)
        began = time.perf_counter()
        model.git.image_encoder(pixels)
        return time.perf_counter() - began


def processor_name():
    return next((line.split(':', 1)[1].strip() for line in open('/proc/cpuinfo') if line.startswith('model name')), 'an unnamed processor')


def row(name, seconds, note=''):
    print(f'{name:<54} {min(seconds) * 1e3:>9.0f} {statistics.median(seconds) * 1e3:>9.0f} {max(seconds) * 1e3:>9.0f}  {note}')


def versions():
    """Those of what computes; the libraries of videoqa say theirs in their files' names."""
    library = pathlib.Path(os.environ['VIDEOQA_ONNXRUNTIME'])
    own = ['ONNX Runtime ' + library.resolve().name.rpartition('.so.')[2]]
    for file in library.parent.glob('libopenvino.so.*'):  # 2541 is 2025.4.1
        number = file.name.rpartition('.')[2]
        own.append('OpenVINO ' + '.'.join(['20' + number[:2], *number[2:]]))
    own.append('libavcodec ' + printed('pkg-config', '--modversion', 'libavcodec'))
    own.append(printed('go', 'env', 'GOVERSION'))
    return f'videoqa {printed("git", "describe", "--tags", "--always", "--dirty")} with {", ".join(own)}; torch {torch.__version__}, transformers {transformers.__version__}, av {av.__version__}'


def printed(*command):
    out = ''
    with contextlib.suppress(FileNotFoundError):
        out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return out or f'{command[0]} of no known version'


DTYPES = {'fp32': 'float32', 'bf16': 'bfloat16'}


def opened(folder, name):
    return transformers.GitForCausalLM.from_pretrained(folder, dtype=getattr(torch, DTYPES[name])).eval()


def once(folder, video, name):
    """What a user of transformers runs: load, and ask."""
    by_transformers(opened(folder, name), transformers.VideoMAEImageProcessor.from_pretrained(folder), ids_of(folder), video.read_bytes())


def memory_of_transformers(args, name):
    """The largest resident memory in MB of a process that loads one model and asks."""
    return run([sys.executable, __file__, str(args.folder), '--model', args.model, '--threads', str(args.threads), '--once', name])[1]


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument('folder', type=pathlib.Path)
    p.add_argument('--model', default='git-base', choices=('git-base', 'git-large'))
    p.add_argument('--rounds', type=int, default=5)
    p.add_argument('--threads', type=int, default=2)
    p.add_argument('--clips', type=int, default=64, help='that clients ask about')
    p.add_argument('--checkpoint', action='store_true')
    p.add_argument('--trace', type=pathlib.Path)
    p.add_argument('--once', choices=DTYPES, help=argparse.SUPPRESS)
    return p.parse_args()


def main():
    args = arguments()
    args.folder.mkdir(parents=True, exist_ok=True)
    folder, video = checkpoint(args.folder, args.model), clip(args.folder / 'clip.mp4')
    if args.checkpoint:
        return print(folder)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:args.threads])
    torch.set_num_threads(args.threads)
    if args.once:
        return once(folder, video, args.once)
    if args.trace:
        return trace(args, folder)
    clips(args.folder / 'phases', args.clips)
    for program, package in FOLDERS.items():
        subprocess.run(['go', 'test', '-c', '-o', args.folder / program, './' + package], cwd=ROOT, check=True)
    environment = {**os.environ, 'VIDEOQA_BENCH_MODEL': str(folder), 'VIDEOQA_BENCH_CLIP': str(video), 'VIDEOQA_BENCH_CLIPS': str(args.folder / 'phases'), 'VIDEOQA_THREADS': str(args.threads), 'GOMAXPROCS': str(args.threads)}
    rounds(args, folder, video.read_bytes(), environment)
    if args.clips:
        clients(args, environment)
    print('\nlargest resident memory of a process that asks one cold question of transformers: ' + ', '.join(f'{name} {memory_of_transformers(args, name):.0f} MB' for name in DTYPES))


def rounds(args, folder, data, environment):
    """Measures all sides in turns, and reports."""
    processor = transformers.VideoMAEImageProcessor.from_pretrained(folder)
    ids, models = ids_of(folder), {name: opened(folder, name) for name in DTYPES}
    ours, theirs, towers, peaks = {p: [] for p in precisions()}, {name: [] for name in models}, {name: [] for name in models}, {}
    reading = []
    for _ in range(args.rounds):
        for precision, found in ours.items():
            found.append(by_videoqa(args.folder / 'answers.test', {**environment, 'VIDEOQA_PRECISION': precision}))
        for name, model in models.items():
            theirs[name].append(by_transformers(model, processor, ids, data))
            towers[name].append(vision(model, processor, data))
        for what, best in products(args.folder / 'onnx.test', environment).items():
            peaks.setdefault(what, []).append(best)
        reading.append(read_rate())
    print(f'\n{args.threads} cores of {processor_name()}; {versions()}; {args.rounds} rounds in turns')
    print(f'{args.model}, random, {FRAMES} frames of 10 s H.264 640 x 360, {TOKENS} tokens, greedy\n')
    report(ours, theirs)
    report_towers(ours, towers, peaks, work(models['fp32'].config))
    report_reading(ours, reading, models['fp32'].config)


def clients(args, environment):
    """Clips that nobody asked about before, by 1, 8 and 64 clients; and a known clip beside 32 of them."""
    print(f'\n{"clients, once":<30} {"clips/s":>9} {"p50, ms":>9} {"p99, ms":>9} {"memory, MB":>12}')
    for precision, wanted in zip(precisions()[:2], ('Clients', 'Clients|WarmBesideCold')):
        found, memory = measured(args.folder / 'answers.test', wanted, {**environment, 'VIDEOQA_PRECISION': precision})
        alone = found['Clients/1']['clips/s']
        for name, values in found.items():
            rate = values.get('clips/s')
            what, note = ('a known clip beside 32', '') if rate is None else (name.removeprefix('Clients/'), f'{rate / alone:.2f}x of one at a time')
            print(f'{precision + ", " + what:<30} {"" if rate is None else f"{rate:.2f}":>9} {values["p50-ms"]:>9.0f} {values["p99-ms"]:>9.0f} {memory:>12.0f}  {note}')


def trace(args, folder):
    """Draws what is done when, of eight clips that four clients ask about."""
    print(f'{args.threads} cores of {processor_name()}; {versions()}')
    for precision in precisions()[:2]:
        print(flush=True)
        subprocess.run([args.trace, '-model', folder, '-precision', precision, '-threads', str(args.threads), '-clients', '4', *clips(args.folder / 'phases', 8)], check=True)


def work(config):
    """GFLOP of a vision tower over all frames and of the prefix: products and attention. Of its last layer a prefix needs keys and
    values alone."""
    vision = config.vision_config
    seen, v, h = visual_tokens(config), vision.hidden_size, config.hidden_size
    frame = seen // FRAMES

    def layer(rows, width, inner):
        return 2 * rows * width * (4 * width + 2 * inner) + 4 * rows**2 * width

    patches = 2 * (frame - 1) * 3 * vision.patch_size**2 * v
    encode = FRAMES * (patches + vision.num_hidden_layers * layer(frame, v, vision.intermediate_size))
    prefix = 2 * seen * v * h + (config.num_hidden_layers - 1) * layer(seen, h, config.intermediate_size) + 4 * seen * h**2
    return {'encode': encode / 1e9, 'prefix': prefix / 1e9}


def visual_tokens(config):
    vision = config.vision_config
    return FRAMES * ((vision.image_size // vision.patch_size)**2 + 1)


# What the products of a precision's vision and prefix are in.
KINDS = {'fp32': 'fp32', 'bf16+int8': 'bf16', 'int8': 'int8'}
TITLES = {
    'ColdQuestion': 'clip never seen', 'WarmQuestion': 'clip asked about before', 'SixteenQuestions': '16 questions on such a clip',
    'SixteenColdQuestions': '16 questions on a clip never seen', 'Windows/Cold': 'window never seen', 'Windows/MovedByOne': 'window moved by one frame',
}


def report(ours, theirs):
    """Whole questions."""
    print(f'{"milliseconds":<54} {"minimum":>9} {"median":>9} {"maximum":>9}')
    for name, times in theirs.items():
        row(f'transformers {name}', [t for t, _ in times], f'of which decode {min(d for _, d in times) * 1e3:.0f}')
    base = {name: statistics.median(t for t, _ in times) for name, times in theirs.items()}
    for precision, found in ours.items():
        for bench, title in TITLES.items():
            seconds = [o[bench]['ns/op'] / 1e9 for o in found]
            stages = ', '.join(f'{k} {statistics.median(o[bench][f"{k}-ms"] for o in found):.0f}' for k in ('decode', 'encode', 'prefix', 'generate'))
            row(f'videoqa {precision}, {title}', seconds, stages)
            if note := relation(bench, found, seconds, base):
                print(f'{"":<54} {"":>9} {note}')
        print(f'{"":<54} {"":>9} {max(o["memory"] for o in found):>9.0f} MB resident at most, in a process of cold questions')


def relation(bench, found, seconds, base):
    """What a row is of another."""
    if bench == 'SixteenColdQuestions':
        return f'{statistics.median(o[bench]["ns/op"] / o["ColdQuestion"]["ns/op"] for o in found):>8.2f}x of one question on it'
    if bench == 'Windows/MovedByOne':
        return f'{statistics.median(o[bench]["least-ms"] / o["Windows/Cold"]["least-ms"] for o in found):>8.2f}x of a cold window; {found[0][bench]["frames-encoded"]:.0f} frames encoded'
    if bench in ('ColdQuestion', 'WarmQuestion'):
        return f'{base["fp32"] / statistics.median(seconds):>8.1f}x of transformers fp32, {base["bf16"] / statistics.median(seconds):.1f}x of its bf16'
    return ''


def report_towers(ours, towers, peaks, flop):
    """Vision and prefix beside the fastest products of other libraries in the same run; of each its least time, which others can
    only add to."""
    print(f'\n{"fastest products, GFLOP/s":<54} {"minimum":>9} {"median":>9} {"maximum":>9}')
    for (kind, library), rates in sorted(peaks.items()):
        print(f'{kind + ", " + library:<54} {min(rates):>9.0f} {statistics.median(rates):>9.0f} {max(rates):>9.0f}')
    print(f'\nvision tower over six frames: transformers fp32 {min(towers["fp32"]) * 1e3:.0f} ms, bf16 {min(towers["bf16"]) * 1e3:.0f} ms')
    for precision, found in ours.items():
        kind = KINDS[precision]
        peak = max(max(rates) for (k, library), rates in peaks.items() if k == kind and library != 'videoqa')
        stages = {k: min(o[bench][f'{k}-ms'] for o in found for bench in ('ColdQuestion', 'SixteenColdQuestions', 'Windows/Cold')) / 1e3 for k in flop}
        rates = ', '.join(f'{k} {1e3 * t:.0f} ms, {flop[k] / t:.0f} GFLOP/s, {100 * flop[k] / t / peak:.0f} % of the best in {kind}' for k, t in stages.items())
        print(f'videoqa {precision}: {rates}; vision {min(towers["fp32"]) / stages["encode"]:.2f}x of fp32, {min(towers["bf16"]) / stages["encode"]:.2f}x of bf16')


def report_reading(ours, rates, config):
    """A warm answer beside the rate of reading. Each of its steps reads all weights of the decoder and the head once, and the keys
    and values of the visual tokens."""
    h = config.hidden_size
    parameters = config.num_hidden_layers * h * (4 * h + 2 * config.intermediate_size) + config.vocab_size * h
    numbers = 2 * config.num_hidden_layers * visual_tokens(config) * h
    print(f'\nreading memory, GB/s: {min(rates):.1f} {statistics.median(rates):.1f} {max(rates):.1f}')
    for precision, found in ours.items():
        weight, number = (4, 4) if precision == 'fp32' else (1 + 4 / 128, 2)
        step = (parameters * weight + numbers * number) / 1e6
        warm = min(o['WarmQuestion']['least-ms'] for o in found)
        print(f'videoqa {precision}: {step:.0f} MB for each of {TOKENS} steps, {TOKENS * step / warm:.1f} GB/s in the fastest warm answer')


if __name__ == '__main__':
    import av
    import numpy as np
    import torch
    import transformers
    main()
