package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"videoqa/internal/fault"
)

const mostRedirects = 5

// web fetches over https, and http where that is permitted. allow judges the final
// address of every connection, after names are resolved, so that no name and no
// redirect leads around it.
type web struct {
	client *http.Client
	plain  bool                       // http is permitted
	port   func(uint16) error         // judges a URL's port before its name is resolved; nil: not judged there
	why    func(netip.AddrPort) error // an address is not allowed; nil: not said
}

func newWeb(plain bool, allow func(netip.AddrPort) bool) *web {
	w := &web{plain: plain}
	dialer := &net.Dialer{Timeout: 10 * time.Second, ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		switch {
		case err == nil && allow(at):
			return nil
		case err == nil && w.why != nil:
			return w.why(at)
		}
		return errOutside
	}}
	transport := &http.Transport{
		DialContext:            dialer.DialContext,
		Proxy:                  nil, // one of the environment would connect for us, unchecked
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns:           16,
		IdleConnTimeout:        time.Minute,
	}
	w.client = &http.Client{Transport: transport, CheckRedirect: w.checkRedirect}
	return w
}

func (w *web) checkRedirect(request *http.Request, via []*http.Request) error {
	if len(via) > mostRedirects {
		return fmt.Errorf("more than %d redirects: %w", mostRedirects, fault.RefusedURI)
	}
	if via[len(via)-1].URL.Scheme == "https" && request.URL.Scheme != "https" {
		return fmt.Errorf("it leads from https to %s: %w", request.URL.Scheme, fault.RefusedURI)
	}
	return w.check(request.URL)
}

func (w *web) check(u *url.URL) error {
	switch {
	case u.Scheme == "http" && !w.plain:
		return fmt.Errorf("http: is not encrypted, and read only with --media-http: %w", fault.RefusedURI)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("a redirect leads to %s:, not https: %w", u.Scheme, fault.RefusedURI)
	case u.Hostname() == "":
		return fmt.Errorf("it names no host: %w", fault.RefusedURI)
	case u.User != nil:
		return errNamesUser
	case w.port == nil:
		return nil
	}
	port, err := portOf(u)
	if err != nil {
		return err
	}
	return w.port(port)
}

// portOf is the port that u names, or its scheme's.
func portOf(u *url.URL) (uint16, error) {
	switch {
	case u.Port() == "" && u.Scheme == "http":
		return 80, nil
	case u.Port() == "":
		return 443, nil
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%.20s is not a port: %w", u.Port(), fault.RefusedURI)
	}
	return uint16(n), nil
}

// allowed reports whether a connection may be made to at: to the public internet, or
// into a network that the operator permits, on a permitted port.
func (c Config) allowed(at netip.AddrPort) bool {
	if c.portAllowed(at.Port()) != nil {
		return false
	}
	a := at.Addr().Unmap()
	for _, network := range c.Networks {
		if a.Zone() == "" && network.Contains(a) {
			return true
		}
	}
	return public(a)
}

var errNamesUser = fmt.Errorf("it holds a user name or a password, which an event would tell to all its readers: %w", fault.RefusedURI)

var errOutside = fmt.Errorf("it leads to an address outside the public internet, in no network of --media-networks: %w", fault.RefusedURI)

// portAllowed returns an error that names the ports that may be connected to, if port
// is none of them.
func (c Config) portAllowed(port uint16) error {
	ports := c.Ports
	if len(ports) == 0 {
		ports = []uint16{80, 443}
	}
	if slices.Contains(ports, port) {
		return nil
	}
	return fmt.Errorf("port %d may not be connected to, only %s (--media-ports): %w", port, strings.Trim(fmt.Sprint(ports), "[]"), fault.RefusedURI)
}

// whyNot says which rule keeps at from being connected to. The address itself is not
// told: who asks may be somebody who should not learn what a name leads to in here.
func (c Config) whyNot(at netip.AddrPort) error {
	if err := c.portAllowed(at.Port()); err != nil {
		return err
	}
	return errOutside
}

// special are the blocks that [netip.Addr] does not name and that are not the
// public internet either, or that carry another address inside (RFC 6890 and its
// successors).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("5f00::/16"),
}

// public reports whether a, which is not an IPv4 address inside an IPv6 one, is of the
// public internet.
func public(a netip.Addr) bool {
	if a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	if a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) { // all that is assigned of IPv6
		return false
	}
	for _, block := range special {
		if block.Contains(a) {
			return false
		}
	}
	return true
}

// fetch copies what u names into a spool file.
func (f *Fetcher) fetch(ctx context.Context, u *url.URL) (*File, error) {
	if err := f.web.check(u); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("not a URI: %w", fault.RefusedURI)
	}
	request.Header.Set("User-Agent", "videoqa")
	response, err := f.web.client.Do(request)
	if err != nil {
		return nil, f.unreachable(err)
	}
	defer response.Body.Close()
	if coding := response.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, fmt.Errorf("the server sends it as %.20q, though it was asked not to: %w", coding, fault.UnreachableURI)
	}
	if status := response.StatusCode; status != http.StatusOK {
		err := fmt.Errorf("the server answers %d %s: %w", status, http.StatusText(status), fault.UnreachableURI)
		if saysAbsent(status) {
			err = absent{err}
		}
		return nil, err
	}
	if response.ContentLength > f.cfg.MaxBytes {
		return nil, f.tooLarge()
	}
	spool, err := f.spool()
	if err != nil {
		return nil, err
	}
	file, err := f.save(spool, response.Body)
	if err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	return file, nil
}

func (f *Fetcher) save(spool *os.File, body io.Reader) (*File, error) {
	digest, n, err := digestOf(io.TeeReader(io.LimitReader(body, f.cfg.MaxBytes+1), spool))
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return nil, fmt.Errorf("spool: %w: %w", err, fault.Unavailable)
	case err != nil:
		return nil, f.unreachable(err)
	case n > f.cfg.MaxBytes:
		return nil, f.tooLarge()
	}
	return &File{f: spool, size: n, digest: digest}, nil
}

func (f *Fetcher) tooLarge() error {
	return fmt.Errorf("more than %d bytes (--media-max-bytes): %w", f.cfg.MaxBytes, fault.TooLarge)
}

// unreachable says what went wrong without the URL that net/http puts in front, and
// without the addresses that a name leads to.
func (f *Fetcher) unreachable(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return absent{fmt.Errorf("no such host: %w", fault.UnreachableURI)}
	case errors.As(err, &dns):
		return fmt.Errorf("its host's name could not be looked up: %w", fault.UnreachableURI)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("it took longer than %v (--media-timeout): %w", f.cfg.Timeout, fault.UnreachableURI)
	case errors.As(err, &op):
		err = op.Err
	}
	if errors.Is(err, fault.RefusedURI) {
		return err
	}
	return fmt.Errorf("%w: %w", err, fault.UnreachableURI)
}
