package checkpoint_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
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
			if c.Extension != tc.want { // neither has a detector
				t.Errorf("the extension is %+v; want %+v", c.Extension, tc.want)
			}
		})
	}
}

// A layer of a detector's file.
type layer struct {
	shape  []int
	values []float32
}

// safetensors lays layers out as a file.
func safetensors(t *testing.T, layers map[string]layer) string {
	t.Helper()
	header, data := map[string]any{}, []byte{}
	for name, l := range layers {
		begin := len(data)
		for _, v := range l.values {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		header[name] = map[string]any{"dtype": "F32", "shape": l.shape, "data_offsets": []int{begin, len(data)}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(text)))) + string(text) + string(data)
}

// detector is one for visual tokens of width values, of one hidden and one pooled value.
func detector(width int, changes map[string]layer) map[string]layer {
	l := map[string]layer{
		"token.weight": {[]int{1, width}, make([]float32, width)}, "token.bias": {[]int{1}, []float32{1}},
		"pooled.weight": {[]int{1, 2}, []float32{2, 3}}, "pooled.bias": {[]int{1}, []float32{4}},
		"output.weight": {[]int{1, 1}, []float32{5}}, "output.bias": {[]int{1}, []float32{6}},
	}
	for name, change := range changes {
		if l[name] = change; change.shape == nil {
			delete(l, name)
		}
	}
	return l
}

func TestTheDetector(t *testing.T) {
	const has = `{"version":1,"detector":true}`
	width := open(t, "safetensors").Config.Vision.HiddenSize
	for _, tc := range []struct {
		name, extension, file string
		wrong                 string
	}{
		{"is read", has, safetensors(t, detector(width, nil)), ""},
		{"is not looked for if it is not said to be there", `{"version":1}`, "", ""},
		{"has to be there", has, "", "detector.safetensors"},
		{"has to be whole", has, safetensors(t, detector(width, map[string]layer{"pooled.bias": {}})), "pooled.bias is missing"},
		{"is for tokens of the model's width", has, safetensors(t, detector(width+1, nil)), "token.weight has shape"},
		{"has nothing else", has, safetensors(t, detector(width, map[string]layer{"more": {[]int{1}, []float32{1}}})), "more is not part of a detector"},
		{"is finite", has, safetensors(t, detector(width, map[string]layer{"output.bias": {[]int{1}, []float32{float32(math.Inf(1))}}})), "output.bias has a value that is not finite"},
		{"is a safetensors file", has, "detector", "detector.safetensors"},
		{"is no pointer", has, lfsPointer, "detector.safetensors is a Git LFS pointer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := checkpoint.OpenFS(with(t, map[string]string{"videoqa.json": tc.extension, "detector.safetensors": tc.file}))
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
			d := c.Extension.Detector
			if tc.file == "" {
				if d != nil {
					t.Errorf("there is a detector, %+v", d)
				}
				return
			}
			if d.Token.In != width || d.Pooled.Weight[1] != 3 || d.Output.Bias[0] != 6 {
				t.Errorf("the detector is %+v", d)
			}
		})
	}
}
