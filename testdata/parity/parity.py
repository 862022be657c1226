"""Full-size GIT against transformers 4.56.2: makes checkpoints with random parameters and what transformers says about
them, then runs this project on the same and prints how far apart they are. Fails above 1e-3 of a tensor's scale.

    python testdata/parity/parity.py [--folder FOLDER] [--make] [CASE ...]        (make parity does this)

A case takes 0.7 GB (base) or 1.6 GB (large) below FOLDER, by default in the cache folder; one that is there is not made
again. --make stops before the comparison. Needs go and the libraries of `eval $(make env)`.
"""
import argparse, json, os, pathlib, re, subprocess, sys, time
sys.dont_write_bytecode = True
import numpy as np, torch, transformers
from safetensors.torch import save_file
from transformers import GitConfig, GitForCausalLM, GitVisionConfig
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "git"))
import reference

assert transformers.__version__ == "4.56.2", f"transformers {transformers.__version__}: from 4.57 on GIT is wrong"
LARGE = dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096, patch_size=14)
CASES = {  # vision, frames, video
    "git-base-224": (dict(), 6, True),
    "git-base-480": (dict(image_size=480), 1, False),
    "git-large-224": (LARGE, 6, True),
}
MEAN = STD = [0.5, 0.5, 0.5]
STEPS = 4


def pictures(rng, frames, side):
    """Frames that differ as scenes do, each in its own colours: frames of plain noise are all alike to the model."""
    coarse = rng.integers(0, 256, (frames, 4, 4, 3)) * 0.5 + rng.integers(0, 128, (frames, 1, 1, 3))
    fine = np.repeat(np.repeat(coarse, -(-side // 4), 1), -(-side // 4), 2)[:, :side, :side]
    return np.clip(fine + rng.integers(-20, 20, fine.shape), 0, 255).astype(np.uint8)


def now():
    """Wall clock and processor time; the second tells more on a machine that does other things too."""
    return np.array([time.time(), time.process_time()])


class Remembering(reference.Clip):
    """A clip whose features are computed once while prompts are searched for. check then recomputes everything."""

    def __enter__(self):
        encoder = self.model.git.image_encoder
        self.whole = encoder.forward
        known = {}

        def forward(pixels, **kw):
            key = pixels.flatten()[:64].numpy().tobytes()
            if key not in known:
                known[key] = self.whole(pixels, **kw).last_hidden_state
            return type("Output", (), dict(last_hidden_state=known[key].clone()))()

        encoder.forward = forward
        return self

    def __exit__(self, *_):
        self.model.git.image_encoder.forward = self.whole
        self.memo = {}


def drawn(name):
    """A model of a case's sizes, every parameter of it drawn."""
    vision, _, video = CASES[name]
    config = GitConfig(vision_config=GitVisionConfig(**vision).to_dict(), num_image_with_embedding=6 if video else None)
    model = GitForCausalLM._from_config(config, attn_implementation="eager").eval()
    reference.redraw(model, torch.Generator().manual_seed(1), temporal=2.0, sharp=6.0)
    return model


def make(folder, name):
    _, frames, video = CASES[name]
    model = drawn(name)
    rng = np.random.default_rng(3)
    side = model.config.vision_config.image_size
    pixels = pictures(rng, frames, side)
    clip = Remembering(model, pixels, MEAN, STD, video)
    tensors, prompts, times = {"0.pixels": torch.from_numpy(pixels)}, [], {}
    with clip:
        clip.check_order(1e-3)
        print(f"{name}: the order of frames matters", flush=True)
        found = [clip.find_prompt(rng, n, STEPS)[0] for n in ((8, 5) if name == "git-base-224" else (8,))]  # one forward of the others takes long
    for prompt in found:
        begin = now()
        ids, logits, logprob, cut = clip.greedy(prompt, STEPS)
        times[f"answer {len(prompts)}, {len(logits)} steps"] = now() - begin
        tensors[f"0.logits.{len(prompts)}"] = logits
        prompts.append(dict(prompt=prompt, ids=ids, logprob=logprob, cut=cut))
    begin = now()
    tensors["0.features"] = clip.features()
    times["vision"] = now() - begin
    for layer, (k, v) in enumerate(clip.keys_values()):
        tensors[f"0.key.{layer}"], tensors[f"0.value.{layer}"] = k, v
    write(folder, model, side, tensors, prompts, dict(frames=frames, height=side, width=side, video=video), times)


def write(folder, model, side, tensors, prompts, clip, times):
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, safe_serialization=True)
    vocab = [f"w{i}" for i in range(model.config.vocab_size)]
    for i, token in ((0, "[PAD]"), (100, "[UNK]"), (101, "[CLS]"), (102, "[SEP]"), (103, "[MASK]")):
        vocab[i] = token
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n")
    size = dict(height=side, width=side)
    (folder / "preprocessor_config.json").write_text(json.dumps(dict(
        image_processor_type="CLIPImageProcessor", size=dict(shortest_edge=side), crop_size=size, image_mean=MEAN, image_std=STD)))
    (folder / "times.json").write_text(json.dumps({k: [round(float(x), 3) for x in v] for k, v in times.items()}))
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "golden.safetensors")
    (folder / "golden.json").write_text(json.dumps(dict(clips=[dict(clip, prompts=prompts)])))  # last: the case is whole


def compare(root):
    """Runs the comparison, prints its table, and returns its exit status."""
    test = ["go", "test", "-count=1", "-timeout=2h", "-run=^TestFullSizeModelsEqualTransformers$", "-v", "./gitvideo"]
    run = subprocess.Popen(test, cwd=pathlib.Path(__file__).parents[2], env={**os.environ, "VIDEOQA_PARITY": str(root)},
                           stdout=subprocess.PIPE, text=True)
    for line in run.stdout:
        print(re.sub(r"^ *\w+_test.go:\d+: ", "  ", line), end="", flush=True)
    return run.wait()


if __name__ == "__main__":
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # the XDG rules have a relative path ignored
        cache = os.path.expanduser("~/.cache")
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(cache, "videoqa", "parity"))
    options.add_argument("--make", action="store_true")
    options.add_argument("case", nargs="*", default=list(CASES), help=" ".join(CASES))
    options = options.parse_args()
    torch.set_num_threads(2)
    for name in options.case:
        if (options.folder / name / "golden.json").exists():
            print(f"{name} is there", flush=True)
            continue
        begin = time.time()
        make(options.folder / name, name)
        print(f"{name} made in {time.time() - begin:.0f} s", flush=True)
    sys.exit(0 if options.make else compare(options.folder.resolve()))
