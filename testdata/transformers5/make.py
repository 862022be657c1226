"""Makes tiny GIT checkpoints as transformers 5 saves them, and what it answers with them.

    pip install torch==2.15.0 torchvision transformers==5.24.0 pillow==13.0.0
    python testdata/transformers5/make.py

image/ has its image settings in processor_config.json only, and so has video/, which also has temporal embeddings, spelt as
since 4.57. golden.json holds questions about a picture of testdata/clips with the answers, greedy, and their
probabilities. Pictures are prepared by the Pillow backend. Seeds are searched for whose answers are decided by a margin.
"""
import json
import pathlib
import shutil

import torch
import transformers
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

assert transformers.__version__ == '5.24.0', transformers.__version__
HERE = pathlib.Path(__file__).parent
CLIPS = HERE.parent / 'clips'
WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *'what is this a dog cat the ? yes no red blue'.split()]
QUESTIONS = ['what is this?', 'is this a red dog?']
MARGIN = 0.03


def model(frames, seed):
    torch.manual_seed(seed)
    vision = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8)
    m = transformers.GitForCausalLM(transformers.GitConfig(
        vision_config=vision, vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, bos_token_id=2, eos_token_id=3, pad_token_id=0, num_image_with_embedding=frames)).eval()
    with torch.no_grad():
        for p in m.parameters():
            p.add_(torch.randn_like(p) * .4)
        m.output.bias[:5] -= 3  # few answers hold a special token
        m.output.bias[3] += 5  # and most come to their end
    return m


def answer(m, pixels, ids, most=6):
    """Greedy ids, their probability, and the smallest distance between the best and the second logit."""
    prompt, logprob, margin = [2, *ids], 0., 9.
    for step in range(most):
        with torch.no_grad():
            logits = m(pixel_values=pixels, input_ids=torch.tensor([prompt]), use_cache=False).logits[0, -1]
        best = logits.topk(2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        logprob += float(logits.log_softmax(-1)[best.indices[0]])
        prompt.append(int(best.indices[0]))
        if prompt[-1] == 3:
            return prompt[1 + len(ids):-1], logprob, margin
    return None, 0, 0


def make(name, frames, settings, pixels, media):
    tokenizer = transformers.BertTokenizer(vocab={w: i for i, w in enumerate(WORDS)})
    for seed in range(10000):
        m = model(frames, seed)
        got = [answer(m, pixels, tokenizer(q, add_special_tokens=False).input_ids if q else []) for q in QUESTIONS]
        texts = [tokenizer.decode(ids) if ids else '' for ids, _, _ in got]
        if seed % 50 == 0:
            print(name, seed, texts, flush=True)
        if all(ids and margin > MARGIN and min(ids) > 4 for ids, _, margin in got) and len(set(texts)) > 1:
            break
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    m.save_pretrained(folder)
    transformers.GitProcessor(settings, tokenizer).save_pretrained(folder)
    return dict(checkpoint=name, media=media, answers=[dict(question=q, answer=t, score=round(float(torch.tensor(g[1]).exp()), 6)) for q, t, g in zip(QUESTIONS, texts, got)])


def main():
    torch.set_num_threads(1)
    still = CLIPS / 'rgb' / 'cfr.mp4.png'
    clip = CLIPImageProcessorPil(size={'shortest_edge': 36}, crop_size={'height': 32, 'width': 32}, image_mean=[.4, .5, .6], image_std=[.3, .2, .25], resample=2)
    video = VideoMAEImageProcessorPil(size={'shortest_edge': 32}, crop_size={'height': 32, 'width': 32})
    golden = [
        make('image', None, clip, clip(Image.open(still), return_tensors='pt').pixel_values, 'rgb/cfr.mp4.png'),
        make('video', 3, video, video([Image.open(still)], return_tensors='pt').pixel_values[:, 0], 'rgb/cfr.mp4.png'),  # a picture has no place in time
    ]
    (HERE / 'golden.json').write_text(json.dumps(golden, indent=1) + '\n')


if __name__ == '__main__':
    main()
