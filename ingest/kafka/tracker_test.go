package kafka

import (
	"math/rand/v2"
	"testing"
)

// The law of commits, over random orders of work with gaps between offsets: the
// watermark is just past the last record that, with all before it, is finished.
func TestTheWatermarkNeverPassesAnUnfinishedRecord(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 17))
		var tr tracker
		type record struct {
			offset int64
			entry  *entry
			done   bool
		}
		var all []*record
		offset := random.Int64N(5)
		for range 200 {
			if random.IntN(5) == 0 {
				all = append(all, &record{offset: offset, done: true})
				tr.pass(offset)
				offset += 1 + random.Int64N(3)
			} else if random.IntN(2) == 0 {
				all = append(all, &record{offset: offset, entry: tr.start(offset)})
				offset += 1 + random.Int64N(3)
			} else if n := len(all); n > 0 {
				if r := all[random.IntN(n)]; !r.done {
					tr.finish(r.entry)
					r.done = true
				}
			}
			want, some := int64(0), false
			for _, r := range all {
				if !r.done {
					break
				}
				want, some = r.offset+1, true
			}
			if got, ok := tr.watermark(); ok != some || got != want {
				t.Fatalf("seed %d: watermark %d, %v; want %d, %v", seed, got, ok, want, some)
			}
		}
	}
}
