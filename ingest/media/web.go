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
	"syscall"
	"time"

	"videoqa/internal/fault"
)

const mostRedirects = 5

// web fetches over https. allow judges the final address of every connection,
// after names are resolved, so that no name and no redirect leads around it.
type web struct {
	client *http.Client
	allow  func(netip.AddrPort) bool
}

func newWeb(allow func(netip.AddrPort) bool) *web {
	dialer := &net.Dialer{Timeout: 10 * time.Second, ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !allow(at) {
			return fmt.Errorf("the address it leads to is not public, or not port 443: %w", fault.RefusedURI)
		}
		return nil
	}}
	transport := &http.Transport{
		DialContext:           dialer.DialContext,
		Proxy:                 nil, // one of the environment would connect for us, unchecked
		DisableCompression:    true,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConns:          16,
		IdleConnTimeout:       time.Minute,
	}
	return &web{&http.Client{Transport: transport, CheckRedirect: checkRedirect}, allow}
}

func checkRedirect(request *http.Request, via []*http.Request) error {
	if len(via) > mostRedirects {
		return fmt.Errorf("more than %d redirects: %w", mostRedirects, fault.RefusedURI)
	}
	return checkWeb(request.URL)
}

func checkWeb(u *url.URL) error {
	switch {
	case u.Scheme != "https":
		return fmt.Errorf("it leads to %s, not https: %w", u.Scheme, fault.RefusedURI)
	case u.Hostname() == "":
		return fmt.Errorf("it names no host: %w", fault.RefusedURI)
	case u.User != nil:
		return fmt.Errorf("it holds a user name: %w", fault.RefusedURI)
	}
	return nil
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

// public says whether a connection may be made to at.
func public(at netip.AddrPort) bool {
	a := at.Addr().Unmap()
	if at.Port() != 443 || a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
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
	if err := checkWeb(u); err != nil {
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
		return nil, unreachable(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %d: %w", response.StatusCode, fault.UnreachableURI)
	}
	if response.ContentLength > f.cfg.MaxBytes {
		return nil, f.tooLarge()
	}
	spool, err := f.spool()
	if err != nil {
		return nil, err
	}
	file, err := f.save(spool, response)
	if err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	return file, nil
}

func (f *Fetcher) save(spool *os.File, response *http.Response) (*File, error) {
	body := io.LimitReader(response.Body, f.cfg.MaxBytes+1)
	digest, n, err := digestOf(io.TeeReader(body, spool))
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return nil, fmt.Errorf("spool: %w: %w", err, fault.Unavailable)
	case err != nil:
		return nil, unreachable(err)
	case n > f.cfg.MaxBytes:
		return nil, f.tooLarge()
	}
	return &File{spool, n, digest}, nil
}

func (f *Fetcher) tooLarge() error {
	return fmt.Errorf("more than %d bytes: %w", f.cfg.MaxBytes, fault.TooLarge)
}

// unreachable names what went wrong without the URL that net/http puts in front.
func unreachable(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, fault.RefusedURI) {
		return err
	}
	return fmt.Errorf("%w: %w", err, fault.UnreachableURI)
}
