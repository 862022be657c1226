package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A process is one of videoqa that a deployment file would start: with these
// variables and no others, and this file of settings.
type process struct {
	name     string
	env      []string // NAME=VALUE
	settings string   // of the file; "": there is none
}

// check has the program judge what the process would be told.
func (p process) check(ctx context.Context, program string) error {
	folder, err := os.MkdirTemp("", "videoqa-settings-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	args := []string{"config", "check"}
	if p.settings != "" {
		file := filepath.Join(folder, "videoqa.yaml")
		if err := os.WriteFile(file, []byte(p.settings), 0o600); err != nil {
			return err
		}
		args = append(args, file)
	}
	command := exec.CommandContext(ctx, program, args...)
	command.Env = append(slices.Clone(p.env), "HOME="+folder)
	said, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s with %s: %w: %s", p.name, strings.Join(p.env, " "), err, bytes.TrimSpace(said))
	}
	fmt.Printf("%s: %s\n", p.name, bytes.TrimSpace(said))
	return nil
}

// pods checks the settings of each deployment of a rendered chart. Of a secret the
// value is what this command's own variable of that name holds.
func pods(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("pods wants videoqa's program and a rendered chart")
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	found, err := processes(text)
	if err != nil {
		return fmt.Errorf("%s: %w", args[1], err)
	}
	for _, p := range found {
		if err := p.check(ctx, args[0]); err != nil {
			return fmt.Errorf("%s: %w", args[1], err)
		}
	}
	if len(found) == 0 {
		return fmt.Errorf("%s: no deployment is in it", args[1])
	}
	return nil
}

// A manifest is what is looked at of those of a chart.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string // of a ConfigMap
	Spec     struct {
		Template struct {
			Spec struct {
				Containers []struct{ Env []variable }
			}
		}
	}
}

type variable struct {
	Name, Value string
	ValueFrom   struct {
		SecretKeyRef struct{ Name string } `yaml:"secretKeyRef"`
	} `yaml:"valueFrom"`
}

func processes(rendered []byte) (found []process, err error) {
	settings := ""
	for documents := yaml.NewDecoder(bytes.NewReader(rendered)); ; {
		var m manifest
		if err := documents.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		switch {
		case m.Kind == "ConfigMap" && m.Data["videoqa.yaml"] != "":
			settings = m.Data["videoqa.yaml"]
		case m.Kind == "Deployment":
			p := process{name: m.Metadata.Name}
			for _, v := range m.Spec.Template.Spec.Containers[0].Env {
				value, err := v.known()
				if err != nil {
					return nil, fmt.Errorf("%s: %w", p.name, err)
				}
				p.env = append(p.env, v.Name+"="+value)
			}
			found = append(found, p)
		}
	}
	for i := range found {
		found[i].settings = settings
	}
	return found, nil
}

func (v variable) known() (string, error) {
	if v.ValueFrom.SecretKeyRef.Name == "" {
		return v.Value, nil
	}
	value, ok := os.LookupEnv(v.Name)
	if !ok {
		return "", fmt.Errorf("%s is of secret %s: give %s to this command, as its value", v.Name, v.ValueFrom.SecretKeyRef.Name, v.Name)
	}
	return value, nil
}
