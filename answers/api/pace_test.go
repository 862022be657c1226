package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A pipeListener is a server's side of connections in memory, whose deadlines follow
// the clock of a bubble.
type pipeListener struct {
	conns chan net.Conn
	over  context.Context // once the listener is closed
	close func()
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.over.Done():
		return nil, net.ErrClosed
	}
}

func (l pipeListener) Close() error { l.close(); return nil }
func (pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// dialPaced serves handler behind the limits on how slowly a body may come, and
// connects to it.
func dialPaced(t *testing.T, grace time.Duration, rate int64, handler http.HandlerFunc) net.Conn {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := pipeListener{make(chan net.Conn), ctx, cancel}
	server := &http.Server{Handler: (&API{cfg: Config{BodyGrace: grace, BodyRate: rate}}).limitBodies(handler)}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	ours, theirs := net.Pipe()
	l.conns <- theirs
	t.Cleanup(func() {
		ours.Close()
		server.Close()
		<-ended
	})
	return ours
}

// A client that goes on sending may take longer than a pause may be, and the answer may
// take longer than both.
func TestABodyThatGoesOnIsHeard(t *testing.T) {
	const grace, parts, part = time.Second, 12, 512
	synctest.Test(t, func(t *testing.T) {
		conn := dialPaced(t, grace, 1<<10, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Errorf("after %d bytes: %v", len(body), err)
			}
			select {
			case <-time.After(grace * 3 / 2): // as long as the answer takes
			case <-r.Context().Done():
				t.Error("the client is taken to be gone")
			}
			fmt.Fprint(w, len(body))
		})
		send := func(text string) {
			t.Helper()
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatalf("the connection ends while the body is sent: %v", err)
			}
		}
		send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", parts*part))
		for range parts {
			send(strings.Repeat(" ", part))
			time.Sleep(grace / 3) // 6 KiB take 4 s, and no pause is as long as grace
			synctest.Wait()
		}
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(r.Body); err != nil || r.StatusCode != http.StatusOK || string(text) != fmt.Sprint(parts*part) {
			t.Errorf("%d %s (%v)", r.StatusCode, text, err)
		}
	})
}

// A body that pauses for too long, or goes on at less than the least rate, ends.
func TestABodyThatComesTooSlowlyEnds(t *testing.T) {
	const grace = time.Second
	for _, tc := range []struct {
		name  string
		pause time.Duration // between two bytes
		ends  time.Duration // after its head
	}{
		{"one that pauses ends when grace is over", time.Hour, grace},
		{"one of three bytes in that time has what three bytes take besides", grace * 2 / 5, grace + 3*time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan time.Time, 1)
				conn := dialPaced(t, grace, 1<<10, func(_ http.ResponseWriter, r *http.Request) {
					_, err := io.Copy(io.Discard, r.Body)
					if refused, ok := err.(refusal); !ok || refused.status != http.StatusRequestTimeout {
						t.Errorf("the body ends with %v", err)
					}
					ended <- time.Now()
				})
				began := time.Now()
				if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				go io.Copy(io.Discard, conn)
				go func() {
					for {
						if _, err := io.WriteString(conn, "x"); err != nil {
							return
						}
						select {
						case <-time.After(tc.pause):
						case <-t.Context().Done():
							return
						}
					}
				}()
				if took := (<-ended).Sub(began).Round(time.Millisecond); took != tc.ends {
					t.Errorf("it ended after %v, want %v", took, tc.ends)
				}
			})
		})
	}
}
