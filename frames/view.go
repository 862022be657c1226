package frames

// A view looks at parts of a file in ascending order, mostly; a stretch of it is read
// at a time.
type view struct {
	source *source
	at     int64
	held   []byte
}

// viewed is how much is read at a time.
const viewed = 4 << 10

// get lends n bytes at off, fewer at the file's end, until the next call.
func (v *view) get(off int64, n int) []byte {
	if off < 0 || off >= v.source.size {
		return nil
	}
	n = int(min(int64(n), v.source.size-off))
	if off < v.at || off+int64(n) > v.at+int64(len(v.held)) {
		held := make([]byte, min(int64(max(n, viewed)), v.source.size-off))
		if !v.source.readAt(held, off) {
			return nil
		}
		v.at, v.held = off, held
	}
	return v.held[off-v.at:][:n]
}
