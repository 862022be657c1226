package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// A definition is a tokenizer.json taken apart, as far as this package has to know it.
type definition struct {
	vocabulary
	parts map[string]json.RawMessage // of the file
	model map[string]json.RawMessage // of its part "model"
	kind  string                     // "WordPiece", "BPE" or "Unigram"
	added []addedToken
}

// spelledNUL finds a NUL in the text of a JSON file.
var spelledNUL = regexp.MustCompile(`(^|[^\\])(\\\\)*\\u0000`)

// readDefinition takes the vocabulary out of a tokenizer.json and checks that it is of a
// kind that is known. special are tokens that are special although the file does not
// say so.
func readDefinition(file []byte, special []string) (*definition, error) {
	if spelledNUL.Match(file) { // the library dies of one in its error message
		return nil, errors.New("it spells out a NUL")
	}
	d := &definition{vocabulary: newVocabulary()}
	if err := json.Unmarshal(file, &d.parts); err != nil {
		return nil, fmt.Errorf("not a tokenizer.json: %w", err)
	}
	for _, step := range []func() error{d.readKind, d.readVocab, d.readUnknown, d.readAdded} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	d.addSpecial(special)
	return d, d.checkSpecial()
}

// readKind finds the kind of the tokenizer, which old files do not name, and checks that
// text is divided as that kind does it.
func (d *definition) readKind() error {
	if err := json.Unmarshal(d.parts["model"], &d.model); err != nil || d.model == nil {
		return errors.New("not a tokenizer: there is no model")
	}
	if raw, named := d.model["type"]; named {
		if err := json.Unmarshal(raw, &d.kind); err != nil {
			return fmt.Errorf("model.type: %w", err)
		}
	} else {
		d.kind = d.guessKind()
	}
	switch {
	case !slices.Contains([]string{"WordPiece", "BPE", "Unigram"}, d.kind):
		return fmt.Errorf("model.type %q is not supported, only WordPiece, BPE and Unigram", d.kind)
	case d.kind == "BPE" && !d.has("pre_tokenizer", "ByteLevel"):
		return errors.New("a BPE without the pre_tokenizer ByteLevel is not supported, only byte-level BPE")
	case d.kind == "Unigram" && !d.has("pre_tokenizer", "Metaspace"):
		return errors.New("a Unigram without the pre_tokenizer Metaspace is not supported")
	}
	return nil
}

func (d *definition) guessKind() string {
	switch {
	case d.model["merges"] != nil:
		return "BPE"
	case d.model["continuing_subword_prefix"] != nil:
		return "WordPiece"
	case bytes.HasPrefix(bytes.TrimSpace(d.model["vocab"]), []byte("[")):
		return "Unigram"
	}
	return ""
}

// has reports whether a part is of that type, or a sequence with one of that type.
func (d *definition) has(part, kind string) bool {
	type one struct{ Type string }
	var p struct {
		Type          string
		PreTokenizers []one
	}
	_ = json.Unmarshal(d.parts[part], &p) // the library reads it again, and has the better error
	return p.Type == kind || slices.Contains(p.PreTokenizers, one{kind})
}

// readVocab puts the model's vocabulary in: ids by token, or Unigram's list of tokens
// with their scores, in the order of their ids.
func (d *definition) readVocab() error {
	if d.kind == "Unigram" {
		pieces, err := d.pieces()
		if err != nil {
			return err
		}
		for id, p := range pieces {
			if err := d.add(p.token, int64(id)); err != nil {
				return err
			}
		}
	} else {
		var ids map[string]int64
		if err := json.Unmarshal(d.model["vocab"], &ids); err != nil {
			return fmt.Errorf("model.vocab: %w", err)
		}
		for token, id := range ids {
			if err := d.add(token, id); err != nil {
				return err
			}
		}
	}
	if len(d.ids) == 0 {
		return errors.New("the vocabulary is empty")
	}
	return nil
}

// A piece is a token of a Unigram with its score, which is kept as it is written.
type piece struct {
	token string
	score json.RawMessage
}

func (p piece) MarshalJSON() ([]byte, error) { return json.Marshal([]any{p.token, p.score}) }

func (d *definition) pieces() ([]piece, error) {
	var list [][]json.RawMessage
	if err := json.Unmarshal(d.model["vocab"], &list); err != nil {
		return nil, fmt.Errorf("model.vocab: %w", err)
	}
	pieces := make([]piece, len(list))
	for i, pair := range list {
		if len(pair) != 2 || json.Unmarshal(pair[0], &pieces[i].token) != nil {
			return nil, fmt.Errorf("model.vocab: entry %d is not a token with its score", i)
		}
		pieces[i].score = pair[1]
	}
	return pieces, nil
}

// readUnknown finds the token for what the vocabulary cannot spell. A byte-level BPE
// needs none, because it can spell every byte.
func (d *definition) readUnknown() error {
	d.unknown = -1
	if d.kind == "Unigram" {
		var id *int64
		if json.Unmarshal(d.model["unk_id"], &id) != nil || id == nil || d.tokens[*id] == "" {
			return errors.New("model.unk_id names no token of the vocabulary")
		}
		d.unknown = *id
		return nil
	}
	var token *string
	if raw := d.model["unk_token"]; raw != nil {
		if err := json.Unmarshal(raw, &token); err != nil {
			return fmt.Errorf("model.unk_token: %w", err)
		}
	}
	if token == nil && d.kind == "BPE" {
		return nil
	}
	if token == nil {
		token = new(string)
	}
	id, ok := d.ids[*token]
	if !ok {
		return fmt.Errorf("the vocabulary lacks its unknown token %q", *token)
	}
	d.unknown = id
	return nil
}

// prepare makes the tokenizer.json for the library: without truncation, padding and
// dropout, with NULs escaped, and with names for the special tokens that no text can spell.
func (d *definition) prepare() ([]byte, error) {
	if err := d.rename(); err != nil {
		return nil, err
	}
	if d.kind == "BPE" {
		d.model["dropout"] = json.RawMessage("null")
	}
	file := map[string]any{
		"version": d.part("version"), "truncation": nil, "padding": nil, "added_tokens": append([]addedToken{}, d.added...), "model": d.model,
		"normalizer": unescaping(d.part("normalizer")), "pre_tokenizer": d.part("pre_tokenizer"),
		"post_processor": d.part("post_processor"), "decoder": nil,
	}
	if decoder := d.part("decoder"); decoder != nil {
		file["decoder"] = escaping(decoder)
	}
	if file["version"] == nil {
		file["version"] = "1.0"
	}
	return json.Marshal(file)
}

// part is a part of the file, nil if it is left out or null.
func (d *definition) part(name string) any {
	raw := bytes.TrimSpace(d.parts[name])
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	return d.parts[name]
}

// unspellable is the name that the library gets for a special token. It has spaces, and
// a pre-tokenizer of each kind either divides text at spaces or replaces them, so that no
// text that reaches the vocabulary has one. Encode checks it all the same.
func unspellable(id int64) string { return fmt.Sprintf("special token %d", id) }

// rename gives the special tokens their unspellable names wherever the file names them.
// Without that the library would find them in a text that spells them, since they are in
// the vocabulary, where it divides text so that they are whole: Unigram does.
func (d *definition) rename() error {
	name := func(token string) string {
		if id, ok := d.ids[token]; ok && d.special[id] {
			return unspellable(id)
		}
		return token
	}
	vocab, err := d.renamedVocab(name)
	if err != nil {
		return err
	}
	if d.model["vocab"], err = json.Marshal(vocab); err != nil {
		return err
	}
	if d.kind != "Unigram" && d.unknown >= 0 {
		if d.model["unk_token"], err = json.Marshal(name(d.tokens[d.unknown])); err != nil {
			return err
		}
	}
	for i, a := range d.added {
		d.added[i].Content, d.added[i].Special = name(a.Content), d.special[a.ID]
	}
	return err
}

func (d *definition) renamedVocab(name func(string) string) (any, error) {
	if d.kind == "Unigram" {
		pieces, err := d.pieces()
		for i := range pieces {
			pieces[i].token = name(pieces[i].token)
		}
		return pieces, err
	}
	var ids map[string]int64
	if err := json.Unmarshal(d.model["vocab"], &ids); err != nil {
		return nil, err
	}
	renamed := make(map[string]int64, len(ids))
	for token, id := range ids {
		renamed[name(token)] = id
	}
	return renamed, nil
}
