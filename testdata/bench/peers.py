"""Times taking frames out of clips, and resizing, by videoqa and by the programs that others use for it, in turns on the
same cores.

usage: peers.py FOLDER [--quick] [--only WORDS] [--rounds 5] [--threads 2]      (called by make bench-peers)

Everyone starts from the encoded clip in memory, opens it anew, and gives the same pictures, RGB, at full size. videoqa is a
process that stays up, as the others are libraries in one. Each program is first tried in every setting, once; the fastest
one that gives the right pictures is then measured. A picture is right if the number stamped on it is, and its pixels are
close to videoqa's. A program that took twice as long as the fastest is not measured again.
"""
import argparse
import io
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import av
import numpy as np

import clips

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEIGHTS, GOPS, LENGTHS, COUNTS = (720, 1080), (12, 60, 250), (10, 60, 600), (6, 32)
CLOSE = 4  # levels of mean difference: chroma is interpolated in several ways, and that is all
PATIENCE = 2  # how many times the fastest a program may take and still be measured again
SHARED = pathlib.Path('/dev/shm')


class Videoqa:
    """The long-lived process of testdata/bench/sampler."""

    def __init__(self, program, threads):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, 'GOMAXPROCS': str(threads)})

    def do(self, what, **more):
        self.process.stdin.write(json.dumps({'do': what, **more}) + '\n')
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        if 'error' in reply:
            raise RuntimeError(reply['error'])
        return reply

    def pictures(self, height):
        """Those of the last sample."""
        file = SHARED / f'videoqa-peers-{os.getpid()}'
        self.do('write', path=str(file))
        pictures = np.fromfile(file, np.uint8).reshape(-1, height, height * 16 // 9, 3)
        file.unlink()
        return pictures


def by_torchcodec(data, indexes, threads, seek):
    from torchcodec.decoders import VideoDecoder
    decoder = VideoDecoder(data, dimension_order='NHWC', num_ffmpeg_threads=threads, seek_mode=seek)
    return decoder.get_frames_at(indexes).data.numpy()


def by_decord(data, indexes, threads):
    import decord
    return decord.VideoReader(io.BytesIO(data), num_threads=threads).get_batch(indexes).asnumpy()


def by_pyav(data, indexes, threads, kind):
    """Seeks only where another key picture lies between, which the container's index tells."""
    found = []
    with av.open(io.BytesIO(data)) as file:
        stream = file.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = kind, threads
        tick, start, keys = 1 / (clips.RATE * stream.time_base), stream.start_time or 0, stream.index_entries
        at, frames = -1, iter(())
        for target in (start + int(i * tick) for i in indexes):
            key = keys.search_timestamp(target)
            if key != at:
                file.seek(target, stream=stream)
                at, frames = key, file.decode(stream)
            found.append(next(f for f in frames if f.pts >= target).to_ndarray(format='rgb24'))
    return found


def by_opencv(data, indexes, threads, way):
    import cv2
    capture, found, at = cv2.VideoCapture(io.BytesIO(data), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads]), [], 0
    for i in indexes:
        if way == 'seek':
            capture.set(cv2.CAP_PROP_POS_FRAMES, i)
        else:
            for _ in range(at, i):
                capture.grab()
        found.append(cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB))
        at = i + 1
    return found


def settings(threads, seconds):
    """Per program, each way to use it: (name, function)."""
    some = sorted({1, threads})
    torchcodec = [(f'{seek}, {n} threads', lambda d, i, n=n, seek=seek: by_torchcodec(d, i, n, seek)) for seek in ('exact', 'approximate') for n in some]
    decord = [(f'{n} threads', lambda d, i, n=n: by_decord(d, i, n)) for n in some]
    pyav = [(f'{kind}, {n} threads', lambda d, i, n=n, kind=kind: by_pyav(d, i, n, kind)) for kind, n in (('SLICE', 1), ('FRAME', threads))]
    ways = ('seek', 'grab') if seconds <= 60 else ('seek',)  # grabbing decodes all
    opencv = [(f'{way}, {threads} threads', lambda d, i, way=way: by_opencv(d, i, threads, way)) for way in ways]
    return {'torchcodec': torchcodec, 'decord': decord, 'PyAV': pyav, 'OpenCV': opencv}


def timed(function, *args):
    """Seconds, those of the processor in all threads, and the result."""
    begin, used = time.perf_counter(), time.process_time()
    result = function(*args)
    return (time.perf_counter() - begin, time.process_time() - used), result


def wrong(pictures, ours, indexes):
    """What is wrong with someone's pictures; '' if nothing is."""
    if len(pictures) != len(ours):
        return f'{len(pictures)} pictures'
    for picture, own, index in zip(pictures, ours, indexes):
        number = clips.number(picture)
        if number != index % (clips.RATE * clips.SECONDS):
            return f'{number} for {index}'
        if (off := np.abs(picture[::4, ::4].astype(np.int16) - own[::4, ::4]).mean()) > CLOSE:
            return f'{index} is off by {off:.1f}'
    return ''


def choose(data, indexes, ours, threads, seconds):
    """Tries all settings; {program: (setting, function, seconds, what is wrong)} of the fastest right one of each."""
    best = {}
    for program, ways in settings(threads, seconds).items():
        tried = []
        for name, function in ways:
            if tried and tried[0][2] > 2 * PATIENCE * fastest(best) and not tried[0][3]:
                break  # no setting makes up for that
            try:
                (took, _), pictures = timed(function, data, indexes)
                tried.append((name, function, took, wrong(pictures, ours, indexes)))
            except Exception as e:  # a program that cannot do it is a result
                tried.append((name, function, float('inf'), f'{type(e).__name__}: {e}'[:60]))
        best[program] = min(tried, key=lambda t: (t[3] != '', t[2]))
    return best


def fastest(best):
    """The seconds of the fastest of those that were right."""
    return min((took for _, _, took, bad in best.values() if not bad), default=float('inf'))


def measure(videoqa, data, count, height, args, seconds):
    """One row: {program: [(seconds, those of the processor)]}, and what else there is to say."""
    first = videoqa.do('sample', count=count)
    indexes = [round(t * clips.RATE) for t in first['times']]
    ours = videoqa.pictures(height)
    if bad := wrong(ours, ours, indexes):
        sys.exit(f'videoqa gives the wrong picture: {bad}')
    best = choose(data, indexes, ours, args.threads, seconds)
    most = PATIENCE * fastest(best)
    times = {'videoqa': []} | {program: [(took, took)] for program, (_, _, took, bad) in best.items() if took > most and not bad}
    for _ in range(rounds(fastest(best), args)):
        reply = videoqa.do('sample', count=count)
        times['videoqa'].append((reply['seconds'][0], reply['cpu']))
        for program, (_, function, took, bad) in best.items():
            if took <= most and not bad:
                times.setdefault(program, []).append(timed(function, data, indexes)[0])
    return times, best, first['decoded'], indexes


def rounds(seconds, args):
    """Rows that take minutes are measured less often; the table says how often."""
    if args.quick:
        return 1
    return args.rounds if seconds < 4 else min(args.rounds, 3)


def roles(path):
    """Of each packet in decoding order: number of the picture that it shows, whether it is a key, whether others refer to it."""
    found = []
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        hevc, tick = stream.codec_context.name == 'hevc', 1 / (clips.RATE * stream.time_base)
        for p in file.demux(stream):
            if p.size:
                found.append((round((p.pts - (stream.start_time or 0)) / tick), p.is_keyframe, referred(bytes(p), hevc)))
    return found


def referred(packet, hevc):
    """Whether other pictures may refer to this one: nal_ref_idc of H.264; of HEVC, odd types and those above 14."""
    at = 0
    while at + 4 < len(packet):
        head = packet[at + 4]
        if hevc and (kind := head >> 1 & 63) <= 31:
            return kind > 14 or kind % 2 == 1
        if not hevc and 1 <= head & 31 <= 5:
            return head & 0x60 != 0
        at += 4 + int.from_bytes(packet[at:at + 4], 'big')
    return True


def least(packets, indexes):
    """How many pictures have to be decoded for those of indexes, and how many lie between them and their keys. The packets
    are those of a minute, or of the whole clip."""
    needed, passed = set(), set()
    place = {shown: i for i, (shown, _, _) in enumerate(packets)}
    for index in indexes:
        again, shown = divmod(index, len(packets))
        i = place[shown]
        key = max(k for k in range(i + 1) if packets[k][1])
        passed |= {(again, k) for k in range(key, i + 1)}
        needed |= {(again, k) for k in range(key, i + 1) if packets[k][2] or k == i}
    return len(needed), len(passed)


def clip(folder, codec, height, gop, seconds):
    """A clip's bytes, and a file whose packets it repeats."""
    if seconds <= 60:
        path = clips.path_of(folder, codec, height, gop, seconds)
        return path.read_bytes(), path, path
    minute = clips.path_of(folder, codec, height, gop, 60)
    path = clips.path_of(folder, codec, height, gop, seconds)
    if not path.exists():
        path.with_suffix('.part').write_bytes(clips.lengthen(minute, seconds))
        path.with_suffix('.part').rename(path)
    return path.read_bytes(), path, minute


def cell(times, best=None, fastest=False):
    """minimum, median, maximum in milliseconds; a program's setting, or what is wrong with it."""
    if not times:
        return f'wrong: {best[3]}'
    wall = [t for t, _ in times]
    spread = ' '.join(f'{t * 1e3:.0f}' for t in (min(wall), statistics.median(wall), max(wall))) if len(wall) > 1 else f'{wall[0] * 1e3:.0f}'
    if best and best[3]:
        return f'wrong: {best[3]}'
    return f'**{spread}**' if fastest else spread


def table_of_clips(videoqa, args, height, codec):
    """One table: rows by GOP, length and count. Returns the ratios."""
    print(f'\n### {codec.upper()}, {height}p\n')
    print('| GOP | clip | frames | rounds | videoqa | torchcodec | decord | PyAV | OpenCV | fastest of them | videoqa is | in processor time | decoded, least possible, without dropping |')
    print('|' + '---|' * 13)
    ratios = []
    for gop in GOPS:
        for seconds in LENGTHS:
            if not set(args.only) <= {codec, f'{height}p', f'gop{gop}', f'{seconds}s', *(f'{count}frames' for count in COUNTS)}:
                continue
            data, path, source = clip(args.folder, codec, height, gop, seconds)
            packets = roles(source)
            videoqa.do('load', path=str(path))
            for count in COUNTS:
                if set(args.only) <= {codec, f'{height}p', f'gop{gop}', f'{seconds}s', f'{count}frames'}:
                    ratios.append(row(videoqa, data, gop, seconds, count, height, packets, args))
    return ratios


def row(videoqa, data, gop, seconds, count, height, packets, args):
    times, best, decoded, indexes = measure(videoqa, data, count, height, args, seconds)
    median = {p: [statistics.median(column) for column in zip(*ts)] for p, ts in times.items()}
    fastest = min((p for p in times if p != 'videoqa' and not best[p][3]), key=lambda p: median[p][0])
    ratio, processor = (theirs / ours for theirs, ours in zip(median[fastest], median['videoqa']))
    needed, passed = least(packets, indexes)
    cells = [cell(times.get(p, []), best[p], p == fastest) for p in ('torchcodec', 'decord', 'PyAV', 'OpenCV')]
    length = f'{seconds} s' if seconds < 100 else f'{seconds // 60} min'
    print(f'| {gop} | {length} | {count} | {len(times["videoqa"])} | {cell(times["videoqa"])} | {" | ".join(cells)} | {fastest}, {best[fastest][0]} | {ratio:.2f} x | {processor:.2f} x | {decoded}, {needed}, {passed} |', flush=True)
    return ratio


def table_of_resizing(videoqa, args):
    """Pillow's Image.resize beside ours, which must give the same bytes."""
    from PIL import Image
    picture = clips.Scene(1080, 1920).at(100)
    file = SHARED / f'videoqa-peers-{os.getpid()}.rgb'
    picture.tofile(file)
    print('\n### Resizing 1920 x 1080, bicubic\n')
    print('| to | videoqa, 1 thread | videoqa, 2 threads | Pillow, which has 1 | videoqa is, with 1 and 2 | bytes |')
    print('|' + '---|' * 6)
    n = 3 if args.quick else 40
    for width, height in ((398, 224), (224, 224)):
        times = {1: [], 2: [], 'Pillow': []}
        image = Image.fromarray(picture)
        for _ in range(n):
            for threads in (1, 2):
                times[threads] += videoqa.do('resize', path=str(file), width=1920, height=1080, to_width=width, to_height=height, n=2, threads=threads)['seconds']
            for _ in range(2):
                (took, _), theirs = timed(image.resize, (width, height), Image.Resampling.BICUBIC)
                times['Pillow'].append(took)
        out = file.with_suffix('.out')
        videoqa.do('write', path=str(out))
        equal = out.read_bytes() == theirs.tobytes()
        out.unlink()
        spread = {who: ' '.join(f'{t * 1e3:.2f}' for t in (min(ts), statistics.median(ts), max(ts))) for who, ts in times.items()}
        median = {who: statistics.median(ts) for who, ts in times.items()}
        print(f'| {width} x {height} | {spread[1]} | {spread[2]} | {spread["Pillow"]} | {median["Pillow"] / median[1]:.2f} x, {median["Pillow"] / median[2]:.2f} x | {"equal" if equal else "DIFFERENT"} |', flush=True)
    file.unlink()


def shared_libraries():
    """torchcodec brings no FFmpeg and looks for one by its usual names; PyAV brings one under others. Gives torchcodec PyAV's, by
    links, and starts this program again, because the linker reads its path only then."""
    folder = pathlib.Path(sys.prefix) / 'ffmpeg'
    if str(folder) in os.environ.get('LD_LIBRARY_PATH', ''):
        return
    folder.mkdir(exist_ok=True)
    for library in (pathlib.Path(av.__file__).parent.parent / 'av.libs').glob('lib*'):
        name, _, rest = library.name.partition('.so.')
        link = folder / f'{name.rpartition("-")[0]}.so.{rest.partition(".")[0]}'
        if not link.exists():
            link.symlink_to(library)
    os.environ['LD_LIBRARY_PATH'] = f'{folder}:{os.environ.get("LD_LIBRARY_PATH", "")}'
    os.execv(sys.executable, [sys.executable, *sys.argv])


def heading(videoqa, args):
    import cv2
    import decord
    import PIL
    import torch
    import torchcodec
    model = next((line.split(':', 1)[1].strip() for line in open('/proc/cpuinfo') if line.startswith('model name')), 'an unnamed processor')
    ffmpeg = '.'.join(map(str, av.library_versions['libavcodec']))
    ours = videoqa.do('libraries')['libraries']
    print(f'{args.threads} cores of {model}, load {os.getloadavg()[0]:.1f} at the start. videoqa with {ours}; torchcodec {torchcodec.__version__} on torch {torch.__version__} '
          f'and PyAV {av.__version__}, both with libavcodec {ffmpeg}; decord {decord.__version__}, OpenCV {cv2.__version__}, Pillow {PIL.__version__}, numpy {np.__version__}.')


def main():
    p = argparse.ArgumentParser()
    p.add_argument('folder', type=pathlib.Path)
    p.add_argument('--program', default='bin/sampler')
    p.add_argument('--quick', action='store_true', help='one round')
    p.add_argument('--only', nargs='*', default=[], help='rows with all of these words, such as hevc 1080p gop60 600s 32frames')
    p.add_argument('--rounds', type=int, default=5)
    p.add_argument('--threads', type=int, default=2)
    args = p.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:args.threads])
    import cv2
    import torch
    cv2.setNumThreads(args.threads)
    torch.set_num_threads(args.threads)
    args.folder.mkdir(parents=True, exist_ok=True)
    videoqa = Videoqa(args.program, args.threads)
    heading(videoqa, args)
    table_of_resizing(videoqa, args)
    ratios = []
    for height in HEIGHTS:
        clips.encode(args.folder, height, GOPS)
        for codec in clips.ENCODERS:
            ratios += table_of_clips(videoqa, args, height, codec)
    if ratios:
        print(f'\n{len(ratios)} rows: at least 1.0 x in {sum(r >= 1 for r in ratios)}, at least 1.5 x in {sum(r >= 1.5 for r in ratios)}; the least is {min(ratios):.2f} x.')


if __name__ == '__main__':
    shared_libraries()
    main()
