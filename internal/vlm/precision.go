package vlm

import (
	"fmt"
	"slices"
	"strings"

	"videoqa/internal/fault"
)

// Precision is the arithmetic of a model's large products.
type Precision string

// The precisions by their names on the command line. FP32 is what parity is
// measured with. BF16 rounds what goes into the products over pictures to bfloat16;
// it needs a processor with AVX512-BF16. INT8 rounds what goes into all products to
// 8 bits, and what goes into attention over pictures as BF16 does where the
// processor can; sums, norms and embeddings stay float32. FP16 computes over pictures
// in float16, their patches aside, which is what a GPU is fast at; a CPU only checks
// it. Of two formats the first is for products over pictures and the second for the
// text step. Auto is the fastest of all but INT8, whose features an outlier among a
// picture's activations can hurt.
const (
	Auto     Precision = "auto"
	FP32     Precision = "fp32"
	BF16     Precision = "bf16"
	INT8     Precision = "int8"
	FP16     Precision = "fp16"
	FP16INT8 Precision = "fp16+int8"
	FP32INT8 Precision = "fp32+int8"
	BF16INT8 Precision = "bf16+int8"
)

// Precisions are all of them, Auto first.
func Precisions() []Precision {
	return []Precision{Auto, FP32, BF16, INT8, FP16, FP32INT8, BF16INT8, FP16INT8}
}

// Pictures is the precision of products over pictures, and so of features.
func (p Precision) Pictures() Precision {
	pictures, _, _ := strings.Cut(string(p), "+")
	return Precision(pictures)
}

// Words is the precision of the text step.
func (p Precision) Words() Precision {
	_, words, two := strings.Cut(string(p), "+")
	switch {
	case two:
		return Precision(words)
	case p == INT8:
		return INT8
	}
	return FP32
}

// Validate refuses an unknown name, as [fault.BadRequest]. The empty one means Auto.
func (p Precision) Validate() error {
	if p == "" || slices.Contains(Precisions(), p) {
		return nil
	}
	return fmt.Errorf("choose precision: %q is not built in; have %q: %w", p, Precisions(), fault.BadRequest)
}
