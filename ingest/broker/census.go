package broker

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"sync"
	"time"
)

const countEvery = 2 * time.Second

// A census keeps files.json up to date. What it writes was seen one count earlier, so
// that it is on the disk: a record is acknowledged only when it is.
type census struct {
	dir  string
	log  *slog.Logger
	stop chan struct{}
	done sync.WaitGroup

	seen, written map[string]int64
	sums          map[string]sum
}

func (c *census) begin() {
	c.stop = make(chan struct{})
	c.done.Go(func() {
		tick := time.NewTicker(countEvery)
		defer tick.Stop()
		for {
			select {
			case <-c.stop:
				return
			case <-tick.C:
				c.count()
			}
		}
	})
}

// count writes what was seen before, as far as it is still there.
func (c *census) count() {
	now, err := segments(c.dir)
	if err == nil {
		settled := map[string]int64{}
		for name, size := range c.seen {
			if at, there := now[name]; there {
				settled[name] = min(size, at)
			}
		}
		c.seen = now
		err = c.write(settled)
	}
	c.warn(err)
}

func (c *census) write(files map[string]int64) error {
	if c.written != nil && maps.Equal(files, c.written) {
		return nil
	}
	if err := writeJSON(filepath.Join(c.dir, filesFile), files); err != nil {
		return err
	}
	if err := c.writeSums(files); err != nil {
		return err
	}
	c.written = files
	return nil
}

// writeSums writes the sums of files of which so much is settled. What was read before
// is not read again.
func (c *census) writeSums(files map[string]int64) error {
	sums := map[string]sum{}
	for name, size := range files {
		before := c.sums[name]
		if size < before.Size { // it was written anew
			before = sum{}
		}
		now, err := before.goOn(filepath.Join(c.dir, filepath.FromSlash(name)), size)
		if errors.Is(err, fs.ErrNotExist) {
			continue // its records are too old
		}
		if err != nil {
			return err
		}
		sums[name] = now
	}
	if err := writeJSON(filepath.Join(c.dir, sumsFile), sums); err != nil {
		return err
	}
	c.sums = sums
	return nil
}

func (c *census) warn(err error) {
	if err != nil && c.log != nil {
		c.log.Warn("broker: the list of its files is not up to date", "error", err)
	}
}

// end writes what there is when the broker has ended.
func (c *census) end() {
	close(c.stop)
	c.done.Wait()
	now, err := segments(c.dir)
	if err == nil {
		c.written, c.sums = nil, nil // kfake may have written segments anew
		err = c.write(now)
	}
	c.warn(err)
}
