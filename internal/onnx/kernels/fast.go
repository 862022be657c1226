//go:build !asan

package kernels

// #cgo CFLAGS: -O3
import "C"
