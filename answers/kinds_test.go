package answers

import (
	"testing"

	"videoqa/ingest"
	"videoqa/internal/vlm"
)

func TestCountSpellsDigitsAndWords(t *testing.T) {
	texts, required := closed(ingest.Question{Text: "how many?", Kind: ingest.Count})
	if len(texts) != 42 || required {
		t.Fatalf("%d spellings, all required %v; want 42, false", len(texts), required)
	}
	for _, want := range []vlm.Choice{{Answer: "0", Spelling: "zero"}, {Answer: "7", Spelling: "7"}, {Answer: "20", Spelling: "twenty"}} {
		found := false
		for _, s := range texts {
			found = found || s == want
		}
		if !found {
			t.Errorf("%v is missing", want)
		}
	}
}
