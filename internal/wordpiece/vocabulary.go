package wordpiece

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// A vocabulary is every token with its id, the added ones included.
type vocabulary struct {
	ids     map[string]int64
	tokens  map[int64]string
	unknown int64 // the id of what a word becomes that no pieces make up
}

// ID gives the id of a token as the vocabulary spells it: "[CLS]", "##ing".
func (v *vocabulary) ID(token string) (int64, bool) {
	id, ok := v.ids[token]
	return id, ok
}

// Token gives the token of an id as the vocabulary spells it.
func (v *vocabulary) Token(id int64) (string, bool) {
	token, ok := v.tokens[id]
	return token, ok
}

// Unknown gives the id of the unknown token.
func (v *vocabulary) Unknown() int64 { return v.unknown }

// Size gives the number of ids that a model needs to have logits for: the highest
// id and one.
func (v *vocabulary) Size() int {
	size := int64(0)
	for id := range v.tokens {
		size = max(size, id+1)
	}
	return int(size)
}

// add puts a token in, unless it or its id is taken by another.
func (v *vocabulary) add(token string, id int64) error {
	if id < 0 || id > math.MaxInt32 {
		return fmt.Errorf("token %q has the id %d", token, id)
	}
	if other, taken := v.tokens[id]; taken && other != token {
		return fmt.Errorf("tokens %q and %q share the id %d", other, token, id)
	}
	if other, taken := v.ids[token]; taken && other != id {
		return fmt.Errorf("token %q has the ids %d and %d", token, other, id)
	}
	v.ids[token], v.tokens[id] = id, token
	return nil
}

// model is the part of a tokenizer.json that says how words become pieces.
type model struct {
	Type    string           `json:"type"` // absent in some old files
	Unknown string           `json:"unk_token"`
	Prefix  *string          `json:"continuing_subword_prefix"` // which only WordPiece has
	Vocab   map[string]int64 `json:"vocab"`
}

// readDefinition takes the vocabulary out of a tokenizer.json and returns the
// file without its truncation and padding.
func readDefinition(tokenizerJSON []byte) (vocabulary, []byte, error) {
	if bytes.Contains(tokenizerJSON, []byte(`\u0000`)) { // the library dies of one in its error message
		return vocabulary{}, nil, errors.New("it spells out a NUL")
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(tokenizerJSON, &parts); err != nil {
		return vocabulary{}, nil, fmt.Errorf("not a tokenizer.json: %w", err)
	}
	var pieces model
	if err := json.Unmarshal(parts["model"], &pieces); err != nil {
		return vocabulary{}, nil, fmt.Errorf("not a WordPiece tokenizer: type %q: %w", pieces.Type, err)
	}
	v, err := pieces.vocabulary()
	if err != nil {
		return vocabulary{}, nil, err
	}
	if err := v.addAll(parts["added_tokens"]); err != nil {
		return vocabulary{}, nil, err
	}
	parts["truncation"], parts["padding"] = json.RawMessage("null"), json.RawMessage("null")
	cleaned, err := json.Marshal(parts)
	return v, cleaned, err
}

// vocabulary checks m and turns its words round.
func (m model) vocabulary() (vocabulary, error) {
	switch {
	case m.Type != "WordPiece" && (m.Type != "" || m.Prefix == nil):
		return vocabulary{}, fmt.Errorf("not a WordPiece tokenizer: type %q", m.Type)
	case len(m.Vocab) == 0:
		return vocabulary{}, errors.New("the vocabulary is empty")
	}
	v := vocabulary{ids: make(map[string]int64, len(m.Vocab)), tokens: make(map[int64]string, len(m.Vocab))}
	for token, id := range m.Vocab {
		if err := v.add(token, id); err != nil {
			return vocabulary{}, err
		}
	}
	unknown, ok := v.ids[m.Unknown]
	if !ok {
		return vocabulary{}, fmt.Errorf("the vocabulary lacks its unknown token %q", m.Unknown)
	}
	v.unknown = unknown
	return v, nil
}

// addAll puts in the list of added tokens, most of which are in the vocabulary already.
func (v *vocabulary) addAll(list json.RawMessage) error {
	var added []struct {
		ID      int64  `json:"id"`
		Content string `json:"content"`
	}
	if len(list) > 0 {
		if err := json.Unmarshal(list, &added); err != nil {
			return fmt.Errorf("added_tokens: %w", err)
		}
	}
	for _, a := range added {
		if err := v.add(a.Content, a.ID); err != nil {
			return fmt.Errorf("added_tokens: %w", err)
		}
	}
	return nil
}
