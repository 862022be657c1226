// Package files picks a tokenizer's files out of a checkpoint and makes one
// tokenizer.json of them, whichever of Hugging Face's formats they have. It is pure Go:
// only package tokenizer, which reads that one file, needs the tokenizer library.
//
//	f, err := files.Read(func(name string) ([]byte, error) { … }) // nil for a file that is not there
//	t, err := tokenizer.Open(f)
package files

import (
	"encoding/json"
	"fmt"
	"slices"

	"videoqa/internal/fault"
	"videoqa/internal/hfjson"
)

// The files by their names.
const (
	definitionFile = "tokenizer.json" // wins over all other formats
	vocabFile      = "vocab.txt"      // BERT's WordPiece
	bpeFile        = "vocab.json"     // byte-level BPE of GPT-2 and OPT, together with the next
	mergesFile     = "merges.txt"
	pieceFile      = "spiece.model" // T5's Unigram in SentencePiece's own format, which is not read
	configFile     = "tokenizer_config.json"
	specialsFile   = "special_tokens_map.json"
	addedFile      = "added_tokens.json"
)

// Names lists the files that Read asks for and uses.
func Names() []string {
	return []string{configFile, specialsFile, addedFile, definitionFile, vocabFile, bpeFile, mergesFile}
}

// Enough returns an error with what to do unless a tokenizer can be read from the files
// that are there.
func Enough(there func(name string) bool) error {
	switch {
	case there(definitionFile), there(vocabFile), there(bpeFile) && there(mergesFile):
		return nil
	case there(pieceFile):
		return fmt.Errorf("%s alone is not read; make %s of it with transformers: %s", pieceFile, definitionFile, conversion)
	}
	return fmt.Errorf("there is no tokenizer: neither %s, nor %s, nor %s with %s", definitionFile, vocabFile, bpeFile, mergesFile)
}

// conversion makes tokenizer.json of spiece.model, as transformers loads it.
const conversion = `pip install transformers sentencepiece protobuf, then python3 -c "from transformers import T5TokenizerFast; T5TokenizerFast.from_pretrained('FOLDER').save_pretrained('FOLDER')"`

// Files are a tokenizer's files. Of JSON, Vocab and BPE at most one is there.
type Files struct {
	JSON  []byte // tokenizer.json
	Vocab []byte // vocab.txt
	Lower bool   // with Vocab: text is put into lower case and loses its accents first
	BPE   *BPE   // vocab.json with merges.txt

	// Clean reports whether decoded text loses the spaces that English does not have. nil:
	// tokenizer_config.json does not say, and the tokenizer's decoder decides.
	Clean *bool
	// Special lists tokens that the settings call special. Those that tokenizer.json
	// calls special by itself need not be among them.
	Special []string
}

// None reports whether no file has a tokenizer.
func (f Files) None() bool { return f.JSON == nil && f.Vocab == nil && f.BPE == nil }

// Read picks the tokenizer's files. read returns a file's content, or nil if there is
// no such file. A checkpoint without any has no error: a model can be run on ids.
//
// It returns [fault.BadModel] with the file and the field if the settings contradict
// the tokenizer or ask for what is not built in, and if spiece.model is all there is.
func Read(read func(name string) ([]byte, error)) (Files, error) {
	all := map[string][]byte{}
	for _, name := range append(Names(), pieceFile) {
		data, err := read(name)
		if err != nil {
			return Files{}, err
		}
		all[name] = data
	}
	f, err := pick(all)
	if err != nil {
		return Files{}, err
	}
	if f.None() {
		return f, nil
	}
	var special []string
	if f.Clean, special, err = readSettings(all); err != nil {
		return Files{}, err
	}
	f.Special, err = f.more(special)
	return f, err
}

// more picks those of tokens that the tokenizer has and does not call special itself.
func (f Files) more(tokens []string) ([]string, error) {
	data, err := f.Definition()
	if err != nil {
		return nil, err
	}
	var definition struct {
		AddedTokens []added `json:"added_tokens"`
		Model       struct{ Vocab json.RawMessage }
	}
	if err := json.Unmarshal(data, &definition); err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", definitionFile, err, fault.BadModel)
	}
	there := func(token string) bool {
		return slices.ContainsFunc(definition.AddedTokens, func(a added) bool { return a.Content == token })
	}
	special := func(token string) bool {
		return slices.ContainsFunc(definition.AddedTokens, func(a added) bool { return a.Content == token && a.Special })
	}
	slices.Sort(tokens)
	tokens = slices.DeleteFunc(slices.Compact(tokens), special)
	if len(tokens) == 0 {
		return nil, nil
	}
	vocab := tokensOf(definition.Model.Vocab)
	return slices.DeleteFunc(tokens, func(token string) bool { return !vocab[token] && !there(token) }), nil
}

// tokensOf is the set of tokens of a vocabulary: an object of ids, or Unigram's list of
// tokens with their scores.
func tokensOf(vocab json.RawMessage) map[string]bool {
	tokens := map[string]bool{}
	var ids map[string]int64
	var pieces [][]any
	if json.Unmarshal(vocab, &ids) == nil {
		for token := range ids {
			tokens[token] = true
		}
	} else if json.Unmarshal(vocab, &pieces) == nil {
		for _, piece := range pieces {
			if token, ok := slices.Concat(piece, []any{nil})[0].(string); ok {
				tokens[token] = true
			}
		}
	}
	return tokens
}

// pick reads the tokenizer in the first format that is there.
func pick(all map[string][]byte) (f Files, err error) {
	there := func(name string) bool { return all[name] != nil }
	switch {
	case there(definitionFile):
		return Files{JSON: all[definitionFile]}, agree(all[definitionFile], all[configFile])
	case there(vocabFile):
		lower, err := readLower(all)
		return Files{Vocab: all[vocabFile], Lower: lower}, err
	case there(bpeFile) && there(mergesFile):
		f.BPE, err = readBPE(all)
		return f, err
	case there(pieceFile):
		return Files{}, fmt.Errorf("%w: %w", Enough(there), fault.BadModel)
	}
	return Files{}, nil
}

// readSettings reads what tokenizer_config.json and special_tokens_map.json say of any
// tokenizer: clean_up_tokenization_spaces, and which tokens are special.
func readSettings(all map[string][]byte) (clean *bool, special []string, err error) {
	for _, name := range []string{configFile, specialsFile} {
		if all[name] == nil {
			continue
		}
		o, err := hfjson.Parse(all[name])
		if err != nil {
			return nil, nil, fmt.Errorf("read %s: %w: %w", name, err, fault.BadModel)
		}
		if o.Has("clean_up_tokenization_spaces") {
			value := o.Boolean("clean_up_tokenization_spaces", false)
			clean = &value
		}
		special = append(special, specialTokens(o)...)
		if o.Err() != nil {
			return nil, nil, fmt.Errorf("read %s: %w: %w", name, o.Err(), fault.BadModel)
		}
	}
	return clean, special, nil
}

// specialTokens lists the tokens that settings name by their use, or mark as special.
func specialTokens(o *hfjson.Object) []string {
	var special []string
	for _, key := range []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"} {
		if token := o.Token(key, ""); token != "" {
			special = append(special, token)
		}
	}
	special = append(special, o.Tokens("additional_special_tokens")...)
	for _, a := range addedTokens(o) {
		if a.Special {
			special = append(special, a.Content)
		}
	}
	return special
}

// Definition makes the tokenizer.json, for [videoqa/internal/tokenizer.New]. It returns
// [fault.BadModel] with what is wrong in the file that it is made of, or if there is none.
func (f Files) Definition() ([]byte, error) {
	switch {
	case f.JSON != nil:
		return f.JSON, nil
	case f.Vocab != nil:
		return FromVocab(f.Vocab, f.Lower)
	case f.BPE != nil:
		return f.BPE.definition()
	}
	return nil, fmt.Errorf("%w: %w", Enough(func(string) bool { return false }), fault.BadModel)
}

// Digested lists what of the files decides how text becomes ids and back. A model's
// digest is made of it, so what it lists for one tokenizer must never change.
func (f Files) Digested() [][]byte {
	parts := [][]byte{f.JSON, f.Vocab, fmt.Appendf(nil, "lower %v", f.Lower)}
	if f.BPE != nil {
		parts = append(parts, f.BPE.Vocab, f.BPE.Merges, f.BPE.rules())
	}
	for _, token := range f.Special {
		parts = append(parts, []byte("special "+token))
	}
	// Cleaning was not a matter of the files once: only what differs from that counts.
	if f.Clean != nil && *f.Clean != f.cleans() {
		parts = append(parts, fmt.Appendf(nil, "clean %v", *f.Clean))
	}
	return parts
}

// cleans reports whether text is cleaned where the settings do not say: it is if the
// decoder is WordPiece's, and cleans.
func (f Files) cleans() bool {
	if f.JSON == nil {
		return f.Vocab != nil
	}
	var definition struct {
		Decoder struct {
			Type    string
			Cleanup bool
		}
	}
	return json.Unmarshal(f.JSON, &definition) == nil && definition.Decoder.Type == "WordPiece" && definition.Decoder.Cleanup
}

// Cleans reports whether decoded text loses the spaces that English does not have:
// as tokenizer_config.json says, else as the tokenizer's decoder does with each piece.
func (f Files) Cleans() bool {
	if f.Clean != nil {
		return *f.Clean
	}
	return f.cleans()
}
