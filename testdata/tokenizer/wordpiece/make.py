#!/usr/bin/env python3
"""Makes the goldens of this folder: questions and what BertTokenizerFast makes of them.

Made with Python 3.11, transformers 4.56.2, tokenizers 0.22.2.

    "$(deploy/venv.sh tokenizer testdata/tokenizer/requirements.txt)/bin/python" testdata/tokenizer/wordpiece/make.py bert-base-uncased.json

A text that spells a special token is not to become it: the ids are those with split_special_tokens=True.
bert-base-uncased.json lies in test/data of the Go module github.com/daulet/tokenizers v1.22.1; its folder is
printed by: go list -m -f '{{.Dir}}' github.com/daulet/tokenizers

questions.jsonl  2,000 questions: text, ids without special tokens, the text decoded from them
decode.jsonl     400 lists of ids as a model may emit them, special ones included, and their text
small.jsonl      questions under small.txt, a vocabulary file of 48 words: ids with and without lower-casing
README.md        what the slow BertTokenizer does otherwise with the 2,000, counted and shown (written by this script)
"""

import json
import pathlib
import random
import sys
import tempfile
import unicodedata

from transformers import BertTokenizer, BertTokenizerFast

HERE = pathlib.Path(__file__).parent
DRAW = random.Random(2205_14100)

THINGS = """man woman child dog cat horse cow pig sheep truck bus car bicycle aeroplane boat door window street kitchen
table ball guitar piano snowboarder skateboarder chef referee crowd robot drone elephant giraffe platypus axolotl
traffic-light fire-hydrant t-shirt ice-cream microphone loudspeaker xylophone dashboard forklift conveyor pallet""".split()
COLOURS = "red green blue yellow white black grey brown orange purple turquoise magenta off-white dark-blue".split()
PLACES = """on the left|on the right|in the middle|behind the house|in front of the bus|near the river|at dock 3|under
the bridge|on the roof|in São Paulo|in Zürich|in Kraków|in 東京|in Москва|at gate B-12|inside the café""".replace("\n", " ").split("|")
ACTIONS = """walking running eating sleeping jumping falling swimming dancing playing cooking driving re-entering
overtaking unpacking photographing misbehaving disassembling""".split()
TEMPLATES = """what is the {t} doing?|what colour is the {t}?|is there a {c} {t} {p}?|how many {t}s are {p}?
who is {a} {p}?|what does the {t} do after {a}?|is the {c} {t} {a}?|where is the {t}?|why isn't the {t} {a}?
Which {t} comes first, the {c} one or the other?|Does the {t} move from left to right {p}?|what's {p}?
At {h}:{m:02d}, was the {t} {a}?|how often did the {t} cross the line between {h}:{m:02d} and {h}:59?
don't you see the {c} {t}?|they're {a}, aren't they?|we've seen the {t}; I'm sure it's {a}.|what is the man's {t} for?
is the {t} {a} at {x} km/h?|what is written on the {t} (if anything)?|"{t}" or "{u}"?|{t}/{u}/neither?
how much is the {t}: ${x} or €{y}?|is it the {t} - or the {u}?|what happens at t={x}s?|{c}, {c} and {c} {t}s?""".replace(
    "\n", "|"
).split("|")

ACCENTED = """où est le café près de la Tour Eiffel ?|¿dónde está el niño con la pelota?|welche Farbe hat der Bär auf der Straße?
what is the naïve façade's colour?|qui mange la crème brûlée à l'hôtel ?|čo robí ten pes?|Где находится красная машина?
какого цвета ёжик?|πού είναι ο σκύλος;|ΠΟΙΟΣ ΕΙΝΑΙ ΑΥΤΟΣ; ΟΔΟΣ ΣΩΚΡΑΤΟΥΣ|İstanbul'da kırmızı ARABA var mı? DIŞARI ÇIKIYOR MU?
người đàn ông đang làm gì?|ما هو لون السيارة؟|मेज़ पर क्या है?|แมวอยู่ที่ไหน|איפה הכלב?|რა ფერია მანქანა?|ինչ գույն է մեքենան
ƒʀᴏɴᴛ ᴅᴏᴏʀ ʟᴏᴄᴋᴇᴅ?|ﬁne ﬂowers in the oﬃce?|ⅷ men or Ⅸ?|ｗｈａｔ ｉｓ ｔｈｉｓ？|¿Qué HACE el PERRO? ¡Nada!|Ǆungla ǅungla ǆungla
Œuvre d'art, Æsop, Ångström, Łódź, Ðe Þing, ŉ, ß ẞ ſ|a\u0301 e\u0308 n\u0303 c\u0327 o\u0302\u0323 Z\u0351\u036b\u0343algo?
e\u0301te\u0301 or \u00e9t\u00e9?|\u1e9b\u0323 \u212b \u2126 \u03d3?|q\u0307\u0323 q\u0323\u0307?""".replace("\n", "|").split("|")
CJK = """画面中有多少只猫？|那個人在做什麼?|左边的狗是什么颜色的,红色还是蓝色?|この男は何をしていますか？|カメラの前を通った車は何台ですか。
犬はどこ?ネコは?|한국어 질문: 고양이는 어디에 있나요?|강아지가 왼쪽으로 움직이나요?|ㄱㄴㄷ ㅏㅑ|豈更車賈滑串句 (compatibility)
𠀀𠀁𪜀 rare ideographs|what does 出口 mean on the sign?|is 3号 bus before 5号?|半角ｶﾀｶﾅ と 全角ＡＢＣ|々〆〇 and ㊗㊙㈱
𝒲𝒽𝒶𝓉 𝓲𝓼 𝕥𝕙𝕚𝕤?|々々の\u3000間隔""".replace("\n", "|").split("|")
EMOJI = """is the 🐶 left of the 🐱?|how many 🚗🚗🚗 are there?|👨‍👩‍👧‍👦 family or 👩🏽‍🚒 alone?|🇩🇪 or 🇫🇷 flag?|🏴󠁧󠁢󠁳󠁣󠁴󠁿?|❤️ or ❤?|☃ ☂ ☎ ✈ ✂?|why 😀😃😄?
🫠🪿🫨 newer ones?|⌚️⏰ time?|1️⃣ or 2️⃣?|→ or ← or ⇒?|½ + ¼ = ¾?|10² m³ 5µm 20℃ ‰ №7?|± ≠ ≤ ∞ ∑ √2?|™ © ® § ¶ † ‡ • … ‹ ›?""".replace("\n", "|").split("|")
PUNCTUATION = """what?!|...what...|is it "open" or 'closed'?|don't won't can't I'm he's we've they're shouldn't've|rock 'n' roll ' '' '?
a.b.c, d; e: f|(is [it] {here})|<b>what</b> is <i>this</i>?|50% & more @ home #1 ^ ~ ` | \\ / _ + = * $|—–-―‐‑ dashes?|„so“ «ou» ‚x‘ 「か」『な』?
end . dot ? mark ! bang , comma|she said , " do not go ! "|it 's he 'm you 're we 've do n't|a ' b ' c|__init__ foo_bar FooBar foo-bar
[CLS] what [SEP] is [MASK] this [PAD] [UNK]?|[cls] [Sep] [ MASK ] [SEP|##ing ## #ing un##able|[unused0] [unused99]
http://example.com/a/b?c=d&e=f#g is what?|mailto:someone@example.org?|file.mp4 at C:\\clips\\cam-3\\2026-09-01.mkv?|192.168.0.1:8080?
v1.22.1-rc.3+build?|12:30:45.678Z|1,234,567.89|1e-9 0x1F 007 3rd 21st 1990s 20/20 ½|+49 (0)30 123456-78|AB-123-CD plate?|£5.99/$7""".replace(
    "\n", "|"
).split("|")
SPACES = [
    "\twhat\tis\tthis?\t", "what\nis\r\nthis?\r", "  two  spaces  ", "no\u00a0break\u00a0space", "thin\u2009space\u202fhere",
    "em\u2003space, ideographic\u3000space", "zero\u200bwidth\u200bspace", "zero\u200dwidth joiner \u200c here",
    "\ufeffbyte order mark", "soft\u00adhyphen", "line\u2028separator para\u2029graph", "next\u0085line", "ogham\u1680space",
    "bell\u0007 and escape\u001b[31m", "delete\u007f and c1\u0080\u009f", "form\ffeed vertical\vtab", "right\u200fto\u202eleft",
    "replacement \ufffd here", "private \ue000 use", "unassigned \u0378 here", "nul\u0000in the middle", "[SE\u0000P] is not special",
    "tag \U000e0041 and selector \ufe0f", "word\u2060joiner", "mongolian\u180evowel", "\u0301starts with a mark", "", " ", "\t\n",
    "\u200b", "\u0007", "\ufffd", "\u0301", "\u3000",
]  # fmt: skip


def long_words():
    """Words around and beyond the 100 characters that WordPiece reads of one."""
    for n in (98, 99, 100, 101, 102, 150, 400):
        yield "a" * n + " end?"
        yield "is " + "unbelievable" * (n // 12) + "x" * (n % 12) + " a word"
        yield "ä" * n  # shorter once the accents are gone
        yield "한" * (n // 2)  # longer once taken apart
        yield "7" * n
        yield "-" * n
        yield "猫" * n
        yield "İ" * n
        yield "http://" + "w" * n + ".example"


def plain():
    values = dict(
        t=DRAW.choice(THINGS), u=DRAW.choice(THINGS), c=DRAW.choice(COLOURS), p=DRAW.choice(PLACES),
        a=DRAW.choice(ACTIONS), h=DRAW.randint(0, 23), m=DRAW.randint(0, 59), x=DRAW.randint(1, 9999),
        y=round(DRAW.uniform(0, 500), 2),
    )  # fmt: skip
    return DRAW.choice(TEMPLATES).format(**values)


def cased(text):
    return DRAW.choice((str.upper, str.title, str.swapcase, str.capitalize))(text)


def spoilt(text):
    """text with one to four characters of any script, mark or control put in anywhere."""
    ranges = [(0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x400), (0x400, 0x530), (0x590, 0x600), (0x600, 0x700),
              (0x900, 0x980), (0xE00, 0xE80), (0x1100, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2070), (0x20A0, 0x2150),
              (0x2190, 0x2600), (0x2600, 0x27C0), (0x3000, 0x3100), (0x4E00, 0xA000), (0xAC00, 0xD7A4), (0xF900, 0xFB50),
              (0xFE00, 0xFE30), (0xFF00, 0xFFF0), (0x1D400, 0x1D800), (0x1F300, 0x1FB00), (0x20000, 0x20100)]  # fmt: skip
    for _ in range(DRAW.randint(1, 4)):
        at = DRAW.randint(0, len(text))
        text = text[:at] + chr(DRAW.randrange(*DRAW.choice(ranges))) + text[at:]
    return text


def questions():
    fixed = ACCENTED + CJK + EMOJI + PUNCTUATION + SPACES + list(long_words())
    found = dict.fromkeys(fixed)
    while len(found) < 2000:
        kind = DRAW.random()
        if kind < 0.40:
            text = plain()
        elif kind < 0.55:
            text = cased(plain())
        elif kind < 0.65:
            text = cased(DRAW.choice(ACCENTED + CJK + EMOJI))
        elif kind < 0.75:
            text = plain() + DRAW.choice((" ", "\t", "", "  ", "\n")) + DRAW.choice(ACCENTED + CJK + EMOJI + PUNCTUATION)
        else:
            text = spoilt(plain())
        found.setdefault(text)
    return list(found)


def emitted(size):
    """Lists of ids as a model may emit them: any order, continuations first, special ones in between."""
    special = (0, 100, 101, 102, 103)
    apostrophes = "' s m re ve t n don isn do . , ? ! - \" ( ) ##s ##ing".split()
    for _ in range(400):
        yield [
            DRAW.choice((DRAW.randrange(999, size), DRAW.choice(special), DRAW.choice(apostrophes)))
            for _ in range(DRAW.randint(1, 12))
        ]


def dump(name, rows):
    with open(HERE / name, "w", encoding="utf-8", newline="\n") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def encode(tokenizer, text):
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]


def decode(tokenizer, ids):
    return tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=True)


def small(texts):
    words = """[PAD] [UNK] [CLS] [SEP] [MASK] what is the dog cat doing ? . , ' left right Left how many there a e i o s
    ##s ##ing ##é ##e caf café é É naïve naive 猫 犬 猫犬 ##犬 ß ss İ i̇ un ##able 1 2 ##1""".split()
    assert len(set(words)) == len(words)
    path = HERE / "small.txt"
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    tokenizers = [BertTokenizerFast(vocab_file=str(path), do_lower_case=lower) for lower in (True, False)]
    for text in texts:
        yield {"text": text, "lower": encode(tokenizers[0], text), "cased": encode(tokenizers[1], text)}


def shown(text):
    """text in ASCII, shortened: what cannot be told apart by eye is escaped."""
    escaped = text.encode("unicode_escape").decode().replace("|", "\\x7c")
    return f"`{escaped[:70]}{'…' if len(escaped) > 70 else ''}`"


def differences(fast, slow, texts):
    encoded, decoded = [], []
    for text in texts:
        ids = encode(fast, text)
        other = slow.convert_tokens_to_ids(slow.tokenize(text, split_special_tokens=True))
        if ids != other:
            encoded.append((text, slow.convert_ids_to_tokens(ids), slow.convert_ids_to_tokens(other)))
        if decode(fast, ids) != decode(slow, ids):
            decoded.append((text, decode(fast, ids), decode(slow, ids)))
    return encoded, decoded


def first_difference(a, b):
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return shown(" ".join(a[at : at + 3])), shown(" ".join(b[at : at + 3]))


def assigned(text):
    """text without the characters that Unicode, as Python has it, does not assign."""
    return "".join(c for c in text if unicodedata.category(c) != "Cn")


def main(path):
    vocabulary = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["model"]["vocab"]
    fast = BertTokenizerFast(tokenizer_file=path)
    texts = questions()
    assert len(texts) == 2000
    rows = []
    for text in texts:
        ids = encode(fast, text)
        rows.append({"text": text, "ids": ids, "decoded": decode(fast, ids)})
    dump("questions.jsonl", rows)

    def number(x):
        return vocabulary[x] if isinstance(x, str) else x

    lists = [[number(x) for x in ids] for ids in emitted(len(vocabulary))]
    dump("decode.jsonl", [{"ids": ids, "decoded": decode(fast, ids)} for ids in lists])
    dump("small.jsonl", small(DRAW.sample(texts, 150) + ACCENTED + CJK + ["Left café CAFÉ Naïve unable 1 12 猫犬 İ ß É"]))

    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "vocab.txt"
        file.write_text("\n".join(sorted(vocabulary, key=vocabulary.get)) + "\n", encoding="utf-8")
        slow = BertTokenizer(vocab_file=str(file))
        encoded, decoded = differences(fast, slow, texts)


    unassigned = sum(encode(fast, assigned(t)) == slow.convert_tokens_to_ids(slow.tokenize(t, split_special_tokens=True)) for t, _, _ in encoded)
    report(encoded, decoded, unassigned)


def report(encoded, decoded, unassigned):
    lines = [
        "# What the slow tokenizer does otherwise",
        "",
        "`make.py` writes this page. The goldens are BertTokenizerFast's, and so are our ids. transformers' slow",
        f"BertTokenizer, asked the same 2,000 questions, gives other ids for {len(encoded)} of them and decodes the fast",
        f"one's ids to other text for {len(decoded)}.",
        "",
        f"{unassigned} of the {len(encoded)} have one cause: a code point that Unicode {unicodedata.unidata_version} (Python's) does",
        "not assign. The slow one drops it as a control character; the fast one keeps it, and the word around it becomes",
        "[UNK]. The others spell special tokens, which the slow one never takes apart.",
        "",
        "| question | fast, from the first difference | slow |",
        "|---|---|---|",
    ]
    for text, a, b in encoded:
        lines.append(f"| {shown(text)} | {' | '.join(first_difference(a, b))} |")
    if decoded:
        lines += ["", "Decoded:", "", "| question | fast | slow |", "|---|---|---|"]
        lines += [f"| {shown(t)} | {shown(a)} | {shown(b)} |" for t, a, b in decoded]
    (HERE / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
