package frames

import (
	"context"
	"errors"
	"sync"

	"github.com/asticode/go-astiav"
	"golang.org/x/sync/errgroup"
)

// decoded is what one run gave.
type decoded struct {
	pictures map[int]Picture // by shown picture
	damage   []int           // rows at which something was wrong
	decoded  int
	wide     bool

	digests      map[int]uint64 // by row, of all that came out undamaged; nil: memory was not filled
	loggedDamage bool           // something was logged that may be damage
}

// A frameSink takes the frames that a decoder gives for one run, and converts those that are wanted.
type frameSink struct {
	x      *Index
	r      run
	survey bool // nothing is converted
	hold   bool // nothing is converted before all is decoded
	see    func(int, *astiav.Frame)
	rowOf  map[int64]int
	seen   int                   // pictures that came out, of a counted video
	held   map[int]*astiav.Frame // by shown picture, owned
	out    decoded
}

func (x *Index) newFrameSink(r run, survey bool, see func(int, *astiav.Frame)) *frameSink {
	return &frameSink{x: x, r: r, survey: survey, see: see, rowOf: x.rowsByPTS(r), held: map[int]*astiav.Frame{}, out: decoded{pictures: map[int]Picture{}}}
}

// decode decodes a run and converts the pictures that are wanted, or with survey
// only looks at them. packet gives each row's packet in turn, lent until the next
// call. After the last one the decoder is drained, so that nothing behind it has
// to be read; and always, because damage to a picture shown later may have
// reached one that came out earlier.
func (t *frameSink) decode(ctx context.Context, d *decoder, packet func(row int) (*astiav.Packet, error)) error {
	for i := t.r.first; i <= t.r.last; i++ {
		p, err := packet(i)
		if err != nil {
			return err
		}
		if t.x.skips(t.r, i) {
			continue
		}
		if err := t.feed(ctx, d, i, p); err != nil {
			return err
		}
		if t.hold && len(t.out.damage) > 0 {
			return nil // it is decoded again anyway
		}
	}
	return t.feed(ctx, d, t.r.last, nil)
}

// close lets go of pictures that nobody converted.
func (t *frameSink) close() {
	for _, f := range t.held {
		f.Free()
	}
	t.held = nil
}

func (x *Index) rowsByPTS(r run) map[int64]int {
	rows := make(map[int64]int, r.last-r.first+1)
	for i := r.first; i <= r.last && !x.counted; i++ {
		if _, taken := rows[x.rows[i].pts]; !taken && !x.rows[i].dropped {
			rows[x.rows[i].pts] = i
		}
	}
	return rows
}

// feed decodes one packet; what is wrong with it is noted, not returned.
func (t *frameSink) feed(ctx context.Context, d *decoder, row int, p *astiav.Packet) error {
	if p != nil && t.x.rows[row].corrupt {
		t.out.damage = append(t.out.damage, row)
	}
	err := d.feed(ctx, p, t.take)
	if errors.Is(err, errDamaged) || err == nil && d.client.gaveUp() {
		t.out.damage = append(t.out.damage, row)
		return nil
	}
	return err
}

func (t *frameSink) take(f *astiav.Frame) error {
	t.out.decoded++
	row, known := t.row(f)
	if damaged(f) {
		if known {
			t.out.damage = append(t.out.damage, row)
		}
		return nil
	}
	if _, again := t.out.digests[row]; known && t.out.digests != nil && !again {
		t.out.digests[row] = digest(f)
	}
	k, wanted := t.r.want[row]
	if !known || !wanted {
		return nil
	}
	return t.convert(k, f)
}

// row says which row f belongs to, or which picture it is if they are counted.
func (t *frameSink) row(f *astiav.Frame) (int, bool) {
	if t.x.counted {
		t.seen++
		return t.seen - 1, true
	}
	row, ok := t.rowOf[f.Pts()]
	return row, ok
}

// convert converts f, or keeps it until the run's end. Of pictures with the same
// timestamp, which only damage makes, the first is meant.
func (t *frameSink) convert(k int, f *astiav.Frame) error {
	if _, again := t.out.pictures[k]; again {
		return nil
	}
	if err := t.x.limits.checkPixels(f.Width(), f.Height()); err != nil {
		return err
	}
	if t.survey {
		t.out.pictures[k] = Picture{}
		return nil
	}
	if t.hold {
		t.held[k] = f.Clone()
		t.out.pictures[k] = Picture{}
		return nil
	}
	p, err := t.picture(k, f)
	t.out.pictures[k] = p
	t.out.wide = t.out.wide || wideColour(f)
	return err
}

// picture converts f, which is shown picture k.
func (t *frameSink) picture(k int, f *astiav.Frame) (Picture, error) {
	if t.see != nil {
		t.see(k, f)
	}
	t.x.cropping.crop(f)
	p, err := toRGB(f)
	if err != nil {
		return Picture{}, err
	}
	p = p.upright(t.x.orientation)
	p.PTS = t.x.since(t.x.pts[k])
	return p, nil
}

// convertHeld converts the pictures held, several at a time, unless something was
// wrong with any of the run.
func (t *frameSink) convertHeld(threads int) error {
	if len(t.out.damage) > 0 {
		return nil
	}
	var g errgroup.Group
	g.SetLimit(threads)
	var mu sync.Mutex
	for k, f := range t.held {
		g.Go(func() error {
			p, err := t.picture(k, f)
			mu.Lock()
			defer mu.Unlock()
			t.out.pictures[k] = p
			t.out.wide = t.out.wide || wideColour(f)
			return err
		})
	}
	return g.Wait()
}
