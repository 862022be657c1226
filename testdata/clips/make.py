"""Makes the corpus of small clips and what a linear decode of each one shows.

usage: make.py [FOLDER]   needs the ffmpeg program with libx264, libx265, libvpx and libsvtav1 or libaom (Debian 12's 5.1.9 was
used; 9.0.2 for those of tracks() and cropped()), and pip's av==18.1.0, numpy and pillow. The goldens come from PyAV, which brings an FFmpeg of its own, decoding with one thread.

golden.json: for each file its time base and, for each picture shown, [pts, md5 of the tightly packed planes]. Damaged files
are compared with the file they were made from: what is shown of them has to be one of its pictures.
"""
import hashlib
import io
import json
import pathlib
import random
import struct
import subprocess
import sys

import av
import numpy as np
from PIL import Image

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
SIZE = '96x64'


def source(size=SIZE, rate=25, seconds=1.6, extra=''):
    return ['-f', 'lavfi', '-i', f'testsrc2=size={size}:rate={rate}:duration={seconds}{extra}']


def ffmpeg(name, *args, before=None):
    base = ['ffmpeg', '-v', 'error', '-y', '-bitexact']
    subprocess.run([*base, *(before or source()), '-fflags', '+bitexact', '-flags:v', '+bitexact', '-threads', '1', *map(str, args), OUT / name], check=True)


X264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'medium', '-crf', '30']
X265 = ['-c:v', 'libx265', '-pix_fmt', 'yuv420p', '-preset', 'fast', '-crf', '32']


def x264(params):
    return [*X264, '-x264-params', f'threads=1:{params}']


def x265(params):
    return [*X265, '-x265-params', f'log-level=none:pools=1:frame-threads=1:{params}', '-tag:v', 'hvc1']


def corpus():
    ffmpeg('cfr.mp4', *x264('keyint=12:bframes=0'))
    ffmpeg('b-pyramid.mp4', *x264('keyint=20:bframes=5:b-adapt=0:b-pyramid=normal'))
    ffmpeg('one-gop.mkv', *x264('keyint=250:bframes=3'))
    ffmpeg('vfr.mkv', *x264('keyint=10:bframes=2'), '-vf', "setpts='(N*N/40+N)/25/TB'", '-fps_mode', 'vfr', '-video_track_timescale', '1000')
    ffmpeg('open-gop-h264.ts', *x264('keyint=10:min-keyint=10:open-gop=1:bframes=3:b-adapt=0:scenecut=0'))
    ffmpeg('open-gop-hevc.mp4', *x265('keyint=10:min-keyint=10:open-gop=1:bframes=3:b-adapt=0:scenecut=0'))
    ffmpeg('hevc.mkv', *x265('keyint=16:bframes=4:open-gop=0:temporal-layers=1'))
    ffmpeg('hevc-10bit.mp4', *x265('keyint=16'), '-pix_fmt', 'yuv420p10le')
    ffmpeg('hevc.ts', *x265('keyint=12:open-gop=1:bframes=2'))
    ffmpeg('intra-refresh.mp4', *x264('keyint=12:intra-refresh=1:bframes=0'))
    ffmpeg('vp9-hidden.webm', '-c:v', 'libvpx-vp9', '-b:v', '60k', '-g', '20', '-auto-alt-ref', '1', '-lag-in-frames', '16', '-cpu-used', '4')
    ffmpeg('vp8-hidden.webm', '-c:v', 'libvpx', '-b:v', '80k', '-g', '20', '-auto-alt-ref', '1', '-lag-in-frames', '16')
    ffmpeg('av1.mp4', '-c:v', 'libaom-av1', '-crf', '45', '-b:v', '0', '-g', '20', '-cpu-used', '6', '-row-mt', '0')
    ffmpeg('av1.webm', '-c:v', 'libaom-av1', '-crf', '45', '-b:v', '0', '-g', '15', '-cpu-used', '6')
    ffmpeg('h264-10bit.mkv', *X264, '-pix_fmt', 'yuv420p10le', '-x264-params', 'threads=1:keyint=12')
    ffmpeg('bt709-full.mp4', '-vf', 'scale=out_color_matrix=bt709:out_range=pc', *x264('keyint=12'), '-colorspace', 'bt709', '-color_range', 'pc')
    ffmpeg('bt709.mp4', '-vf', 'scale=out_color_matrix=bt709', *x264('keyint=12'), '-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709')
    ffmpeg('hdr.mp4', '-vf', 'scale=out_color_matrix=bt2020', *x265('keyint=16:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc'), '-pix_fmt', 'yuv420p10le', '-color_primaries', 'bt2020', '-color_trc', 'smpte2084', '-colorspace', 'bt2020nc')
    ffmpeg('late-start.mp4', *x264('keyint=12:bframes=2'), '-output_ts_offset', '7.3')
    ffmpeg('late-start.ts', *x264('keyint=12:bframes=2'), '-output_ts_offset', '95000')
    ffmpeg('edit-list.mp4', '-c', 'copy', before=['-ss', '0.5', '-i', str(OUT / 'b-pyramid.mp4')])
    ffmpeg('no-timestamps.avi', *x264('keyint=12:bframes=2'))
    ffmpeg('mpeg4.avi', '-c:v', 'mpeg4', '-g', '12', '-bf', '0', '-q:v', '8')
    ffmpeg('mpeg4.mp4', '-c:v', 'mpeg4', '-g', '250', '-bf', '0', '-sc_threshold', '1000000000', '-q:v', '8')
    ffmpeg('mpeg4-b.mkv', '-c:v', 'mpeg4', '-g', '12', '-bf', '2', '-q:v', '8')
    ffmpeg('mpeg2.mpg', '-c:v', 'mpeg2video', '-g', '12', '-bf', '2', '-q:v', '8', '-f', 'vob')
    ffmpeg('mpeg1.mpg', '-c:v', 'mpeg1video', '-g', '12', '-bf', '2', '-q:v', '8')
    ffmpeg('mpeg2-interlaced.ts', '-c:v', 'mpeg2video', '-g', '12', '-bf', '2', '-q:v', '8', '-flags', '+ildct+ilme', before=source('96x96'))
    ffmpeg('interlaced.mp4', *x264('keyint=12:bframes=2:tff=1'), '-flags', '+ildct+ilme', before=source('96x96'))
    ffmpeg('mjpeg.avi', '-c:v', 'mjpeg', '-q:v', '12', '-pix_fmt', 'yuvj420p', before=source(seconds=.6))
    ffmpeg('flv.flv', *x264('keyint=12:bframes=2'))
    ffmpeg('fragmented.mp4', *x264('keyint=8:bframes=2'), '-movflags', 'frag_keyframe+empty_moov+default_base_moof')
    ffmpeg('odd.mkv', *x264('keyint=12'), '-pix_fmt', 'yuv444p', before=source('95x63'))
    ffmpeg('one-frame.mp4', *x264('keyint=12'), '-frames:v', '1')
    for angle in (90, 180, 270):
        ffmpeg(f'rotated-{angle}.mp4', '-c', 'copy', '-metadata:s:v:0', f'rotate={angle}', before=['-i', str(OUT / 'cfr.mp4')])
    ffmpeg('with-audio.mp4', *x264('keyint=12:bframes=2'), '-c:a', 'aac', '-b:a', '24k', '-shortest', before=[*source(), '-f', 'lavfi', '-i', 'sine=d=1.6:r=16000'])
    size_change()
    two_descriptions()
    cut_starts()
    mirrored()
    damage()
    hopeless()
    references()
    tracks()
    cropped()
    encrypted()
    ffmpeg('mpeg1.mkv', '-c:v', 'mpeg1video', '-g', '12', '-q:v', '8', before=source(seconds=1))  # behind a seek its packets have other times


def size_change():
    """Two sizes in one H.264 stream, as cameras and conferences do."""
    for i, size in enumerate(('96x64', '64x96')):
        ffmpeg(f'part{i}.h264', *x264('keyint=10:bframes=0:repeat-headers=1'), before=source(size, seconds=.8))
    (OUT / 'joined.h264').write_bytes(b''.join((OUT / f'part{i}.h264').read_bytes() for i in range(2)))
    ffmpeg('size-change.ts', '-c', 'copy', before=['-f', 'h264', '-r', '25', '-i', str(OUT / 'joined.h264')])
    for name in ('part0.h264', 'part1.h264', 'joined.h264'):
        (OUT / name).unlink()


def boxes(data):
    """The boxes of an MP4 at one level, by type."""
    found, at = {}, 0
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        found[kind] = data[at + 8:at + size]
        at += size
    return found


def box(kind, *parts):
    body = b''.join(parts)
    return struct.pack('>I4s', 8 + len(body), kind) + body


def two_descriptions():
    """An MP4 whose second half has another size, as its second sample description: what joining recordings leaves."""
    parts, codec = [], x264('keyint=10:bframes=0')
    for i, size in enumerate(('96x64', '64x96')):
        ffmpeg('part.mp4', *codec, '-video_track_timescale', '12800', before=source(size, seconds=.8))
        parts.append(boxes((OUT / 'part.mp4').read_bytes()))
    (OUT / 'part.mp4').unlink()
    moov = boxes(parts[0][b'moov'])
    trak = boxes(moov[b'trak'])
    mdia = boxes(trak[b'mdia'])
    minf = boxes(mdia[b'minf'])
    tables = [boxes(boxes(boxes(boxes(boxes(p[b'moov'])[b'trak'])[b'mdia'])[b'minf'])[b'stbl']) for p in parts]
    counts = [struct.unpack('>I', t[b'stsz'][8:12])[0] for t in tables]
    keys = [k + (counts[0] if i else 0) for i, t in enumerate(tables) for k in struct.unpack(f'>{(len(t[b"stss"]) - 8) // 4}I', t[b'stss'][8:])]
    ftyp = box(b'ftyp', parts[0][b'ftyp'])
    first = len(ftyp) + 8
    stbl = box(b'stbl',
               box(b'stsd', struct.pack('>II', 0, 2), *(t[b'stsd'][8:] for t in tables)),
               box(b'stts', struct.pack('>IIII', 0, 1, sum(counts), 512)),
               box(b'stss', struct.pack(f'>II{len(keys)}I', 0, len(keys), *keys)),
               box(b'stsc', struct.pack('>II6I', 0, 2, 1, counts[0], 1, 2, counts[1], 2)),
               box(b'stsz', struct.pack('>III', 0, 0, sum(counts)), *(t[b'stsz'][12:] for t in tables)),
               box(b'stco', struct.pack('>IIII', 0, 2, first, first + len(parts[0][b'mdat']))))
    last = 512 * sum(counts)
    mdhd = mdia[b'mdhd'][:16] + struct.pack('>I', last) + mdia[b'mdhd'][20:]
    tkhd = trak[b'tkhd'][:20] + struct.pack('>I', last * 1000 // 12800) + trak[b'tkhd'][24:]
    mvhd = moov[b'mvhd'][:16] + struct.pack('>I', last * 1000 // 12800) + moov[b'mvhd'][20:]
    whole = box(b'moov', box(b'mvhd', mvhd), box(b'trak', box(b'tkhd', tkhd), box(b'mdia', box(b'mdhd', mdhd), box(b'hdlr', mdia[b'hdlr']),
                box(b'minf', box(b'vmhd', minf[b'vmhd']), box(b'dinf', minf[b'dinf']), stbl))))
    (OUT / 'two-descriptions.mp4').write_bytes(ftyp + box(b'mdat', *(p[b'mdat'] for p in parts)) + whole)


def cut_starts():
    """Recordings that begin between two points of access, as a camera's segments do: the tables, then the last two thirds."""
    for name in ('open-gop-h264.ts', 'hevc.ts', 'mpeg2-interlaced.ts'):
        whole = (OUT / name).read_bytes()
        (OUT / f'cut-start-{name}').write_bytes(whole[:3 * 188] + whole[len(whole) // 3 // 188 * 188:])


def mirrored():
    """cfr.mp4 with a display matrix that mirrors it: a horizontal flip, as front cameras write."""
    whole = bytearray((OUT / 'cfr.mp4').read_bytes())
    at = whole.index(b'tkhd') + 4 + 40
    assert struct.unpack('>9i', whole[at:at + 36]) == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    whole[at:at + 36] = struct.pack('>9i', -65536, 0, 0, 0, 65536, 0, 96 << 16, 0, 1 << 30)
    (OUT / 'mirrored.mp4').write_bytes(whole)


def references():
    """Files that name other files, of which none may be followed."""
    bad = OUT / 'bad'
    # A QuickTime alias in place of "the data is in this file": dref 'alis' with an absolute path (type 2) and no bytes of its own.
    whole = (OUT / 'one-frame.mp4').read_bytes()
    at = whole.index(b'dref') - 4
    path = b'/etc/passwd'
    alias = bytes(10) + bytes(140) + struct.pack('>HH', 2, len(path)) + path + bytes(len(path) % 2) + struct.pack('>HH', 0xffff, 0)
    entry = struct.pack('>I4sI', 12 + len(alias), b'alis', 0) + alias
    dref = struct.pack('>I4sII', 16 + len(entry), b'dref', 0, 1) + entry
    grown = bytearray(whole[:at] + dref + whole[at + struct.unpack('>I', whole[at:at + 4])[0]:])
    for box in (b'moov', b'trak', b'mdia', b'minf', b'dinf'):
        size = grown.index(box) - 4
        grown[size:size + 4] = struct.pack('>I', struct.unpack('>I', grown[size:size + 4])[0] + len(grown) - len(whole))
    (bad / 'external.mov').write_bytes(grown)
    # An AVI with a subtitle stream whose one packet is a playlist (HackerOne report 242831).
    avi = (OUT / 'mpeg4.avi').read_bytes()
    strh = b'strh' + struct.pack('<I', 56) + b'txts' + bytes(16) + struct.pack('<IIIIII', 1, 25, 0, 1, 0, 0) + bytes(12)
    strl = b'LIST' + struct.pack('<I', 4 + len(strh) + 8) + b'strl' + strh + b'strf' + struct.pack('<I', 0)
    playlist = b'#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n\0'
    gab2 = b'GAB2\0' + struct.pack('<HI', 2, 2) + b'\0\0' + struct.pack('<HI', 4, len(playlist)) + playlist
    gab2 += bytes(len(gab2) % 2)
    odml = avi.index(b'LIST', 12 + 8 + 4 + 8 + 56)  # the first stream's list
    hdrl_end = 12 + 8 + struct.unpack('<I', avi[16:20])[0]
    stream_end = odml + 8 + struct.unpack('<I', avi[odml + 4:odml + 8])[0]
    movi = avi.index(b'movi')
    head = bytearray(avi[:stream_end] + strl + avi[stream_end:hdrl_end])
    head[16:20] = struct.pack('<I', struct.unpack('<I', avi[16:20])[0] + len(strl))
    head[56:60] = struct.pack('<I', 2)  # streams
    movi_end = movi - 4 + 4 + struct.unpack('<I', avi[movi - 4:movi])[0]
    body = b'movi' + b'01tx' + struct.pack('<I', len(gab2)) + gab2 + avi[movi + 4:movi_end]
    out = head + avi[hdrl_end:movi - 8] + b'LIST' + struct.pack('<I', len(body)) + body
    out[4:8] = struct.pack('<I', len(out) - 8)
    (OUT / 'playlist-inside.avi').write_bytes(out)


# The stream that is looked at, of files with several.
CHOSEN = {'still-first.mp4': 1, 'still-first.mkv': 1, 'thumbnails-first.mkv': 1, 'png-first.mov': 1, 'second-is-default.mkv': 1, 'two-programs.ts': 1,
          'larger-second.mkv': 1, 'smaller-is-default.mkv': 0}


def tracks():
    """Files with several video streams."""
    small, large = source(seconds=.6), source('128x96', seconds=.6)
    codec, jpeg = [*X264, '-x264-params', 'threads=1:keyint=12:bframes=0'], ['-c:v:0', 'mjpeg', '-q:v:0', '20', '-pix_fmt:v:0', 'yuvj420p']
    one = ['-filter:v:0', r'select=eq(n\,0)']
    large_first = ['-map', '1', '-map', '0']
    for name in ('still-first.mp4', 'still-first.mkv'):
        ffmpeg(name, *large_first, *codec, *jpeg, *one, before=[*small, *large])
    long, seconds = source(seconds=2), source('128x96', rate=1, seconds=2)
    ffmpeg('thumbnails-first.mkv', *large_first, *codec, *jpeg, '-fps_mode', 'passthrough', before=[*long, *seconds])
    ffmpeg('png-first.mov', *large_first, *codec, '-c:v:0', 'png', '-filter:v:0', 'drawbox=t=fill', '-pix_fmt:v:0', 'rgb24', before=[*small, *large])
    both = ['-map', '0', '-map', '1', *codec]
    ffmpeg('second-is-default.mkv', *both, '-disposition:v:0', '0', '-disposition:v:1', 'default', '-filter:v:1', 'negate', before=[*small, *small])
    ffmpeg('larger-second.mkv', *both, '-disposition:v', '0', before=[*small, *large])
    ffmpeg('smaller-is-default.mkv', *both, '-disposition:v:0', 'default', '-disposition:v:1', '0', before=[*small, *large])
    ffmpeg('two-programs.ts', *both, '-program', 'st=0', '-program', 'st=1', before=[*small, *large])


def number(data, at, marked):
    """An EBML number at a place, with or without the bit that tells its length, and where it ends."""
    size = 9 - data[at].bit_length()
    value = int.from_bytes(data[at:at + size], 'big')
    return (value if marked else value & (1 << 7 * size) - 1), at + size


def element(kind, body):
    return kind.to_bytes((kind.bit_length() + 7) // 8, 'big') + (1 << 56 | len(body)).to_bytes(8, 'big') + body


def with_cropping(data, *pixels):
    """A Matroska file with PixelCrop top, bottom, left and right in its track's video element."""
    crops = b''.join(element(k, struct.pack('>H', n)) for k, n in zip((0x54bb, 0x54aa, 0x54cc, 0x54dd), pixels))
    return with_elements(data, crops, (0x18538067, 0x1654ae6b, 0xae, 0xe0))


def with_elements(data, more, path):
    """A Matroska file with more elements at the end of the one on a path, and without what names places in it."""
    out, at = b'', 0
    while at < len(data):
        kind, at = number(data, at, True)
        size, at = number(data, at, False)
        body, at = data[at:at + size], at + size
        if path and kind == path[0]:
            body = with_elements(body, more, path[1:]) if len(path) > 1 else body + more
        if kind not in (0x114d9b74, 0x1c53bb6b, 0xec):  # SeekHead, Cues, Void
            out += element(kind, body)
    return out


def cropped():
    """Files whose container crops their pictures: evenly, to odd sizes, and before they are turned."""
    ffmpeg('whole.mkv', *x264('keyint=12:bframes=0'), before=source(seconds=.6))
    whole = (OUT / 'whole.mkv').read_bytes()
    (OUT / 'cropped.mkv').write_bytes(with_cropping(whole, 8, 4, 10, 20))
    (OUT / 'cropped-odd.mkv').write_bytes(with_cropping(whole, 3, 2, 5, 6))
    ffmpeg('cropped.mp4', '-c', 'copy', before=['-i', str(OUT / 'cropped.mkv')])  # as clap
    ffmpeg('cropped-90.mp4', '-c', 'copy', before=['-display_rotation:v:0', '90', '-i', str(OUT / 'cropped.mp4')])
    (OUT / 'whole.mkv').unlink()


def encrypted():
    """A Matroska file whose track says that it is encrypted, by AES with the key of an id (it is not)."""
    encryption = element(0x5035, element(0x47e1, b'\x05') + element(0x47e2, b'a key of an id..'))
    encodings = element(0x6d80, element(0x6240, element(0x5031, b'\0') + element(0x5032, b'\1') + element(0x5033, b'\1') + encryption))
    (OUT / 'bad' / 'encrypted.mkv').write_bytes(with_elements((OUT / 'cropped.mkv').read_bytes(), encodings, (0x18538067, 0x1654ae6b, 0xae)))


def damage():
    whole = (OUT / 'cfr.mp4').read_bytes()
    ts = bytearray((OUT / 'open-gop-h264.ts').read_bytes())
    mkv = bytearray((OUT / 'one-gop.mkv').read_bytes())
    ffmpeg('whole.mp4', '-c', 'copy', '-movflags', '+faststart', before=['-i', str(OUT / 'b-pyramid.mp4')])
    whole = (OUT / 'whole.mp4').read_bytes()
    (OUT / 'truncated.mp4').write_bytes(whole[:len(whole) * 7 // 10])
    (OUT / 'whole.mp4').unlink()
    rng = random.Random(1)
    middle = len(ts) // 2 // 188 * 188
    (OUT / 'lost-packets.ts').write_bytes(ts[:middle] + ts[middle + 188 * 4:])
    noisy = bytearray((OUT / 'cfr.mp4').read_bytes())
    start = noisy.index(b'mdat') + 4
    end = max(noisy.index(b'moov') - 4, start) if noisy.index(b'moov') > start else len(noisy)
    for _ in range(40):
        noisy[start + (end - start) * 2 // 5 + rng.randrange((end - start) // 8)] = rng.randrange(256)
    (OUT / 'damaged-middle.mp4').write_bytes(noisy)
    for _ in range(30):
        mkv[len(mkv) // 2 + rng.randrange(len(mkv) // 10)] = rng.randrange(256)
    (OUT / 'damaged-middle.mkv').write_bytes(mkv)
    hevc = bytearray((OUT / 'hevc.ts').read_bytes())
    for _ in range(6):
        hevc[len(hevc) // 2 + rng.randrange(len(hevc) // 8)] = rng.randrange(256)
    (OUT / 'damaged-middle-hevc.ts').write_bytes(hevc)


def hopeless():
    bad = OUT / 'bad'
    bad.mkdir(exist_ok=True)
    (bad / 'empty.mp4').write_bytes(b'')
    (bad / 'text.mp4').write_text('This is not a video.\n')
    (bad / 'playlist.mp4').write_text('#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n')
    (bad / 'concat.mp4').write_text("ffconcat version 1.0\nfile '/etc/passwd'\n")
    (bad / 'page.mp4').write_text('<!doctype html><title>404</title>')
    (bad / 'head-only.mp4').write_bytes((OUT / 'cfr.mp4').read_bytes()[:32])
    (bad / 'cut-off.mp4').write_bytes((OUT / 'cfr.mp4').read_bytes()[:8000])
    (bad / 'zeros.mp4').write_bytes(b'\0\0\0\x18ftypisom' + b'\0' * 200)
    (bad / 'noise.mkv').write_bytes(b'\x1a\x45\xdf\xa3' + random.Random(2).randbytes(400))
    (bad / 'noise.ts').write_bytes(b''.join(b'\x47' + random.Random(i).randbytes(187) for i in range(20)))
    subprocess.run(['ffmpeg', '-v', 'error', '-y', '-bitexact', '-f', 'lavfi', '-i', 'sine=d=0.3:r=16000', '-c:a', 'aac', '-b:a', '24k', bad / 'audio-only.mp4'], check=True)
    subprocess.run(['ffmpeg', '-v', 'error', '-y', '-bitexact', *source(seconds=.2), '-c:v', 'ffv1', bad / 'ffv1.mkv'], check=True)


def packed(frame):
    """A frame's planes without padding."""
    out = b''
    for i, plane in enumerate(frame.planes):
        c = frame.format.components[i]
        width = plane.width * ((c.bits + 7) // 8)
        raw = memoryview(bytes(plane))
        out += b''.join(bytes(raw[y * plane.line_size:y * plane.line_size + width]) for y in range(plane.height))
    return out


def golden(path):
    with av.open(str(path)) as f:
        s = f.streams.video[CHOSEN.get(path.name, 0)]
        s.thread_type, s.thread_count = 'NONE', 1
        shown = [[frame.pts, hashlib.md5(packed(frame)).hexdigest()] for frame in f.decode(s)]
        if any(b[0] is None or a[0] >= b[0] for a, b in zip(shown, shown[1:])):
            shown = [[None, md5] for _, md5 in shown]  # AVI: what it calls times is the order of decoding
        return {'time_base': [s.time_base.numerator, s.time_base.denominator], 'frames': shown}


def rgb(path, *flags):
    return Image.open(io.BytesIO(subprocess.run(['ffmpeg', '-v', 'error', *flags, '-i', path, '-frames:v', '1', '-vf',
                          'scale=flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24', '-c:v', 'png', '-f', 'image2pipe', '-'], check=True, capture_output=True).stdout))


def first_pictures():
    """The first picture of some files in RGB by the ffmpeg program, as rgb/<file>.png. Turned ones are converted first."""
    (OUT / 'rgb').mkdir(exist_ok=True)
    for name in ('cfr.mp4', 'bt709.mp4', 'bt709-full.mp4', 'hdr.mp4', 'mjpeg.avi', 'odd.mkv', 'vp9-hidden.webm', 'interlaced.mp4',
                 'cropped.mkv', 'cropped-odd.mkv', 'cropped.mp4'):
        rgb(OUT / name).save(OUT / 'rgb' / f'{name}.png', optimize=True)
    for name, quarters in (('rotated-90.mp4', 1), ('rotated-180.mp4', 2), ('rotated-270.mp4', -1), ('cropped-90.mp4', 1)):
        upright = np.rot90(np.array(rgb(OUT / name, '-noautorotate')), quarters)
        assert np.abs(upright.astype(int) - np.array(rgb(OUT / name))).mean() < 4, name  # ffmpeg turns before it converts
        Image.fromarray(upright).save(OUT / 'rgb' / f'{name}.png', optimize=True)


if __name__ == '__main__':
    corpus()
    first_pictures()
    files = sorted(p for p in OUT.iterdir() if p.is_file() and p.suffix in ('.mp4', '.mov', '.mkv', '.webm', '.ts', '.avi', '.mpg', '.flv'))
    goldens = {p.name: golden(p) for p in files if not p.name.startswith(('truncated', 'lost', 'damaged'))}
    lines = ',\n'.join(f' {json.dumps(k)}: {json.dumps(v, separators=(",", ":"))}' for k, v in goldens.items())
    (OUT / 'golden.json').write_text('{\n' + lines + '\n}\n')
