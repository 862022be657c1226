package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// composeFile reads a file as docker compose does: schema, interpolation and the
// references between its parts. Files that it mounts have to be there, videoqa has
// to take its services' variables, and what they publish must be listened on.
func composeFile(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("compose wants videoqa's program and a compose file")
	}
	program, file := args[0], args[1]
	options, err := cli.NewProjectOptions([]string{file}, cli.WithConsistency(true), cli.WithResolvedPaths(true))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return err
	}
	mounted, checked := 0, 0
	for name, service := range project.Services {
		n, err := mounts(service)
		if err == nil && service.Image == "videoqa" {
			checked++
			err = ours(ctx, program, service)
		}
		if err != nil {
			return fmt.Errorf("%s: service %s: %w", file, name, err)
		}
		mounted += n
	}
	if checked == 0 {
		return fmt.Errorf("%s: no service is of image videoqa", file)
	}
	fmt.Printf("%s: %d services, %d files mounted\n", file, len(project.Services), mounted)
	return nil
}

// mounts counts the files that a service mounts, which have to be there.
func mounts(service types.ServiceConfig) (n int, err error) {
	for _, volume := range service.Volumes {
		if volume.Type != "bind" || filepath.Base(volume.Source) == "clips" { // the user's own
			continue
		}
		if _, err := os.Stat(volume.Source); err != nil {
			return n, fmt.Errorf("mount %s: %w", volume.Target, err)
		}
		n++
	}
	return n, nil
}

// ours checks a service that runs videoqa.
func ours(ctx context.Context, program string, service types.ServiceConfig) error {
	p := process{name: service.Name}
	for name, value := range service.Environment {
		if value != nil {
			p.env = append(p.env, name+"="+*value)
		}
	}
	if err := p.check(ctx, program); err != nil {
		return err
	}
	for _, port := range service.Ports {
		listen := service.Environment["VIDEOQA_LISTEN"]
		if listen == nil {
			return fmt.Errorf("port %d is published, and videoqa listens on its container's loopback: VIDEOQA_LISTEN is not set", port.Target)
		}
		host, number, err := net.SplitHostPort(*listen)
		if err != nil {
			return err
		}
		if ip := net.ParseIP(host); number != strconv.Itoa(int(port.Target)) || host == "localhost" || ip != nil && ip.IsLoopback() {
			return fmt.Errorf("port %d is published, and videoqa listens on %s", port.Target, *listen)
		}
	}
	return nil
}
