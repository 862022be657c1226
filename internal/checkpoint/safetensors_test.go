package checkpoint

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoqa/internal/fault"
)

// file makes a safetensors file of a header and n bytes of data.
func file(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	for i := range n {
		b = append(b, byte(i))
	}
	return b
}

// badFiles are safetensors files that must be refused, and a word of the reason.
func badFiles() map[string]struct {
	bytes []byte
	says  string
} {
	type row = struct {
		bytes []byte
		says  string
	}
	one := `"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	return map[string]row{
		"empty":                          {nil, "too few"},
		"a header beyond the file":       {append(binary.LittleEndian.AppendUint64(nil, 1000), '{'), "beyond"},
		"a header of 2^63 bytes":         {append(binary.LittleEndian.AppendUint64(nil, 1<<63), '{'), "limit"},
		"no object":                      {file(`[1]`, 0), "start with {"},
		"an object that does not end":    {file(`{`+one, 8), "EOF"},
		"bytes after the object":         {file(`{`+one+`}{}`, 8), "follow the closing brace"},
		"metadata that is not text":      {file(`{"__metadata__":{"a":1},`+one+`}`, 8), "__metadata__"},
		"a tensor twice":                 {file(`{`+one+`,`+one+`}`, 8), "a is given twice"},
		"an unknown type":                {file(`{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}`, 8), `"F33"`},
		"no shape":                       {file(`{"a":{"dtype":"F32","data_offsets":[0,8]}}`, 8), "shape is missing"},
		"an unknown key":                 {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}`, 8), "unknown key x"},
		"keys in capitals":               {file(`{"a":{"DType":"F32","shape":[2],"data_offsets":[0,8]}}`, 8), "dtype is missing"},
		"three offsets":                  {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}`, 8), "3 numbers"},
		"a negative dimension":           {file(`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8), "impossible shape"},
		"a shape that overflows":         {file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}`, 8), "impossible shape"},
		"a size in bytes that overflows": {file(`{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}`, 0), "impossible shape"},
		"a fractional dimension":         {file(`{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}`, 8), "shape"},
		"too few bytes for the shape":    {file(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8), "needs 12 bytes"},
		"offsets out of order":           {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8), "out of order"},
		"a negative offset":              {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8), "out of order"},
		"data beyond the file":           {file(`{`+one+`}`, 7), "a ends at 8 of 7"},
		"a hole in front":                {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12), "a hole of 4 bytes lies before a"},
		"a hole between":                 {file(`{`+one+`,"b":{"dtype":"U8","shape":[1],"data_offsets":[9,10]}}`, 10), "a hole of 1 bytes lies before b"},
		"an overlap":                     {file(`{`+one+`,"b":{"dtype":"U8","shape":[2],"data_offsets":[7,9]}}`, 9), "b overlaps"},
		"data that no tensor has":        {file(`{`+one+`}`, 9), "1 bytes follow the last tensor"},
	}
}

func TestAMalformedSafetensorsFileIsNamedByWhatIsWrong(t *testing.T) {
	for name, tc := range badFiles() {
		t.Run(name, func(t *testing.T) {
			got, err := parseSafetensors("model.safetensors", tc.bytes)
			if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), tc.says) || got != nil {
				t.Errorf("parseSafetensors = %v, %v; want a %v that says %q", got, err, fault.BadModel, tc.says)
			}
		})
	}
}

func TestPaddingEmptyTensorsAndMetadataAreFine(t *testing.T) {
	b := file(`{"__metadata__":{"format":"pt"},"z":{"dtype":"F32","shape":[0,3],"data_offsets":[2,2]},"a":{"dtype":"F16","shape":[],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}   `, 3)
	got, err := parseSafetensors("model.safetensors", b)
	if err != nil || len(got) != 3 {
		t.Fatalf("parseSafetensors = %v, %v; want three tensors", got, err)
	}
	if got[0].Name != "a" || got[0].Len() != 1 || got[1].Name != "z" || got[1].Len() != 0 || got[1].Float32() != nil {
		t.Errorf("tensors are %v; want a scalar, an empty one and b", got)
	}
}

func TestAlignedFloatsAreNotCopied(t *testing.T) {
	raw := make([]byte, 20)
	binary.LittleEndian.PutUint32(raw[4:], math.Float32bits(1.5))
	aligned := Tensor{DType: F32, Shape: []int64{1}, Bytes: raw[4:8]}.Float32()
	if aligned[0] != 1.5 {
		t.Fatalf("Float32() = %v; want 1.5", aligned)
	}
	binary.LittleEndian.PutUint32(raw[4:], math.Float32bits(2.5))
	if aligned[0] != 2.5 {
		t.Error("an aligned F32 tensor was copied")
	}
	binary.LittleEndian.PutUint32(raw[9:], math.Float32bits(3.5))
	if odd := (Tensor{DType: F32, Shape: []int64{1}, Bytes: raw[9:13]}).Float32(); odd[0] != 3.5 {
		t.Errorf("an unaligned tensor is %v; want 3.5", odd)
	}
}

func TestShorterFloatsAreWidenedExactly(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, tc := range []struct {
		dtype DType
		bits  uint64
		want  float32
	}{
		{F16, 0x3c00, 1}, {F16, 0xc000, -2}, {F16, 0x7bff, 65504}, {F16, 0x0001, 1.0 / (1 << 24)}, {F16, 0x83ff, -1023.0 / (1 << 24)},
		{F16, 0x0400, 1.0 / (1 << 14)}, {F16, 0x7c00, inf}, {F16, 0xfc00, -inf}, {F16, 0x8000, float32(math.Copysign(0, -1))}, {F16, 0x3555, 0.333251953125},
		{BF16, 0x3f80, 1}, {BF16, 0x4049, 3.140625}, {BF16, 0x7f80, inf},
		{F64, math.Float64bits(0.1), 0.1}, {F64, math.Float64bits(1e300), inf},
	} {
		b := binary.LittleEndian.AppendUint64(nil, tc.bits)[:tc.dtype.size()]
		got := Tensor{DType: tc.dtype, Bytes: b}.Float32()
		if math.Float32bits(got[0]) != math.Float32bits(tc.want) {
			t.Errorf("%s %#x = %v; want %v", tc.dtype, tc.bits, got[0], tc.want)
		}
	}
	if got := half(0x7e01); got == got {
		t.Errorf("half(0x7e01) = %v; want NaN", got)
	}
}

func TestAShardedCheckpointMustBeWhole(t *testing.T) {
	const made = "../../testdata/checkpoints/safetensors-sharded"
	for _, tc := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		says   string
	}{
		{"a shard is missing", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "model-00002-of-00003.safetensors")); err != nil {
				t.Fatal(err)
			}
		}, "model-00002-of-00003.safetensors is missing"},
		{"the index lies about a tensor", func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "model.safetensors.index.json"), `"output.bias": "model-00003`, `"output.bias": "model-00001`)
		}, "output.bias lies in model-00003-of-00003.safetensors"},
		{"the index names a file elsewhere", func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "model.safetensors.index.json"), `"output.bias": "model-00003`, `"output.bias": "../model-00003`)
		}, "not a file of this folder"},
		{"the index has no map", func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "model.safetensors.index.json"), `"weight_map"`, `"weights"`)
		}, "weight_map is missing"},
		{"there are no weights at all", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "model.safetensors.index.json")); err != nil {
				t.Fatal(err)
			}
		}, "there are no weights"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
				t.Fatal(err)
			}
			tc.damage(t, dir)
			_, err := Open(dir)
			if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("Open = %v; want a %v that says %q", err, fault.BadModel, tc.says)
			}
		})
	}
}

// rewrite replaces one text in a file, which must be there.
func rewrite(t *testing.T, name, from, to string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), from) {
		t.Fatalf("%s has no %s", name, from)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(data), from, to, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func FuzzSafetensors(f *testing.F) {
	for _, tc := range badFiles() {
		f.Add(tc.bytes)
	}
	f.Add(file(`{"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[],"data_offsets":[0,2]}} `, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		tensors, err := parseSafetensors("fuzz", b)
		if (err != nil) == (tensors != nil) || err != nil && !errors.Is(err, fault.BadModel) {
			t.Fatalf("parseSafetensors = %v, %v", tensors, err)
		}
		for _, x := range tensors {
			if int64(len(x.Bytes)) != int64(x.Len())*x.DType.size() {
				t.Fatalf("%v has %d bytes", x, len(x.Bytes))
			}
			if x.DType.Float() {
				x.Float32()
			}
		}
	})
}

func FuzzPreprocessor(f *testing.F) {
	for _, seed := range []string{`{"image_processor_type":"CLIPImageProcessor","size":{"shortest_edge":224}}`, `{"size":[2,3],"crop_size":7,"do_resize":null}`, `null`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := ParsePreprocessor(nil, b, CLIP(224)); err != nil && !errors.Is(err, fault.BadModel) {
			t.Fatalf("ParsePreprocessor(%s) = %v; want %v", b, err, fault.BadModel)
		}
	})
}
