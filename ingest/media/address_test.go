package media

import (
	"context"
	"errors"
	"fmt"
	"net"
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

	"golang.org/x/net/dns/dnsmessage"

	"videoqa/ingest/media/spool"
	"videoqa/internal/fault"
)

// A canary counts connections to every address of loopback that leads to it.
type canary struct {
	port  string
	conns atomic.Int32
}

func newCanary(t *testing.T) *canary {
	l, err := net.Listen("tcp", ":0") // on all addresses of this machine, of both families
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &canary{}
	_, c.port, _ = net.SplitHostPort(l.Addr().String())
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.conns.Add(1)
			conn.Close()
		}
	}()
	return c
}

// names is a name server: each name has addresses that it gives out in turn.
func names(t *testing.T, records map[string][]string) *net.Resolver {
	t.Helper()
	at, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { at.Close() })
	asked := map[string]int{}
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := at.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			name := strings.TrimSuffix(q.Name.String(), ".")
			if addresses := records[name]; q.Type == dnsmessage.TypeA && len(addresses) > 0 {
				a := netip.MustParseAddr(addresses[asked[name]%len(addresses)]).As4()
				asked[name]++
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 0}, Body: &dnsmessage.AResource{A: a}}}
			}
			if out, err := m.Pack(); err == nil {
				at.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", at.LocalAddr().String())
	}}
}

// resolveBy has a fetcher's connections look names up elsewhere.
func resolveBy(f *Fetcher, allow func(netip.AddrPort) bool, r *net.Resolver) {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Resolver: r, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		if at, err := netip.ParseAddrPort(address); err != nil || !allow(at) {
			return fmt.Errorf("not permitted: %w", fault.RefusedURI)
		}
		return nil
	}}
	f.web.client.Transport.(*http.Transport).DialContext = dialer.DialContext
}

// The table of what must not be fetched. Wherever it leads, a canary sits; with
// http and every port permitted, only the address may keep it from being reached.
func TestTheAddressTable(t *testing.T) {
	c := newCanary(t)
	dir, outside := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "a.mp4"), "one")
	write(t, filepath.Join(outside, "secret"), "secret")
	for name, to := range map[string]string{"out": filepath.Join(outside, "secret"), "up": "../" + filepath.Base(outside) + "/secret", "dev": "/dev/zero"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := net.Listen("unix", filepath.Join(dir, "socket")); err != nil {
		t.Fatal(err)
	} else {
		defer l.Close()
	}
	port := netip.MustParseAddrPort("127.0.0.1:" + c.port).Port()
	cfg := Config{Roots: []string{dir}, HTTP: true, Ports: []uint16{443, 80, port}, Timeout: 5 * time.Second}
	f := fetcher(t, cfg)
	resolveBy(f, cfg.allowed, names(t, map[string][]string{
		"inside.example": {"127.0.0.1"}, "metadata.example": {"169.254.169.254"}, "changes.example": {"192.0.2.1", "127.0.0.1"}, "private.example": {"10.0.0.1"},
	}))
	var uris []string
	for _, host := range []string{
		"127.0.0.1", "127.0.0.53", "127.255.255.254", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "localhost",
		"[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25lo]", "10.0.0.1", "172.16.0.1", "192.168.0.1",
		"100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "inside.example", "metadata.example", "private.example",
		"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.1", "①②⑦.⓪.⓪.①",
	} {
		uris = append(uris, "http://"+host+":"+c.port+"/a.mp4", "https://"+host+":"+c.port+"/a.mp4")
	}
	uris = append(uris, "http://user:pass@127.0.0.1:"+c.port+"/", "https://93.184.216.34:22/", "gopher://127.0.0.1:"+c.port+"/", "ftp://127.0.0.1:"+c.port+"/", "http:///a.mp4", "//127.0.0.1:"+c.port+"/a",
		"file://"+dir+"/../"+filepath.Base(outside)+"/secret", "file://"+dir+"/%2e%2e/"+filepath.Base(outside)+"/secret", "file://"+dir+"/out", "file://"+dir+"/up", "file://"+dir+"/dev", "file://"+dir+"/fifo", "file://"+dir+"/socket",
		"file:///etc/passwd", "file://127.0.0.1"+dir+"/a.mp4", "s3://bucket/key", "videoqa-media:"+strings.Repeat("0", 64), "data:video/mp4,x")
	if len(uris) < 40 {
		t.Fatalf("only %d", len(uris))
	}
	for _, uri := range uris {
		file, err := f.Open(t.Context(), uri, "")
		if err == nil {
			file.Close()
			t.Errorf("%s was opened", uri)
		} else if !errors.Is(err, fault.RefusedURI) && !errors.Is(err, fault.UnreachableURI) || strings.Contains(beyond(err, uri), "secret") || strings.Contains(err.Error(), "pass@") {
			t.Errorf("%s: %v", uri, err)
		}
	}
	// A name that changes its address between two looks: the one that is connected to counts.
	for range 4 {
		if _, err := f.Open(t.Context(), "http://changes.example:"+c.port+"/", ""); err == nil {
			t.Error("a name that changes its address was followed")
		}
	}
	if n := c.conns.Load(); n != 0 {
		t.Errorf("%d connections were made to the canary", n)
	}
	t.Logf("%d refused", len(uris))
}

// Redirects lead to each of them as well.
func TestRedirectsLeadNowhereElse(t *testing.T) {
	c := newCanary(t)
	to := ""
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }))
	defer server.Close()
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	here := netip.MustParseAddrPort(at.Host)
	f := fetcher(t, Config{HTTP: true, Timeout: 5 * time.Second})
	f.web = newWeb(true, func(a netip.AddrPort) bool { return a == here })
	f.web.client.Transport.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	for _, to = range []string{
		"https://127.0.0.1:" + c.port + "/", "http://127.0.0.1:" + c.port + "/", "https://[::1]:" + c.port + "/", "https://localhost:" + c.port + "/", "//127.0.0.1:" + c.port + "/",
		"http://" + at.Host + "/", "file:///etc/passwd", "gopher://127.0.0.1:" + c.port + "/", "https://user@" + at.Host + "/", "data:,x",
	} {
		if _, err := f.Open(t.Context(), server.URL, ""); !errors.Is(err, fault.RefusedURI) {
			t.Errorf("a redirect to %s: %v", to, err)
		}
	}
	if n := c.conns.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

// What an operator permits works: ten of them.
func TestWhatIsPermittedIsOpened(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/a.mp4", http.StatusMovedPermanently)
		case "/packed":
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "not really")
		default:
			fmt.Fprint(w, "one")
		}
	})
	secure, plain := httptest.NewTLSServer(handler), httptest.NewServer(handler)
	defer secure.Close()
	defer plain.Close()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.mp4"), "one")
	write(t, filepath.Join(dir, "sub", "ä b.mp4"), "one")
	folder, err := spool.Open(spool.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	kept, _, err := folder.Put(t.Context(), strings.NewReader("one"), nil)
	if err != nil {
		t.Fatal(err)
	}
	ports := []uint16{netip.MustParseAddrPort(strings.TrimPrefix(secure.URL, "https://")).Port(), netip.MustParseAddrPort(strings.TrimPrefix(plain.URL, "http://")).Port()}
	f := fetcher(t, Config{Roots: []string{dir}, HTTP: true, Ports: ports, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Spool: folder})
	f.web.client.Transport.(*http.Transport).TLSClientConfig = secure.Client().Transport.(*http.Transport).TLSClientConfig
	for _, uri := range []string{
		secure.URL + "/a.mp4", secure.URL + "/moved", secure.URL + "/a.mp4?token=x#t=1", plain.URL + "/a.mp4", plain.URL + "/moved", strings.ToUpper(secure.URL[:5]) + secure.URL[5:] + "/a.mp4",
		"file://" + dir + "/a.mp4", "file://localhost" + dir + "/a.mp4", "file://" + dir + "/sub/%C3%A4%20b.mp4", "file:" + dir + "/a.mp4", spool.URI(kept),
	} {
		wantFile(t, f, uri, "one")
	}
	if _, err := f.Open(t.Context(), plain.URL+"/packed", ""); !errors.Is(err, fault.UnreachableURI) {
		t.Errorf("a body that is packed unasked: %v", err)
	}
	strict := fetcher(t, Config{Ports: ports, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if _, err := strict.Open(t.Context(), plain.URL+"/a.mp4", ""); !errors.Is(err, fault.RefusedURI) {
		t.Errorf("http that is not permitted: %v", err)
	}
}
