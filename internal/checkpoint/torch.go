package checkpoint

import (
	"bytes"
	"container/list"
	"fmt"
	"slices"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"

	"videoqa/internal/fault"
)

// parseTorch reads a pytorch_model.bin: a zip archive of uncompressed records, of
// which data.pkl is a pickled state dict and data/0, data/1, … are the storages
// that it speaks of (torch.save since PyTorch 1.6). The pickle is read for its
// structure only; tensors borrow b, except for those whose strides are not those
// of a plain row-major array, which are laid out anew. The archive's checksums
// are not checked, since that would read everything. file names b in errors,
// which are [fault.BadModel].
func parseTorch(file string, b []byte) ([]Tensor, error) {
	tensors, err := readTorch(b)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", file, err, fault.BadModel)
	}
	return tensors, nil
}

func readTorch(b []byte) ([]Tensor, error) {
	a, err := openArchive(b)
	if err != nil {
		return nil, err
	}
	program, err := a.record("data.pkl")
	if err != nil {
		return nil, err
	}
	if err := checkPickle(program); err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	state, err := unpickle(program, a)
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	return stateDict(state)
}

// unpickle runs the pickle with the classes of a state dict. The unpickler
// panics on some malformed input (an unhashable key, for one), hence recover.
func unpickle(program []byte, a *archive) (state any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("malformed pickle: %v", p)
		}
	}()
	u := pickle.NewUnpickler(bytes.NewReader(program))
	u.FindClass = findClass
	u.PersistentLoad = a.storage
	return u.Load()
}

// findClass knows the classes of a state dict. OrderedDict is known to the
// unpickler itself.
func findClass(module, name string) (any, error) {
	switch module + "." + name {
	case "torch._utils._rebuild_tensor_v2":
		return rebuildTensor{}, nil
	case "torch._utils._rebuild_parameter":
		return rebuildParameter{}, nil
	}
	if d := storageType(module + "." + name); d != "" {
		return d, nil
	}
	return nil, fmt.Errorf("class %s.%s is not one of a state dict's, and may not be loaded", module, name)
}

// storageType returns the type that a class of storages holds, or "".
func storageType(class string) DType {
	switch class {
	case "torch.DoubleStorage":
		return F64
	case "torch.FloatStorage":
		return F32
	case "torch.HalfStorage":
		return F16
	case "torch.BFloat16Storage":
		return BF16
	case "torch.LongStorage":
		return "I64"
	case "torch.IntStorage":
		return "I32"
	case "torch.ShortStorage":
		return "I16"
	case "torch.CharStorage":
		return "I8"
	case "torch.ByteStorage":
		return "U8"
	case "torch.BoolStorage":
		return "BOOL"
	}
	return ""
}

// A storage is one record of the archive, as numbers of one type.
type storage struct {
	dtype DType
	bytes []byte // borrowed from the file
}

// storage loads ("storage", class, key, device, elements), which stands in the
// pickle for the record data/<key>.
func (a *archive) storage(id any) (any, error) {
	t, ok := id.(*types.Tuple)
	if !ok || t.Len() != 5 {
		return nil, fmt.Errorf("a persistent id is not that of a storage")
	}
	dtype, ok1 := t.Get(1).(DType)
	key, ok2 := t.Get(2).(string)
	n, ok3 := t.Get(4).(int)
	if t.Get(0) != any("storage") || !ok1 || !ok2 || !ok3 || n < 0 {
		return nil, fmt.Errorf("a persistent id is not that of a storage")
	}
	b, err := a.record("data/" + key)
	if err != nil {
		return nil, err
	}
	if int64(n) > int64(len(b))/dtype.size() {
		return nil, fmt.Errorf("data/%s has %d bytes, too few for %d numbers of %s", key, len(b), n, dtype)
	}
	return &storage{dtype, b[:int64(n)*dtype.size()]}, nil
}

// rebuildTensor makes a tensor of (storage, offset, size, stride, requires_grad,
// hooks, …), as torch._utils._rebuild_tensor_v2 does.
type rebuildTensor struct{}

func (rebuildTensor) Call(args ...any) (any, error) {
	if len(args) < 6 {
		return nil, fmt.Errorf("a tensor is made of %d values, want 6", len(args))
	}
	s, ok1 := args[0].(*storage)
	offset, ok2 := args[1].(int)
	shape, ok3 := integers(args[2])
	stride, ok4 := integers(args[3])
	if !ok1 || !ok2 || !ok3 || !ok4 || offset < 0 || len(shape) != len(stride) {
		return nil, fmt.Errorf("a tensor is made of values of the wrong types")
	}
	b, err := s.view(int64(offset), shape, stride)
	if err != nil {
		return nil, err
	}
	return &Tensor{DType: s.dtype, Shape: shape, Bytes: b}, nil
}

// rebuildParameter takes the tensor out of (tensor, requires_grad, hooks).
type rebuildParameter struct{}

func (rebuildParameter) Call(args ...any) (any, error) {
	if len(args) > 0 {
		if t, ok := args[0].(*Tensor); ok {
			return t, nil
		}
	}
	return nil, fmt.Errorf("a parameter is not made of a tensor")
}

// integers reads a tuple of integers that are not negative.
func integers(v any) ([]int64, bool) {
	t, ok := v.(*types.Tuple)
	if !ok {
		return nil, false
	}
	out := make([]int64, t.Len())
	for i := range out {
		n, ok := t.Get(i).(int)
		if !ok || n < 0 {
			return nil, false
		}
		out[i] = int64(n)
	}
	return out, true
}

// view returns the bytes of a tensor over s, row-major: those of the file if it
// lies so already, else a copy.
func (s *storage) view(offset int64, shape, stride []int64) ([]byte, error) {
	n, ok := elements(shape)
	width := s.dtype.size()
	have := int64(len(s.bytes)) / width
	if !ok || n > have || offset > have || offset == have && n > 0 {
		return nil, fmt.Errorf("a tensor of shape %v at %d does not fit its storage of %d numbers", shape, offset, have)
	}
	if n == 0 {
		return nil, nil
	}
	last := offset // of the elements that the tensor reaches
	for i, d := range shape {
		if d > 1 && stride[i] > (have-1-last)/(d-1) {
			return nil, fmt.Errorf("a tensor of shape %v and strides %v goes beyond its storage of %d numbers", shape, stride, have)
		}
		if d > 1 {
			last += (d - 1) * stride[i]
		}
	}
	if rowMajor(shape, stride) {
		return s.bytes[offset*width : (offset+n)*width : (offset+n)*width], nil
	}
	return s.gather(make([]byte, 0, n*width), offset, shape, stride), nil
}

// rowMajor reports whether strides are those of an array without gaps. The stride
// of a dimension of one does not matter.
func rowMajor(shape, stride []int64) bool {
	want := int64(1)
	for i, d := range slices.Backward(shape) {
		if d != 1 && stride[i] != want {
			return false
		}
		want *= d
	}
	return true
}

// gather appends the elements of a strided tensor to out in row-major order.
func (s *storage) gather(out []byte, at int64, shape, stride []int64) []byte {
	width := s.dtype.size()
	if len(shape) == 0 {
		return append(out, s.bytes[at*width:(at+1)*width]...)
	}
	for i := range shape[0] {
		out = s.gather(out, at+i*stride[0], shape[1:], stride[1:])
	}
	return out
}

// stateDict reads a dict of tensors by name.
func stateDict(state any) ([]Tensor, error) {
	var tensors []Tensor
	seen := map[string]bool{}
	err := eachItem(state, func(key, value any) error {
		name, ok := key.(string)
		if !ok {
			return fmt.Errorf("a key of the state dict is a %T, not a text", key)
		}
		t, ok := value.(*Tensor)
		if !ok {
			return fmt.Errorf("%q is a %T, not a tensor: this is not a state dict", name, value)
		}
		if seen[name] {
			return fmt.Errorf("%s is given twice", name)
		}
		seen[name] = true
		tensors = append(tensors, Tensor{Name: name, DType: t.DType, Shape: t.Shape, Bytes: t.Bytes})
		return nil
	})
	return tensors, err
}

// eachItem calls f for the items of either kind of dict, in order.
func eachItem(dict any, f func(key, value any) error) error {
	switch d := dict.(type) {
	case *types.Dict:
		for _, e := range *d {
			if err := f(e.Key, e.Value); err != nil {
				return err
			}
		}
		return nil
	case *types.OrderedDict:
		for e := d.List.Front(); e != nil; e = e.Next() {
			if err := f(entryOf(e)); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("it holds a %T, not a state dict", dict)
}

func entryOf(e *list.Element) (key, value any) {
	entry := e.Value.(*types.OrderedDictEntry) // the list holds nothing else
	return entry.Key, entry.Value
}
