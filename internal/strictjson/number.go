package strictjson

import (
	"errors"
	"strconv"
	"strings"
)

// wholeNumber is the value of a JSON number that has no fraction, however it is written;
// why says why there is none. Nothing is rounded, and no number takes memory by its exponent.
func wholeNumber(text string) (n int64, why string) {
	mantissa, exponent := text, ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], text[i+1:]
	}
	digits, negative := strings.CutPrefix(mantissa, "-")
	before, after, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(before+after, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return 0, ""
	}
	const wide = 1 << 20 // more digits than any text that is read has
	shift := len(digits) - len(short) - len(after)
	if exponent != "" {
		e, err := strconv.Atoi(exponent)
		if errors.Is(err, strconv.ErrRange) || e > wide || e < -wide {
			e = wide
			if strings.HasPrefix(exponent, "-") {
				e = -wide
			}
		}
		shift += e
	}
	switch {
	case shift < 0:
		return 0, "it has to be a whole number"
	case len(short)+shift > 18: // beyond what an int64 holds
		return 0, "it is too large"
	}
	n, err := strconv.ParseInt(short+strings.Repeat("0", shift), 10, 64)
	if err != nil {
		return 0, "it has to be a whole number"
	}
	if negative {
		n = -n
	}
	return n, ""
}
