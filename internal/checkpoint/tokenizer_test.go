package checkpoint_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
)

// with returns the made checkpoint in memory, with files added, or taken away
// where the content is empty.
func with(t *testing.T, files map[string]string) fstest.MapFS {
	t.Helper()
	folder := os.DirFS(filepath.Join(made, "safetensors"))
	m := fstest.MapFS{}
	for _, name := range []string{"config.json", "generation_config.json", "model.safetensors", "vocab.txt"} {
		data, err := fs.ReadFile(folder, name)
		if err != nil {
			t.Fatal(err)
		}
		m[name] = &fstest.MapFile{Data: data}
	}
	for name, content := range files {
		m[name] = &fstest.MapFile{Data: []byte(content)}
		if content == "" {
			delete(m, name)
		}
	}
	return m
}

func TestTheTokenizersFiles(t *testing.T) {
	for _, tc := range []struct {
		name  string
		files map[string]string
		json  bool
		vocab bool
		lower bool
	}{
		{"a vocabulary alone is BERT's in lower case", nil, false, true, true},
		{"a cased vocabulary", map[string]string{"tokenizer_config.json": `{"do_lower_case":false,"unk_token":{"content":"[UNK]"}}`}, false, true, false},
		{"tokenizer.json wins", map[string]string{"tokenizer.json": `{"version":"1.0"}`}, true, false, false},
		{"a model without a tokenizer opens", map[string]string{"vocab.txt": ""}, false, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := checkpoint.OpenFS(with(t, tc.files))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			k := c.Tokenizer
			if (k.JSON != nil) != tc.json || (k.Vocab != nil) != tc.vocab || k.Lower != tc.lower {
				t.Errorf("tokenizer %d bytes of JSON, %d of vocabulary, lower %v; want %v, %v, %v", len(k.JSON), len(k.Vocab), k.Lower, tc.json, tc.vocab, tc.lower)
			}
		})
	}
}

func TestATokenizerThatItsConfigContradictsIsRefused(t *testing.T) {
	const bert = `{"normalizer":{"type":"BertNormalizer","lowercase":true,"strip_accents":null,"handle_chinese_chars":true}}`
	for _, tc := range []struct{ config, names string }{
		{`{"do_lower_case":true,"strip_accents":null,"tokenize_chinese_chars":true,"tokenizer_class":"BertTokenizer"}`, ""},
		{`{}`, ""},
		{`{"do_lower_case":false}`, "do_lower_case is false"},
		{`{"strip_accents":true}`, "strip_accents is true"},
		{`{"tokenize_chinese_chars":false}`, "tokenize_chinese_chars is false"},
		{`{"strip_accents":[]}`, "strip_accents is []"},
		{`[]`, "tokenizer_config.json"},
	} {
		c, err := checkpoint.OpenFS(with(t, map[string]string{"tokenizer.json": bert, "tokenizer_config.json": tc.config}))
		if tc.names == "" {
			if err != nil {
				t.Errorf("OpenFS with %s = %v", tc.config, err)
				continue
			}
			c.Close()
		} else if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), tc.names) {
			t.Errorf("OpenFS with %s = %v; want a %v that names %s", tc.config, err, fault.BadModel, tc.names)
		}
	}
}

func TestATokenizerThatAVocabularyCannotStandForIsNamedByItsField(t *testing.T) {
	for _, tc := range []struct{ file, content, names string }{
		{"tokenizer.json", `{`, "tokenizer.json"},
		{"tokenizer_config.json", `{"unk_token":"<unk>"}`, "unk_token"},
		{"tokenizer_config.json", `{"tokenize_chinese_chars":false}`, "tokenize_chinese_chars"},
		{"tokenizer_config.json", `{"strip_accents":false}`, "strip_accents"},
		{"tokenizer_config.json", `{"do_lower_case":"yes"}`, "do_lower_case"},
		{"special_tokens_map.json", `{"cls_token":{"content":"<s>"}}`, "cls_token"},
	} {
		_, err := checkpoint.OpenFS(with(t, map[string]string{tc.file: tc.content}))
		if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), tc.names) {
			t.Errorf("OpenFS with %s %s = %v; want a %v that names %s", tc.file, tc.content, err, fault.BadModel, tc.names)
		}
	}
}
