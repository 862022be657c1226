package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Bytes is a size as people write it: 512MiB, 64 MB, 1.5 GiB, 4096. KB, MB, GB and
// TB are thousands; KiB, MiB, GiB and TiB, which may lack their B, are 1024s.
// Letters may be of either case.
type Bytes int64

// The larger first, in which a size is written with fewer digits.
var units = []struct {
	name string
	size Bytes
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3}, {"B", 1},
}

var sizeForm = regexp.MustCompile(`^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$`)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (b *Bytes) UnmarshalText(text []byte) error {
	found := sizeForm.FindStringSubmatch(strings.TrimSpace(string(text)))
	if found != nil {
		if unit := unitOf(found[2]); unit > 0 {
			if n, ok := product(found[1], unit); ok {
				*b = n
				return nil
			}
		}
	}
	return fmt.Errorf("%q is not a size as 512MiB, 64MB, 1.5GiB or 4096", text)
}

// unitOf returns 0 for a unit that is none.
func unitOf(name string) Bytes {
	switch {
	case name == "":
		return 1
	case len(name) == 2 && strings.EqualFold(name[1:], "i"): // as Kubernetes has it
		name += "B"
	case len(name) == 1 && !strings.EqualFold(name, "B"):
		return 0 // some programs mean 1000 by k, others 1024
	}
	for _, u := range units {
		if strings.EqualFold(u.name, name) {
			return u.size
		}
	}
	return 0
}

// product is exact for whole numbers; of a fraction the rest of a byte is dropped.
func product(digits string, unit Bytes) (Bytes, bool) {
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return Bytes(n) * unit, n <= math.MaxInt64/int64(unit)
	}
	n, err := strconv.ParseFloat(digits, 64)
	n *= float64(unit)
	return Bytes(n), err == nil && n < math.MaxInt64 && strings.Contains(digits, ".")
}

// MarshalText implements [encoding.TextMarshaler].
func (b Bytes) MarshalText() ([]byte, error) {
	for _, u := range units {
		if b >= u.size && b%u.size == 0 {
			name := u.name
			if u.size == 1 {
				name = ""
			}
			return fmt.Appendf(nil, "%d%s", b/u.size, name), nil
		}
	}
	return []byte("0"), nil
}
