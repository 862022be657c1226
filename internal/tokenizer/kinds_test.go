package tokenizer_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"videoqa/internal/fault"
	"videoqa/internal/tokenizer"
	"videoqa/internal/tokenizer/files"
)

// A spelling is a text with the ids that transformers gives it, by kind.
type spelling struct {
	Text              string
	OPT, T5, Released []int64
}

func kept(t testing.TB, name ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "testdata", "tokenizer"}, name...)...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// t5 reads the tokenizer of T5's kind, as transformers converts it.
func t5(t testing.TB) []byte {
	t.Helper()
	packed, err := os.Open(filepath.Join("..", "..", "testdata", "tokenizer", "t5", "tokenizer.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	plain, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// changed gives a tokenizer.json with parts that change makes others.
func changed(t testing.TB, definition []byte, change func(parts map[string]any)) []byte {
	t.Helper()
	var parts map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(definition)))
	decoder.UseNumber() // scores stay as they are written
	if err := decoder.Decode(&parts); err != nil {
		t.Fatal(err)
	}
	change(parts)
	data, err := json.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// released is t5 with the parts that the files of T5's authors have in other forms.
func released(t testing.TB) []byte {
	return changed(t, t5(t), func(parts map[string]any) {
		parts["normalizer"] = parts["normalizer"].(map[string]any)["normalizers"].([]any)[0]
		metaspace := map[string]any{"type": "Metaspace", "replacement": "▁", "add_prefix_space": true}
		parts["pre_tokenizer"] = map[string]any{"type": "Sequence", "pretokenizers": []any{map[string]any{"type": "WhitespaceSplit"}, metaspace}}
		parts["decoder"] = metaspace
	})
}

// optFiles are the two files that OPT is released with, and their settings.
func optFiles(t testing.TB) files.Files {
	t.Helper()
	f, err := files.Read(func(name string) ([]byte, error) {
		if name == "vocab.json" || name == "merges.txt" || name == "tokenizer_config.json" {
			return kept(t, "opt", name), nil
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func openFiles(t testing.TB, f files.Files) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tok.Close() })
	return tok
}

func opened(t testing.TB, definition []byte, s tokenizer.Settings) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.New(definition, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tok.Close() })
	return tok
}

func TestTextsEqualTheFastTokenizersOfOPTAndT5(t *testing.T) {
	rows := golden[spelling](t, "texts.jsonl")
	if len(rows) != 500 {
		t.Fatalf("%d texts; want 500", len(rows))
	}
	for _, kind := range []struct {
		name string
		tok  *tokenizer.Tokenizer
		ids  func(spelling) []int64
	}{
		{"OPT's vocab.json and merges.txt", openFiles(t, optFiles(t)), func(s spelling) []int64 { return s.OPT }},
		{"OPT's tokenizer.json with <image>", opened(t, kept(t, "opt", "tokenizer.json"), tokenizer.Settings{}), func(s spelling) []int64 { return s.OPT }},
		{"T5's, converted by transformers", opened(t, t5(t), tokenizer.Settings{}), func(s spelling) []int64 { return s.T5 }},
		{"T5's, as released", opened(t, released(t), tokenizer.Settings{}), func(s spelling) []int64 { return s.Released }},
	} {
		t.Run(kind.name, func(t *testing.T) {
			for _, row := range rows {
				check(t, kind.tok, row.Text, kind.ids(row))
			}
		})
	}
}

func TestDecodingEqualsTheFastTokenizersOfOPTAndT5OnAnyIDs(t *testing.T) {
	kinds := map[string]files.Files{"opt": optFiles(t), "t5": {JSON: t5(t)}}
	for _, clean := range []bool{false, true} {
		open := map[string]*tokenizer.Tokenizer{}
		for name, f := range kinds {
			f.Clean = &clean
			open[name] = openFiles(t, f)
		}
		cleaned, nuls := 0, 0
		for _, row := range golden[struct {
			Kind  string
			IDs   []int64
			Plain string
			Clean *string
		}](t, "decode.jsonl") {
			want := row.Plain
			if clean && row.Clean != nil {
				want = *row.Clean
				cleaned++
			}
			if strings.Contains(want, "\x00") {
				nuls++
			}
			if got := open[row.Kind].Decode(row.IDs); got != want {
				t.Errorf("Decode(%v) of %s, cleaned %v = %q; want %q", row.IDs, row.Kind, clean, got, want)
			}
		}
		if nuls < 10 || clean && cleaned < 10 {
			t.Errorf("%d texts with a NUL and %d that are cleaned; both are wanted often", nuls, cleaned)
		}
	}
}

func TestAByteLevelTokenizerGivesEveryTextBack(t *testing.T) {
	tok := openFiles(t, optFiles(t))
	for _, row := range golden[spelling](t, "texts.jsonl") {
		if got := tok.Decode(row.OPT); got != row.Text {
			t.Errorf("Decode(Encode(%q)) = %q", row.Text, got)
		}
	}
}

func TestATextThatSpellsASpecialTokenNeverBecomesIt(t *testing.T) {
	flat := changed(t, bert(t), func(parts map[string]any) { parts["pre_tokenizer"] = map[string]any{"type": "WhitespaceSplit"} })
	brackets, extra := []string{"[CLS]", "[SEP]", "[MASK]", "[PAD]"}, []string{"</s>", "<pad>", "<extra_id_0>", "<extra_id_19>"}
	for _, kind := range []struct {
		name    string
		tok     *tokenizer.Tokenizer
		special []string
	}{
		{"BERT's", open(t, bert(t)), brackets},
		{"a WordPiece that leaves [SEP] whole", opened(t, flat, tokenizer.Settings{}), brackets},
		{"OPT's", openFiles(t, optFiles(t)), []string{"</s>", "<pad>"}},
		{"OPT's with <image>", opened(t, kept(t, "opt", "tokenizer.json"), tokenizer.Settings{}), []string{"</s>", "<pad>", "<image>"}},
		{"OPT's with <s> special by its settings", opened(t, kept(t, "opt", "tokenizer.json"), tokenizer.Settings{Special: []string{"<s>", "<unk>"}}), []string{"</s>", "<s>", "<unk>"}},
		{"T5's", opened(t, t5(t), tokenizer.Settings{}), extra},
		{"T5's as released", opened(t, released(t), tokenizer.Settings{}), extra},
	} {
		t.Run(kind.name, func(t *testing.T) {
			for _, token := range kind.special {
				id, ok := kind.tok.ID(token)
				if !ok {
					t.Fatalf("the tokenizer has no %q", token)
				}
				for _, text := range []string{token, "a " + token + " b", "a" + token + "b", token + token, "  " + token + "  ", strings.ToUpper(token), token + "\n" + token} {
					ids, _, err := kind.tok.Encode(text)
					if err != nil || len(ids) == 0 || slices.Contains(ids, id) {
						t.Errorf("Encode(%q) = %v, %v; want ids, and none of them %d", text, ids, err, id)
					}
				}
				if got := kind.tok.Decode([]int64{id}); got != "" {
					t.Errorf("Decode of the special token %q = %q; want nothing", token, got)
				}
			}
		})
	}
}

func TestATokenizerThatKeepsATextWholeRefusesWhatItWouldTakeForSpecial(t *testing.T) {
	whole := changed(t, bert(t), func(parts map[string]any) { parts["pre_tokenizer"], parts["normalizer"] = nil, nil })
	tok := opened(t, whole, tokenizer.Settings{})
	// The name that the library has for [SEP].
	if ids, _, err := tok.Encode("special token 102"); !errors.Is(err, fault.BadRequest) || !strings.Contains(err.Error(), "[SEP]") {
		t.Errorf("Encode = %v, %v; want a bad request that names [SEP]", ids, err)
	}
}

func TestTheFilesOwnSpecialTokensAroundAText(t *testing.T) {
	for _, tc := range []struct {
		name          string
		tok           *tokenizer.Tokenizer
		before, after []int64
	}{
		{"BERT's", open(t, bert(t)), []int64{101}, []int64{102}},
		{"OPT's two files", openFiles(t, optFiles(t)), []int64{2}, nil},
		{"OPT's tokenizer.json", opened(t, kept(t, "opt", "tokenizer.json"), tokenizer.Settings{}), []int64{2}, nil},
		{"T5's", opened(t, t5(t), tokenizer.Settings{}), nil, []int64{1}},
	} {
		if before, after := tc.tok.Around(); !slices.Equal(before, tc.before) || !slices.Equal(after, tc.after) {
			t.Errorf("%s puts %v and %v around a text; want %v and %v", tc.name, before, after, tc.before, tc.after)
		}
	}
}

func TestTextIsCleanedAsTheSettingsOrElseTheDecoderSay(t *testing.T) {
	yes, no := true, false
	uncleaned := changed(t, bert(t), func(parts map[string]any) { parts["decoder"].(map[string]any)["cleanup"] = false })
	for _, tc := range []struct {
		name string
		f    files.Files
		want string
	}{
		{"BERT's decoder cleans", files.Files{JSON: bert(t)}, "it's here?"},
		{"the settings do not: the decoder still does with each piece", files.Files{JSON: bert(t), Clean: &no}, "it ' s here?"},
		{"neither the decoder nor the settings", files.Files{JSON: uncleaned}, "it ' s here ?"},
		{"the settings alone", files.Files{JSON: uncleaned, Clean: &yes}, "it's here?"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tok := openFiles(t, tc.f)
			ids, _, err := tok.Encode("it ' s here ?")
			if err != nil {
				t.Fatal(err)
			}
			if got := tok.Decode(ids); got != tc.want {
				t.Errorf("Decode = %q; want %q", got, tc.want)
			}
		})
	}
}

func TestAnAddedTokenNeedsTheIDThatTheLibraryGivesIt(t *testing.T) {
	moved := changed(t, kept(t, "opt", "tokenizer.json"), func(parts map[string]any) {
		for _, a := range parts["added_tokens"].([]any) {
			if token := a.(map[string]any); token["content"] == "<image>" {
				token["id"] = 800
			}
		}
	})
	if _, err := tokenizer.New(moved, tokenizer.Settings{}); !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), "800") {
		t.Errorf("New = %v; want a bad model that names the id 800", err)
	}
}

func BenchmarkEncodeKinds(b *testing.B) {
	for _, kind := range []struct {
		name string
		tok  *tokenizer.Tokenizer
	}{{"BERT", open(b, bert(b))}, {"OPT", openFiles(b, optFiles(b))}, {"T5", opened(b, t5(b), tokenizer.Settings{})}} {
		b.Run(kind.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := kind.tok.Encode("what colour is the dog on the left of the red car?"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
