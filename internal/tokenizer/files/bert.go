package files

import (
	"encoding/json"
	"fmt"
	"reflect"

	"videoqa/internal/fault"
	"videoqa/internal/hfjson"
)

// agree checks that tokenizer_config.json, if there is one, does not contradict the
// BertNormalizer or the ByteLevel pre-tokenizer of tokenizer.json. The tokenizers of
// Python would then change the tokenizer without a word; which of the two the model was
// trained with cannot be told from the files.
func agree(definition, config []byte) error {
	var t struct {
		Normalizer   map[string]any
		PreTokenizer map[string]any `json:"pre_tokenizer"`
	}
	if err := json.Unmarshal(definition, &t); err != nil {
		return fmt.Errorf("read %s: %w: %w", definitionFile, err, fault.BadModel)
	}
	if config == nil {
		return nil
	}
	var said map[string]any
	if err := json.Unmarshal(config, &said); err != nil {
		return fmt.Errorf("read %s: %w: %w", configFile, err, fault.BadModel)
	}
	for _, same := range []struct {
		in              map[string]any
		kind            string
		config, defined string
	}{
		{t.Normalizer, "BertNormalizer", "do_lower_case", "lowercase"},
		{t.Normalizer, "BertNormalizer", "strip_accents", "strip_accents"},
		{t.Normalizer, "BertNormalizer", "tokenize_chinese_chars", "handle_chinese_chars"},
		{t.PreTokenizer, "ByteLevel", "add_prefix_space", "add_prefix_space"},
	} {
		value, given := said[same.config]
		done, known := same.in[same.defined]
		if same.in["type"] == same.kind && given && known && !reflect.DeepEqual(value, done) {
			return fmt.Errorf("%s's %s is %v, but %s's %s is %v: %w", configFile, same.config, value, definitionFile, same.defined, done, fault.BadModel)
		}
	}
	return nil
}

// readLower reads what the settings say about a vocab.txt: whether to use lower case,
// which is BertTokenizer's default, and nothing else, since every other setting must
// have BERT's value.
func readLower(all map[string][]byte) (bool, error) {
	lower := true
	for _, name := range []string{configFile, specialsFile} {
		if all[name] == nil {
			continue
		}
		o, err := hfjson.Parse(all[name])
		if err != nil {
			return false, fmt.Errorf("read %s: %w: %w", name, err, fault.BadModel)
		}
		lower = o.Boolean("do_lower_case", lower)
		checkBERT(o, lower)
		if o.Err() != nil {
			return false, fmt.Errorf("read %s: %w: %w", name, o.Err(), fault.BadModel)
		}
	}
	return lower, nil
}

// checkBERT fails unless the tokenizer's settings are those of BertTokenizer, which a
// vocab.txt alone stands for.
func checkBERT(o *hfjson.Object, lower bool) {
	for _, special := range []struct{ key, want string }{
		{"unk_token", "[UNK]"}, {"sep_token", "[SEP]"}, {"pad_token", "[PAD]"}, {"cls_token", "[CLS]"}, {"mask_token", "[MASK]"},
	} {
		if got := o.Token(special.key, special.want); got != special.want {
			o.Fail(special.key, "%q needs a tokenizer.json; beside vocab.txt only %s is known", got, special.want)
		}
	}
	for _, key := range []string{"do_basic_tokenize", "tokenize_chinese_chars"} {
		if !o.Boolean(key, true) {
			o.Fail(key, "false needs a tokenizer.json")
		}
	}
	if o.Has("strip_accents") && o.Boolean("strip_accents", lower) != lower {
		o.Fail("strip_accents", "a value other than do_lower_case's needs a tokenizer.json")
	}
}
