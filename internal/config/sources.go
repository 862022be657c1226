package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Sources are the values that variables and a file give. They are a
// [kong.Resolver], so that a flag comes before them.
type Sources struct {
	settings *Settings
	values   map[string]given // by the setting's name
}

// Read takes the values of file, if its name is not empty, and of the variables
// in environ, each "NAME=value", which come before the file's. flags are those of
// the command: variables of settings that it does not have are left alone, and
// all are if it has none. The error tells everything that is wrong, one line
// each: keys and variables that nobody knows, with the nearest that exists, and
// values that cannot be used. With it come the sources of what is right, or nil if
// the file cannot be read as one of settings.
func (s *Settings) Read(file string, environ []string, flags []*kong.Flag) (*Sources, error) {
	from := &Sources{settings: s, values: map[string]given{}}
	wanted := map[string]bool{} // variables
	for _, flag := range flags {
		if place, ok := s.byFlag[flag]; ok {
			wanted[s.list[place].Variable] = true
		}
	}
	var wrong []error
	readable := true
	if file != "" {
		values, err := s.readFile(file)
		wrong = append(wrong, err)
		if readable = values != nil; readable {
			from.values = values
		}
	}
	for _, entry := range environ {
		if len(wanted) > 0 {
			wrong = append(wrong, from.variable(entry, wanted))
		}
	}
	if !readable {
		return nil, errors.Join(wrong...)
	}
	return from, errors.Join(wrong...)
}

// Variables that are no settings: where a library lies, and what tests and
// benchmarks are told.
var (
	ours    = []string{Prefix + "ONNXRUNTIME", Prefix + "ORT_LIB", Prefix + "PARITY"}
	forTest = []string{Prefix + "TEST_", Prefix + "BENCH_"}
)

// What Kubernetes tells each container about a service that is called videoqa or
// videoqa-something: VIDEOQA_PORT=tcp://10.0.0.7:80 and its parts.
var serviceLink = regexp.MustCompile(`^[A-Z0-9_]*_(SERVICE_HOST=|SERVICE_PORT(_[A-Z0-9_]+)?=\d+$|PORT=(tcp|udp)://|PORT_\d+_(TCP|UDP)(_PROTO|_PORT|_ADDR)?=)`)

// variable takes one entry of the environment.
func (f *Sources) variable(entry string, wanted map[string]bool) error {
	name, text, _ := strings.Cut(entry, "=")
	if !strings.HasPrefix(name, Prefix) || text == "" || slices.Contains(ours, name) || serviceLink.MatchString(entry) ||
		slices.ContainsFunc(forTest, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
		return nil
	}
	for _, s := range f.settings.list {
		if s.Variable != name {
			continue
		}
		if !wanted[name] {
			return nil
		}
		if err := s.check(text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		f.values[s.Name] = given{text, name}
		return nil
	}
	return fmt.Errorf("%s: no such variable; the nearest is %s", name, nearest(name, f.settings.variables()))
}

func (s *Settings) variables() (all []string) {
	for _, known := range s.list {
		all = append(all, known.Variable)
	}
	return all
}

// Validate implements [kong.Resolver].
func (*Sources) Validate(*kong.Application) error { return nil }

// Resolve implements [kong.Resolver].
func (f *Sources) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	place, ok := f.settings.byFlag[flag]
	if !ok {
		return nil, nil
	}
	if v, ok := f.values[f.settings.list[place].Name]; ok {
		return v.text, nil
	}
	return nil, nil
}
