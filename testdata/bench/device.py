"""Frames and clips a second on a GPU: by videoqa, by transformers in float16, and by that under torch.compile, in turns on one card.

usage: device.py FOLDER [--device cuda] [--rounds 5] [--batches 1 8 64 256] [--program P]      (called by make bench-device, which gives FOLDER in the cache)

The checkpoint is bench.py's GIT-base. Frames: bytes of pictures in the host's memory go to the card, are normalised and
encoded there, and their features come back as float16. A clip: six new frames and what the decoder makes of them, which transformers
do with a question of ten tokens behind, and of which videoqa fetches keys and values. What a card multiplies at most is what
torch reaches with matrices of 8192 x 8192. --program is package gitvideo's test program, built elsewhere, for a machine without Go;
VIDEOQA_ONNXRUNTIME names the library there. --device cpu is for a look at the same without a card: all sides in float32.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import time

import bench


class Torch:
    """Transformers' GIT on the device, as it is or compiled."""

    def __init__(self, folder, device, dtype, compiled):
        self.device, self.dtype = device, dtype
        self.model = transformers.GitForCausalLM.from_pretrained(folder, dtype=dtype).eval().to(device)
        self.ids = torch.arange(1000, 1010, device=device)[None]
        self.tower = torch.compile(self.model.git.image_encoder) if compiled else self.model.git.image_encoder
        self.whole = torch.compile(self.model.git) if compiled else self.model.git
        side = self.model.config.vision_config.image_size
        self.pictures = lambda n: torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8)

    def pixels(self, pictures):
        return pictures.to(self.device).to(self.dtype).div_(255).sub_(.45).div_(.27)

    def frames(self, n):
        pictures = self.pictures(n)
        return n * self.rate(lambda: self.tower(self.pixels(pictures)).last_hidden_state.half().cpu())

    def clips(self):
        pictures = self.pictures(bench.FRAMES)
        return self.rate(lambda: self.whole(input_ids=self.ids, pixel_values=self.pixels(pictures)[None]).last_hidden_state[:, -1].cpu())

    def rate(self, once):
        """How often a second it can be done, measured for a second behind three times that count for nothing."""
        with torch.inference_mode():
            for _ in range(3):
                once()
            began, n = time.perf_counter(), 0
            while time.perf_counter() - began < 1:
                once()
                n += 1
            return n / (time.perf_counter() - began)


def peak(device, dtype):
    """TFLOP/s of the device's fastest product."""
    n, best = 8192 if device == 'cuda' else 2048, 0
    a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
    for _ in range(12):
        began = time.perf_counter()
        (a @ b)[0, 0].item()  # waits for the device
        best = max(best, 2e-12 * n**3 / (time.perf_counter() - began))
    return best


def by_videoqa(program, environment, batches):
    """What the benchmarks of package gitvideo print: {batch or 'clip': a second}."""
    found, _ = bench.measured(program, f'Device/^({"|".join(map(str, batches))}|clip)$', environment, 10)
    return {name.removeprefix('Device/'): values.get('frames/s') or values['clips/s'] for name, values in found.items()}


def card(device):
    if device == 'cuda':
        return f'{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}'
    return f'{torch.get_num_threads()} cores of {bench.processor_name()}'


def main():
    p = argparse.ArgumentParser()
    p.add_argument('folder', type=pathlib.Path)
    p.add_argument('--device', default='cuda')
    p.add_argument('--rounds', type=int, default=5)
    p.add_argument('--batches', type=int, nargs='+', default=[1, 8, 64, 256])
    p.add_argument('--program', type=pathlib.Path)
    args = p.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    folder, program = bench.weights(args.folder / 'git-base-224'), args.program or args.folder / 'gitvideo.test'
    if not args.program:
        subprocess.run(['go', 'test', '-c', '-o', program, './gitvideo'], cwd=bench.ROOT, check=True)
    bench.FOLDERS[program.name] = 'gitvideo'
    dtype = torch.float16 if args.device == 'cuda' else torch.float32
    environment = {**os.environ, 'VIDEOQA_BENCH_MODEL': str(folder), 'VIDEOQA_DEVICE': args.device, 'VIDEOQA_PRECISION': 'auto' if args.device == 'cuda' else 'fp32'}
    sides = {'transformers': Torch(folder, args.device, dtype, False), 'torch.compile': Torch(folder, args.device, dtype, True)}
    rates, most = {}, 0
    frame = bench.work(sides['transformers'].model.config)['encode'] / bench.FRAMES  # GFLOP
    for _ in range(args.rounds):
        for what, rate in by_videoqa(program, environment, args.batches).items():
            rates.setdefault((what, 'videoqa'), []).append(rate)
        for name, side in sides.items():
            for n in args.batches:
                rates.setdefault((str(n), name), []).append(side.frames(n))
            rates.setdefault(('clip', name), []).append(side.clips())
        most = max(most, peak(args.device, dtype))
    print(f'\n{card(args.device)}; {bench.versions()}; {args.rounds} rounds in turns; GIT-base, random; the fastest product {most:.1f} TFLOP/s\n')
    print(f'{"a second":<32} {"minimum":>9} {"median":>9} {"maximum":>9}  {"of the product":>15} {"videoqa is":>11}')
    for (what, name), found in sorted(rates.items(), key=lambda r: (r[0][0] == 'clip', r[0][0].zfill(9))):
        of = '' if what == 'clip' else f'{100 * statistics.median(found) * frame / 1e3 / most:.0f} %'
        times = '' if name == 'videoqa' else f'{statistics.median(rates[what, "videoqa"]) / statistics.median(found):.2f} x'
        title = f'{name}, ' + ('clips' if what == 'clip' else f'frames by {what}')
        print(f'{title:<32} {min(found):>9.1f} {statistics.median(found):>9.1f} {max(found):>9.1f}  {of:>15} {times:>11}')


if __name__ == '__main__':
    import av
    import torch
    import transformers
    bench.av, bench.torch, bench.transformers = av, torch, transformers
    main()
