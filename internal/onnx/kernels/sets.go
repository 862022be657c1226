package kernels

// #cgo LDFLAGS: -lm -lpthread
// #include <stdlib.h>
// #include "kernels.h"
import "C"

import "unsafe"

// Names are those of all kernel sets, the plainest first. Every processor has the first.
var Names = []string{"plain", "AVX2", "AVX-512", "AVX-512 BF16"}

// Use has the set of that name compute from now on, "" for the best, and says whether
// this processor has it. It is for tests, and for the whole process.
func Use(name string) bool {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	return C.videoqa_choose(c) != 0
}

// InUse is the name of the set that computes.
func InUse() string { return C.GoString(C.videoqa_kernels().name) }
