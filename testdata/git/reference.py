"""What transformers 4.56.2 says about a GIT and a clip, recomputing everything for every token (use_cache=False), and
beam search written anew from the formula of GenerativeImage2Text's decoder.py. Used for tiny and full-size goldens."""
import math
import numpy as np, torch


def redraw(model, g, gain=1.0, temporal=0.8, sharp=1.0):
    """Draws every parameter away from its default, biases, norms and temporal embeddings too. sharp multiplies the
    decoder's queries, without which attention over many tokens is an average that no frame moves."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            r = torch.randn(p.shape, generator=g)
            if "norm" in name.lower() or name.endswith("visual_projection.1.weight") or name.endswith("visual_projection.1.bias"):
                p.copy_((1.0 if name.endswith("weight") else 0.0) + 0.2 * r)
            elif name.endswith("bias"):
                p.copy_(0.15 * r)
            elif "temperal" in name:
                p.copy_(temporal * r)
            elif "embedding" in name and "patch" not in name:  # tables are rows of one scale
                p.copy_(0.8 * r)
            elif name == "output.weight":
                p.copy_(r * 3.0 / math.sqrt(p.shape[-1]))
            else:
                fan_in = p[0].numel()
                p.copy_(r * gain * (sharp if ".self.query." in name else 1.0) / math.sqrt(fan_in))
    model.tie_weights()


class Clip:
    """One clip under one model; pixels [F,H,W,3] uint8."""

    def __init__(self, model, pixels, mean, std, video):
        self.model = model
        x = pixels.astype(np.float32) * np.float32(1 / 255)
        x = (x - np.array(mean, np.float32)) / np.array(std, np.float32)
        x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
        self.values = x[None] if video else x
        side = model.config.vision_config.image_size
        self.interpolate = tuple(x.shape[-2:]) != (side, side)
        self.memo = {}

    @torch.no_grad()
    def run(self, ids, values=None, **kw):
        return self.model(input_ids=torch.tensor([ids]), pixel_values=self.values if values is None else values,
                          interpolate_pos_encoding=self.interpolate, use_cache=False, **kw)

    def logits(self, ids):
        """Next-token logits after ids, float32 [vocabulary]."""
        key = tuple(ids)
        if key not in self.memo:
            self.memo[key] = self.run(ids).logits[0, -1].clone()
        return self.memo[key]

    @torch.no_grad()
    def features(self):
        frames = self.values[0] if self.values.ndim == 5 else self.values
        return torch.cat([self.model.git.image_encoder(f[None], interpolate_pos_encoding=self.interpolate).last_hidden_state for f in frames])

    @torch.no_grad()
    def keys_values(self):
        """Per layer, keys and values of the visual tokens, [heads, P, head]."""
        c = self.model.config
        out = self.run([c.bos_token_id], output_hidden_states=True)
        result = []
        for layer, h in zip(self.model.git.encoder.layer, out.hidden_states):
            s = layer.attention.self
            split = lambda x: x[0, :-1].view(-1, c.num_attention_heads, c.hidden_size // c.num_attention_heads).transpose(0, 1).contiguous()
            result.append((split(s.key(h)), split(s.value(h))))
        return result

    def check_order(self, tolerance=1e-4):
        """Swapping two frames must matter, or a wrong slot would go unseen."""
        if self.values.ndim != 5 or self.values.shape[1] < 2:
            return
        ids = [self.model.config.bos_token_id]
        swapped = self.values[:, [1, 0] + list(range(2, self.values.shape[1]))]
        a, b = self.run(ids).logits[0, -1], self.run(ids, swapped).logits[0, -1]
        moved, need = (a - b).abs().max().item(), 100 * tolerance * max(1, a.abs().max().item())
        assert moved >= need, f"swapping frames moves the last row by {moved}, want {need}"

    def greedy(self, prompt, limit, margin=1e-2):
        """Ids, logits of every step, log-probability, cut; None if a step is not decided by the margin."""
        ids, rows, total = [], [], 0.0
        while len(ids) < limit:
            l = self.logits(prompt + ids)
            top = torch.topk(l, 2).values
            if (top[0] - top[1]).item() < margin:
                return None
            rows.append(l)
            t = int(l.argmax())
            total += torch.log_softmax(l.double(), 0)[t].item()
            if t == self.model.config.eos_token_id:
                return ids, torch.stack(rows), total, False
            ids.append(t)
        return ids, torch.stack(rows), total, True

    def find_prompt(self, rng, length, limit, tries=2000, needed=True):
        """A prompt whose greedy answer has at least three distinct tokens, stop included."""
        c = self.model.config
        for n in range(tries):
            if n % 20 == 19:
                print(f"  {n + 1} prompts tried for one of {length} tokens", flush=True)
            prompt = [c.bos_token_id] + [int(t) for t in rng.integers(8, c.vocab_size, length - 1)]
            got = self.greedy(prompt, limit)
            if got and len(set(got[0])) + (not got[3]) >= 3:
                return (prompt,) + got
            if length == 1:
                break  # there is only one prompt of one token
        if needed:
            raise SystemExit(f"no prompt of {length} tokens was decided by a margin")
        return None

    def score(self, prompt, choice):
        total, ids = 0.0, list(prompt)
        for t in choice + [self.model.config.eos_token_id]:
            total += torch.log_softmax(self.logits(ids).double(), 0)[t].item()
            ids.append(t)
        return total


def beam_search(logits, prompt, eos, width, limit, per_node=2, power=0.6, longest=1023):
    """The original's beam search: the best finished hypothesis's ids without prompt and eos, its log-probability (eos
    included, or the text's alone where the limit cut it), and whether it was cut. limit counts steps."""
    norm = lambda n: ((5 + n) / 6) ** power
    beams, best = [(0.0, [])], None
    for step in range(limit):
        pool = []
        for b, (score, ids) in enumerate(beams):
            lp = torch.log_softmax(logits(prompt + ids).double(), 0).numpy() + score
            pool += [(s, b, t) for t, s in enumerate(lp)]
        pool = sorted(pool, key=lambda c: -c[0])[: per_node * width]
        if best is not None and best[0] >= pool[0][0] / norm(longest):
            break
        nxt = []
        for s, b, t in pool:
            ids = beams[b][1]
            if t == eos or step + 1 == limit:
                score = s / norm(len(prompt) + len(ids))
                if best is None or score > best[0]:
                    best = (score, list(ids), float(s if t == eos else beams[b][0]), t != eos)
            else:
                nxt.append((s, ids + [t]))
            if len(nxt) == width:
                break
        beams = nxt
        if not beams:
            break
    return best[1], best[2], best[3]
