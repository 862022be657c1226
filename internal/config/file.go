package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// A given is a value with where it was written.
type given struct{ text, origin string }

// A reader flattens a file into settings and collects what is wrong with it.
type reader struct {
	file     string
	settings *Settings
	values   map[string]given
	wrong    []error
}

// readFile returns the values of a file; an error is one line for each thing
// that is wrong, "file:line: key: …". nil: it does not hold settings at all.
func (s *Settings) readFile(path string) (map[string]given, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("config: read: %w", err)
	}
	defer file.Close()
	r := &reader{file: path, settings: s, values: map[string]given{}}
	if !r.read(file) {
		return nil, errors.Join(r.wrong...)
	}
	return r.values, errors.Join(r.wrong...)
}

// read returns false if text is no mapping.
func (r *reader) read(text io.Reader) bool {
	var document, more yaml.Node
	decoder := yaml.NewDecoder(text)
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return true // an empty file changes nothing
	case err != nil:
		r.wrong = append(r.wrong, r.syntax(err))
		return false
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		r.fail(&more, "", "a second document; one file holds one")
	}
	switch root := document.Content[0]; {
	case root.Kind == yaml.MappingNode:
		r.mapping("", root)
	case root.Tag != "!!null":
		r.fail(root, "", "settings are written as KEY: VALUE")
		return false
	}
	return true
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax puts what the parser says into our form.
func (r *reader) syntax(err error) error {
	said := err.Error()
	line := "1"
	if found := yamlLine.FindStringSubmatch(said); found != nil {
		said = said[len(found[0]):]
		if found[1] != "" {
			line = found[1]
		}
	}
	return fmt.Errorf("%s:%s: not YAML: %s", r.file, line, said)
}

func (r *reader) fail(at *yaml.Node, name, format string, args ...any) {
	if name != "" {
		name += ": "
	}
	r.wrong = append(r.wrong, fmt.Errorf("%s:%d: %s%s", r.file, at.Line, name, fmt.Sprintf(format, args...)))
}

func (r *reader) mapping(prefix string, node *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name := prefix + key.Value
		if value.Kind == yaml.AliasNode && value.Alias.Kind == yaml.MappingNode {
			r.fail(value, name, "a mapping by reference, which may hold itself: write it out")
			continue
		}
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		setting, known := r.settings.named(name)
		switch {
		case known:
			r.take(key, value, setting)
		case value.Kind == yaml.MappingNode && len(value.Content) > 0:
			r.mapping(name+"_", value)
		case name == File:
			r.fail(key, name, "a file cannot name another")
		default:
			r.fail(key, name, "no such setting; the nearest is %s", nearest(name, r.settings.names()))
		}
	}
}

func (r *reader) take(key, value *yaml.Node, s Setting) {
	if value.Tag == "!!null" {
		return // KEY: with nothing after it leaves the default
	}
	text, err := plain(value)
	if err == nil {
		err = s.check(text)
	}
	if err != nil {
		r.fail(value, s.Name, "%v", err)
		return
	}
	if earlier, twice := r.values[s.Name]; twice {
		r.fail(key, s.Name, "is given twice, first at %s", earlier.origin)
		return
	}
	r.values[s.Name] = given{text, fmt.Sprintf("%s:%d", r.file, key.Line)}
}

// plain is a value as it would be written after a flag.
func plain(value *yaml.Node) (string, error) {
	switch value.Kind {
	case yaml.ScalarNode:
		return scalar(value)
	case yaml.SequenceNode:
		var items []string
		for _, item := range value.Content {
			if item.Kind != yaml.ScalarNode {
				return "", errors.New("an item is a list or a mapping, not one value")
			}
			text, err := scalar(item)
			if err != nil {
				return "", err
			}
			items = append(items, text)
		}
		return kong.JoinEscaped(items, ','), nil
	}
	return "", errors.New("a mapping, not a value")
}

// scalar is one value. What is not UTF-8 is written in base64, after !!binary.
func scalar(value *yaml.Node) (string, error) {
	if value.Tag != "!!binary" {
		return value.Value, nil
	}
	text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value.Value), ""))
	if err != nil {
		return "", errors.New("after !!binary stands no base64")
	}
	return string(text), nil
}
