// Package wordpiece turns questions into the ids that a GIT decoder reads, and
// the ids that it emits back into text.
//
//	t, err := wordpiece.New(tokenizerJSON) // or FromVocab first, for a vocab.txt
//	ids, unknown, err := t.Encode("is the door open?")
//	text := t.Decode(answer)
//
// Both ways equal BertTokenizerFast of transformers 4.56.2 (decode with
// skip_special_tokens and clean_up_tokenization_spaces); testdata/wordpiece holds
// the proof and lists where the slow BertTokenizer differs. Special tokens are
// never added: the caller puts [CLS] in front, by [Tokenizer.ID]. A special token
// spelt out in a text, "[SEP]", is that token, as it is there. No id is a
// constant of this package: all come from the tokenizer's own file.
//
// This is the only package that knows the tokenizer library. A Tokenizer may be
// used by many goroutines at once.
package wordpiece

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/daulet/tokenizers"

	"videoqa/internal/fault"
)

// MaxText is the longest text, in bytes, that Encode reads. Questions are held
// far below it where they come in; it bounds what a caption or a choice can cost.
const MaxText = 64 << 10

// A Tokenizer is one vocabulary with the rules around it. It owns memory of the
// library until Close.
type Tokenizer struct {
	vocabulary
	mu      sync.RWMutex          // held for reading in every call of the library
	library *tokenizers.Tokenizer // nil once closed: the library itself would crash
}

// New reads the contents of a tokenizer.json. Truncation and padding that it asks
// for are ignored, as BertTokenizerFast does unless it is told otherwise. It
// returns [fault.BadModel] if the file is not a WordPiece tokenizer's, or if its
// vocabulary gives one id twice or lacks its own unknown token.
func New(tokenizerJSON []byte) (*Tokenizer, error) {
	v, cleaned, err := readDefinition(tokenizerJSON)
	if err != nil {
		return nil, fmt.Errorf("wordpiece: read tokenizer: %w: %w", err, fault.BadModel)
	}
	library, err := tokenizers.FromBytes(cleaned)
	if err != nil {
		return nil, fmt.Errorf("wordpiece: read tokenizer: %w: %w", err, fault.BadModel)
	}
	return &Tokenizer{vocabulary: v, library: library}, nil
}

// Encode gives the ids of text, without special tokens around them, and how many
// of them are the unknown token. Blank text has no ids.
//
// It returns [fault.BadRequest] for text that is not UTF-8 (Python could not have
// been given it) and for text that is not blank and yet has no ids, such as
// control characters only; and [fault.TooLarge] beyond MaxText.
func (t *Tokenizer) Encode(text string) (ids []int64, unknown int, err error) {
	switch {
	case len(text) > MaxText:
		return nil, 0, fmt.Errorf("wordpiece: encode: a text of %d bytes, %d at most: %w", len(text), MaxText, fault.TooLarge)
	case !utf8.ValidString(text):
		return nil, 0, fmt.Errorf("wordpiece: encode %.40q: not UTF-8: %w", text, fault.BadRequest)
	case strings.TrimSpace(text) == "":
		return nil, 0, nil
	}
	raw, err := t.encode(text)
	if err != nil {
		return nil, 0, err
	}
	if len(raw) == 0 {
		return nil, 0, fmt.Errorf("wordpiece: encode %.40q: there is nothing to read in it: %w", text, fault.BadRequest)
	}
	ids = make([]int64, len(raw))
	for i, id := range raw {
		ids[i] = int64(id)
		if ids[i] == t.unknown {
			unknown++
		}
	}
	return ids, unknown, nil
}

// encode calls the library. Text crosses as a C string, which a NUL would end:
// U+FFFD goes in its place, which the normaliser drops just as it drops NUL.
func (t *Tokenizer) encode(text string) ([]uint32, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.library == nil {
		return nil, fmt.Errorf("wordpiece: encode: the tokenizer is closed")
	}
	return t.library.EncodeWithOptions(strings.ReplaceAll(text, "\x00", "\uFFFD"), false).IDs, nil
}

// Decode gives the text of ids: special tokens skipped, pieces joined, spaces
// before punctuation and in English short forms taken out. Ids outside the
// vocabulary are left out. Decode panics on a closed Tokenizer.
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
		panic("wordpiece: decode: the tokenizer is closed")
	}
	return tidy(t.library.Decode(known, true))
}

// Close waits for calls in hand and frees the library's memory. Closing again
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
// clean_up_tokenization of transformers' tokenization_utils_base.py. The library
// does the same to each piece by itself; only the whole text shows " ' ".
func tidy(text string) string {
	for _, pair := range [...][2]string{
		{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"},
		{" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
	} {
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return text
}
