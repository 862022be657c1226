"""Makes what train.py saved a complete Hugging Face checkpoint, with tokenizer and preprocessing.

usage: export.py TRAINED [MODEL]   (requirements-train.txt; MODEL defaults to the folder of the model that the program embeds)
"""
import pathlib
import sys
import tempfile

import transformers

import world as W

MODEL = pathlib.Path(__file__).resolve().parent.parent / 'model'
SIZE = 96


def main():
    trained, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else MODEL
    out.mkdir(parents=True, exist_ok=True)
    vocabulary = W.vocabulary()
    m = transformers.GitForCausalLM.from_pretrained(trained)
    if m.config.vocab_size != len(vocabulary):
        sys.exit(f'{trained} has {m.config.vocab_size} words, and the world {len(vocabulary)}')
    with tempfile.TemporaryDirectory(dir=out.parent, prefix='.') as folder:  # so that nobody reads half a file
        made = pathlib.Path(folder)
        m.save_pretrained(made)
        (made / 'vocab.txt').write_text('\n'.join(vocabulary) + '\n')
        transformers.BertTokenizer(made / 'vocab.txt', do_lower_case=True, model_max_length=64).save_pretrained(made)
        (made / 'special_tokens_map.json').unlink()  # tokenizer_config.json says the same
        transformers.CLIPImageProcessor(size={'shortest_edge': SIZE}, crop_size={'height': SIZE, 'width': SIZE}).save_pretrained(made)
        for file in made.iterdir():
            file.chmod(0o644)
            file.replace(out / file.name)


if __name__ == '__main__':
    main()
