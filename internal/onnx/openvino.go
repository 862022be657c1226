package onnx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"
)

// OpenVINO's CPU plugin gives the thread that loads it a signal stack of its own,
// 11 KB, and frees that when the plugin is unloaded, whichever thread does it. The
// next signal on the first thread then kills the process; Go's scheduler sends such
// signals all the time. So the plugin is loaded once, on a thread that takes its
// signal stack back, and stays loaded: one session of a graph that adds two numbers
// is never closed.

// anchorOpenVINO keeps the plugin loaded from now on.
func (r *Runtime) anchorOpenVINO() error {
	r.anchoring.Lock()
	defer r.anchoring.Unlock()
	if r.anchored {
		return nil
	}
	g := NewPlainGraph("anchor")
	x := g.Input("x", Float, 1)
	g.Output("y", g.Add("sum", x, x))
	model, err := g.Model()
	if err != nil {
		return err
	}
	options, err := SessionConfig{Provider: OpenVINO, Threads: 1}.options()
	if err != nil {
		return err
	}
	defer options.Destroy()
	err = undisturbed(func() error {
		_, err := ort.NewDynamicAdvancedSessionWithONNXData(model.Bytes, names(model.Ports.Inputs), names(model.Ports.Outputs), options)
		return err
	})
	if err != nil {
		return fmt.Errorf("load OpenVINO: %w", err)
	}
	r.anchored = true
	return nil
}

// A signalStack is stack_t of sigaltstack(2) on 64-bit Linux.
type signalStack struct {
	base  uintptr
	flags int32
	_     int32
	size  uintptr
}

// undisturbed runs do on one thread that gets no signal meanwhile, and gives the
// thread back the signal stack that it had.
func undisturbed(do func() error) error {
	const setMask = 2
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var stack signalStack
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SIGALTSTACK, 0, uintptr(unsafe.Pointer(&stack)), 0); errno != 0 {
		return fmt.Errorf("read the signal stack: %w", errno)
	}
	all, before := ^uint64(0), uint64(0)
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, setMask, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&before)), unsafe.Sizeof(all), 0, 0); errno != 0 {
		return fmt.Errorf("block signals: %w", errno)
	}
	err := do()
	_, _, restored := syscall.RawSyscall(syscall.SYS_SIGALTSTACK, uintptr(unsafe.Pointer(&stack)), 0, 0)
	_, _, unblocked := syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, setMask, uintptr(unsafe.Pointer(&before)), 0, unsafe.Sizeof(before), 0, 0)
	if restored != 0 || unblocked != 0 {
		panic(fmt.Sprintf("onnx: the signal stack cannot be given back: %v, %v", restored, unblocked)) // the next signal would be the last
	}
	return err
}

// restMapped gives the memory of files below dir that are mapped for reading back to
// the system. OpenVINO has rounded copies of the weights once a graph is open, and
// what it looks at again comes from the file again.
func restMapped(dir string) error {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	var errs []error
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		var access string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &access); n != 3 || !strings.HasPrefix(access, "r--") || !strings.Contains(line, " "+dir+string(filepath.Separator)) {
			continue
		}
		if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED); errno != 0 && errno != syscall.ENOMEM {
			errs = append(errs, errno) // ENOMEM: it was unmapped meanwhile
		}
	}
	return errors.Join(errs...)
}
