package bitstream

// A window looks at parts of a file in ascending order, mostly; a stretch of it is read
// at a time.
type window struct {
	file File
	at   int64
	held []byte
}

// windowBytes is how much is read at a time.
const windowBytes = 4 << 10

// get lends n bytes at off, fewer at the file's end, until the next call.
func (w *window) get(off int64, n int) []byte {
	if off < 0 || off >= w.file.Size {
		return nil
	}
	n = int(min(int64(n), w.file.Size-off))
	if off < w.at || off+int64(n) > w.at+int64(len(w.held)) {
		held := make([]byte, min(int64(max(n, windowBytes)), w.file.Size-off))
		if !w.file.read(held, off) {
			return nil
		}
		w.at, w.held = off, held
	}
	return w.held[off-w.at:][:n]
}
