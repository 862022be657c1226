"""Makes the tiny GIT checkpoints of this folder and what transformers says about them.

Each case is an ordinary Hugging Face folder with two files beside it: golden.safetensors (pixels, features, keys and
values of the visual tokens, logits) and golden.json (prompts, greedy ids, beams, choices). Every parameter is drawn
away from its default, and prompts are searched for whose greedy steps are decided by a margin, so that a wrong bias,
norm, slot or stop token shows.

    pip install torch==2.15.0 transformers==4.56.2 safetensors==0.8.0 numpy==2.4.6
    python testdata/git/make.py

made the committed files. transformers must be 4.56.2: from 4.57 on the temporal embeddings are not loaded.
"""
import json, math, pathlib, sys
import numpy as np, torch, transformers
from safetensors.torch import save_file
from transformers import GitConfig, GitForCausalLM, GitVisionConfig
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import reference

assert transformers.__version__ == "4.56.2", transformers.__version__
HERE = pathlib.Path(__file__).parent
CLIP = dict(mean=[0.48145466, 0.4578275, 0.40821073], std=[0.26862954, 0.26130258, 0.27577711])
HALF = dict(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])

CASES = {
    "image": dict(
        vision=dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=24, patch_size=8),
        text=dict(vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
                  max_position_embeddings=32, bos_token_id=2, eos_token_id=13, pad_token_id=0),
        seed=20221, norm=CLIP, clips=[(1, 24, 24, False), (1, 19, 35, False), (1, 24, 48, False)]),
    "video": dict(
        vision=dict(hidden_size=20, num_hidden_layers=3, num_attention_heads=2, intermediate_size=36, image_size=12, patch_size=4),
        text=dict(vocab_size=48, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=44,
                  max_position_embeddings=24, bos_token_id=5, eos_token_id=17, pad_token_id=1,
                  num_image_with_embedding=6, tie_word_embeddings=True),
        seed=9, norm=HALF, clips=[(n, 12, 12, True) for n in range(1, 7)] + [(1, 12, 12, False)]),
}


def make_model(case, seed):
    torch.manual_seed(seed)
    config = GitConfig(vision_config=GitVisionConfig(**case["vision"]).to_dict(), attn_implementation="eager", **case["text"])
    model = GitForCausalLM._from_config(config, attn_implementation="eager").eval()
    reference.redraw(model, torch.Generator().manual_seed(seed))
    return model


def write_checkpoint(folder, case, model):
    folder.mkdir(exist_ok=True)
    model.save_pretrained(folder, safe_serialization=True)
    text = case["text"]
    vocab = [f"w{i}" for i in range(text["vocab_size"])]
    vocab[3], vocab[4] = "[UNK]", "[MASK]"
    vocab[text["pad_token_id"]], vocab[text["bos_token_id"]], vocab[text["eos_token_id"]] = "[PAD]", "[CLS]", "[SEP]"
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n")
    size = case["vision"]["image_size"]
    (folder / "preprocessor_config.json").write_text(json.dumps(dict(
        image_processor_type="CLIPImageProcessor", do_resize=True, size=dict(shortest_edge=size), resample=3, do_center_crop=True,
        crop_size=dict(height=size, width=size), do_rescale=True, rescale_factor=1 / 255, do_normalize=True,
        image_mean=case["norm"]["mean"], image_std=case["norm"]["std"]), indent=1) + "\n")


def draw_clip(model, case, rng, frames, height, width, video, captioned):
    """Random pixels; if captioned, such that the one prompt of one token has an answer that find_prompt takes."""
    for _ in range(2000):
        pixels = rng.integers(0, 256, (frames, height, width, 3), dtype=np.uint8)
        clip = reference.Clip(model, pixels, case["norm"]["mean"], case["norm"]["std"], video)
        if not captioned or clip.find_prompt(rng, 1, 6, tries=1, needed=False):
            return pixels, clip
    raise SystemExit("no pixels have a caption that is decided by a margin")


def make(name, case):
    model = make_model(case, case["seed"])
    rng = np.random.default_rng(7)
    tensors, golden = {}, dict(clips=[])
    for i, (frames, height, width, video) in enumerate(case["clips"]):
        lengths = [1, 3, 6] if frames in (1, 6) else [4]
        pixels, clip = draw_clip(model, case, rng, frames, height, width, video, 1 in lengths)
        clip.check_order()
        tensors[f"{i}.pixels"] = torch.from_numpy(pixels)
        tensors[f"{i}.features"] = clip.features()
        for layer, (k, v) in enumerate(clip.keys_values()):
            tensors[f"{i}.key.{layer}"], tensors[f"{i}.value.{layer}"] = k, v
        prompts = []
        for length in lengths:
            prompt, ids, logits, logprob, cut = clip.find_prompt(rng, length, 6)
            tensors[f"{i}.logits.{len(prompts)}"] = logits
            beams = [dict(zip(("width", "limit", "ids", "logprob", "cut"), (w, limit) + reference.beam_search(
                clip.logits, prompt, model.config.eos_token_id, w, limit))) for w, limit in ((4, 6), (3, 4), (2, 9))]
            choices = [[int(t) for t in rng.integers(8, case["text"]["vocab_size"], n)] for n in (1, 1, 2, 3)]
            choices += [choices[3][:2], choices[2] + [9]]
            prompts.append(dict(prompt=prompt, ids=ids, logprob=logprob, cut=cut, beams=beams, choices=choices,
                                scores=[clip.score(prompt, c) for c in choices]))
        golden["clips"].append(dict(frames=frames, height=height, width=width, video=video, prompts=prompts))
    write_checkpoint(HERE / name, case, model)
    save_file({k: v.contiguous() for k, v in tensors.items()}, HERE / name / "golden.safetensors")
    (HERE / name / "golden.json").write_text(json.dumps(golden, indent=None).replace('{"prompt', '\n{"prompt').replace('{"frames', '\n{"frames') + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)  # the tensors are tiny
    for name, case in CASES.items():
        make(name, case)
