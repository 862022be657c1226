package onnx

// #cgo CFLAGS: -O2 -I${SRCDIR}/kernels
// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "custom.h"
import "C"

import (
	"fmt"
	"reflect"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"
)

// Operators of our own: package kernels computes them, and custom.c is how ONNX Runtime
// calls it. They run on the CPU provider.

// custom is their domain.
const custom = "videoqa"

// openDomain makes the process's domain in the library at path, which is loaded.
func openDomain(path string) (unsafe.Pointer, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var domain unsafe.Pointer
	if err := taken(C.videoqa_domain(name, &domain)); err != nil {
		return nil, err
	}
	return domain, nil
}

// addDomain lets a session with these options run our operators.
func addDomain(o *ort.SessionOptions, domain unsafe.Pointer) error {
	options, err := pointer(o)
	if err != nil {
		return err
	}
	if err := taken(C.videoqa_add_domain(options, domain)); err != nil {
		return fmt.Errorf("add operators: %w", err)
	}
	return nil
}

// pointer is ONNX Runtime's own for o. The binding has neither custom operators nor
// weights in memory, and does not hand the pointer out, so that is read by its name.
func pointer(o *ort.SessionOptions) (unsafe.Pointer, error) {
	field := reflect.ValueOf(o).Elem().FieldByName("o")
	if field.Kind() != reflect.Pointer {
		return nil, fmt.Errorf("onnxruntime_go keeps session options elsewhere than in field o")
	}
	return field.UnsafePointer(), nil
}
