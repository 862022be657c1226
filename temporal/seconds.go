package temporal

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"time"
)

// Seconds is a time within a clip, counted from its first shown picture and
// rounded to a whole microsecond: what answers, frame listings and file indexes
// call pts. Equal instants are equal values, and its text has at most six digits
// after the point.
type Seconds float64

// NewSeconds converts ticks of num/den seconds, rounding half away from zero.
// num and den are positive; the result is exact to the microsecond for any span
// that fits 63 bits of microseconds.
func NewSeconds(ticks, num, den int64) Seconds {
	if num <= 0 || den <= 0 {
		panic(fmt.Sprintf("temporal: time base %d/%d", num, den)) // a demuxer's stream always has one
	}
	magnitude := uint64(ticks)
	if ticks < 0 {
		magnitude = -magnitude
	}
	hi, lo := bits.Mul64(magnitude, uint64(num)*1e6)
	lo, carry := bits.Add64(lo, uint64(den)/2, 0)
	hi += carry
	if hi >= uint64(den) {
		return Seconds(math.Copysign(math.MaxInt64/1e6, float64(ticks)))
	}
	micros, _ := bits.Div64(hi, lo, uint64(den))
	return Seconds(math.Copysign(float64(micros)/1e6, float64(ticks)))
}

// Duration returns s as a [time.Duration], exact to the microsecond. What is more
// than a Duration holds, 292 years, is the longest one.
func (s Seconds) Duration() time.Duration {
	const most = float64(math.MaxInt64/1_000_000_000) * 1e6 // whole seconds' worth of microseconds, which a float64 holds exactly
	micros := math.Round(float64(s) * 1e6)
	return time.Duration(max(-most, min(most, micros))) * time.Microsecond
}

// String gives s in seconds with as many digits as it needs, six at most.
func (s Seconds) String() string {
	return strconv.FormatFloat(math.Round(float64(s)*1e6)/1e6, 'f', -1, 64)
}

// MarshalJSON writes s as a JSON number, the text of [Seconds.String].
func (s Seconds) MarshalJSON() ([]byte, error) {
	if f := float64(s); math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("temporal: write seconds: %v is not a time", f)
	}
	return []byte(s.String()), nil
}
