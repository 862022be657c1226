package tokenizer_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"videoqa/internal/fault"
	"videoqa/internal/tokenizer"
	"videoqa/internal/tokenizer/files"
)

// bert reads the tokenizer.json of bert-base-uncased out of the tokenizer
// library's module, which go.mod pins.
func bert(t testing.TB) []byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/daulet/tokenizers").Output()
	if err != nil {
		t.Fatalf("go list -m github.com/daulet/tokenizers: %v", err)
	}
	file, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "test", "data", "bert-base-uncased.json"))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func open(t testing.TB, tokenizerJSON []byte) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.New(tokenizerJSON, tokenizer.Settings{Clean: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tok.Close() })
	return tok
}

// golden reads the JSON lines of a file of testdata/tokenizer.
func golden[T any](t testing.TB, name string) []T {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("..", "..", "testdata", "tokenizer", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	var rows []T
	lines := bufio.NewScanner(bytes.NewReader(file))
	for lines.Scan() {
		var row T
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatalf("%s: %v in %q", name, err, lines.Text())
		}
		rows = append(rows, row)
	}
	return rows
}

type question struct {
	Text    string
	IDs     []int64
	Decoded string
}

// check holds Encode to the ids that BertTokenizerFast gives, and to the rule that
// text which is not blank has some.
func check(t *testing.T, tok *tokenizer.Tokenizer, text string, want []int64) {
	t.Helper()
	got, unknown, err := tok.Encode(text)
	if len(want) == 0 && strings.TrimSpace(text) != "" {
		if !errors.Is(err, fault.BadRequest) || got != nil {
			t.Errorf("Encode(%q) = %v, %v; want a bad request, as it has no ids", text, got, err)
		}
		return
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Encode(%q) = %v, %v; want %v", text, got, err, want)
	}
	count := 0
	for _, token := range []string{"[UNK]", "<unk>"} {
		if unknown, ok := tok.ID(token); ok {
			count += len(want) - len(slices.DeleteFunc(slices.Clone(want), func(id int64) bool { return id == unknown }))
		}
	}
	if unknown != count {
		t.Errorf("Encode(%q) counts %d unknown; want %d", text, unknown, count)
	}
}

func TestQuestionsEqualBertTokenizerFastBothWays(t *testing.T) {
	tok := open(t, bert(t))
	rows := golden[question](t, "wordpiece/questions.jsonl")
	if len(rows) != 2000 {
		t.Fatalf("%d questions; want 2000", len(rows))
	}
	for _, row := range rows {
		check(t, tok, row.Text, row.IDs)
		if got := tok.Decode(row.IDs); got != row.Decoded {
			t.Errorf("Decode(Encode(%q)) = %q; want %q", row.Text, got, row.Decoded)
		}
	}
}

func TestDecodeEqualsBertTokenizerFastOnAnyIDs(t *testing.T) {
	tok := open(t, bert(t))
	for _, row := range golden[question](t, "wordpiece/decode.jsonl") {
		if got := tok.Decode(row.IDs); got != row.Decoded {
			t.Errorf("Decode(%v) = %q; want %q", row.IDs, got, row.Decoded)
		}
	}
}

func TestDecodeLeavesOutWhatIsNotInTheVocabulary(t *testing.T) {
	tok := open(t, bert(t))
	door, _ := tok.ID("door")
	if got := tok.Decode([]int64{-1, door, 1 << 40, 30522}); got != "door" {
		t.Errorf("Decode gives %q; want %q", got, "door")
	}
	if got := tok.Decode(nil); got != "" {
		t.Errorf("Decode(nil) = %q; want nothing", got)
	}
}

func TestAVocabularyFileMakesTheSameTokenizer(t *testing.T) {
	var definition struct {
		Model struct{ Vocab map[string]int }
	}
	if err := json.Unmarshal(bert(t), &definition); err != nil {
		t.Fatal(err)
	}
	lines := make([]string, len(definition.Model.Vocab))
	for token, id := range definition.Model.Vocab {
		lines[id] = token
	}
	made, err := files.FromVocab([]byte(strings.Join(lines, "\n")+"\n"), true)
	if err != nil {
		t.Fatal(err)
	}
	again := open(t, made)
	for _, row := range golden[question](t, "wordpiece/questions.jsonl") {
		check(t, again, row.Text, row.IDs)
		if got := again.Decode(row.IDs); got != row.Decoded {
			t.Errorf("Decode(Encode(%q)) = %q; want %q", row.Text, got, row.Decoded)
		}
	}
}

func TestASmallVocabularyFileWithAndWithoutLowerCasing(t *testing.T) {
	vocab, err := os.ReadFile(filepath.Join("..", "..", "testdata", "tokenizer", "wordpiece", "small.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var both [2]*tokenizer.Tokenizer
	for i, lower := range []bool{true, false} {
		made, err := files.FromVocab(vocab, lower)
		if err != nil {
			t.Fatal(err)
		}
		both[i] = open(t, made)
	}
	for _, row := range golden[struct {
		Text         string
		Lower, Cased []int64
	}](t, "wordpiece/small.jsonl") {
		check(t, both[0], row.Text, row.Lower)
		check(t, both[1], row.Text, row.Cased)
	}
}

func TestSpecialTokensHaveTheFilesOwnIDs(t *testing.T) {
	tok := open(t, bert(t))
	for token, want := range map[string]int64{"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "##ing": 2075} {
		if got, ok := tok.ID(token); !ok || got != want {
			t.Errorf("ID(%q) = %d, %v; want %d", token, got, ok, want)
		}
	}
	if id, ok := tok.ID("[cls]"); ok {
		t.Errorf("ID(%q) = %d; want none", "[cls]", id)
	}
}

func TestTextThatCannotBeReadIsRefused(t *testing.T) {
	tok := open(t, bert(t))
	for _, tc := range []struct {
		name, text string
		want       error
	}{
		{"not UTF-8", "what \xff is this?", fault.BadRequest},
		{"half a surrogate pair", "\xed\xa0\x80", fault.BadRequest},
		{"control characters only", "\x01\x02", fault.BadRequest},
		{"a NUL only", "\x00", fault.BadRequest},
		{"longer than the longest", strings.Repeat("a ", tokenizer.MaxText/2+1), fault.TooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if ids, _, err := tok.Encode(tc.text); !errors.Is(err, tc.want) || ids != nil {
				t.Errorf("Encode(%.20q) = %v, %v; want %v", tc.text, ids, err, tc.want)
			}
		})
	}
	if ids, _, err := tok.Encode(strings.Repeat("a ", tokenizer.MaxText/2)); err != nil || len(ids) != tokenizer.MaxText/2 {
		t.Errorf("the longest text has %d ids, %v; want %d", len(ids), err, tokenizer.MaxText/2)
	}
}

func TestANulDoesNotEndTheText(t *testing.T) {
	tok := open(t, bert(t))
	with, _, err := tok.Encode("is the do\x00or open?")
	if err != nil {
		t.Fatal(err)
	}
	without, _, err := tok.Encode("is the door open?")
	if err != nil || !slices.Equal(with, without) {
		t.Errorf("with a NUL %v, without %v, %v", with, without, err)
	}
}

func TestTruncationAndPaddingOfTheFileAreIgnored(t *testing.T) {
	var parts map[string]any
	if err := json.Unmarshal(bert(t), &parts); err != nil {
		t.Fatal(err)
	}
	parts["truncation"] = map[string]any{"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
	parts["padding"] = map[string]any{
		"strategy": map[string]any{"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": nil,
		"pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
	}
	file, err := json.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	ids, _, err := open(t, file).Encode("is the door of the house open?")
	if err != nil || len(ids) != 8 {
		t.Errorf("Encode gives %d ids, %v; want 8", len(ids), err)
	}
}

func TestAWrongTokenizerIsABadModelThatSaysWhy(t *testing.T) {
	const whole = `"model":{"type":"WordPiece","unk_token":"a","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"a":0}}`
	for _, tc := range []struct{ name, file, says string }{
		{"no JSON", "[PAD]\n[UNK]\n", "not a tokenizer.json"},
		{"no model", "{}", "there is no model"},
		{"another kind", `{"model":{"type":"WordLevel","vocab":{"a":0}}}`, `type "WordLevel" is not supported`},
		{"no kind", `{"model":{"vocab":{"a":0}}}`, `type "" is not supported`},
		{"a BPE of characters", `{"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}`, "only byte-level BPE"},
		{"an old BPE without a type", `{"model":{"vocab":{"a":0},"merges":[]}}`, "only byte-level BPE"},
		{"a Unigram of another division", `{"model":{"type":"Unigram","vocab":[["a",-1.5]]}}`, "Metaspace"},
		{"pieces without scores", `{"pre_tokenizer":{"type":"Metaspace"},"model":{"type":"Unigram","unk_id":0,"vocab":[["a"]]}}`, "entry 0"},
		{"pieces without an unknown one", `{"pre_tokenizer":{"type":"Metaspace"},"model":{"type":"Unigram","vocab":[["a",-1.5]]}}`, "unk_id"},
		{"an unknown piece beyond the others", `{"pre_tokenizer":{"type":"Metaspace"},"model":{"type":"Unigram","unk_id":1,"vocab":[["a",-1.5]]}}`, "unk_id"},
		{"a special token that is a byte", `{"pre_tokenizer":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{"!":0},"merges":[]},"added_tokens":[{"id":0,"content":"!","special":true}]}`, "is a byte"},
		{"no words", `{"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{}}}`, "empty"},
		{"no unknown token", `{"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"a":0}}}`, `"[UNK]"`},
		{"one id twice", `{"model":{"type":"WordPiece","unk_token":"a","vocab":{"a":0,"b":0}}}`, "share the id 0"},
		{"a negative id", `{"model":{"type":"WordPiece","unk_token":"a","vocab":{"a":-1}}}`, "id -1"},
		{"an added token over another", `{"model":{"type":"WordPiece","unk_token":"a","vocab":{"a":0}},"added_tokens":[{"id":0,"content":"b"}]}`, "share the id 0"},
		{"what only the library refuses", `{"version":"2.0",` + whole + `}`, "version '2.0'"},
		{"what the library dies of", `{"version":"2\u0000",` + whole + `}`, "NUL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := tokenizer.New([]byte(tc.file), tokenizer.Settings{}); !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("New(%s) = %v; want a bad model that says %q", tc.file, err, tc.says)
			}
		})
	}
	for _, tc := range []struct{ name, file, says string }{
		{"a word twice", "[UNK]\na\nb\na\n", `lines 2 and 4 both say "a"`},
		{"no unknown token", "[PAD]\na\n", "no [UNK]"},
		{"nothing", "", "no [UNK]"},
		{"not UTF-8", "[UNK]\n\xff\n", "not UTF-8"},
	} {
		t.Run("a vocabulary file with "+tc.name, func(t *testing.T) {
			if _, err := files.FromVocab([]byte(tc.file), true); !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("FromVocab(%q) = %v; want a bad model that says %q", tc.file, err, tc.says)
			}
		})
	}
}

func TestAVocabularyFileMayHaveAnyLineEndings(t *testing.T) {
	for _, file := range []string{"[UNK]\nwhat\n?\n", "[UNK]\nwhat\n?", "[UNK]\r\nwhat\r\n?\r\n"} {
		made, err := files.FromVocab([]byte(file), true)
		if err != nil {
			t.Fatal(err)
		}
		check(t, open(t, made), "What is?", []int64{1, 0, 2})
	}
}

func TestAClosedTokenizerRefusesAndMayBeClosedAgain(t *testing.T) {
	tok := open(t, bert(t))
	for range 3 {
		if err := tok.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if ids, _, err := tok.Encode("what?"); err == nil {
		t.Errorf("Encode on a closed tokenizer = %v", ids)
	}
	defer func() {
		if recover() == nil {
			t.Error("Decode on a closed tokenizer did not panic")
		}
	}()
	tok.Decode([]int64{2054})
}

func TestManyGoroutinesShareATokenizerUntilItIsClosed(t *testing.T) {
	tok := open(t, bert(t))
	rows := golden[question](t, "wordpiece/questions.jsonl")[:400]
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, row := range rows {
				check(t, tok, row.Text, row.IDs)
				if got := tok.Decode(row.IDs); got != row.Decoded {
					t.Errorf("Decode(%v) = %q; want %q", row.IDs, got, row.Decoded)
				}
			}
		})
	}
	wg.Wait()
	for range 4 { // now race with Close: ids or a refusal, never a crash
		wg.Go(func() {
			for _, row := range rows {
				if ids, _, err := tok.Encode(row.Text); err == nil && !slices.Equal(ids, row.IDs) {
					t.Errorf("Encode(%q) = %v; want %v", row.Text, ids, row.IDs)
				}
			}
		})
	}
	wg.Go(func() { tok.Close() })
	wg.Wait()
}

// FuzzEncode looks for text that breaks a promise of Encode or takes the library down.
func FuzzEncode(f *testing.F) {
	rows := golden[question](f, "wordpiece/questions.jsonl")
	slices.SortFunc(rows, func(a, b question) int { return cmp.Compare(len(a.Text), len(b.Text)) })
	for i := 0; i < len(rows); i += 20 {
		f.Add(rows[i].Text)
	}
	f.Add("\x00\xff")
	for _, row := range golden[spelling](f, "texts.jsonl")[:100] {
		f.Add(row.Text)
	}
	kinds := map[string]*tokenizer.Tokenizer{"BERT": open(f, bert(f)), "OPT": openFiles(f, optFiles(f)), "T5": opened(f, t5(f), tokenizer.Settings{})}
	f.Fuzz(func(t *testing.T, text string) {
		for kind, tok := range kinds {
			ids, unknown, err := tok.Encode(text)
			if err == nil && len(ids) == 0 && strings.TrimSpace(text) != "" {
				t.Errorf("%s: Encode(%q) gives no ids and no error", kind, text)
			}
			if unknown > len(ids) {
				t.Errorf("%s: Encode(%q) has %d unknown of %d", kind, text, unknown, len(ids))
			}
			if got := tok.Decode(ids); err == nil && kind == "OPT" && got != text {
				t.Errorf("%s: Decode(Encode(%q)) = %q", kind, text, got)
			}
		}
	})
}
