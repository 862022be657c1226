package cli

import (
	"os"
	"testing"
)

// TestMain makes the program of the tests: under that variable this process is
// videoqa, for tests that run it as others do.
func TestMain(m *testing.M) {
	if os.Getenv("VIDEOQA_TEST_PROGRAM") != "" {
		os.Exit(Main("v0-test", os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
	}
	os.Exit(m.Run())
}
