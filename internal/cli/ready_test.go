package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"videoqa/internal/eventually"
)

// A disk of 24 MiB is filled and emptied under a running service. Mounting one needs a
// user namespace, in which this test runs once more.
func TestAFullDiskIsNotReadyAndOneWithRoomIsAgain(t *testing.T) {
	if dir := os.Getenv("VIDEOQA_TEST_SMALL_DISK"); dir != "" {
		fillAndEmpty(t, dir)
		return
	}
	again := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), "VIDEOQA_TEST_SMALL_DISK="+t.TempDir())
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := again.CombinedOutput()
	switch {
	case strings.Contains(string(out), "cannot mount") || err != nil && len(out) == 0:
		t.Skipf("needs user namespaces (sysctl kernel.unprivileged_userns_clone=1): %v", err)
	case err != nil:
		t.Errorf("%v:\n%s", err, out)
	}
}

func fillAndEmpty(t *testing.T, dir string) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Skip("cannot mount a small disk:", err)
	}
	p := launch(t, "--data-dir", filepath.Join(dir, "data"))
	p.quiet()
	ready := func(want int, texts ...string) {
		t.Helper()
		body := ""
		eventually.True(t, fmt.Sprint("/health/ready answers with status ", want), func() bool {
			var status int
			status, body = p.get("/health/ready")
			return status == want
		})
		for _, text := range texts {
			if !strings.Contains(body, text) {
				t.Errorf("ready says %s; want %q", body, text)
			}
		}
	}
	ready(200)
	filler := filepath.Join(dir, "filler")
	file, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	ready(503, "data folder", "is full", "spool")
	question := `{"uri":"file:///none","questions":[{"question":"what?"}]}`
	if status := p.ask("POST", "/v1/questions", question, ""); status != 503 {
		t.Errorf("a question is taken with %d", status)
	}
	if err := errors.Join(file.Close(), os.Remove(filler)); err != nil {
		t.Fatal(err)
	}
	ready(200)
	if status := p.ask("POST", "/v1/questions", question, ""); status != 403 { // it is read, and its media are not allowed
		t.Errorf("a question is taken with %d", status)
	}
}
