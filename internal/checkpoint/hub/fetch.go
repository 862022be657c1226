package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"videoqa/internal/fault"
)

// fetch brings the bytes of b to b.path by way of b.path.incomplete, where Python
// would leave and look for them too. The caller holds b's lock.
func (p *pull) fetch(ctx context.Context, b *blob) error {
	if err := os.MkdirAll(filepath.Dir(b.path), 0o777); err != nil {
		return disk(err)
	}
	incomplete := b.path + ".incomplete"
	f, err := os.OpenFile(incomplete, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return disk(err)
	}
	defer f.Close()
	d := &download{pull: p, blob: b, file: f}
	if err := d.run(ctx); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return disk(err)
	}
	if err := os.Rename(incomplete, b.path); err != nil {
		return disk(err)
	}
	p.progress.Done(b.file)
	return nil
}

// A download is one blob on its way into its incomplete file.
type download struct {
	*pull
	blob *blob
	file *os.File
	have int64 // bytes in file
}

// run fills the file and checks it. Bytes left by an earlier run may be wrong, so
// a failed check after those is followed by one run from the start.
func (d *download) run(ctx context.Context) error {
	st, err := d.file.Stat()
	if err != nil {
		return err
	}
	d.have = st.Size()
	if d.have > d.blob.size { // of another file, or damaged
		d.have = 0
		if err := d.file.Truncate(0); err != nil {
			return disk(err)
		}
	}
	if err := d.room(); err != nil {
		return err
	}
	resumed := d.have > 0
	d.progress.Start(d.blob.file, d.blob.size, d.have)
	for {
		if err := d.fill(ctx); err != nil {
			return err
		}
		err := d.check(ctx)
		if err == nil {
			return d.file.Sync()
		}
		if !errors.Is(err, fault.DigestMismatch) {
			return err
		}
		if rerr := d.restart(); rerr != nil || !resumed {
			return errors.Join(err, rerr)
		}
		resumed = false
	}
}

// restart empties the file.
func (d *download) restart() error {
	d.progress.Advance(d.blob.file, -d.have)
	d.have = 0
	return d.file.Truncate(0)
}

// room refuses at once what the disk has no room for. Where the file system does
// not say, writing will.
func (d *download) room() error {
	var st unix.Statfs_t
	if unix.Fstatfs(int(d.file.Fd()), &st) != nil {
		return nil
	}
	free, need := int64(st.Bavail)*int64(st.Bsize), d.blob.size-d.have
	if need > free {
		return fmt.Errorf("the disk is full: %d more bytes are needed below %s, which has %d: %w", need, d.hub.CacheDir, free, fault.Unavailable)
	}
	return nil
}

// fill asks for the rest of the file until it is there. Connections are cut and
// servers restarted during a gigabyte; each piece that brought something starts
// the count of attempts anew.
func (d *download) fill(ctx context.Context) error {
	for failures := 0; d.have < d.blob.size; {
		before := d.have
		err := d.piece(ctx)
		if err == nil {
			continue
		}
		if failures++; d.have > before {
			failures = 1
		}
		if failures >= attempts || !passing(ctx, err) {
			return err
		}
		if err := d.hub.rest(ctx, failures, err); err != nil {
			return err
		}
	}
	return nil
}

// piece makes one request for what is missing and writes what comes.
func (d *download) piece(ctx context.Context) error {
	header := http.Header{}
	if d.have > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", d.have))
	}
	ctx, cancel := context.WithCancelCause(ctx) // for a body that stalls
	defer cancel(nil)
	resp, err := d.hub.once(ctx, http.MethodGet, d.blob.address, header)
	if err != nil {
		return d.hub.advise(err, d.repo)
	}
	defer resp.Body.Close()
	if d.have > 0 && !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", d.have)) {
		if err := d.restart(); err != nil { // this server gives whole files only
			return disk(err)
		}
	}
	return d.copy(ctx, resp.Body, cancel)
}

// stalled is how long a server may send nothing.
const stalled = time.Minute

// copy appends body to the file, at most what is missing and one byte more, and
// gives up on a body that has stalled.
func (d *download) copy(ctx context.Context, body io.Reader, cancel context.CancelCauseFunc) error {
	watch := time.AfterFunc(stalled, func() { cancel(fmt.Errorf("no byte for %v: %w", stalled, fault.UnreachableURI)) })
	defer watch.Stop()
	buf := make([]byte, 256<<10)
	for {
		n, err := body.Read(buf)
		watch.Reset(stalled)
		if int64(n) > d.blob.size-d.have {
			return fmt.Errorf("more than the announced %d bytes came: %w", d.blob.size, fault.DigestMismatch)
		}
		if _, werr := d.file.WriteAt(buf[:n], d.have); werr != nil {
			return fmt.Errorf("write: %w", disk(werr))
		}
		d.have += int64(n)
		if n > 0 {
			d.progress.Advance(d.blob.file, int64(n))
		}
		switch {
		case err == io.EOF && d.have < d.blob.size:
			return fmt.Errorf("the connection ended after %d of %d bytes: %w", d.have, d.blob.size, fault.UnreachableURI)
		case err == io.EOF:
			return nil
		case err != nil:
			return failure(ctx, err)
		}
	}
}

// check hashes the file as its ETag does: sha256 of the bytes for LFS, else git's
// sha1, which counts a header with the length in.
func (d *download) check(ctx context.Context) error {
	var h hash.Hash = sha256.New()
	if len(d.blob.etag) == 40 {
		h = sha1.New()
		fmt.Fprintf(h, "blob %d\x00", d.blob.size)
	}
	src := io.NewSectionReader(d.file, 0, d.blob.size)
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if _, err := io.CopyN(h, src, 16<<20); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != d.blob.etag {
		return fmt.Errorf("its hash is %s, announced was %s: %w", got, d.blob.etag, fault.DigestMismatch)
	}
	return nil
}
