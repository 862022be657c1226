package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"videoqa/ingest/media/spool"
	"videoqa/internal/fault"
)

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func fetcher(t *testing.T, cfg Config) *Fetcher {
	t.Helper()
	f, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantFile opens uri and compares what is read.
func wantFile(t *testing.T, f *Fetcher, uri, text string) {
	t.Helper()
	file, err := f.Open(t.Context(), uri, digest(text))
	if err != nil {
		t.Errorf("Open(%s): %v", uri, err)
		return
	}
	defer file.Close()
	got := make([]byte, file.Size())
	if _, err := file.ReadAt(got, 0); err != nil || string(got) != text || file.Digest() != digest(text) {
		t.Errorf("Open(%s) gives %q, %s (%v); want %q", uri, got, file.Digest(), err, text)
	}
}

func TestFilesUnderARootAreOpened(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "a.mp4"), "one")
	write(t, filepath.Join(dir, "deep", "a b%.mp4"), "two")
	write(t, filepath.Join(other, "c.mp4"), "three")
	if err := os.Symlink("a.mp4", filepath.Join(dir, "link.mp4")); err != nil {
		t.Fatal(err)
	}
	f := fetcher(t, Config{Roots: []string{dir, other}})
	for path, text := range map[string]string{"/a.mp4": "one", "/deep/a%20b%25.mp4": "two", "/link.mp4": "one", "/%61.mp4": "one"} {
		wantFile(t, f, "file://"+dir+path, text)
		wantFile(t, f, "file://localhost"+dir+path, text)
	}
	wantFile(t, f, "file:"+other+"/c.mp4", "three")
}

func TestAFileThatIsWrittenToIsNotWhatItsDigestNames(t *testing.T) {
	dir := t.TempDir()
	f := fetcher(t, Config{Roots: []string{dir}})
	for name, tc := range map[string]struct {
		do   func(path string) error
		want error
	}{
		"left alone":         {func(string) error { return nil }, nil},
		"renamed":            {func(path string) error { return os.Rename(path, path+".old") }, nil},
		"removed":            {os.Remove, nil},
		"written to":         {func(path string) error { return os.WriteFile(path, []byte("ONE"), 0o600) }, fault.UnreachableURI},
		"cut short":          {func(path string) error { return os.Truncate(path, 1) }, fault.UnreachableURI},
		"given another time": {func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) }, fault.UnreachableURI},
	} {
		path := filepath.Join(dir, name)
		write(t, path, "one")
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-time.Hour)); err != nil { // the clock of files ticks slowly
			t.Fatal(err)
		}
		file, err := f.Open(t.Context(), (&url.URL{Scheme: "file", Path: path}).String(), "")
		if err != nil {
			t.Fatal(err)
		}
		if err := tc.do(path); err != nil {
			t.Fatal(err)
		}
		if err := file.Unchanged(); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v; want %v", name, err, tc.want)
		}
		file.Close()
	}
}

// beyond is what err says besides the address that was asked for.
func beyond(err error, uri string) string {
	asked, _, _ := strings.Cut(uri, "?")
	asked, _, _ = strings.Cut(asked, "#")
	asked = strings.Replace(strings.Replace(asked, "user@", "", 1), "FILE:", "file:", 1)
	return strings.ReplaceAll(err.Error(), asked, "")
}

func TestFilesThatAreRefused(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "a.mp4"), "one")
	write(t, filepath.Join(outside, "secret"), "secret")
	for _, link := range [][2]string{{filepath.Join(outside, "secret"), "absolute"}, {"../" + filepath.Base(outside) + "/secret", "relative"}, {outside, "folder"}, {"/dev/zero", "device"}, {"loop", "loop"}} {
		if err := os.Symlink(link[0], filepath.Join(dir, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := fetcher(t, Config{Roots: []string{dir}})
	for _, uri := range []string{
		"file://" + outside + "/secret", "file:///etc/passwd", "file://" + dir + "/../" + filepath.Base(outside) + "/secret",
		"file://" + dir + "/%2e%2e/" + filepath.Base(outside) + "/secret", "file://" + dir + "/..%2f" + filepath.Base(outside) + "%2fsecret",
		"file://" + dir + "/absolute", "file://" + dir + "/relative", "file://" + dir + "/folder/secret", "file://" + dir + "/device", "file://" + dir + "/loop",
		"file://" + dir + "/fifo", "file://" + dir, "file://" + dir + "/", "file://" + dir + "/./a.mp4", "file://" + dir + "//a.mp4",
		"file://" + dir + "/a.mp4?x=1", "file://" + dir + "/a.mp4#x", "file://elsewhere" + dir + "/a.mp4", "file://user@localhost" + dir + "/a.mp4",
		"file:a.mp4", "file:./a.mp4", "file://" + dir + "/a.mp4%00", "file://" + dir + "x/a.mp4", dir + "/a.mp4", "a.mp4", "", "FILE:///etc/passwd",
		"ftp://host/a.mp4", "s3://bucket/a.mp4", "http://example.com/a.mp4", "data:video/mp4;base64,AAAA", "concat:/etc/passwd", "pipe:0", "%zz",
	} {
		file, err := f.Open(t.Context(), uri, "")
		if err == nil {
			file.Close()
		}
		if !errors.Is(err, fault.RefusedURI) {
			t.Errorf("Open(%q): %v; want refused", uri, err)
		} else if said := beyond(err, uri); strings.Contains(said, "secret") || strings.Contains(said, "passwd") || strings.Contains(said, dir) || strings.Contains(said, "user@") {
			t.Errorf("Open(%q) tells more than its asker did: %v", uri, err)
		}
	}
	if _, err := f.Open(t.Context(), "file://"+dir+"/absent.mp4", ""); !errors.Is(err, fault.UnreachableURI) {
		t.Errorf("a file that is not there yet: %v", err)
	}
	if _, err := fetcher(t, Config{}).Open(t.Context(), "file://"+dir+"/a.mp4", ""); !errors.Is(err, fault.RefusedURI) {
		t.Errorf("without roots: %v", err)
	}
}

func TestUploadsAreOpenedByTheirDigest(t *testing.T) {
	dir := t.TempDir()
	folder, err := spool.Open(spool.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	name, _, err := folder.Put(t.Context(), strings.NewReader("one"), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := fetcher(t, Config{Spool: folder})
	wantFile(t, f, spool.URI(name), "one")
	for uri, want := range map[string]error{
		spool.URI(digest("two")):                   fault.UnreachableURI,
		"videoqa-media:../../etc/passwd":           fault.RefusedURI,
		"videoqa-media:":                           fault.RefusedURI,
		"videoqa-media://" + digest("one")[7:]:     fault.RefusedURI,
		"videoqa-media:" + digest("one")[7:] + "/": fault.RefusedURI,
	} {
		if _, err := f.Open(t.Context(), uri, ""); !errors.Is(err, want) {
			t.Errorf("Open(%s): %v; want %v", uri, err, want)
		}
	}
	write(t, filepath.Join(dir, name[7:9], name[7:]), "rot")
	if _, err := f.Open(t.Context(), spool.URI(name), ""); !errors.Is(err, fault.DigestMismatch) {
		t.Errorf("an upload whose bytes rotted: %v", err)
	}
	if _, err := fetcher(t, Config{}).Open(t.Context(), spool.URI(name), ""); !errors.Is(err, fault.RefusedURI) {
		t.Errorf("without a spool: %v", err)
	}
}

func TestADigestIsOfTheBytesThatAreRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.mp4")
	write(t, path, "one")
	f := fetcher(t, Config{Roots: []string{dir}})
	if _, err := f.Open(t.Context(), "file://"+path, digest("two")); !errors.Is(err, fault.DigestMismatch) {
		t.Errorf("another digest: %v", err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	wantFile(t, f, "file://"+path, "one") // and remembered
	wantFile(t, f, "file://"+path, "one")
	write(t, path, "two") // same size; and the same time again
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	wantFile(t, f, "file://"+path, "two")
}

// serveWeb is a server on loopback that f may reach, as if it were public.
func serveWeb(t *testing.T, f *Fetcher, handler http.HandlerFunc) (address string, hits *atomic.Int32) {
	hits = &atomic.Int32{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hits.Add(1); handler(w, r) }))
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	allowed := netip.MustParseAddrPort(at.Host)
	f.web = newWeb(false, func(a netip.AddrPort) bool { return a == allowed })
	f.web.client.Transport.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	return server.URL, hits
}

func TestHTTPSIsFetched(t *testing.T) {
	spool := t.TempDir()
	f := fetcher(t, Config{SpoolDir: spool, MaxBytes: 1000, Timeout: 10 * time.Second})
	var base string
	base, _ = serveWeb(t, f, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/a.mp4":
			if r.Header.Get("Accept-Encoding") != "" && r.Header.Get("Accept-Encoding") != "identity" {
				t.Errorf("asks for %s", r.Header.Get("Accept-Encoding"))
			}
			fmt.Fprint(w, "video")
		case "/moved":
			http.Redirect(w, r, "/a.mp4?token=secret", http.StatusFound)
		case "/plain":
			http.Redirect(w, r, "http://example.com/", http.StatusFound)
		case "/inside":
			http.Redirect(w, r, "https://127.0.0.1:1/", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/large":
			fmt.Fprint(w, strings.Repeat("x", 1001))
		case "/endless":
			for w.(http.Flusher) != nil && r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 100)); err != nil {
					return
				}
				w.(http.Flusher).Flush()
			}
		case "/cut":
			w.Header().Set("Content-Length", "500")
			fmt.Fprint(w, "half")
		default:
			http.NotFound(w, r)
		}
	})
	wantFile(t, f, base+"/a.mp4", "video")
	wantFile(t, f, base+"/moved?token=secret", "video")
	for path, kind := range map[string]error{
		"/plain": fault.RefusedURI, "/inside": fault.RefusedURI, "/file": fault.RefusedURI, "/loop": fault.RefusedURI,
		"/large": fault.TooLarge, "/endless": fault.TooLarge, "/cut": fault.UnreachableURI, "/absent": fault.UnreachableURI,
	} {
		if _, err := f.Open(t.Context(), base+path+"?token=secret", ""); !errors.Is(err, kind) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v; want %v, and nothing of the path", path, err, kind)
		}
	}
	if left, err := os.ReadDir(spool); err != nil || len(left) != 0 {
		t.Errorf("%d files are left in the spool: %v", len(left), err)
	}
}

func TestASlowServerIsGivenUp(t *testing.T) {
	f := fetcher(t, Config{Timeout: 50 * time.Millisecond})
	stop := make(chan struct{})
	base, _ := serveWeb(t, f, func(w http.ResponseWriter, r *http.Request) { <-stop })
	defer close(stop)
	if _, err := f.Open(t.Context(), base+"/a.mp4", ""); !errors.Is(err, fault.UnreachableURI) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Open(ctx, base+"/a.mp4", ""); err == nil {
		t.Error("a fetch that was called off succeeded")
	}
}

// The canary must never be reached: it listens on loopback, where every one of
// these leads.
func TestNoConnectionIsMadeToWhatIsNotPublic(t *testing.T) {
	f := fetcher(t, Config{Timeout: 5 * time.Second})
	canary, hits := serveWeb(t, f, func(w http.ResponseWriter, r *http.Request) {})
	_, port, _ := strings.Cut(strings.TrimPrefix(canary, "https://"), ":")
	t.Setenv("HTTPS_PROXY", canary)
	f.web = newWeb(false, Config{}.allowed)
	for _, host := range []string{"127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port, "[::ffff:127.0.0.1]:" + port, "0.0.0.0:" + port, "127.1:" + port, "user:pass@127.0.0.1:" + port} {
		if _, err := f.Open(t.Context(), "https://"+host+"/", ""); err == nil {
			t.Errorf("https://%s/ was opened", host)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.216.34:443": true, "[2606:2800:220:1::1]:443": true, "93.184.216.34:80": true, "93.184.216.34:22": false,
		"127.0.0.1:443": false, "10.1.2.3:443": false, "172.16.0.1:443": false, "192.168.1.1:443": false, "169.254.169.254:443": false,
		"100.64.0.1:443": false, "0.0.0.0:443": false, "0.1.2.3:443": false, "224.0.0.1:443": false, "255.255.255.255:443": false, "240.0.0.1:443": false,
		"192.0.0.1:443": false, "192.0.2.1:443": false, "198.18.0.1:443": false, "198.51.100.1:443": false, "203.0.113.1:443": false, "192.88.99.1:443": false,
		"[::1]:443": false, "[::]:443": false, "[::ffff:127.0.0.1]:443": false, "[::ffff:169.254.169.254]:443": false, "[::ffff:93.184.216.34]:443": true,
		"[fe80::1]:443": false, "[fe80::1%25eth0]:443": false, "[fc00::1]:443": false, "[fd00:ec2::254]:443": false, "[ff02::1]:443": false,
		"[64:ff9b::7f00:1]:443": false, "[64:ff9b:1::1]:443": false, "[2002:7f00:1::]:443": false, "[2001::1]:443": false, "[2001:db8::1]:443": false, "[::7f00:1]:443": false,
	} {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Config{}).allowed(at); got != want {
			t.Errorf("allowed(%s) = %v, want %v", address, got, want)
		}
	}
}
