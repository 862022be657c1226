package main

import (
	"context"
	"fmt"
	"os"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/opencontainers/go-digest"
)

// dockerfile runs the checks of `docker build --check`. Images are not looked
// up: that they exist is not checked.
func dockerfile(ctx context.Context, args []string) error {
	for _, name := range args {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		source := llb.NewSourceMap(nil, name, "Dockerfile", text)
		source.Definition = &llb.Definition{} // it comes from no build of its own
		found, err := dockerfile2llb.DockerfileLint(ctx, text, dockerfile2llb.ConvertOpt{
			Config: dockerui.Config{}, MetaResolver: offline{}, SourceMap: source,
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, w := range found.Warnings {
			fmt.Printf("%s:%d: %s: %s\n", name, w.Location.GetRanges()[0].GetStart().GetLine(), w.RuleName, w.Detail)
		}
		if len(found.Warnings) > 0 || found.Error != nil {
			return fmt.Errorf("%s: %d warnings, %v", name, len(found.Warnings), found.Error)
		}
		fmt.Printf("%s: no warnings\n", name)
	}
	return nil
}

// offline takes every image for an empty one.
type offline struct{}

func (offline) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return ref, "", []byte(`{"architecture":"amd64","os":"linux","config":{}}`), nil
}
