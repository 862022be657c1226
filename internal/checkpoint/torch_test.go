package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"videoqa/internal/fault"
)

// archived makes a zip archive as torch.save does: every record stored under one
// folder.
func archived(t testing.TB, method uint16, records map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range records {
		w, err := z.CreateHeader(&zip.FileHeader{Name: "archive/" + name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pickled is a state dict {"w": tensor} over the storage data/0 of elements
// floats, in protocol 2 as Python writes it.
func pickled(class string, elements, offset int, shape, stride []int) string {
	var b strings.Builder
	number := func(n int) { b.WriteByte('J'); b.Write(binary.LittleEndian.AppendUint32(nil, uint32(n))) }
	text := func(s string) {
		b.WriteByte('X')
		b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
		b.WriteString(s)
	}
	tuple := func(values []int) {
		b.WriteByte('(')
		for _, v := range values {
			number(v)
		}
		b.WriteByte('t')
	}
	b.WriteString("\x80\x02}")
	text("w")
	b.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
	text("storage")
	b.WriteString("c" + class + "\n")
	text("0")
	text("cpu")
	number(elements)
	b.WriteString("tQ")
	number(offset)
	tuple(shape)
	tuple(stride)
	b.WriteString("\x89ccollections\nOrderedDict\n)RtRs.")
	return b.String()
}

const floats = "torch\nFloatStorage"

func TestTensorsOfATorchFileAreBorrowed(t *testing.T) {
	b, err := os.ReadFile("../../testdata/checkpoints/torch/pytorch_model.bin")
	if err != nil {
		t.Fatal(err)
	}
	tensors, err := parseTorch("pytorch_model.bin", b)
	if err != nil {
		t.Fatal(err)
	}
	start, end := uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&b[0]))+uintptr(len(b))
	for _, x := range tensors {
		p := uintptr(unsafe.Pointer(&x.Bytes[0]))
		if p < start || p >= end {
			t.Errorf("%s was copied", x.Name)
		}
		if (p-start)%64 != 0 {
			t.Errorf("%s lies at %d, not at a multiple of 64", x.Name, p-start)
		}
	}
}

func TestStridesAreFollowed(t *testing.T) {
	storage := "abcdefghijklmnopqrstuvwx" // six numbers of four bytes
	for _, tc := range []struct {
		offset        int
		shape, stride []int
		want          string
	}{
		{0, []int{6}, []int{1}, storage},
		{2, []int{2}, []int{1}, "ijklmnop"},
		{0, []int{2, 3}, []int{3, 1}, storage},
		{0, []int{3, 2}, []int{1, 3}, "abcdmnopefghqrstijkluvwx"},
		{1, []int{1, 2}, []int{999, 2}, "efghmnop"},
		{0, []int{3}, []int{0}, "abcdabcdabcd"},
		{5, []int{}, []int{}, "uvwx"},
		{6, []int{0}, []int{1}, ""},
	} {
		b := archived(t, zip.Store, map[string]string{"data.pkl": pickled(floats, 6, tc.offset, tc.shape, tc.stride), "data/0": storage})
		got, err := parseTorch("pytorch_model.bin", b)
		if err != nil || string(got[0].Bytes) != tc.want {
			t.Errorf("shape %v, strides %v at %d: %v, %v; want %s", tc.shape, tc.stride, tc.offset, got, err, tc.want)
		}
	}
}

func TestATorchFileThatIsNoStateDictIsNamedByWhatIsWrong(t *testing.T) {
	storage := strings.Repeat("x", 24)
	good := pickled(floats, 6, 0, []int{6}, []int{1})
	made := func(folder string) []byte {
		b, err := os.ReadFile("../../testdata/checkpoints/" + folder + "/pytorch_model.bin")
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tensor := func(offset int, shape, stride []int) []byte {
		return archived(t, zip.Store, map[string]string{"data.pkl": pickled(floats, 6, offset, shape, stride), "data/0": storage})
	}
	program := func(p string) []byte {
		return archived(t, zip.Store, map[string]string{"data.pkl": p, "data/0": storage})
	}
	for name, tc := range map[string]struct {
		bytes []byte
		says  string
	}{
		"a call of os.system":                 {made("torch-evil"), "system is not one of a state dict's"},
		"a plain pickle":                      {made("torch-legacy"), "plain pickle of PyTorch before 1.6"},
		"no PyTorch file":                     {[]byte("hello"), "not a PyTorch file"},
		"a git-lfs pointer":                   {[]byte("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"},
		"a tar archive":                       {append(make([]byte, 257), "ustar\x0000"...), "tar archive"},
		"half an archive":                     {made("torch")[:20000], "damaged zip"},
		"a TorchScript program":               {archived(t, zip.Store, map[string]string{"data.pkl": good, "data/0": storage, "constants.pkl": ""}), "TorchScript"},
		"a big-endian file":                   {archived(t, zip.Store, map[string]string{"data.pkl": good, "data/0": storage, "byteorder": "big"}), `"big"`},
		"compressed records":                  {archived(t, zip.Deflate, map[string]string{"data.pkl": good, "data/0": storage}), "compressed"},
		"no storage":                          {archived(t, zip.Store, map[string]string{"data.pkl": good}), "data/0 is missing"},
		"a storage too short":                 {archived(t, zip.Store, map[string]string{"data.pkl": good, "data/0": "abc"}), "too few"},
		"no data.pkl":                         {archived(t, zip.Store, map[string]string{"data/0": storage}), "no data.pkl"},
		"a shape beyond the storage":          {tensor(0, []int{7}, []int{1}), "does not fit"},
		"an offset beyond the storage":        {tensor(1, []int{6}, []int{1}), "goes beyond"},
		"an offset at the end":                {tensor(6, []int{}, []int{}), "does not fit"},
		"strides beyond the storage":          {tensor(0, []int{2, 2}, []int{5, 1}), "goes beyond"},
		"a shape that expands the storage":    {tensor(0, []int{1 << 30}, []int{0}), "does not fit"},
		"a shape and strides unlike in rank":  {tensor(0, []int{6}, []int{6, 1}), "wrong types"},
		"an unknown class":                    {program(pickled("torch\nQuantizedStorage", 6, 0, nil, nil)), "torch.QuantizedStorage"},
		"an object of Python's own":           {program("\x80\x02c__builtin__\nobject\n."), "__builtin__.object"},
		"a class named on the stack":          {program("\x80\x04\x8c\x02os\x8c\x06system\x93."), "os.system"},
		"a number":                            {program("\x80\x02K\x01."), "not a state dict"},
		"a dict of numbers":                   {program("\x80\x02}X\x01\x00\x00\x00wK\x01s."), `"w" is a int, not a tensor`},
		"a dict with a number as key":         {program("\x80\x02}K\x01K\x01s."), "not a text"},
		"a text of 4 GB":                      {program("\x80\x02X\xff\xff\xff\xffw."), "beyond the end"},
		"a frame of 2^62 bytes":               {program("\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x40."), "beyond the end"},
		"a pickle without an end":             {program("\x80\x02}"), "no end"},
		"an opcode of no state dict":          {program("\x80\x02ios\nsystem\n."), "opcode 0x69"},
		"an empty stack":                      {program("\x80\x02R."), "stack is empty"},
		"a list as key, which panics inside":  {program("\x80\x02ccollections\nOrderedDict\n)R\x8a\x01\x01]s."), ""},
		"a pickle over the limit":             {program(strings.Repeat("N", maxPickle) + "."), "limit"},
		"a persistent id of no storage":       {program("\x80\x02K\x01Q."), "persistent id"},
		"a state dict inside a training dump": {program("\x80\x02}X\x05\x00\x00\x00model}s."), `"model" is a *types.Dict`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseTorch("pytorch_model.bin", tc.bytes)
			if !errors.Is(err, fault.BadModel) || !strings.Contains(fmt.Sprint(err), tc.says) || got != nil {
				t.Errorf("parseTorch = %v, %v; want a %v that says %q", got, err, fault.BadModel, tc.says)
			}
		})
	}
}

func FuzzPickle(f *testing.F) {
	f.Add([]byte(pickled(floats, 6, 0, []int{2, 3}, []int{3, 1})))
	f.Add([]byte("\x80\x02X\xff\xff\xff\xffw."))
	f.Add([]byte("\x80\x04\x8c\x02os\x8c\x06system\x93."))
	storage := strings.Repeat("x", 24)
	f.Fuzz(func(t *testing.T, program []byte) {
		b := archived(t, zip.Store, map[string]string{"data.pkl": string(program), "data/0": storage})
		tensors, err := parseTorch("fuzz", b)
		if err != nil && !errors.Is(err, fault.BadModel) {
			t.Fatalf("parseTorch = %v; want %v", err, fault.BadModel)
		}
		for _, x := range tensors {
			if len(x.Bytes) > len(storage) || x.DType.Float() && len(x.Float32()) != x.Len() {
				t.Fatalf("tensor %v of %d bytes", x, len(x.Bytes))
			}
		}
	})
}
