package tokenizer

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// An addedToken is an entry of added_tokens: a token that the library looks for in a
// text before it divides it, and for a special one, leaves out of decoded text.
type addedToken struct {
	ID         int64  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// readAdded puts in the list of added tokens, most of which are in the vocabulary
// already. One that is not gets its id from the library, which counts on from the
// vocabulary: the file has to have the same.
func (d *definition) readAdded() error {
	if len(d.parts["added_tokens"]) == 0 {
		return nil
	}
	if err := json.Unmarshal(d.parts["added_tokens"], &d.added); err != nil {
		return fmt.Errorf("added_tokens: %w", err)
	}
	size, last := int64(len(d.ids)), int64(-1)
	for _, a := range d.added {
		known := d.knows(a.Content)
		if err := d.add(a.Content, a.ID); err != nil {
			return fmt.Errorf("added_tokens: %w", err)
		}
		if next := max(size, last+1); a.ID != next && !known {
			return fmt.Errorf("added_tokens: token %q has the id %d, where the vocabulary goes on with %d", a.Content, a.ID, next)
		}
		last = max(last, a.ID)
		if a.Special {
			d.special[a.ID] = true
		}
	}
	return nil
}

func (d *definition) knows(token string) bool {
	_, ok := d.ids[token]
	return ok
}

// addSpecial makes tokens of the vocabulary special that the file does not call so.
func (d *definition) addSpecial(tokens []string) {
	for _, token := range tokens {
		id, ok := d.ids[token]
		if !ok || d.special[id] {
			continue
		}
		d.special[id] = true
		d.added = append(d.added, addedToken{ID: id, Content: token, Special: true})
	}
}

// checkSpecial refuses a special token that is one of the bytes that a byte-level BPE
// spells everything with: a text could not be told from it.
func (d *definition) checkSpecial() error {
	for id := range d.special {
		if d.kind == "BPE" && utf8.RuneCountInString(d.tokens[id]) == 1 {
			return fmt.Errorf("the special token %q is a byte that texts are spelt with", d.tokens[id])
		}
	}
	return nil
}
