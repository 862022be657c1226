package frames

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/asticode/go-astiav"
	"golang.org/x/sync/errgroup"

	"videoqa/frames/bitstream"
)

// decoded is what one run gave.
type decoded struct {
	pictures map[int]Picture // by shown picture
	damage   []int           // rows at which something was wrong
	decoded  int
	wide     bool

	digests    map[int]uint64 // by row, of all that came out undamaged; nil: memory was not filled
	complained bool           // something was logged that may be damage
}

// A taker sorts what comes out of a decoder.
type taker struct {
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

func (x *Index) newTaker(r run, survey bool, see func(int, *astiav.Frame)) *taker {
	return &taker{x: x, r: r, survey: survey, see: see, rowOf: x.rowsByPTS(r), held: map[int]*astiav.Frame{}, out: decoded{pictures: map[int]Picture{}}}
}

// decode decodes a run and converts the pictures that are wanted, or with survey
// only looks at them. packet gives each row's packet in turn, lent until the next
// call. After the last one the decoder is drained, so that nothing behind it has
// to be read; and always, because damage to a picture shown later may have
// reached one that came out earlier.
func (t *taker) decode(ctx context.Context, d *decoder, packet func(row int) (*astiav.Packet, error)) error {
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
func (t *taker) close() {
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
func (t *taker) feed(ctx context.Context, d *decoder, row int, p *astiav.Packet) error {
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

func (t *taker) take(f *astiav.Frame) error {
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
func (t *taker) row(f *astiav.Frame) (int, bool) {
	if t.x.counted {
		t.seen++
		return t.seen - 1, true
	}
	row, ok := t.rowOf[f.Pts()]
	return row, ok
}

// convert converts f, or keeps it until the run's end. Of pictures with the same
// timestamp, which only damage makes, the first is meant.
func (t *taker) convert(k int, f *astiav.Frame) error {
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
func (t *taker) picture(k int, f *astiav.Frame) (Picture, error) {
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
func (t *taker) convertHeld(threads int) error {
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

// leaveOut adds to bad the pictures that out's damage may have reached, and
// those that were wanted and never came out; where nothing was damaged these go
// to absent: no linear decode shows them either.
func (x *Index) leaveOut(r run, out decoded, bad, absent map[int]bool) {
	for _, k := range r.want {
		if _, ok := out.pictures[k]; ok {
			continue
		}
		if len(out.damage) > 0 {
			bad[k] = true
		} else {
			absent[k] = true
		}
	}
	if x.counted {
		if len(out.damage) > 0 {
			for k := out.damage[0]; k < len(x.pts); k++ {
				bad[k] = true
			}
		}
		return
	}
	x.mark(out.damage, bad)
}

// harmed returns the pictures that the container or the pictures' own numbers say
// something is missing of, and those that may depend on them.
func (x *Index) harmed() map[int]bool {
	bad, reached := map[int]bool{}, map[int]bool{}
	if x.counted {
		return bad
	}
	believed, key := x.believes(), 0
	for i, r := range x.rows {
		if r.roles&bitstream.Clean != 0 {
			key = i
		}
		switch leads := i > key && r.pts < x.rows[key].pts; {
		case r.corrupt, r.lost && believed && i > key && !leads:
			x.taint(i, reached)
		case r.lost && believed:
			x.taintLeading(key, i, reached)
		}
	}
	x.bring(reached, bad)
	return bad
}

// believes tells whether the pictures' numbers are to be trusted: some encoders
// count as they please, and then most pictures seem to have a hole before them.
func (x *Index) believes() bool {
	lost := 0
	for _, r := range x.rows {
		if r.lost {
			lost++
		}
	}
	return lost <= max(8, len(x.rows)/2)
}

// taintLeading adds the rows from i on that lead the point of access key: pictures
// shown after that do not refer to any before it.
func (x *Index) taintLeading(key, i int, reached map[int]bool) {
	for j := max(i, key+1); j < len(x.rows) && x.rows[j].roles&bitstream.Clean == 0; j++ {
		if x.rows[j].pts < x.rows[key].pts {
			reached[j] = true
		}
	}
}

// mark adds to bad the pictures that damage at rows may have reached.
func (x *Index) mark(rows []int, bad map[int]bool) {
	if len(rows) == 0 {
		return
	}
	reached := map[int]bool{}
	for _, i := range rows {
		x.taint(i, reached)
	}
	x.bring(reached, bad)
}

// taint adds the rows that damage at row i may have reached: all up to the next
// point of access, and the pictures leading that.
func (x *Index) taint(i int, reached map[int]bool) {
	next := x.access(i + 1)
	for j := i; j < next; j++ {
		reached[j] = true
	}
	if next < len(x.rows) {
		x.taintLeading(next, next, reached)
	}
}

// bring adds to bad the shown pictures among the rows reached.
func (x *Index) bring(reached, bad map[int]bool) {
	for i := range reached {
		if k, ok := slices.BinarySearch(x.pts, x.rows[i].pts); ok && int(x.shown[k]) == i {
			bad[k] = true
		}
	}
}
