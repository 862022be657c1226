// Command check holds the files of deploy to the formats that they are written
// in, without a daemon, a cluster or the internet.
//
//	go run . compose ../../bin/videoqa ../compose.yaml
//	go run . pods ../../bin/videoqa rendered.yaml      # a rendered chart
//	go run . dockerfile ../Dockerfile
//	go run . schemas FOLDER swagger.json crd.yaml…     # for kubeconform
//
// It is a module of its own: what reads compose files and Dockerfiles is their
// makers' code, and no part of videoqa.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	commands := map[string]func(context.Context, []string) error{"compose": composeFile, "pods": pods, "dockerfile": dockerfile, "schemas": schemas}
	if len(os.Args) < 3 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: check compose PROGRAM FILE | pods PROGRAM FILE | dockerfile FILE | schemas FOLDER SWAGGER CRD…")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](context.Background(), os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "check: %v\n", err)
		os.Exit(1)
	}
}
