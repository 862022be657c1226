package checkpoint_test

import (
	"errors"
	"strings"
	"testing"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
)

func TestTheExtension(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       checkpoint.Extension
		wrong      string // part of the error
	}{
		{"a checkpoint without the file has none", "", checkpoint.Extension{}, ""},
		{"it says that a model is for demonstration", `{"version":1,"demonstration":true}`, checkpoint.Extension{Demonstration: true}, ""},
		{"it says that there is a detector", `{"version":1,"detector":true}`, checkpoint.Extension{Detector: true}, ""},
		{"what is left out is false", `{"version":1}`, checkpoint.Extension{}, ""},
		{"another version is not guessed at", `{"version":2}`, checkpoint.Extension{}, "videoqa.json: version: 2"},
		{"nor one that is left out", `{"demonstration":true}`, checkpoint.Extension{}, "videoqa.json: version"},
		{"an unknown field could change what answers mean", `{"version":1,"demo":true}`, checkpoint.Extension{}, "demo: is not a known field"},
		{"types are those of the format", `{"version":1,"demonstration":"yes"}`, checkpoint.Extension{}, "demonstration"},
		{"it is JSON", `version 1`, checkpoint.Extension{}, "read videoqa.json"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := checkpoint.OpenFS(with(t, map[string]string{"videoqa.json": tc.text}))
			if tc.wrong != "" {
				if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), tc.wrong) {
					t.Errorf("opening gives %v; want a bad model with %q", err, tc.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if c.Extension != tc.want {
				t.Errorf("the extension is %+v; want %+v", c.Extension, tc.want)
			}
		})
	}
}
