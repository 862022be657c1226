package files_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"videoqa/internal/fault"
	"videoqa/internal/tokenizer/files"
)

// read picks a tokenizer out of files by name.
func read(folder map[string]string) (files.Files, error) {
	return files.Read(func(name string) ([]byte, error) {
		if content, ok := folder[name]; ok {
			return []byte(content), nil
		}
		return nil, nil
	})
}

const (
	vocabTXT  = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nwhat\n"
	vocabJSON = `{"<s>":0,"<pad>":1,"</s>":2,"a":3,"b":4,"ab":5}`
	mergesTXT = "#version: 0.2\na b\n"
	wordPiece = `{"normalizer":{"type":"BertNormalizer","lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},"decoder":{"type":"WordPiece","cleanup":true},
		"added_tokens":[{"id":1,"content":"[SEP]","special":true}],"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[UNK]":0,"[SEP]":1,"[X]":2}}}`
	byteLevel = `{"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}`
	pieces    = `{"pre_tokenizer":{"type":"Metaspace"},"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["[X]",-1]]}}`
)

func TestTheFirstFormatThatIsThereIsPicked(t *testing.T) {
	for _, tc := range []struct {
		name   string
		folder map[string]string
		want   string
	}{
		{"nothing", nil, "none"},
		{"vocab.txt", map[string]string{"vocab.txt": vocabTXT}, "vocab.txt lower"},
		{"a cased vocab.txt", map[string]string{"vocab.txt": vocabTXT, "tokenizer_config.json": `{"do_lower_case":false}`}, "vocab.txt"},
		{"vocab.json with merges.txt", map[string]string{"vocab.json": vocabJSON, "merges.txt": mergesTXT}, "vocab.json"},
		{"vocab.json alone", map[string]string{"vocab.json": vocabJSON}, "none"},
		{"tokenizer.json before all", map[string]string{"tokenizer.json": wordPiece, "vocab.txt": vocabTXT, "vocab.json": vocabJSON, "merges.txt": mergesTXT, "spiece.model": "\n"}, "tokenizer.json"},
	} {
		f, err := read(tc.folder)
		got := "none"
		switch {
		case f.JSON != nil:
			got = "tokenizer.json"
		case f.Vocab != nil && f.Lower:
			got = "vocab.txt lower"
		case f.Vocab != nil:
			got = "vocab.txt"
		case f.BPE != nil:
			got = "vocab.json"
		}
		if err != nil || got != tc.want || f.None() != (tc.want == "none") {
			t.Errorf("Read of %s = %s, %v; want %s", tc.name, got, err, tc.want)
		}
	}
}

func TestWhatCannotBeReadIsABadModelThatNamesFileAndField(t *testing.T) {
	opt := func(more map[string]string) map[string]string {
		folder := map[string]string{"vocab.json": vocabJSON, "merges.txt": mergesTXT}
		for name, content := range more {
			folder[name] = content
		}
		return folder
	}
	for _, tc := range []struct {
		name   string
		folder map[string]string
		says   []string
	}{
		{"spiece.model alone", map[string]string{"spiece.model": "\n"}, []string{"spiece.model", "tokenizer.json", "T5TokenizerFast.from_pretrained"}},
		{"a space before words, and none", map[string]string{"tokenizer.json": byteLevel, "tokenizer_config.json": `{"add_prefix_space":true}`}, []string{"tokenizer_config.json's add_prefix_space is true"}},
		{"cleaning that is no boolean", map[string]string{"tokenizer.json": wordPiece, "tokenizer_config.json": `{"clean_up_tokenization_spaces":"no"}`}, []string{"tokenizer_config.json", "clean_up_tokenization_spaces"}},
		{"a special token that is no text", map[string]string{"tokenizer.json": wordPiece, "special_tokens_map.json": `{"additional_special_tokens":["a",3]}`}, []string{"special_tokens_map.json", "additional_special_tokens"}},
		{"no JSON beside OPT's files", opt(map[string]string{"tokenizer_config.json": "["}), []string{"tokenizer_config.json"}},
		{"a vocab.json that is none", opt(map[string]string{"vocab.json": "[]"}), []string{"vocab.json"}},
		{"a special token without an id", opt(map[string]string{"tokenizer_config.json": `{"eos_token":"<end>"}`}), []string{"tokenizer_config.json", "eos_token", "<end>", "vocab.json"}},
		{"no </s>, which goes before each text", opt(map[string]string{"vocab.json": `{"a":0,"b":1,"ab":2}`}), []string{"bos_token", "</s>"}},
		{"an added token without its text", opt(map[string]string{"tokenizer_config.json": `{"added_tokens_decoder":{"6":{"special":true}}}`}), []string{"added_tokens_decoder.6"}},
		{"an added token without an id", opt(map[string]string{"added_tokens.json": `{"<image>":"6"}`}), []string{"added_tokens.json", "<image>"}},
	} {
		_, err := read(tc.folder)
		for _, word := range tc.says {
			if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), word) {
				t.Errorf("Read of %s = %v; want a bad model that says %q", tc.name, err, word)
			}
		}
	}
}

func TestMergesThatCannotBeReadAreNamedByTheirLine(t *testing.T) {
	for merges, says := range map[string]string{"#version: 0.2\na b\na b c\n": "line 3", "#version\na\n": "line 2", "#version\n\xff b\n": "UTF-8"} {
		if _, err := read(map[string]string{"vocab.json": vocabJSON, "merges.txt": merges}); !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), "merges.txt") || !strings.Contains(err.Error(), says) {
			t.Errorf("Read with merges %q = %v; want a bad model that names merges.txt and says %q", merges, err, says)
		}
	}
}

func TestTheDefinitionOfTwoFilesIsTheOneThatTransformersSaves(t *testing.T) {
	folder := map[string]string{}
	for _, name := range []string{"vocab.json", "merges.txt", "tokenizer_config.json", "tokenizer.json"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "tokenizer", "opt", name))
		if err != nil {
			t.Fatal(err)
		}
		folder[name] = string(data)
	}
	saved := folder["tokenizer.json"]
	delete(folder, "tokenizer.json")
	folder["added_tokens.json"] = `{"<image>":700}`
	folder["special_tokens_map.json"] = `{"additional_special_tokens":["<image>"]}`
	f, err := read(folder)
	if err != nil {
		t.Fatal(err)
	}
	made, err := f.Definition()
	if err != nil {
		t.Fatal(err)
	}
	var want, got map[string]any
	if err := errors.Join(json.Unmarshal([]byte(saved), &want), json.Unmarshal(made, &got)); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"model", "normalizer", "pre_tokenizer", "decoder", "post_processor"} {
		a, _ := json.Marshal(got[part])
		b, _ := json.Marshal(want[part])
		if !bytes.Equal(a, b) {
			t.Errorf("%s is %.300s; transformers saves %.300s", part, a, b)
		}
	}
}

func TestSpecialTokensOfTheSettingsAreThoseThatTheTokenizerHasAndDoesNotCallSo(t *testing.T) {
	const settings = `{"sep_token":"[SEP]","additional_special_tokens":["[X]",{"content":"[NONE]"}],"added_tokens_decoder":{"0":{"content":"[UNK]","special":true},"9":{"content":"plain","special":false}}}`
	for _, tc := range []struct {
		definition string
		want       []string
	}{{wordPiece, []string{"[UNK]", "[X]"}}, {pieces, []string{"[X]"}}} {
		f, err := read(map[string]string{"tokenizer.json": tc.definition, "tokenizer_config.json": settings})
		if err != nil || !slices.Equal(f.Special, tc.want) {
			t.Errorf("special tokens %q, %v; want %q", f.Special, err, tc.want)
		}
	}
}

func TestWhatIsDigestedChangesWithWhatTextBecomesOnly(t *testing.T) {
	digested := func(folder map[string]string) string {
		t.Helper()
		f, err := read(folder)
		if err != nil {
			t.Fatal(err)
		}
		return string(bytes.Join(f.Digested(), []byte("|")))
	}
	base := map[string]string{"tokenizer.json": wordPiece}
	with := func(name, content string) map[string]string {
		return map[string]string{"tokenizer.json": wordPiece, name: content}
	}
	if got, want := digested(base), wordPiece+"||lower false"; got != want {
		t.Errorf("digested %q; want %q, as it was always", got, want)
	}
	for name, tc := range map[string]struct {
		folder map[string]string
		same   bool
	}{
		"settings that say what is done anyway":   {with("tokenizer_config.json", `{"clean_up_tokenization_spaces":true,"sep_token":"[SEP]","model_max_length":512}`), true},
		"settings that leave decoded text alone":  {with("tokenizer_config.json", `{"clean_up_tokenization_spaces":false}`), false},
		"settings that make a token special":      {with("tokenizer_config.json", `{"additional_special_tokens":["[X]"]}`), false},
		"settings that name a token there is not": {with("tokenizer_config.json", `{"additional_special_tokens":["[Y]"]}`), true},
	} {
		if got := digested(tc.folder) == digested(base); got != tc.same {
			t.Errorf("%s: the same is digested: %v; want %v", name, got, tc.same)
		}
	}
	opt := map[string]string{"vocab.json": vocabJSON, "merges.txt": mergesTXT}
	other := map[string]string{"vocab.json": vocabJSON, "merges.txt": mergesTXT, "tokenizer_config.json": `{"add_bos_token":false}`}
	if digested(opt) == digested(other) {
		t.Error("whether </s> goes before a text makes no difference")
	}
}
