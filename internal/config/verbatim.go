package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Verbatim returns the options under which kong takes text byte by byte. Its own
// mappers pass text through JSON and split lists rune by rune; both replace what
// is not UTF-8, and a file name need not be.
//
// Items of a list lose the spaces around them, so that 'red, green' are two words.
// A list tagged verbatim keeps them: its items are file names. A list tagged
// sep:"none" is one item each time that it is given.
func Verbatim() []kong.Option {
	return []kong.Option{
		kong.KindMapper(reflect.String, kong.MapperFunc(text)),
		kong.KindMapper(reflect.Int, kong.MapperFunc(whole)),
		kong.KindMapper(reflect.Float64, kong.MapperFunc(number)),
		kong.TypeMapper(reflect.TypeFor[[]string](), list(func(item string) (string, error) { return item, nil })),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(aDuration)),
		kong.TypeMapper(reflect.TypeFor[[]time.Duration](), list(duration)),
		kong.TypeMapper(reflect.TypeFor[[]uint16](), list(port)),
	}
}

func port(item string) (uint16, error) {
	n, err := strconv.ParseUint(item, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number from 0 to 65535", item)
	}
	return uint16(n), nil
}

func duration(item string) (time.Duration, error) {
	d, err := time.ParseDuration(item)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time as 500ms, 10s, 1m30s or 24h", item)
	}
	return d, nil
}

func aDuration(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("time")
	if err != nil {
		return err
	}
	d, err := duration(written(token))
	if err != nil {
		return err
	}
	target.SetInt(int64(d))
	return nil
}

func whole(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("whole number")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(written(token))
	if err != nil {
		return fmt.Errorf("%q is not a whole number", written(token))
	}
	target.SetInt(int64(n))
	return nil
}

func number(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("number")
	if err != nil {
		return err
	}
	x, err := strconv.ParseFloat(written(token), 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("%q is not a number", written(token))
	}
	target.SetFloat(x)
	return nil
}

func text(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("string")
	if err != nil {
		return err
	}
	target.SetString(written(token))
	return nil
}

// written is a token as the command line, a variable or a file has it.
func written(token kong.Token) string {
	if s, ok := token.Value.(string); ok {
		return s
	}
	return fmt.Sprint(token.Value)
}

// list returns the mapper of lists whose items parse reads: a flag's value is
// several items, each argument is one.
func list[T any](parse func(string) (T, error)) kong.Mapper {
	return kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		items, err := items(ctx)
		if err != nil {
			return err
		}
		for _, item := range items {
			value, err := parse(item)
			if err != nil {
				return err
			}
			target.Set(reflect.Append(target, reflect.ValueOf(value)))
		}
		return nil
	})
}

func items(ctx *kong.DecodeContext) (all []string, err error) {
	if ctx.Value.Flag == nil {
		for _, token := range ctx.Scan.PopWhile(func(t kong.Token) bool { return t.IsValue() }) {
			all = append(all, written(token))
		}
		return all, nil
	}
	token := ctx.Scan.Pop()
	if token.IsEOL() {
		return nil, fmt.Errorf("missing value")
	}
	if ctx.Value.Tag.Sep == -1 {
		return []string{written(token)}, nil
	}
	all = split(written(token), string(ctx.Value.Tag.Sep))
	if !ctx.Value.Tag.Has("verbatim") {
		for i := range all {
			all[i] = strings.TrimSpace(all[i])
		}
	}
	return all, nil
}

// split is [kong.SplitEscaped] on bytes: \, is a comma inside an item, and a comma
// at the end begins no other item.
func split(s, separator string) (all []string) {
	item := ""
	for s != "" {
		switch {
		case strings.HasPrefix(s, `\`+separator):
			item, s = item+separator, s[1+len(separator):]
		case strings.HasPrefix(s, separator):
			all, item, s = append(all, item), "", s[len(separator):]
		default:
			item, s = item+s[:1], s[1:]
		}
	}
	if item != "" {
		all = append(all, item)
	}
	return all
}
