package config

import (
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

func TestATimeWithoutAUnitIsToldHowTimesAreWritten(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want time.Duration // 0: refused
	}{
		{[]string{"--wait", "90s"}, 90 * time.Second}, {[]string{"--wait=1m30s"}, 90 * time.Second},
		{[]string{"--wait", "10"}, 0}, {[]string{"--wait", "soon"}, 0}, {[]string{"--pauses", "10s,1"}, 0},
	} {
		var cli struct {
			Wait   time.Duration
			Pauses []time.Duration
		}
		parser, err := kong.New(&cli, Verbatim()...)
		if err != nil {
			t.Fatal(err)
		}
		_, err = parser.Parse(tc.args)
		switch {
		case tc.want > 0 && (err != nil || cli.Wait != tc.want):
			t.Errorf("%q: %v, %v; want %v", tc.args, cli.Wait, err, tc.want)
		case tc.want == 0 && (err == nil || !strings.Contains(err.Error(), "is not a time as 500ms, 10s") || strings.Contains(err.Error(), "missing unit")):
			t.Errorf("%q: %v; want it to say how a time is written", tc.args, err)
		}
	}
}
