package postgres_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store/postgres"
	"videoqa/internal/eventually"
)

// certificate writes one for 127.0.0.1 that signs itself, and its key.
func certificate(t *testing.T, crt, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{crt: {Type: "CERTIFICATE", Bytes: signed}, key: {Type: "EC PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// serveTLS has the server take TLS with a certificate in its own data folder, and
// returns where that lies for us.
func serveTLS(t *testing.T, db *pgx.Conn) (ca string) {
	t.Helper()
	var data string
	if err := db.QueryRow(t.Context(), "SHOW data_directory").Scan(&data); err != nil {
		t.Fatal(err)
	}
	crt, key := filepath.Join(data, "tls.crt"), filepath.Join(data, "tls.key")
	certificate(t, crt, key)
	info, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t); os.Getuid() == 0 { // the server runs as another user then
		for _, path := range []string{crt, key} {
			if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	set := func(ctx context.Context, commands ...string) {
		for _, command := range append(commands, "SELECT pg_reload_conf()") {
			if _, err := db.Exec(ctx, command); err != nil {
				t.Fatal(err)
			}
		}
	}
	set(t.Context(), "ALTER SYSTEM SET ssl_cert_file = 'tls.crt'", "ALTER SYSTEM SET ssl_key_file = 'tls.key'", "ALTER SYSTEM SET ssl = on")
	t.Cleanup(func() { set(context.Background(), "ALTER SYSTEM RESET ALL") })
	text, err := os.ReadFile(crt)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return ca
}

func TestAStoreBehindTLSIsVerified(t *testing.T) {
	address := fresh(t)
	db, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	ca := serveTLS(t, db)
	other := filepath.Join(t.TempDir(), "other.crt")
	certificate(t, other, filepath.Join(t.TempDir(), "other.key"))
	with := func(mode, root string) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set("sslmode", mode)
		if root != "" {
			q.Set("sslrootcert", root)
		}
		u.RawQuery = q.Encode()
		return u.String()
	}
	eventually.True(t, "the server has read its settings again, and speaks TLS", func() bool {
		probe, err := pgx.Connect(t.Context(), with("require", ""))
		if err == nil {
			probe.Close(t.Context())
		}
		return err == nil
	})
	for _, url := range []string{with("require", ""), with("verify-full", ca)} {
		s, err := postgres.Open(t.Context(), url)
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if _, _, err := s.Outcome(t.Context(), "q-1"); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	for _, url := range []string{with("verify-full", other), with("verify-full", "")} {
		s, err := postgres.Open(t.Context(), url)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v; want a certificate that cannot be verified", url, err)
		}
	}
}
