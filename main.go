// Videoqa answers questions about video, on the command line and over an event
// stream.
package main

import (
	"os"

	"videoqa/internal/cli"
)

// version is set by the linker to what git says of the source.
var version = "unknown"

func main() { os.Exit(cli.Main(version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ())) }
