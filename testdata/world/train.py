"""Trains a small GIT on the small world in three stages: the image encoder, then images, then clips and images mixed.

usage: train.py OUT SECONDS [--threads 2] [--workers 1] [--seed 7] [--resume CHECKPOINT]   (resumed: without the first stage)
(requirements-train.txt; bf16 autocast on a CPU)

Besides the words, two dense tasks teach what words alone teach too slowly: in the first stage each patch names the thing
that covers it, its row and its column; in the last each visual token, before the decoder's last layer, names which way the
thing that covers it moves and whether it is the first or the late one. Their heads are thrown away.
"""
import argparse
import csv
import io
import json
import math
import multiprocessing
import pathlib
import random
import time
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from transformers import GitConfig, GitForCausalLM

import world as W

SIZE, PATCH, D, HEADS = 96, 16, 128, 4
GRID = SIZE // PATCH
STAGES = ('encoder', 'images', 'clips')
FRESH, RESUMED = (.13, .33, 1.), (0., .2, 1.)  # shares of the time at which they end
VOCAB = W.vocabulary()
ID = {w: i for i, w in enumerate(VOCAB)}
PAD, UNK, CLS, SEP = (ID[w] for w in ('[PAD]', '[UNK]', '[CLS]', '[SEP]'))
MEAN, STD = np.array([0.48145466, 0.4578275, 0.40821073], 'f'), np.array([0.26862954, 0.26130258, 0.27577711], 'f')
MOVES = [None, 'left', 'right', 'up', 'down']
FILLERS = ['please', 'now', 'here', 'really', 'exactly', 'big', 'little', 'old']  # none of them is in the vocabulary


def coded(im, rng):
    """What a picture goes through in a video file: another size, a little blur, block coding, shifted colours."""
    if im.width != SIZE:
        im = im.resize((SIZE, SIZE), Image.BICUBIC)
    if rng.random() < .2:
        im = im.filter(ImageFilter.GaussianBlur(rng.uniform(.2, .7)))
    if rng.random() < .6:
        buffer = io.BytesIO()
        im.save(buffer, 'JPEG', quality=rng.randint(30, 92), subsampling=2)
        im = Image.open(buffer)
    return np.asarray(im, 'f')


def pictures(rng, sc, ts, complete):
    """The moments ts of a scene as uint8 [T, SIZE, SIZE, 3]: one size and one change of colours for the whole clip."""
    size = rng.choice([96, 96, 128, 192])
    back = W.ground(sc, size, size)
    frames = np.stack([coded(W.render(sc, t, size, complete=complete, back=back), rng) for t in ts])
    frames = frames * rng.uniform(.93, 1.07) + np.array([rng.uniform(-6, 6) for _ in range(3)])
    grain = np.random.default_rng(rng.randrange(1 << 30)).normal(0, rng.uniform(0, 4), frames.shape)
    return np.clip(frames + grain, 0, 255).astype(np.uint8)


def unknown(rng, kind, question):
    """The question with a word that the model has never seen, where that does not change the answer."""
    ws = W.words(question)
    if kind in ('colour', 'count', 'order', 'what', 'where', 'left or right', 'up or down', 'still', 'place') and rng.random() < .08:
        ws.insert(rng.randint(0, len(ws)), rng.choice(FILLERS))
    return ws


def places(sc):
    """Where things are when a clip starts or ends: only trained on, so that places and moments meet.

    Neither verb is in the vocabulary, so the model reads both as [UNK] and learns that the answer is one of two places.
    """
    for o in sc['objs']:
        for t, verb in ((1 / 12, 'start'), (11 / 12, 'end')):
            if o['move'] and W.where(o, t):
                yield 'place', f"where does the {o['name']} {verb}?", W.where(o, t)


def batch(seed, stage, image, n, k):
    """n scenes as arrays: frames [n,T,S,S,3], owners, moves and orders [n,T,GRID*GRID], and k rows of (prompt, answer) each."""
    rng = random.Random(seed)
    frames, own, rows, dense = [], [], [], []
    for _ in range(n):
        sc = W.scene(rng)
        if rng.random() < .5:
            sc = W.reversed_scene(sc)
        ts = [rng.choice(W.moments())] if image else W.moments()
        frames.append(pictures(rng, sc, ts, image))
        owner = np.stack([W.owners(sc, t, GRID, image) for t in ts])
        own.append(owner)
        table = np.zeros((len(W.NAMES) + 1, 2), np.int64)
        for i, o in enumerate(sc['objs']):
            table[1 + W.NAMES.index(o['name'])] = MOVES.index(o['move']), 0 if sc['late'] is None else 2 - (i != sc['late'])
        dense.append(table[owner])
        qs = W.questions(rng, W.seen(sc), ts[0] if image else None)
        if not image and stage == 'clips':
            qs += list(places(sc))
        if rng.random() < .05:
            qs.append(('is there', 'is there a zeppelin?', 'no'))
        rng.shuffle(qs)
        for kind, q, answer in (qs * k)[:k]:
            rows.append(([CLS] + [ID.get(w, UNK) for w in unknown(rng, kind, q)], [ID[w] for w in W.words(answer)] + [SEP]))
    return np.stack(frames), np.stack(own), np.stack(dense), rows


def model():
    torch.manual_seed(0)
    vision = dict(hidden_size=D, intermediate_size=4 * D, num_hidden_layers=5, num_attention_heads=HEADS, image_size=SIZE, patch_size=PATCH)
    m = GitForCausalLM(GitConfig(
        vision_config=vision, vocab_size=len(VOCAB), hidden_size=D, num_hidden_layers=4, num_attention_heads=HEADS,
        intermediate_size=4 * D, max_position_embeddings=64, bos_token_id=CLS, eos_token_id=SEP, pad_token_id=PAD,
        num_image_with_embedding=W.FRAMES, hidden_dropout_prob=0., attention_probs_dropout_prob=0.))
    with torch.no_grad():  # the library's 0.02 is too faint beside the pixels to learn places and times from in minutes
        m.git.image_encoder.vision_model.embeddings.position_embedding.weight.normal_(std=.3)
        m.git.embeddings.position_embeddings.weight.normal_(std=.1)
        for p in m.git.img_temperal_embedding:
            p.normal_(std=.5)
    return m


def pixels(frames):
    return torch.from_numpy((frames / 255 - MEAN) / STD).float().permute(0, 1, 4, 2, 3).contiguous()


def see(m, px):
    """Features [n,T,tokens,D] of [n,T,3,S,S], temporal embeddings added for clips."""
    f = m.git.image_encoder(px.flatten(0, 1)).last_hidden_state.unflatten(0, px.shape[:2])
    return f if px.shape[1] == 1 else f + torch.stack([p[0] for p in m.git.img_temperal_embedding])[None]


def decode(m, px, rows):
    """Logits and labels of the answers, and the visual tokens before the last layer; k rows a scene share one prefix."""
    n, k = px.shape[0], len(rows) // px.shape[0]
    vis = m.git.visual_projection(see(m, px).flatten(1, 2))
    P, L = vis.shape[1], max(len(x) + len(y) for x, y in rows)
    ids, lab = torch.zeros(len(rows), L, dtype=torch.long), torch.full((len(rows), L), -100)
    for r, (x, y) in enumerate(rows):
        ids[r, :len(x) + len(y)] = torch.tensor(x + y)
        lab[r, len(x) - 1:len(x) + len(y) - 1] = torch.tensor(y)
    h = torch.cat([vis, m.git.embeddings(ids).view(n, k * L, -1)], 1)
    N = h.shape[1]
    i = torch.arange(k * L)
    mask = torch.full((N, N), -1e9)
    mask[:, :P] = 0
    mask[P:, P:][(i[:, None] // L == i[None] // L) & (i[:, None] >= i[None])] = 0

    def split(z):
        return z.view(n, N, HEADS, -1).transpose(1, 2)
    for ly in m.git.encoder.layer:
        visual, a = h[:, :P], ly.attention.self
        o = F.scaled_dot_product_attention(split(a.query(h)), split(a.key(h)), split(a.value(h)), attn_mask=mask.to(h.dtype))
        h = ly.attention.output(o.transpose(1, 2).reshape(n, N, -1), h)
        h = ly.output(ly.intermediate(h), h)
    return m.output(h[:, P:].reshape(len(rows), L, -1)), lab, visual


def exam(m, image, n=96, still=False):
    """Teacher-forced exact match by kind of question, on scenes of seeds never trained on."""
    kept = [p.detach().clone() for p in m.git.img_temperal_embedding]
    with torch.no_grad():
        for p in m.git.img_temperal_embedding:
            p.mul_(0 if still else 1)
        ok, total = Counter(), Counter()
        for part in range(n // 32):
            rng = random.Random(10 ** 9 + part)
            scenes = [W.scene(rng) for _ in range(32)]
            ts = [rng.choice(W.moments()) if image else None for _ in scenes]
            frames = np.stack([pictures(rng, sc, [t] if image else W.moments(), image) for sc, t in zip(scenes, ts)])
            qs = [(W.questions(rng, sc, t) * 16)[:16] for sc, t in zip(scenes, ts)]
            rows = [([CLS] + [ID[w] for w in W.words(q)], [ID[w] for w in W.words(a)] + [SEP]) for per in qs for _, q, a in per]
            with torch.autocast('cpu', torch.bfloat16):
                lg, lab, _ = decode(m, pixels(frames), rows)
            hit = ((lg.argmax(-1) == lab) | (lab < 0)).all(1).tolist()
            for (kind, _, _), h in zip([q for per in qs for q in per], hit):
                ok[kind] += h
                total[kind] += 1
        for p, k in zip(m.git.img_temperal_embedding, kept):
            p.copy_(k)
    return {'all': round(sum(ok.values()) / sum(total.values()), 4), **{k: round(ok[k] / total[k], 3) for k in sorted(total)}}


def work(queue, stage, start, stride):
    """Fills queue with batches of the stage that training is in, numbered start, start+stride, …, for ever."""
    i = start
    while True:
        name = STAGES[stage.value]
        image = name != 'clips' or i % 4 == 0
        scenes, rows = (96, 1) if name == 'encoder' else (64, 4) if image else (16, 8)
        queue.put((name, image, *batch(i, name, image, scenes, rows)))
        i += stride


class Heads(torch.nn.Module):
    """The dense tasks, whose heads are thrown away after training."""

    def __init__(self):
        super().__init__()
        self.thing, self.row, self.col = torch.nn.Linear(D, len(W.NAMES) + 1), torch.nn.Linear(D, GRID), torch.nn.Linear(D, GRID)
        self.move, self.order = torch.nn.Linear(D, len(MOVES)), torch.nn.Linear(D, 3)

    def patches(self, features, own):
        """Loss of naming each patch's thing, row and column; features [n,1+GRID*GRID,D], own [n,GRID*GRID]."""
        f, at = features[:, 1:], torch.arange(GRID * GRID)
        places = sum(F.cross_entropy(head(f).flatten(0, 1).float(), where.repeat(len(f)))
                     for head, where in ((self.row, at // GRID), (self.col, at % GRID)))
        return F.cross_entropy(self.thing(f).flatten(0, 1).float(), own.flatten()) + .2 * places

    def motions(self, visual, own, dense):
        """Loss of naming the motion and the order of the thing at each visual token that shows one."""
        on = own > 0
        v = visual.unflatten(1, (W.FRAMES, -1))[:, :, 1:][on]
        return .5 * F.cross_entropy(self.move(v).float(), dense[..., 0][on]) + .25 * F.cross_entropy(self.order(v).float(), dense[..., 1][on])


def loss_of(m, heads, made):
    """The loss of one batch as work() makes it."""
    name, image, frames, own, dense, rows = made
    own, dense = torch.from_numpy(own), torch.from_numpy(dense)
    with torch.autocast('cpu', torch.bfloat16):
        if name == 'encoder':
            return heads.patches(m.git.image_encoder(pixels(frames).flatten(0, 1)).last_hidden_state, own.flatten(0, 1))
        logits, labels, visual = decode(m, pixels(frames), rows)
        loss = F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten())
        return loss if image else loss + heads.motions(visual, own, dense)


def optimizer(m, heads, s):
    """A fresh AdamW for stage s: after the first, the encoder learns at 0.4 of the rate."""
    vision = list(m.git.image_encoder.parameters())
    rest = [x for n, x in m.named_parameters() if 'image_encoder' not in n]
    groups = [dict(params=rest, k=1.), dict(params=vision, k=1. if s == 0 else .4), dict(params=heads.parameters(), k=1.)]
    return torch.optim.AdamW(groups, weight_decay=.02, betas=(.9, .98))


def train(m, args, stage, queue, curve):
    """Trains m for args.seconds; curve gets a row every 400 steps, and args.out the checkpoint."""
    heads, ends = Heads(), RESUMED if args.resume else FRESH
    start, step, current, opt, warm = time.time(), 0, None, None, 0
    while (elapsed := (time.time() - start) / args.seconds) < 1:
        s = next(i for i, end in enumerate(ends) if elapsed < end)
        stage.value = s
        if s != current:
            current, opt, warm = s, optimizer(m, heads, s), step
        begin = ends[s - 1] if s else 0
        done = (elapsed - begin) / (ends[s] - begin)
        rate = args.rate * min(1, (step - warm + 1) / 60) * max(.02 if s == 2 else .3, .5 * (1 + math.cos(math.pi * done)))
        for group in opt.param_groups:
            group['lr'] = rate * group['k']
        made = queue.get()
        if made[0] != STAGES[s]:
            continue  # made before the stage changed
        loss = loss_of(m, heads, made)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(m.parameters(), 1.)
        opt.step()
        step += 1
        if step % 400 == 0:
            result = {} if s == 0 else exam(m, s == 1)
            curve.writerow([step, int(time.time() - start), STAGES[s], round(loss.item(), 4), json.dumps(result)])
            print(step, int(time.time() - start), STAGES[s], round(loss.item(), 3), result, flush=True)
            m.save_pretrained(args.out)
    m.save_pretrained(args.out)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('out', type=pathlib.Path)
    p.add_argument('seconds', type=float)
    p.add_argument('--threads', type=int, default=2)
    p.add_argument('--workers', type=int, default=1)
    p.add_argument('--seed', type=int, default=7)
    p.add_argument('--rate', type=float, default=1e-3)
    p.add_argument('--resume', type=pathlib.Path)
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    m = GitForCausalLM.from_pretrained(args.resume) if args.resume else model()
    stage, queue = multiprocessing.Value('i', 1 if args.resume else 0), multiprocessing.Queue(8)
    for w in range(args.workers):
        multiprocessing.Process(target=work, args=(queue, stage, args.seed * 10 ** 6 + w, args.workers), daemon=True).start()
    print('parameters', sum(x.numel() for x in m.parameters()), 'words', len(VOCAB), flush=True)
    with open(args.out / 'curve.csv', 'a', buffering=1) as file:
        train(m, args, stage, queue, csv.writer(file))
    print('images', exam(m, True, 256))
    print('clips', exam(m, False, 256))
    print('clips, temporal embeddings zeroed', exam(m, False, 256, True), flush=True)


if __name__ == '__main__':
    main()
