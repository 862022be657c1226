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
