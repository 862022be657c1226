package temporal_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"videoqa/temporal"
)

func TestSeconds(t *testing.T) {
	for _, tc := range []struct {
		name            string
		ticks, num, den int64
		text            string
	}{
		{"the first picture", 0, 1, 90000, "0"},
		{"a sixth of five seconds rounds to the microsecond", 75000, 1, 90000, "0.833333"},
		{"half a microsecond rounds up", 1, 1, 2000000, "0.000001"},
		{"and away from zero below it", -1, 1, 2000000, "-0.000001"},
		{"NTSC film", 1001, 1, 24000, "0.041708"},
		{"a time base above one second", 3, 2, 1, "6"},
		{"two hours in nanoseconds", 7200e9, 1, 1e9, "7200"},
		{"a year of 90 kHz ticks", 1 << 41, 1, 90000, "24433591.728356"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := temporal.NewSeconds(tc.ticks, tc.num, tc.den)
			text, err := json.Marshal(s)
			if err != nil || string(text) != tc.text {
				t.Errorf("NewSeconds(%d, %d, %d) is %s, %v; want %s", tc.ticks, tc.num, tc.den, text, err, tc.text)
			}
		})
	}
}

func TestSecondsBeyondMicrosecondsSaturate(t *testing.T) {
	if s := temporal.NewSeconds(math.MaxInt64, 9e12, 1); float64(s) < 9e12 {
		t.Errorf("NewSeconds of an absurd time base = %v; want the largest time", s)
	}
}

func TestSecondsDurationIsWholeMicroseconds(t *testing.T) {
	if got, want := temporal.NewSeconds(75000, 1, 90000).Duration(), 833333*time.Microsecond; got != want {
		t.Errorf("Duration() = %v; want %v", got, want)
	}
}

func TestSecondsThatAreNoTimeAreNotWritten(t *testing.T) {
	if text, err := json.Marshal(temporal.Seconds(math.NaN())); err == nil {
		t.Errorf("NaN was written as %s", text)
	}
}

func TestSecondsBeyondADurationAreTheLongestOne(t *testing.T) {
	for _, ticks := range []int64{1 << 61, -(1 << 61)} {
		got := temporal.NewSeconds(ticks, 1, 12800).Duration()
		if got.Abs() < 290*365*24*time.Hour || (got > 0) != (ticks > 0) {
			t.Errorf("NewSeconds(%d, 1, 12800).Duration() = %v; want about 292 years, with its sign", ticks, got)
		}
	}
}
