package sqlite

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// FileSystem is the name under which SQLite knows the file system through which store
// files are opened (a VFS, sqlite.org/vfs.html). It is the usual one, and checks what
// it reads: pages of the file by their checksums, and pages of the write-ahead log by
// the log's own, which SQLite compares only when it opens the log. A page with a few
// wrong bits is put right; another one makes the read fail, so that nothing that is
// damaged is looked at, and nothing that is there counts as absent. It is SQLite's
// cksumvfs extension, which the driver does not have, with a checksum that mends.
//
// Files without such checksums are read as they are. Whoever writes to a file that has
// them, by other means than this package, has to name this file system.
const FileSystem = "videoqa"

// pagesPragma has SQLite hand "PRAGMA check_pages" to the file system, which replies with
// [pages] as JSON.
const pagesPragma = "check_pages"

// pages is what a look at all pages of a file found.
type pages struct {
	Checked bool    // the file has checksums
	Pages   int64   // in the file
	Mended  []int64 // numbers of pages that were put right
	Damaged []int64 // and of those that could not be
	sealed  int     // how many of them were believed nevertheless
}

// A vfs is what SQLite knows a file system by, with the one beneath.
type vfs struct {
	sqlite3.Tsqlite3_vfs
	below uintptr // *sqlite3.Tsqlite3_vfs
}

// A methods is what SQLite reads and writes an open file by, with that beneath.
type methods struct {
	sqlite3.Tsqlite3_io_methods
	below uintptr // *sqlite3.Tsqlite3_io_methods
}

// install registers the file system. SQLite has one list of them in a process.
var install = sync.OnceValue(func() error {
	tls := libc.NewTLS()
	defer tls.Close()
	below := sqlite3.Xsqlite3_vfs_find(tls, 0)
	name, err := libc.CString(FileSystem)
	if err != nil {
		return err
	}
	own := sqlite3.Xsqlite3_malloc(tls, int32(unsafe.Sizeof(vfs{}))) // for ever
	if below == 0 || own == 0 {
		return errors.New("SQLite has no file system, or no memory")
	}
	v := at[vfs](own)
	*v = vfs{*at[sqlite3.Tsqlite3_vfs](below), below}
	v.FpNext, v.FzName, v.FxOpen = 0, name, pointer(openFile)
	if sqlite3.Xsqlite3_vfs_register(tls, own, 0) != sqlite3.SQLITE_OK {
		return errors.New("SQLite does not take the file system")
	}
	return nil
})

type (
	openFunc    = func(tls *libc.TLS, v, name, file uintptr, flags int32, outFlags uintptr) int32
	ioFunc      = func(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32
	sizeFunc    = func(tls *libc.TLS, file, size uintptr) int32
	syncFunc    = func(tls *libc.TLS, file uintptr, flags int32) int32
	controlFunc = func(tls *libc.TLS, file uintptr, op int32, arg uintptr) int32
)

// openFile opens a file and has it read by ours if it is a store's or its log.
func openFile(tls *libc.TLS, v, name, file uintptr, flags int32, outFlags uintptr) int32 {
	below := at[vfs](v).below
	rc := function[openFunc](at[sqlite3.Tsqlite3_vfs](below).FxOpen)(tls, below, name, file, flags, outFlags)
	own := at[sqlite3.Tsqlite3_file](file)
	if rc != sqlite3.SQLITE_OK || own.FpMethods == 0 {
		return rc
	}
	switch {
	case flags&sqlite3.SQLITE_OPEN_WAL != 0 && checksPages(tls, name):
		own.FpMethods = methodsOf(own.FpMethods).log
	case flags&sqlite3.SQLITE_OPEN_MAIN_DB != 0 && hasSums(tls, file):
		own.FpMethods = methodsOf(own.FpMethods).main
	}
	return rc
}

// checksPages reports whether the file that a log belongs to has checksums.
func checksPages(tls *libc.TLS, log uintptr) bool {
	main := at[sqlite3.Tsqlite3_file](sqlite3.Xsqlite3_database_file_object(tls, log))
	return main.FpMethods != 0 && at[sqlite3.Tsqlite3_io_methods](main.FpMethods).FxRead == pointer(readMain)
}

// hasSums reports whether a file has checksums: its first page fits, or says so.
func hasSums(tls *libc.TLS, file uintptr) bool {
	buffer := tls.Alloc(pageSize)
	defer tls.Free(pageSize)
	io := at[sqlite3.Tsqlite3_io_methods](at[sqlite3.Tsqlite3_file](file).FpMethods)
	if function[ioFunc](io.FxRead)(tls, file, buffer, pageSize, 0) != sqlite3.SQLITE_OK {
		return false
	}
	page := slices.Clone(memory(buffer, pageSize))
	if allZero(page) {
		return false
	}
	return pageFits(1, page) || declaresSums(page) || mendPage(1, page)
}

const magic = "SQLite format 3\x00"

// declaresSums reports whether a first page says that pages end in room for a checksum.
func declaresSums(page []byte) bool {
	return strings.HasPrefix(string(page), magic) && binary.BigEndian.Uint16(page[16:]) == pageSize && page[20] == sumSize
}

// derived are our methods in place of a file system's own.
type derived struct{ main, log uintptr }

// made has what methodsOf returned, by the methods beneath. There are one or two.
var made sync.Map

func methodsOf(below uintptr) derived {
	if d, is := made.Load(below); is {
		return d.(derived)
	}
	usual := at[sqlite3.Tsqlite3_io_methods](below)
	d := derived{allocate(methods{*usual, below}), allocate(methods{*usual, below})}
	main, log := at[methods](d.main), at[methods](d.log)
	main.FxRead, main.FxWrite, main.FxFileControl = pointer(readMain), pointer(writeMain), pointer(controlMain)
	log.FxRead = pointer(readLog)
	kept, _ := made.LoadOrStore(below, d)
	return kept.(derived)
}

// allocate puts m where SQLite finds it, for ever.
func allocate(m methods) uintptr {
	tls := libc.NewTLS()
	defer tls.Close()
	p := sqlite3.Xsqlite3_malloc(tls, int32(unsafe.Sizeof(m)))
	*at[methods](p) = m
	return p
}

// below returns the methods beneath ours of an open file.
func below(file uintptr) *sqlite3.Tsqlite3_io_methods {
	return at[sqlite3.Tsqlite3_io_methods](at[methods](at[sqlite3.Tsqlite3_file](file).FpMethods).below)
}

// readMain reads from a file with checksums. What SQLite reads of the first page's
// head alone is checked too.
func readMain(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32 {
	read := function[ioFunc](below(file).FxRead)
	switch {
	case n == pageSize && offset%pageSize == 0:
		return checkRead(read(tls, file, buffer, n, offset), offset, memory(buffer, pageSize))
	case offset+int64(n) > pageSize:
		return read(tls, file, buffer, n, offset)
	}
	whole := tls.Alloc(pageSize)
	defer tls.Free(pageSize)
	rc := checkRead(read(tls, file, whole, pageSize, 0), 0, memory(whole, pageSize))
	if rc == sqlite3.SQLITE_OK {
		copy(memory(buffer, int(n)), memory(whole, pageSize)[offset:])
	} else if rc == sqlite3.SQLITE_IOERR_SHORT_READ {
		clear(memory(buffer, int(n)))
	}
	return rc
}

// checkRead checks what was read with the result rc, and returns the result with which
// it is read. A part of a page is a file that was cut off.
func checkRead(rc int32, offset int64, page []byte) int32 {
	n := offset/pageSize + 1
	switch {
	case rc == sqlite3.SQLITE_IOERR_SHORT_READ && !allZero(page):
		return sqlite3.SQLITE_IOERR_DATA
	case rc != sqlite3.SQLITE_OK, pageFits(n, page), mendPage(n, page):
		return rc
	}
	return sqlite3.SQLITE_IOERR_DATA
}

// writeMain gives pages their checksums. The room for it is no part of a page for SQLite.
func writeMain(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32 {
	if n == pageSize && offset%pageSize == 0 {
		sealPage(offset/pageSize+1, memory(buffer, pageSize))
	}
	return function[ioFunc](below(file).FxWrite)(tls, file, buffer, n, offset)
}

// controlMain answers [pagesPragma].
func controlMain(tls *libc.TLS, file uintptr, op int32, arg uintptr) int32 {
	if op == sqlite3.SQLITE_FCNTL_PRAGMA {
		words := at[[3]uintptr](arg) // reply, name, value
		if libc.GoString(words[1]) == pagesPragma {
			found, rc := checkPages(tls, file)
			text, err := json.Marshal(found)
			if rc != sqlite3.SQLITE_OK || err != nil {
				return max(rc, sqlite3.SQLITE_ERROR)
			}
			words[0] = sqlite3.Xsqlite3_malloc(tls, int32(len(text)+1)) // SQLite frees it
			if words[0] == 0 {
				return sqlite3.SQLITE_NOMEM
			}
			copy(memory(words[0], len(text)+1), append(text, 0))
			return sqlite3.SQLITE_OK
		}
	}
	return function[controlFunc](below(file).FxFileControl)(tls, file, op, arg)
}

// checkPages looks at all pages of a file and puts right which it can. Nobody else may
// write then, and all of the log has to be in the file.
func checkPages(tls *libc.TLS, file uintptr) (found pages, rc int32) {
	io, buffer := below(file), tls.Alloc(pageSize)
	defer tls.Free(pageSize)
	if rc := function[sizeFunc](io.FxFileSize)(tls, file, buffer); rc != sqlite3.SQLITE_OK {
		return found, rc
	}
	found = pages{Checked: true, Pages: *at[int64](buffer) / pageSize}
	page := memory(buffer, pageSize)
	for n := int64(1); n <= found.Pages; n++ {
		if rc := function[ioFunc](io.FxRead)(tls, file, buffer, pageSize, (n-1)*pageSize); rc != sqlite3.SQLITE_OK {
			return found, rc
		}
		switch {
		case pageFits(n, page):
			continue
		case !mendPage(n, page):
			found.Damaged = append(found.Damaged, n)
			continue
		}
		found.Mended = append(found.Mended, n)
		if rc := function[ioFunc](io.FxWrite)(tls, file, buffer, pageSize, (n-1)*pageSize); rc != sqlite3.SQLITE_OK {
			return found, rc
		}
	}
	if len(found.Mended) > 0 {
		rc = function[syncFunc](io.FxSync)(tls, file, sqlite3.SQLITE_SYNC_FULL)
	}
	return found, rc
}

// readLog reads from a write-ahead log. SQLite reads the page of a frame by itself
// whenever a query wants it or it is copied into the file.
func readLog(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32 {
	read := function[ioFunc](below(file).FxRead)
	rc := read(tls, file, buffer, n, offset)
	if rc != sqlite3.SQLITE_OK || n != pageSize || offset < logHead+frameHead || (offset-logHead-frameHead)%frameSize != 0 {
		return rc
	}
	const head = frameHead + sumSize
	heads := tls.Alloc(head)
	defer tls.Free(head)
	before := offset - frameHead - frameSize + 16 // the sums of the frame before
	if offset == logHead+frameHead {
		before = 24 // those of the log's head
	}
	if rc := read(tls, file, heads, sumSize, before); rc != sqlite3.SQLITE_OK {
		return rc
	}
	if rc := read(tls, file, heads+sumSize, frameHead, offset-frameHead); rc != sqlite3.SQLITE_OK {
		return rc
	}
	h := memory(heads, head)
	if !frameFits(h[:sumSize], h[sumSize:], memory(buffer, pageSize)) {
		return sqlite3.SQLITE_IOERR_DATA
	}
	return rc
}

// at is what lies at an address that is SQLite's, which Go's collector does not know.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// memory is n bytes at such an address.
func memory(address uintptr, n int) []byte { return unsafe.Slice(at[byte](address), n) }

// pointer is what SQLite, which is translated to Go, calls a function by.
func pointer[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// function is what SQLite has a pointer to.
func function[F any](p uintptr) F {
	held := &struct{ p uintptr }{p}
	return *(*F)(unsafe.Pointer(held))
}
