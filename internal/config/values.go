package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// Origins of values that stand in no file and no variable.
const (
	Flag    = "flag"
	Default = "default"
)

// A Value is what a setting is, and who said so.
type Value struct {
	Setting
	Shown  string // in YAML, secrets masked
	Origin string // Flag, a variable's name, "file:line" or Default
	plain  string // in YAML
}

// Values returns the settings of the command that was parsed, in its order.
func (f *Sources) Values(parsed *kong.Context) (values []Value) {
	said := map[*kong.Flag]bool{}
	for _, step := range parsed.Path {
		if step.Flag != nil && !step.Resolved {
			said[step.Flag] = true
		}
	}
	for _, flag := range parsed.Flags() {
		place, ok := f.settings.byFlag[flag]
		if !ok {
			continue
		}
		v := Value{Setting: f.settings.list[place], Origin: Default}
		if from, ok := f.values[v.Name]; ok {
			v.Origin = from.origin
		}
		if said[flag] {
			v.Origin = Flag
		}
		v.plain = inYAML(flag.Target.Interface())
		v.Shown = v.mask(flag.Target.Interface())
		values = append(values, v)
	}
	return values
}

// inYAML writes a value on one line.
func inYAML(value any) string {
	switch v := value.(type) {
	case time.Duration:
		return short(v)
	case []time.Duration:
		all := make([]string, len(v))
		for i, d := range v {
			all[i] = short(d)
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	var node yaml.Node
	if err := node.Encode(value); err != nil {
		return fmt.Sprintf("%q", fmt.Sprint(value))
	}
	node.Style = yaml.FlowStyle
	text, err := yaml.Marshal(&node)
	if err != nil {
		return fmt.Sprintf("%q", fmt.Sprint(value))
	}
	return strings.ReplaceAll(strings.TrimRight(string(text), "\n"), "\n", " ")
}

// short is d as a person writes it: 10m, not 10m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

const masked = "********"

var (
	userInfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s,\]]*@`)
	password = regexp.MustCompile(`(?i)((?:password|passwd|secret|token|signature|key)=)[^&\s,"'\]]*`)
)

// mask is v.plain without what is secret. Text that is not UTF-8 stands there in
// base64, so it is masked before it is encoded.
func (v Value) mask(value any) string {
	if v.Secret && v.plain != `""` {
		return masked
	}
	if !strings.Contains(v.plain, "!!binary") {
		return withoutPasswords(v.plain)
	}
	switch value := value.(type) {
	case string:
		return inYAML(withoutPasswords(value))
	case []string:
		var all []string
		for _, one := range value {
			all = append(all, withoutPasswords(one))
		}
		return inYAML(all)
	}
	return masked
}

func withoutPasswords(s string) string {
	return password.ReplaceAllString(userInfo.ReplaceAllString(s, "${1}"+masked+"@"), "${1}"+masked)
}

// Changed returns those of now that differ from before.
func Changed(before, now []Value) (changed []Value) {
	was := map[string]string{}
	for _, v := range before {
		was[v.Name] = v.plain
	}
	for _, v := range now {
		if was[v.Name] != v.plain {
			changed = append(changed, v)
		}
	}
	return changed
}
