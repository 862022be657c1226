package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"videoqa/internal/fault"
)

// maxHeader is the longest header that the safetensors library itself accepts.
const maxHeader = 100_000_000

// parseSafetensors reads a whole safetensors file: eight bytes of header length,
// a JSON header, and the data, which the tensors must cover from end to end
// without hole or overlap (https://github.com/huggingface/safetensors, "Format").
// The tensors borrow b and come in the order of their data. file names b in
// errors, which are [fault.BadModel].
func parseSafetensors(file string, b []byte) ([]Tensor, error) {
	header, data, err := splitSafetensors(b)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", file, err, fault.BadModel)
	}
	entries, err := parseHeader(header)
	if err != nil {
		return nil, fmt.Errorf("read header of %s: %w: %w", file, err, fault.BadModel)
	}
	tensors, err := layOut(entries, data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", file, err, fault.BadModel)
	}
	return tensors, nil
}

// splitSafetensors cuts b into header and data.
func splitSafetensors(b []byte) (header, data []byte, err error) {
	if len(b) < 8 {
		return nil, nil, fmt.Errorf("%d bytes are too few for a safetensors file", len(b))
	}
	n := binary.LittleEndian.Uint64(b)
	switch {
	case n > maxHeader:
		return nil, nil, fmt.Errorf("header of %d bytes is over the limit of %d", n, maxHeader)
	case n > uint64(len(b)-8):
		return nil, nil, fmt.Errorf("header of %d bytes goes beyond the file's %d", n, len(b))
	case n == 0 || b[8] != '{':
		return nil, nil, fmt.Errorf("header does not start with {")
	}
	return b[8 : 8+n], b[8+n:], nil
}

// An entry is one tensor of a header, before its bytes are known to exist.
type entry struct {
	name       string
	dtype      DType
	shape      []int64
	begin, end int64 // in the data
}

// parseHeader reads the header's JSON. It is read token by token because the
// usual decoder lets a second tensor of the same name replace the first.
func parseHeader(header []byte) ([]entry, error) {
	dec := json.NewDecoder(bytes.NewReader(header))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var entries []entry
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name := key.(string) // inside an object the decoder gives nothing else
		if seen[name] {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		seen[name] = true
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, err
		}
		if name == "__metadata__" {
			if err := json.Unmarshal(raw, new(map[string]string)); err != nil {
				return nil, fmt.Errorf("__metadata__: %w", err)
			}
			continue
		}
		e, err := parseEntry(name, raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		entries = append(entries, e)
	}
	return entries, endOfHeader(dec, header)
}

// endOfHeader checks that nothing but the padding's spaces follows the object.
func endOfHeader(dec *json.Decoder, header []byte) error {
	if _, err := dec.Token(); err != nil { // the closing brace
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	if rest := strings.TrimLeft(string(header[dec.InputOffset():]), " "); rest != "" {
		return fmt.Errorf("%d bytes follow the closing brace", len(rest))
	}
	return nil
}

// parseEntry reads {"dtype":…,"shape":[…],"data_offsets":[begin,end]} and nothing
// more, keys compared exactly.
func parseEntry(name string, raw []byte) (entry, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return entry{}, err
	}
	e := entry{name: name}
	var offsets []int64
	for key, into := range map[string]any{"dtype": &e.dtype, "shape": &e.shape, "data_offsets": &offsets} {
		v, ok := fields[key]
		if !ok || string(v) == "null" {
			return entry{}, fmt.Errorf("%s is missing", key)
		}
		if err := json.Unmarshal(v, into); err != nil {
			return entry{}, fmt.Errorf("%s: %w", key, err)
		}
		delete(fields, key)
	}
	for key := range fields {
		return entry{}, fmt.Errorf("unknown key %s", key)
	}
	if len(offsets) != 2 {
		return entry{}, fmt.Errorf("data_offsets has %d numbers", len(offsets))
	}
	e.begin, e.end = offsets[0], offsets[1]
	return e, e.check()
}

// check holds the entry to its own arithmetic: offsets in order, and as many
// bytes as its shape and type call for.
func (e entry) check() error {
	if e.begin < 0 || e.end < e.begin {
		return fmt.Errorf("data_offsets %d to %d are out of order", e.begin, e.end)
	}
	width := e.dtype.size()
	if width == 0 {
		return fmt.Errorf("unknown dtype %q", e.dtype)
	}
	n, ok := elements(e.shape)
	if !ok || n > math.MaxInt64/width {
		return fmt.Errorf("impossible shape %v", e.shape)
	}
	if n*width != e.end-e.begin {
		return fmt.Errorf("shape %v of %s needs %d bytes, data_offsets give %d", e.shape, e.dtype, n*width, e.end-e.begin)
	}
	return nil
}

// elements multiplies a shape out; ok is false if a dimension is negative or the
// product does not fit.
func elements(shape []int64) (n int64, ok bool) {
	n = 1
	for _, d := range shape {
		if d < 0 || (d > 0 && n > math.MaxInt64/d) {
			return 0, false
		}
		n *= d
	}
	return n, true
}

// layOut gives every entry its bytes and checks that together they cover data
// exactly.
func layOut(entries []entry, data []byte) ([]Tensor, error) {
	slices.SortFunc(entries, func(a, b entry) int {
		if a.begin != b.begin {
			return int(min(max(a.begin-b.begin, -1), 1))
		}
		return int(min(max(a.end-b.end, -1), 1)) // an empty tensor before the one that shares its place
	})
	tensors := make([]Tensor, 0, len(entries))
	var at int64
	for _, e := range entries {
		switch {
		case e.begin < at:
			return nil, fmt.Errorf("%s overlaps the tensor before it by %d bytes", e.name, at-e.begin)
		case e.begin > at:
			return nil, fmt.Errorf("a hole of %d bytes lies before %s", e.begin-at, e.name)
		case e.end > int64(len(data)):
			return nil, fmt.Errorf("%s ends at %d of %d bytes of data", e.name, e.end, len(data))
		}
		tensors = append(tensors, Tensor{Name: e.name, DType: e.dtype, Shape: e.shape, Bytes: data[e.begin:e.end:e.end]})
		at = e.end
	}
	if at != int64(len(data)) {
		return nil, fmt.Errorf("%d bytes follow the last tensor", int64(len(data))-at)
	}
	return tensors, nil
}
