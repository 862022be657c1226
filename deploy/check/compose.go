package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
)

// composeFile reads a file as docker compose does: schema, interpolation and the
// references between its parts. Files that it mounts have to be there.
func composeFile(ctx context.Context, args []string) error {
	options, err := cli.NewProjectOptions(args, cli.WithConsistency(true), cli.WithResolvedPaths(true))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return err
	}
	mounted := 0
	for name, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type != "bind" || filepath.Base(volume.Source) == "clips" { // the user's own
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				return fmt.Errorf("%s: service %s: mount %s: %w", args[0], name, volume.Target, err)
			}
			mounted++
		}
	}
	fmt.Printf("%s: %d services, %d files mounted\n", args[0], len(project.Services), mounted)
	return nil
}
