package cli

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// flagsFirst puts a command's flags before its arguments, so that flags may stand
// among them: kong takes a list of arguments in one piece only. What it cannot make
// out stays as it is, for kong to complain of.
func flagsFirst(root *kong.Node, args []string) []string {
	node, begin := root, 0
	for begin < len(args) {
		i := slices.IndexFunc(node.Children, func(c *kong.Node) bool { return c.Name == args[begin] })
		if i < 0 {
			break
		}
		node, begin = node.Children[i], begin+1
	}
	if len(node.Children) > 0 {
		return args
	}
	flags := slices.Clone(args[:begin])
	var rest []string
	for left := args[begin:]; len(left) > 0; {
		if left[0] == "--" {
			return append(append(append(flags, "--"), rest...), left[1:]...)
		}
		n := flagLength(node, left)
		if n < 0 {
			return args
		}
		if n == 0 {
			rest, left = append(rest, left[0]), left[1:]
			continue
		}
		flags, left = append(flags, joined(left[:n])...), left[n:]
	}
	return append(flags, rest...)
}

// joined is a flag with its value as kong takes it: a number below zero would be a flag of
// its own.
func joined(flag []string) []string {
	if len(flag) == 2 && strings.HasPrefix(flag[0], "--") && len(flag[1]) > 1 && flag[1][0] == '-' && strings.ContainsRune(".0123456789", rune(flag[1][1])) {
		return []string{flag[0] + "=" + flag[1]}
	}
	return flag
}

// flagLength is how many of args are a flag with its value: 0, the first is no flag;
// -1, it is none that the command has, or its value is missing.
func flagLength(node *kong.Node, args []string) int {
	name, long := strings.CutPrefix(args[0], "--")
	if !long && (!strings.HasPrefix(args[0], "-") || args[0] == "-") {
		return 0
	}
	if long {
		name, _, valued := strings.Cut(name, "=")
		flag := flagOf(node, func(f *kong.Flag) bool { return f.Name == name || f.Tag.Negatable != "" && "no-"+f.Name == name })
		return valueLength(flag, valued, args)
	}
	for i, short := range args[0][1:] {
		flag := flagOf(node, func(f *kong.Flag) bool { return f.Short == short })
		if last := i+2 == len(args[0]); flag == nil || last || !flag.IsBool() {
			return valueLength(flag, !last, args)
		}
	}
	return -1
}

func valueLength(flag *kong.Flag, valued bool, args []string) int {
	switch {
	case flag == nil:
		return -1
	case valued || flag.IsBool():
		return 1
	case len(args) == 1:
		return -1 // its value is missing, and an argument must not become it
	}
	return 2
}

func flagOf(node *kong.Node, is func(*kong.Flag) bool) *kong.Flag {
	for ; node != nil; node = node.Parent {
		if i := slices.IndexFunc(node.Flags, is); i >= 0 {
			return node.Flags[i]
		}
	}
	return nil
}
