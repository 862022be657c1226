#!/usr/bin/env python3
"""Makes small tokenizers of OPT's and T5's kinds, and what transformers makes of texts with them.

Made with Python 3.11, transformers 4.56.2, tokenizers 0.22.2, sentencepiece 0.2.3:

    "$(deploy/venv.sh tokenizer testdata/tokenizer/requirements.txt)/bin/python" testdata/tokenizer/make.py

The vocabularies are learned from the text of Python's own help (pydoc_data.topics) and from the questions of
wordpiece/questions.jsonl, so they are small and new, and everything around them is as the released ones have it.

opt/vocab.json, merges.txt, tokenizer_config.json   byte-level BPE as facebook/opt-* has it
opt/tokenizer.json                                  the same, as transformers converts and saves it, with <image> added
                                                    as Salesforce/blip2-opt-* has it
t5/tokenizer.json.gz                                Unigram as google/flan-t5-* has it, with SentencePiece's normaliser
                                                    nmt_nfkc, as transformers converts it
texts.jsonl      500 texts; each with the ids of OPT's kind, of T5's as converted today, and of T5's with the
                 pre-tokenizer of the files that were released with T5 ("released"); without special tokens
decode.jsonl     300 lists of ids of each kind, with the text of each, plain and with its spaces cleaned up

A text that spells a special token is not to become it. OPT's ids for such texts are those with
split_special_tokens=True. Unigram's vocabulary holds the special tokens, so there that is not enough: their ids are those
of a tokenizer whose vocabulary does not spell them, and SentencePiece's own, which agree wherever both know all
characters (this script checks it).
"""

import gzip
import json
import pathlib
import pydoc_data.topics
import random
import re
import sys
import tempfile

import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GPT2TokenizerFast, T5TokenizerFast

HERE = pathlib.Path(__file__).parent
DRAW = random.Random(2301_12597)
BPE_SIZE, UNIGRAM_SIZE, EXTRA = 700, 800, 20


def learned():
    """The texts that vocabularies are learned from, a paragraph each."""
    paragraphs = [" ".join(p.split()) for topic in pydoc_data.topics.topics.values() for p in topic.split("\n\n")]
    return [p for p in paragraphs + questions() if 10 < len(p) < 2000 and not re.search(r"(.)\1{9}", p)]


def questions():
    lines = (HERE / "wordpiece" / "questions.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    return [json.loads(line)["text"] for line in lines]


SPECIAL = """</s> <s> <pad> <unk> <image> <extra_id_0> <extra_id_19> <mask> [SEP] [CLS] <|endoftext|>""".split()
SPELT = [form.format(token) for token in SPECIAL for form in ("{}", "a {} b", "a{}b", " {} ", "{0}{0}", "is {}? yes")]
WHITE = ["", " ", "  ", "   a", "a   ", "a  b   c", "\t", "\n", "a\tb", "a\n\nb\n", " \n \t a", "\u00a0a\u2003b\u3000c", "\u2028\u2029",
         "a" + " " * 50 + "b", " " * 300, "\n" * 40 + "x", "\r\n a \r\n", "a\u200bb", "\x0b\x0c", "\u1680 ogham", "\x85next",
         "trailing \u00a0", "\u3000leading", "▁", "a▁b", "▁▁ a", " ▁ ", "Ġ", "aĠb", "Ċ"]  # fmt: skip
CONTROL = ["\x00", "a\x00b", "\x00\x00", " \x00 ", "\x00a", "a\x00", "what\x00?", "</s\x00>", "'\x00s", "1\x002", "\x01", "a\x01\x02b",
           "\x07bell", "\x1b[31mred\x1b[0m", "\x7f", "\x80\x81\x9f", "\ufdd0", "\ufdd1", "a\ufdd0\x00b", "\ufdd0\ufdd1", "\ufdd0\ufdd2\x00",
           "\ufffd", "\uffff", "\ufeffbom", "\u200f\u202e", "\u00ad", "\U000e0041", "\ufdd0\ufdd0", "\ufdd2\ufdd1\ufdd0"]  # fmt: skip
UNICODE = ["İstanbul ı", "ﬁne ﬂow", "①②③", "ｗｈａｔ？", "e\u0301 é", "Å\u030a", "ℌ𝓲", "½ ¼", "™", "㍿", "Ǆ ǆ", "ß ẞ ſ", "Ω Ω", "\u0301",
           "한국어 각", "日本語、テキスト", "中文。", "ไทย", "हिन्दी", "العربية", "עברית", "Ελληνικά", "русский", "ქართული", "𐍈", "𠜎𠜱"]  # fmt: skip
EMOJI = ["🐶", "🐶🐱", "a🐶b", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "👩🏽‍🚒 ok", "❤️ ❤", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🫠🪿", "☃☂", "🤷🏿‍♂️?"]  # fmt: skip
WORDS = ["don't", "we've 'm 're 'll 'd 's", "DON'T WE'VE", "it ' s", "3.14 1,000", "a-b_c/d", "foo.bar()", "x==y!=z", "aaaaaaaaaaaaaaaaaaaa",
         "a" * 300, "é" * 200, "🐶" * 60, "http://example.com/a?b=c#d", "…", "\"quoted\" 'single'", "Question: what is it? Answer:",
         "Question: what? Short answer:", "a photo of", "0 1 12 123 1234", "e.g. i.e.", "<b>bold</b>", "&amp; & <", "C:\\x\\y", "{}[]()"]  # fmt: skip


def texts():
    found = dict.fromkeys(SPELT + WHITE + CONTROL + UNICODE + EMOJI + WORDS)
    more = questions()
    while len(found) < 500:
        text = DRAW.choice(more)
        kind = DRAW.random()
        if kind < 0.1:
            text += DRAW.choice(SPECIAL) + DRAW.choice(("", " ", "?")) + DRAW.choice(more)
        elif kind < 0.2:
            text = text.replace(" ", DRAW.choice(("  ", "\t", "\n", "\u00a0", "\x00")), 2)
        elif kind < 0.3:
            text += DRAW.choice(EMOJI + UNICODE)
        if len(text) < 400:
            found.setdefault(text)
    return list(found)


def make_opt(corpus):
    """Learns a byte-level BPE and writes it as OPT's files are: the special tokens are the first four ids."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=BPE_SIZE, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip
    tokenizer.train_from_iterator(corpus, trainer)
    folder = HERE / "opt"
    (folder / "tokenizer.json").unlink(missing_ok=True)  # transformers would read it before the other files
    tokenizer.model.save(str(folder))

    def token(content):
        return {"__type": "AddedToken", "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": True}

    (folder / "tokenizer_config.json").write_text(json.dumps({  # as facebook/opt-2.7b has it
        "errors": "replace", "unk_token": token("</s>"), "bos_token": token("</s>"), "eos_token": token("</s>"), "pad_token": token("<pad>"),
        "add_prefix_space": False, "add_bos_token": True, "special_tokens_map_file": None, "tokenizer_class": "GPT2Tokenizer"}, indent=1) + "\n")  # fmt: skip
    fast = GPT2TokenizerFast.from_pretrained(folder)
    with_image = GPT2TokenizerFast.from_pretrained(folder)
    with_image.add_tokens([AddedToken("<image>", normalized=False, special=True)], special_tokens=True)
    with_image.backend_tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    return fast, with_image


def make_t5(corpus, folder):
    """Learns a Unigram with SentencePiece in folder, as T5's was, and has transformers convert it."""
    (folder / "text").write_text("\n".join(line.replace("\n", " ").replace("\0", " ") for line in corpus), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text"), model_prefix=str(folder / "spiece"), vocab_size=UNIGRAM_SIZE, model_type="unigram",
        normalization_rule_name="nmt_nfkc", character_coverage=0.995, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        pad_piece="<pad>", eos_piece="</s>", unk_piece="<unk>", num_threads=1, minloglevel=2)  # fmt: skip
    text = T5TokenizerFast.from_pretrained(folder, extra_ids=EXTRA).backend_tokenizer.to_str(pretty=False)
    (HERE / "t5" / "tokenizer.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    fast = T5TokenizerFast(tokenizer_object=Tokenizer.from_str(text), extra_ids=EXTRA)  # scores as the file has them
    return fast, released(fast)


def released(fast):
    """The converted tokenizer with the normaliser and the pre-tokenizer of google/flan-t5-*'s own tokenizer.json."""
    parts = json.loads(fast.backend_tokenizer.to_str())
    parts["normalizer"] = parts["normalizer"]["normalizers"][0]
    assert parts["normalizer"]["type"] == "Precompiled"
    metaspace = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}
    parts["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]}
    parts["decoder"] = metaspace
    return T5TokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(parts)), extra_ids=EXTRA)


def unspelt(fast):
    """The tokenizer with special tokens that no text spells: their names are private characters."""
    parts = json.loads(fast.backend_tokenizer.to_str())
    special = {a["content"] for a in parts["added_tokens"] if a["special"]}
    name = {token: f"\U00100000{i}\U00100001" for i, token in enumerate(sorted(special))}
    parts["model"]["vocab"] = [[name.get(token, token), score] for token, score in parts["model"]["vocab"]]
    parts["added_tokens"] = []
    return Tokenizer.from_str(json.dumps(parts))


def check_sentencepiece(folder, tokenizer, rows):
    """Holds ids of T5's kind to SentencePiece's own, and says how many are not equal, and why."""
    own = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    unlike = [t for t in rows if "\0" not in t and own.encode(t) != tokenizer.encode(t, add_special_tokens=False).ids]
    print(f"{len(unlike)} of {len(rows)} texts have other ids with SentencePiece itself", file=sys.stderr)
    for text in unlike:
        print("  ", repr(text[:60]), own.encode(text, out_type=str)[:12], tokenizer.encode(text, add_special_tokens=False).tokens[:12], file=sys.stderr)
    assert not any(special in text for special in SPECIAL for text in unlike)


def decoded(fast, ids):
    plain = fast.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    clean = fast.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=True)
    return {"ids": ids, "plain": plain} | ({"clean": clean} if clean != plain else {})


def emitted(size, special, often):
    """Lists of ids as a model may emit them: halves of characters, special ones in between."""
    for _ in range(300):
        yield [DRAW.choice((DRAW.randrange(size), DRAW.choice(special), DRAW.choice(often))) for _ in range(DRAW.randint(1, 12))]


def dump(name, rows):
    with open(HERE / name, "w", encoding="utf-8", newline="\n") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def main(scratch):
    corpus = learned()
    opt, with_image = make_opt(corpus)
    t5, old = make_t5(corpus, scratch)
    rows = texts()
    assert len(rows) == 500, len(rows)

    plain, plain_old = unspelt(t5), unspelt(old)
    golden = []
    for text in rows:
        ids = opt(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        assert ids == with_image(text, add_special_tokens=False, split_special_tokens=True)["input_ids"], text
        assert opt(text, split_special_tokens=True)["input_ids"] == [2] + ids, text
        unigram = plain.encode(text, add_special_tokens=False).ids
        if not any(special in text for special in SPECIAL):
            assert unigram == t5(text, add_special_tokens=False)["input_ids"], text
            assert t5(text)["input_ids"] == unigram + [1], text
        golden.append({"text": text, "opt": ids, "t5": unigram, "released": plain_old.encode(text, add_special_tokens=False).ids})
    dump("texts.jsonl", golden)
    check_sentencepiece(scratch, plain, rows)

    nul = opt.convert_tokens_to_ids("Ā")
    many = [nul, opt.convert_tokens_to_ids("Ġ")] + opt("'s don't . , é🐶 ' n't", add_special_tokens=False)["input_ids"]
    dump("decode.jsonl", [{"kind": "opt"} | decoded(opt, ids) for ids in emitted(len(opt), [0, 1, 2, 3], many)]
         + [{"kind": "t5"} | decoded(t5, ids) for ids in emitted(len(t5), [0, 1, 2, len(t5) - 1], t5("a . , ' s do n't it 's ?", add_special_tokens=False)["input_ids"])])  # fmt: skip
    assert any("\0" in opt.decode(ids) for ids in [[nul]])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(pathlib.Path(scratch))
