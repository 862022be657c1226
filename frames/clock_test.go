package frames_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"videoqa/frames"
	"videoqa/internal/fault"
)

// retimed is a transport stream whose times are later by so many ticks of 90 kHz,
// of which there are 2^33.
func retimed(ts []byte, ticks int64) []byte {
	out := slices.Clone(ts)
	for p := out; len(p) >= 188; p = p[188:] {
		body := p[4:188]
		if p[3]&0x20 != 0 { // an adaptation field
			if field := body[1:]; body[0] >= 7 && field[0]&0x10 != 0 {
				pcr := uint64(field[1])<<40 | uint64(binary.BigEndian.Uint32(field[2:]))<<8 | uint64(field[6])
				base := (pcr>>15 + uint64(ticks)) & (1<<33 - 1)
				pcr = base<<15 | pcr&0x7fff
				field[1], field[6] = byte(pcr>>40), byte(pcr)
				binary.BigEndian.PutUint32(field[2:], uint32(pcr>>8))
			}
			body = body[1+int(body[0]):]
		}
		if p[1]&0x40 == 0 || !bytes.HasPrefix(body, []byte{0, 0, 1, 0xe0}) {
			continue
		}
		for i := range []int{0, 0, 1, 2}[body[7]>>6] {
			t := body[9+5*i:]
			at := uint64(t[0]>>1&7)<<30 | uint64(binary.BigEndian.Uint16(t[1:])>>1)<<15 | uint64(binary.BigEndian.Uint16(t[3:])>>1)
			at = (at + uint64(ticks)) & (1<<33 - 1)
			t[0] = t[0]&0xf1 | byte(at>>30)<<1
			binary.BigEndian.PutUint16(t[1:], uint16(at>>15)<<1|1)
			binary.BigEndian.PutUint16(t[3:], uint16(at)<<1|1)
		}
	}
	return out
}

const second = 90000

func TestTimeGoesOnWhereAFilesClockDoesNot(t *testing.T) {
	h264, late, hevc := clip(t, "open-gop-h264.ts"), clip(t, "late-start.ts"), clip(t, "hevc.ts")
	mpeg2, mpeg1, flv, mkv := clip(t, "mpeg2.mpg"), clip(t, "mpeg1.mpg"), clip(t, "flv.flv"), clip(t, "hevc.mkv")
	for _, tc := range []struct {
		name       string
		parts      [][]byte
		of         []string // the parts' goldens
		pause      time.Duration
		jump, lost bool // lost: the container says that something may be missing at the joint
	}{
		{"a recording joined to itself", [][]byte{h264, h264}, []string{"open-gop-h264.ts", "open-gop-h264.ts"}, 0, true, false},
		{"five of them", [][]byte{hevc, hevc, hevc, hevc, hevc}, []string{"hevc.ts", "hevc.ts", "hevc.ts", "hevc.ts", "hevc.ts"}, 0, true, false},
		{"a day back", [][]byte{late, h264}, []string{"late-start.ts", "open-gop-h264.ts"}, 0, true, false},
		{"a day ahead", [][]byte{h264, late}, []string{"open-gop-h264.ts", "late-start.ts"}, 0, true, false},
		{"back and ahead", [][]byte{h264, late, h264}, []string{"open-gop-h264.ts", "late-start.ts", "open-gop-h264.ts"}, 0, true, false},
		{"half a second back", [][]byte{hevc, retimed(hevc, second)}, []string{"hevc.ts", "hevc.ts"}, 0, true, false},
		{"twenty seconds ahead", [][]byte{hevc, retimed(hevc, 20*second)}, []string{"hevc.ts", "hevc.ts"}, 0, true, false},
		{"five seconds ahead are a pause", [][]byte{hevc, retimed(hevc, 5*second)}, []string{"hevc.ts", "hevc.ts"}, 5*time.Second - 1600*time.Millisecond, false, true},
		{"the clock's 33 bits run over", [][]byte{retimed(hevc, 1<<33-2*second)}, []string{"hevc.ts"}, 0, false, false},
		{"they run over, and it jumps", [][]byte{retimed(hevc, 1<<33-2*second), retimed(hevc, 90*second)}, []string{"hevc.ts", "hevc.ts"}, 0, true, false},
		{"they run over at the joint, which is a pause", [][]byte{retimed(hevc, 1<<33-3.06*second), retimed(hevc, -1.39*second)}, []string{"hevc.ts", "hevc.ts"}, 0, false, false},
		{"program streams, MPEG-2", [][]byte{mpeg2, mpeg2}, []string{"mpeg2.mpg", "mpeg2.mpg"}, 0, true, false},
		{"program streams, MPEG-1", [][]byte{mpeg1, mpeg1}, []string{"mpeg1.mpg", "mpeg1.mpg"}, 0, true, false},
		{"Matroska files joined", [][]byte{mkv, mkv}, []string{"hevc.mkv", "hevc.mkv"}, 0, true, false},
		{"FLV files joined", [][]byte{flv, flv, flv}, []string{"flv.flv", "flv.flv", "flv.flv"}, 0, true, false},
		{"a restarted FLV", [][]byte{flv, flv[13:]}, []string{"flv.flv", "flv.flv"}, 0, true, false},
	} {
		for _, keep := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, packets kept %v", tc.name, keep), func(t *testing.T) {
				data := slices.Concat(tc.parts...)
				s := sums{of: map[int]string{}}
				_, report, x, err := frames.SampleSeeing(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 1000}, frames.Upload(), keep, s.see)
				if err != nil {
					t.Fatal(err)
				}
				if report.ClockJump != tc.jump || report.Degraded != tc.lost {
					t.Errorf("clock jump %v, degraded %v; want %v, %v", report.ClockJump, report.Degraded, tc.jump, tc.lost)
				}
				if !tc.lost {
					checkJoined(t, x, tc.of, s.of)
				}
				if want := time.Duration(len(tc.of))*1600*time.Millisecond + tc.pause; (report.Duration - want).Abs() > time.Duration(len(tc.of))*80*time.Millisecond {
					t.Errorf("it lasts %v; want about %v", report.Duration, want)
				}
			})
		}
	}
}

// checkJoined compares pictures with those of the parts' goldens, one after the
// other, each part at its own pace and at once after the one before.
func checkJoined(t *testing.T, x *frames.Index, parts []string, got map[int]string) {
	t.Helper()
	pts, _, _, den := x.PTS()
	all, first := goldens(t), 0
	for n, part := range parts {
		want := all[part]
		if first+len(want.Frames) > len(pts) {
			t.Fatalf("%d pictures; want %d of part %d after %d", len(pts), len(want.Frames), n, first)
		}
		if gap := pts[first] - pts[max(0, first-1)]; first > 0 && (gap <= 0 || gap > 4*den/25) {
			t.Errorf("part %d begins %d ticks after the last picture before it; want those of 1 to 4 pictures", n, gap)
		}
		for k, at := range want.relative() {
			if pts[first+k]-pts[first] != at || got[first+k] != want.Frames[k].sum {
				t.Fatalf("picture %d of part %d is at tick %d with planes %s; want %d, %s", k, n, pts[first+k]-pts[first], got[first+k], at, want.Frames[k].sum)
			}
		}
		first += len(want.Frames)
	}
	if first != len(pts) {
		t.Errorf("%d pictures; want %d", len(pts), first)
	}
}

func TestPlansAndLimitsGoByTheTimeThatGoesOn(t *testing.T) {
	part := clip(t, "open-gop-h264.ts")
	data := slices.Concat(part, part)
	whole := frames.Plan{At: []time.Duration{200 * time.Millisecond, 2 * time.Second}}
	pictures, report, err := frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), whole, frames.Upload())
	if err != nil {
		t.Fatal(err)
	}
	alone, _, err := frames.Sample(t.Context(), bytes.NewReader(part), int64(len(part)), frames.Plan{At: []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}}, frames.Upload())
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole.At {
		if !bytes.Equal(pictures[i].Pix, alone[i].Pix) {
			t.Errorf("at %v another picture is shown than at %v of a part", whole.At[i], []string{"200ms", "400ms"}[i])
		}
	}
	if !report.ClockJump {
		t.Errorf("the report is %+v; want a jump of the clock", report)
	}
	l := frames.Upload()
	l.Duration = 2 * time.Second
	if _, _, err := frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), whole, l); !errors.Is(err, fault.TooLarge) {
		t.Errorf("Sample of 3.2 s with a limit of 2 s: %v; want too large", err)
	}
}

// FFmpeg makes up for the first time that the clock runs over, if the file begins a
// minute or more before; of reordered pictures, only some may have.
func TestTheClockOfMPEGRunsOverAsOftenAsItLikes(t *testing.T) {
	const turn, step = 1 << 33, 9 * second
	times := func(from int64, n int, wrapped func(int64) int64) (raw []int64) {
		for i := range int64(n) {
			raw = append(raw, wrapped(from+i*step))
		}
		return raw
	}
	for _, tc := range []struct {
		name string
		raw  []int64
	}{
		{"twice, as the file has it", times(second, 25000, func(at int64) int64 { return at % turn })},
		{"three times, the first made up for", times(turn-3*step, 25000, func(at int64) int64 {
			if at < 2*turn {
				return at - turn
			}
			return at % turn
		})},
		{"by turns, where pictures are reordered", []int64{turn - 4*step, turn - 3*step, -2 * step, turn - step, 0, step}},
	} {
		got, jumps := frames.Timed(tc.raw)
		for i := 1; i < len(got); i++ {
			if got[i]-got[i-1] != step {
				t.Fatalf("%s: packet %d is %d ticks after the one before it; want %d", tc.name, i, got[i]-got[i-1], step)
			}
		}
		if jumps != 0 {
			t.Errorf("%s: %d jumps; want none", tc.name, jumps)
		}
	}
}
