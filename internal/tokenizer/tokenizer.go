// Package tokenizer turns texts into the ids that a language model reads, and the ids
// that it writes back into text: WordPiece (BERT's), byte-level BPE (GPT-2's, OPT's) and
// Unigram (T5's).
//
//	t, err := tokenizer.Open(files) // of a checkpoint
//	ids, unknown, err := t.Encode("is the door open?")
//	text := t.Decode(answer)
//
// Both ways equal the fast tokenizers of transformers 4.56.2, decoding with
// skip_special_tokens; testdata/tokenizer holds the proof. There is one difference,
// which is meant: a special token that a text spells out, "[SEP]", "</s>", "<image>", is
// text like any other (split_special_tokens of transformers, and for Unigram what
// SentencePiece does), because texts come from people who are not to steer the model.
//
// Special tokens are never added: the caller puts them around the ids, by
// [Tokenizer.Around] or [Tokenizer.ID]. No id is a constant of this package: all come from
// the tokenizer's own file.
//
// This is the only package that knows the tokenizer library. A Tokenizer may be
// used by many goroutines at once.
package tokenizer

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/daulet/tokenizers"

	"videoqa/internal/fault"
	"videoqa/internal/tokenizer/files"
)

// MaxText is the longest text, in bytes, that Encode reads. Questions are held
// far below it where they come in; it bounds what a caption or a choice can cost.
const MaxText = 64 << 10

// A Tokenizer is one vocabulary with the rules around it. It owns memory of the
// library until Close.
type Tokenizer struct {
	vocabulary
	clean         bool // take out the spaces that English does not have
	before, after []int64

	mu      sync.RWMutex          // held for reading in every call of the library
	library *tokenizers.Tokenizer // nil once closed: the library itself would crash
}

// Settings are what stands beside a tokenizer.json.
type Settings struct {
	Clean   bool     // take out the spaces that English does not have from decoded text
	Special []string // tokens that are special besides those that the file calls so
}

// Open reads a checkpoint's tokenizer in whichever format it is there. It returns
// [fault.BadModel] with the file and what is wrong in it.
func Open(f files.Files) (*Tokenizer, error) {
	definition, err := f.Definition()
	if err != nil {
		return nil, fmt.Errorf("tokenizer: open: %w", err)
	}
	return New(definition, Settings{Clean: f.Cleans(), Special: f.Special})
}

// New reads the contents of a tokenizer.json. Truncation and padding that it asks
// for are left out: a caller that cuts a text does it knowingly. It returns
// [fault.BadModel] if the file is no tokenizer of the three kinds, or is broken.
func New(tokenizerJSON []byte, s Settings) (*Tokenizer, error) {
	d, err := readDefinition(tokenizerJSON, s.Special)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: read tokenizer.json: %w: %w", err, fault.BadModel)
	}
	prepared, err := d.prepare()
	if err != nil {
		return nil, fmt.Errorf("tokenizer: read tokenizer.json: %w: %w", err, fault.BadModel)
	}
	library, err := tokenizers.FromBytes(prepared, tokenizers.WithEncodeSpecialTokens())
	if err != nil {
		return nil, fmt.Errorf("tokenizer: read tokenizer.json: %w: %w", err, fault.BadModel)
	}
	t := &Tokenizer{vocabulary: d.vocabulary, clean: s.Clean, library: library}
	t.before, t.after = around(library)
	return t, nil
}

// around finds the special tokens that the file puts before and after a text.
func around(library *tokenizers.Tokenizer) (before, after []int64) {
	e := library.EncodeWithOptions("a", true, tokenizers.WithReturnSpecialTokensMask())
	text := false
	for i, id := range e.IDs {
		switch {
		case e.SpecialTokensMask[i] == 0:
			text = true
		case text:
			after = append(after, int64(id))
		default:
			before = append(before, int64(id))
		}
	}
	return before, after
}

// Around gives the ids that the tokenizer's own file puts before and after a text: [CLS]
// and [SEP] of BERT, nothing and </s> of T5.
func (t *Tokenizer) Around() (before, after []int64) { return t.before, t.after }

// Encode gives the ids of text, without special tokens around them, and how many
// of them are the unknown token. No id is a special token's, the unknown one aside,
// whatever the text spells.
//
// It returns [fault.BadRequest] for text that is not UTF-8 (Python could not have
// been given it) and for text that is not blank and yet has no ids, such as
// control characters only; and [fault.TooLarge] beyond MaxText.
func (t *Tokenizer) Encode(text string) (ids []int64, unknown int, err error) {
	switch {
	case len(text) > MaxText:
		return nil, 0, fmt.Errorf("tokenizer: encode: a text of %d bytes, %d at most: %w", len(text), MaxText, fault.TooLarge)
	case !utf8.ValidString(text):
		return nil, 0, fmt.Errorf("tokenizer: encode %.40q: not UTF-8: %w", text, fault.BadRequest)
	}
	raw, err := t.encode(text)
	if err != nil {
		return nil, 0, err
	}
	if len(raw) == 0 && strings.TrimSpace(text) != "" {
		return nil, 0, fmt.Errorf("tokenizer: encode %.40q: there is nothing to read in it: %w", text, fault.BadRequest)
	}
	for _, id := range raw {
		id := int64(id)
		switch {
		case id == t.unknown:
			unknown++
		case t.special[id]:
			return nil, 0, fmt.Errorf("tokenizer: encode %.40q: it spells the special token %q: %w", text, t.tokens[id], fault.BadRequest)
		}
		ids = append(ids, id)
	}
	return ids, unknown, nil
}

// encode calls the library.
func (t *Tokenizer) encode(text string) ([]uint32, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.library == nil {
		return nil, fmt.Errorf("tokenizer: encode: the tokenizer is closed")
	}
	return t.library.EncodeWithOptions(escape(text), false).IDs, nil
}

// Decode gives the text of ids: special tokens skipped, pieces joined, and if the
// settings want it, spaces before punctuation and in English short forms taken out. Ids
// outside the vocabulary are left out. Decode panics on a closed Tokenizer.
func (t *Tokenizer) Decode(ids []int64) string {
	known := make([]uint32, 0, len(ids))
	for _, id := range ids {
		if _, ok := t.tokens[id]; ok {
			known = append(known, uint32(id))
		}
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.library == nil {
		panic("tokenizer: decode: the tokenizer is closed")
	}
	text := unescape(t.library.Decode(known, true))
	if t.clean {
		text = tidy(text)
	}
	return text
}

// Close waits for calls in progress and frees the library's memory. Closing again
// does nothing.
func (t *Tokenizer) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.library == nil {
		return nil
	}
	library := t.library
	t.library = nil
	return library.Close()
}

// tidy takes out spaces that English does not have, in this order:
// clean_up_tokenization of transformers' tokenization_utils_base.py.
func tidy(text string) string {
	for _, pair := range [...][2]string{
		{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"},
		{" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
	} {
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return text
}
