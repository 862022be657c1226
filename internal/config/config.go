// Package config gives a command's settings their values: from a flag, else from
// a variable, else from one YAML file, else the default.
//
//	settings := config.Take(parser.Model.Node)          // the flags with an env tag
//	sources, err := settings.Read(file, os.Environ())   // everything that is wrong, each with its place
//	err = kong.Resolvers(sources).Apply(parser)         // and then parser.Parse as ever
//	for _, v := range sources.Values(parsed) { … v.Name, v.Shown, v.Origin … }
//
// A setting is a flag with an env tag; nothing else has to be written to add one.
// The flag --kafka-brokers, the variable VIDEOQA_KAFKA_BROKERS and the file's key
// kafka_brokers are one setting; in the file, what stands before a _ may be a
// mapping (kafka: {brokers: …}). An empty variable counts as not set. A setting
// tagged secret is never shown, of any other its user info and passwords in URLs
// are not; one tagged reload may change while the program runs.
package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Prefix begins every variable.
const Prefix = "VIDEOQA_"

// File is the name of the setting that names the file, and so has no key in it.
const File = "config"

// A Setting is one flag with its variable and its key.
type Setting struct {
	Name     string // the key in the file, as kafka_brokers
	Variable string
	Secret   bool // never shown
	Reload   bool // may change while the program runs

	flag *kong.Flag // one of those that several commands may have
}

// Settings are all of a command line, in its order.
type Settings struct {
	list   []Setting
	byFlag map[*kong.Flag]int // places in list
}

// Take finds the settings of a command line. It takes their variables off the
// flags: kong would read them from the process's own environment, before files
// and without a check for names that nobody knows.
func Take(root *kong.Node) *Settings {
	s := &Settings{byFlag: map[*kong.Flag]int{}}
	s.take(root)
	return s
}

func (s *Settings) take(node *kong.Node) {
	for _, flag := range node.Flags {
		if len(flag.Tag.Envs) == 0 {
			continue
		}
		variable := flag.Tag.Envs[0]
		flag.Envs, flag.Tag.Envs = nil, nil
		place := slices.IndexFunc(s.list, func(known Setting) bool { return known.Variable == variable })
		if place < 0 {
			place = len(s.list)
			s.list = append(s.list, Setting{
				Name: strings.ReplaceAll(flag.Name, "-", "_"), Variable: variable,
				Secret: flag.Tag.Has("secret"), Reload: flag.Tag.Has("reload"), flag: flag,
			})
		}
		s.byFlag[flag] = place
	}
	for _, child := range node.Children {
		s.take(child)
	}
}

// All returns the settings.
func (s *Settings) All() []Setting { return slices.Clone(s.list) }

// Help is kong's text for a flag, with its variable.
func (s *Settings) Help(value *kong.Value) string {
	place, ok := s.byFlag[value.Flag]
	if !ok {
		return value.Help
	}
	return strings.TrimSpace(value.Help + " ($" + s.list[place].Variable + ")")
}

// named finds a setting by its key in a file.
func (s *Settings) named(name string) (Setting, bool) {
	for _, known := range s.list {
		if known.Name == name && name != File {
			return known, true
		}
	}
	return Setting{}, false
}

func (s *Settings) names() (all []string) {
	for _, known := range s.list {
		if known.Name != File {
			all = append(all, known.Name)
		}
	}
	return all
}

// check reports whether text can be a value of s.
func (s Setting) check(text string) error {
	target := reflect.New(s.flag.Target.Type()).Elem()
	err := s.flag.Mapper.Decode(&kong.DecodeContext{Value: s.flag.Value, Scan: kong.Scan().PushTyped(text, kong.FlagValueToken)}, target)
	if err == nil && s.flag.Enum != "" && !s.flag.IsSlice() && !s.flag.EnumMap()[text] {
		err = fmt.Errorf("%q is not one of %s", text, strings.Join(s.flag.EnumSlice(), ", "))
	}
	if err != nil && s.Secret {
		return fmt.Errorf("its value, which is not shown, cannot be used")
	}
	return err
}
