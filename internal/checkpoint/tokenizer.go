package checkpoint

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"reflect"

	"videoqa/internal/fault"
)

// A Tokenizer is the tokenizer's files, unread: this package knows no tokenizer,
// so that it needs no C. One of JSON and Vocab is there, or neither: a model can
// be run on ids without a tokenizer, but nobody can ask it anything.
type Tokenizer struct {
	JSON  []byte // tokenizer.json, which wins over vocab.txt
	Vocab []byte // vocab.txt of BERT's WordPiece, if there is no tokenizer.json
	Lower bool   // with Vocab: text is put into lower case and loses its accents first
}

// readTokenizer fills in c.Tokenizer.
func (c *Checkpoint) readTokenizer(fsys fs.FS) error {
	whole, err := readOptional(fsys, "tokenizer.json")
	if err != nil {
		return err
	}
	if whole != nil {
		c.Tokenizer = Tokenizer{JSON: whole}
		return agree(fsys, whole)
	}
	vocab, err := readOptional(fsys, "vocab.txt")
	if err != nil {
		return err
	}
	if vocab == nil {
		return nil
	}
	lower, err := readLower(fsys)
	c.Tokenizer = Tokenizer{Vocab: vocab, Lower: lower}
	return err
}

// agree checks that tokenizer_config.json, if there is one, does not contradict
// the BertNormalizer of tokenizer.json. Python's BertTokenizerFast would then
// change the normalizer without a word; which of the two the model was trained
// with cannot be told from the files.
func agree(fsys fs.FS, whole []byte) error {
	var t struct {
		Normalizer map[string]any
	}
	if err := json.Unmarshal(whole, &t); err != nil {
		return fmt.Errorf("read tokenizer.json: %w: %w", err, fault.BadModel)
	}
	data, err := readOptional(fsys, "tokenizer_config.json")
	if err != nil || data == nil || t.Normalizer["type"] != "BertNormalizer" {
		return err
	}
	var config map[string]any
	if err := json.Unmarshal(data, &config); err != nil {
		return fmt.Errorf("read tokenizer_config.json: %w: %w", err, fault.BadModel)
	}
	for _, same := range []struct{ config, normalizer string }{
		{"do_lower_case", "lowercase"}, {"strip_accents", "strip_accents"}, {"tokenize_chinese_chars", "handle_chinese_chars"},
	} {
		said, given := config[same.config]
		done, known := t.Normalizer[same.normalizer]
		if given && known && !reflect.DeepEqual(said, done) {
			return fmt.Errorf("tokenizer_config.json's %s is %v, but tokenizer.json's %s is %v: %w", same.config, said, same.normalizer, done, fault.BadModel)
		}
	}
	return nil
}

// readLower reads what tokenizer_config.json says about a vocab.txt: whether to
// use lower case, which is BertTokenizer's default, and nothing else, since every
// other setting must have BERT's value.
func readLower(fsys fs.FS) (bool, error) {
	lower := true
	for _, name := range []string{"tokenizer_config.json", "special_tokens_map.json"} {
		data, err := readOptional(fsys, name)
		if err != nil {
			return false, err
		}
		if data == nil {
			continue
		}
		f, err := parseFields(data)
		if err != nil {
			return false, fmt.Errorf("read %s: %w: %w", name, err, fault.BadModel)
		}
		lower = f.boolean("do_lower_case", lower)
		f.bert(lower)
		if f.err() != nil {
			return false, fmt.Errorf("read %s: %w: %w", name, f.err(), fault.BadModel)
		}
	}
	return lower, nil
}

// bert fails unless the tokenizer's settings are those of BertTokenizer, which a
// vocab.txt alone stands for.
func (f *fields) bert(lower bool) {
	for key, want := range map[string]string{
		"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
	} {
		if got := f.token(key, want); got != want {
			f.fail(key, "%q needs a tokenizer.json; beside vocab.txt only %s is known", got, want)
		}
	}
	for _, key := range []string{"do_basic_tokenize", "tokenize_chinese_chars"} {
		if !f.boolean(key, true) {
			f.fail(key, "false needs a tokenizer.json")
		}
	}
	if !f.absent("strip_accents") && f.boolean("strip_accents", lower) != lower {
		f.fail("strip_accents", "a value other than do_lower_case's needs a tokenizer.json")
	}
}

// token reads a special token: a text, or an object with the text as content.
func (f *fields) token(key, otherwise string) string {
	var s string
	if f.absent(key) {
		return otherwise
	}
	if json.Unmarshal(f.raw[key], &s) == nil {
		return s
	}
	inner := f.object(key)
	defer f.absorb(key+".", inner)
	return inner.text("content", otherwise)
}
