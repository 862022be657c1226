package broker_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"videoqa/ingest"
	"videoqa/ingest/kafka"
)

// An identity is a certificate with its key, and the files they lie in.
type identity struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	cert, keyed string
}

// certify makes an identity signed by ca; nil: by itself.
func certify(t *testing.T, name string, ca *identity) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: ca == nil, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	parent, signer := template, key
	if ca != nil {
		parent, signer = ca.certificate, ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(suffix, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name+suffix)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return identity{made, key, write(".pem", "CERTIFICATE", der), write(".key", "PRIVATE KEY", private)}
}

// secured starts a broker that knows alice by three mechanisms, and whoever has a
// certificate of the authority that it returns.
func secured(t *testing.T) (address string, ca, client identity) {
	t.Helper()
	ca = certify(t, "authority", nil)
	server := certify(t, "server", &ca)
	client = certify(t, "client", &ca)
	pool := x509.NewCertPool()
	pool.AddCert(ca.certificate)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(),
		kfake.TLS(&tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{server.certificate.Raw}, PrivateKey: server.key}},
			ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool,
		}),
		kfake.Superuser("PLAIN", "alice", "secret"), kfake.Superuser("SCRAM-SHA-256", "alice", "secret"), kfake.Superuser("SCRAM-SHA-512", "alice", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0], ca, client
}

func TestASecuredBrokerIsReadAndWritten(t *testing.T) {
	address, ca, me := secured(t)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			c, err := kafka.New(kafka.Config{Brokers: []string{address}, Group: mechanism, Security: kafka.Security{
				TLS: true, CAFile: ca.cert, CertFile: me.cert, KeyFile: me.keyed, SASL: mechanism, User: "alice", Password: "secret",
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.Ensure(t.Context(), []kafka.Topic{{Name: mechanism, Partitions: 1, Retention: time.Hour}}); err != nil {
				t.Fatal(err)
			}
			if err := c.Publish(t.Context(), ingest.Message{Topic: mechanism, Value: []byte("last")}); err != nil {
				t.Fatal(err)
			}
			readUntil(t, c, mechanism, "last")
		})
	}
}

func TestASecuredBrokerLetsNobodyElseIn(t *testing.T) {
	address, ca, me := secured(t)
	right := kafka.Security{TLS: true, CAFile: ca.cert, CertFile: me.cert, KeyFile: me.keyed, SASL: "SCRAM-SHA-256", User: "alice", Password: "secret"}
	other := certify(t, "other", nil)
	for name, spoil := range map[string]func(*kafka.Security){
		"a wrong password":             func(s *kafka.Security) { s.Password = "guess" },
		"no client certificate":        func(s *kafka.Security) { s.CertFile, s.KeyFile = "", "" },
		"an authority we do not trust": func(s *kafka.Security) { s.CAFile = other.cert },
		"no SASL":                      func(s *kafka.Security) { s.SASL, s.User, s.Password = "", "", "" },
	} {
		t.Run(name, func(t *testing.T) {
			s := right
			spoil(&s)
			c, err := kafka.New(kafka.Config{Brokers: []string{address}, Group: "g", Security: s})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := c.Ensure(ctx, []kafka.Topic{{Name: "t", Partitions: 1, Retention: time.Hour}}); err == nil {
				t.Error("it was let in")
			}
		})
	}
}
