package tokenizer

import (
	"fmt"
	"math"
)

// A vocabulary is every token with its id, the added ones included.
type vocabulary struct {
	ids     map[string]int64
	tokens  map[int64]string
	special map[int64]bool // what decoding leaves out and no text may become
	unknown int64          // the id of what no pieces make up; -1 if every text has pieces
}

func newVocabulary() vocabulary {
	return vocabulary{ids: map[string]int64{}, tokens: map[int64]string{}, special: map[int64]bool{}}
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

// Unknown gives the id of the unknown token, -1 if there is none.
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
