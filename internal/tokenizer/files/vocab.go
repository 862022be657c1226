package files

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"videoqa/internal/fault"
)

// FromVocab makes the contents of a tokenizer.json of those of a vocab.txt, a
// token a line, its id the line's number from 0: what BertTokenizerFast makes of
// that file, with do_lower_case as lower says and its other settings untouched.
//
// It returns [fault.BadModel] if the file is not UTF-8, names a token twice (the
// later line would win there, and the earlier id mean nothing) or lacks [UNK].
func FromVocab(vocab []byte, lower bool) ([]byte, error) {
	tokens, err := readLines(vocab)
	if err != nil {
		return nil, fmt.Errorf("files: read vocab.txt: %w: %w", err, fault.BadModel)
	}
	made, err := json.Marshal(bertDefinition(tokens, lower))
	if err != nil {
		return nil, fmt.Errorf("files: write tokenizer: %w", err)
	}
	return made, nil
}

// readLines gives the id of each token of a vocab.txt.
func readLines(vocab []byte) (map[string]int, error) {
	if !utf8.Valid(vocab) {
		return nil, errors.New("not UTF-8")
	}
	tokens := map[string]int{}
	for i, line := range bytes.Split(bytes.TrimSuffix(vocab, []byte("\n")), []byte("\n")) {
		token := string(bytes.TrimSuffix(line, []byte("\r")))
		if earlier, twice := tokens[token]; twice {
			return nil, fmt.Errorf("lines %d and %d both say %q", earlier+1, i+1, token)
		}
		tokens[token] = i
	}
	if _, ok := tokens["[UNK]"]; !ok {
		return nil, errors.New("there is no [UNK]")
	}
	return tokens, nil
}

// bertDefinition is the tokenizer.json of BERT's rules around a vocabulary
// (BertConverter of transformers' convert_slow_tokenizer.py).
func bertDefinition(tokens map[string]int, lower bool) any {
	type object = map[string]any
	return object{
		"version":      "1.0",
		"truncation":   nil,
		"padding":      nil,
		"added_tokens": bertSpecials(tokens),
		"normalizer": object{
			"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
			"strip_accents": nil, "lowercase": lower,
		},
		"pre_tokenizer":  object{"type": "BertPreTokenizer"},
		"post_processor": bertAround(tokens),
		"decoder":        object{"type": "WordPiece", "prefix": "##", "cleanup": true},
		"model": object{
			"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
			"max_input_chars_per_word": 100, "vocab": tokens,
		},
	}
}

// bertAround puts [CLS] before a text and [SEP] behind it, if the vocabulary has both.
func bertAround(tokens map[string]int) any {
	cls, begins := tokens["[CLS]"]
	sep, ends := tokens["[SEP]"]
	if !begins || !ends {
		return nil
	}
	return map[string]any{"type": "BertProcessing", "sep": []any{"[SEP]", sep}, "cls": []any{"[CLS]", cls}}
}

// bertSpecials lists BERT's special tokens, as far as the vocabulary has them, by id.
func bertSpecials(tokens map[string]int) []added {
	list := []added{}
	for _, s := range []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"} {
		if id, ok := tokens[s]; ok {
			list = append(list, added{ID: int64(id), Content: s, Special: true})
		}
	}
	slices.SortFunc(list, func(a, b added) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
