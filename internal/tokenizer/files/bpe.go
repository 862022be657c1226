package files

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"videoqa/internal/fault"
	"videoqa/internal/hfjson"
)

// A BPE is a byte-level BPE in the two files that OPT is released with, under the rules
// of transformers' GPT2Tokenizer. What tokenizer_config.json leaves out has the value
// that every released OPT has there.
type BPE struct {
	Vocab  []byte // vocab.json: the id of each token
	Merges []byte // merges.txt: a pair of tokens a line, the first joined first

	BOS         string // "</s>", put before each text if AddBOS
	AddBOS      bool
	PrefixSpace bool    // a text begins as a word inside a text does
	Added       []added // special and other tokens around the vocabulary
}

// An added token is an entry of added_tokens.
type added struct {
	ID         int64  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// readBPE reads the settings around vocab.json and merges.txt.
func readBPE(all map[string][]byte) (*BPE, error) {
	b := &BPE{Vocab: all[bpeFile], Merges: all[mergesFile], BOS: "</s>", AddBOS: true}
	var ids map[string]int64
	if err := json.Unmarshal(b.Vocab, &ids); err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", bpeFile, err, fault.BadModel)
	}
	named := map[string]string{"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>"}
	explicit := map[string]bool{}
	for _, name := range []string{configFile, specialsFile} {
		if all[name] == nil {
			continue
		}
		o, err := hfjson.Parse(all[name])
		if err != nil {
			return nil, fmt.Errorf("read %s: %w: %w", name, err, fault.BadModel)
		}
		for key := range named {
			named[key], explicit[key] = o.Token(key, named[key]), explicit[key] || o.Has(key)
		}
		b.AddBOS = o.Boolean("add_bos_token", b.AddBOS)
		b.PrefixSpace = o.Boolean("add_prefix_space", b.PrefixSpace)
		b.Added = append(b.Added, addedTokens(o)...)
		if o.Err() != nil {
			return nil, fmt.Errorf("read %s: %w: %w", name, o.Err(), fault.BadModel)
		}
	}
	if err := b.readAdded(all[addedFile]); err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", addedFile, err, fault.BadModel)
	}
	b.BOS = named["bos_token"]
	for _, key := range []string{"bos_token", "eos_token", "unk_token", "pad_token"} {
		if err := b.addSpecial(named[key], ids); err != nil && (explicit[key] || key == "bos_token" && b.AddBOS) {
			return nil, fmt.Errorf("read %s: %s: %w: %w", configFile, key, err, fault.BadModel)
		}
	}
	slices.SortFunc(b.Added, func(x, y added) int { return cmp.Compare(x.ID, y.ID) })
	return b, nil
}

// addedTokens reads added_tokens_decoder: added tokens by id.
func addedTokens(o *hfjson.Object) []added {
	if !o.Has("added_tokens_decoder") {
		return nil
	}
	var list []added
	tokens := o.Object("added_tokens_decoder")
	for _, key := range tokens.Keys() {
		var a added
		if tokens.Decode(key, "an added token", &a) {
			if _, err := fmt.Sscanf(key, "%d", &a.ID); err != nil || a.Content == "" {
				tokens.Fail(key, "is not an id with the content of its token")
			}
			list = append(list, a)
		}
	}
	o.Absorb("added_tokens_decoder.", tokens)
	return list
}

// readAdded reads added_tokens.json, the ids of added tokens in folders of older
// versions, which have no added_tokens_decoder.
func (b *BPE) readAdded(data []byte) error {
	if data == nil || len(b.Added) > 0 {
		return nil
	}
	o, err := hfjson.Parse(data)
	if err != nil {
		return err
	}
	for _, token := range o.Keys() {
		b.Added = append(b.Added, added{ID: int64(o.Integer(token, 0)), Content: token, Normalized: true})
	}
	return o.Err()
}

// addSpecial makes token special. It returns an error if the token has no id.
func (b *BPE) addSpecial(token string, ids map[string]int64) error {
	if i := slices.IndexFunc(b.Added, func(a added) bool { return a.Content == token }); i >= 0 {
		b.Added[i].Special = true
		return nil
	}
	id, ok := ids[token]
	if !ok {
		return fmt.Errorf("%q has no id in %s", token, bpeFile)
	}
	b.Added = append(b.Added, added{ID: id, Content: token, Special: true})
	return nil
}

// rules are the settings as part of a digest.
func (b *BPE) rules() []byte {
	rules, err := json.Marshal(struct {
		BOS                 string
		AddBOS, PrefixSpace bool
		Added               []added
	}{b.BOS, b.AddBOS, b.PrefixSpace, b.Added})
	if err != nil {
		panic(fmt.Sprintf("files: marshal rules: %v", err)) // texts and numbers only
	}
	return rules
}

// definition is the tokenizer.json that transformers makes of the two files
// (GPT2Converter of convert_slow_tokenizer.py).
func (b *BPE) definition() ([]byte, error) {
	merges, err := readMerges(b.Merges)
	if err != nil {
		return nil, fmt.Errorf("files: read %s: %w: %w", mergesFile, err, fault.BadModel)
	}
	type object = map[string]any
	var around any
	if b.AddBOS {
		i := slices.IndexFunc(b.Added, func(a added) bool { return a.Content == b.BOS })
		first, text := object{"SpecialToken": object{"id": b.BOS, "type_id": 0}}, object{"Sequence": object{"id": "A", "type_id": 0}}
		around = object{
			"type": "TemplateProcessing", "single": []any{first, text},
			"pair":           []any{first, text, object{"Sequence": object{"id": "B", "type_id": 1}}},
			"special_tokens": object{b.BOS: object{"id": b.BOS, "ids": []int64{b.Added[i].ID}, "tokens": []string{b.BOS}}},
		}
	}
	made, err := json.Marshal(object{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": b.Added,
		"normalizer":     nil,
		"pre_tokenizer":  object{"type": "ByteLevel", "add_prefix_space": b.PrefixSpace, "trim_offsets": true, "use_regex": true},
		"post_processor": around,
		"decoder":        object{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
		"model": object{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": "", "end_of_word_suffix": "",
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": json.RawMessage(b.Vocab), "merges": merges,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("files: write tokenizer: %w", err)
	}
	return made, nil
}

// readMerges reads merges.txt as GPT2Tokenizer does: without its first line, which is a
// comment, and without what follows its last line feed; of equal pairs the first counts.
func readMerges(data []byte) ([][2]string, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	merges, seen := [][2]string{}, map[[2]string]bool{}
	for i, line := range lines[:len(lines)-1] {
		if i == 0 {
			continue
		}
		parts := strings.Fields(line)
		if len(parts) != 2 {
			return nil, fmt.Errorf("line %d has %d tokens, not two", i+1, len(parts))
		}
		if pair := [2]string(parts); !seen[pair] {
			seen[pair] = true
			merges = append(merges, pair)
		}
	}
	return merges, nil
}
