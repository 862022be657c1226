"""Makes the tiny checkpoints that internal/checkpoint is tested with.

The files were made on Python 3.11 with
    pip install torch==2.15.0 transformers==4.56.2 safetensors==0.8.0 numpy==2.4.6
    python make.py
which rewrites every folder beside this script, byte for byte but for torch-legacy,
whose keys are addresses. Each parameter is drawn away from
its default from a fixed seed, so a reader that mixes two up is found out;
values.json holds, per tensor, its shape, its sum and its first three values as
Python read them back.
"""
import json
import pathlib
import shutil

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import GitConfig, GitForCausalLM

HERE = pathlib.Path(__file__).parent
TEMPERAL, TEMPORAL = "img_temperal_embedding", "img_temporal_embedding"
VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "dog", "what", "is", "it", "?", "##s", "red", "two", "the"]


def config(**more):
    return GitConfig(
        vision_config=dict(hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=3, image_size=8, patch_size=4),
        vocab_size=len(VOCAB), hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=24, num_image_with_embedding=3, bos_token_id=2, eos_token_id=3, pad_token_id=0, **more)


def model(**more):
    torch.manual_seed(7)
    m = GitForCausalLM(config(**more)).eval()
    with torch.no_grad():
        for p in m.parameters():
            p.copy_(torch.randn_like(p))
    m.tie_weights()
    return m


def fresh(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def save(name, m, **how):
    folder = fresh(name)
    m.save_pretrained(folder, **how)
    (folder / "vocab.txt").write_text("\n".join(VOCAB) + "\n")
    return folder


def main():
    assert transformers.__version__ == "4.56.2", transformers.__version__
    m = model()
    single = save("safetensors", m)
    save("safetensors-sharded", m, max_shard_size="8KB")
    folder = save("torch", m, safe_serialization=False)
    save("torch-sharded", m, safe_serialization=False, max_shard_size="8KB")
    save("half", model().half())
    save("bfloat", model().bfloat16(), safe_serialization=False)
    save("tied", model(tie_word_embeddings=True))

    # As transformers 4.57 and later spell it.
    respelt = save("respelt", m)
    state = {k.replace(TEMPERAL, TEMPORAL): v for k, v in load_file(single / "model.safetensors").items()}
    save_file(state, respelt / "model.safetensors", metadata={"format": "pt"})

    # As old releases lie: position ids beside the weights, views into one storage,
    # a transposed weight, and a Parameter instead of a plain tensor.
    old = save("torch-old", m, safe_serialization=False)
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    assert any(TEMPERAL in k for k in state), "4.56.2 keeps the old spelling"
    state["git.embeddings.position_ids"] = torch.arange(24).reshape(1, 24)
    state["git.image_encoder.vision_model.embeddings.position_ids"] = torch.arange(5).reshape(1, 5)
    joint = torch.stack([state[f"git.{TEMPERAL}.{i}"] for i in range(3)])
    for i in range(3):
        state[f"git.{TEMPERAL}.{i}"] = joint[i]
    w = "git.encoder.layer.0.intermediate.dense.weight"
    state[w] = state[w].t().contiguous().t()
    state["output.bias"] = torch.nn.Parameter(state["output.bias"])
    torch.save(state, old / "pytorch_model.bin")

    # What must be refused.
    legacy = save("torch-legacy", m, safe_serialization=False)
    torch.save({k: v for k, v in list(state.items())[:2]}, legacy / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    evil = save("torch-evil", m, safe_serialization=False)

    class Evil:
        def __reduce__(self):
            import os
            return os.system, ("echo this must never run",)

    torch.save({"output.bias": Evil()}, evil / "pytorch_model.bin")

    # The configuration of git-large-vatex in full, as older releases wrote it:
    # every field of the base class, most of them null.
    large = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, patch_size=14)
    full = GitConfig(vision_config=large, num_image_with_embedding=6)
    (HERE / "full-config.json").write_text(full.to_json_string(use_diff=False))

    values = {}
    for k, v in load_file(single / "model.safetensors").items():
        values[k] = {"shape": list(v.shape), "sum": v.double().sum().item(), "first": v.flatten()[:3].tolist()}
    (HERE / "values.json").write_text(json.dumps(values, indent=0, sort_keys=True) + "\n")


main()
