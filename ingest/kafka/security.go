package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Security says how brokers are known to us, and we to them. The zero value is
// plain text and no name, for a network that can be trusted.
type Security struct {
	TLS      bool
	CAFile   string // PEM; "": the system's authorities
	CertFile string // PEM, of this client, with KeyFile; "": none is shown
	KeyFile  string

	SASL     string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; "": none
	User     string
	Password string
}

// Validate returns an error that names the field. Files are not looked at.
func (s Security) Validate() error {
	files := s.CAFile != "" || s.CertFile != "" || s.KeyFile != ""
	switch {
	case files && !s.TLS:
		return errors.New("kafka: check TLS: it is off, but a certificate is given")
	case (s.CertFile == "") != (s.KeyFile == ""):
		return errors.New("kafka: check CertFile, KeyFile: one goes with the other")
	case s.SASL == "" && (s.User != "" || s.Password != ""):
		return errors.New("kafka: check SASL: it is off, but a user or password is given")
	case s.SASL == "PLAIN" && !s.TLS:
		return errors.New("kafka: check SASL: PLAIN without TLS would show the password to the network")
	case s.SASL != "" && (s.User == "" || s.Password == ""):
		return errors.New("kafka: check User, Password: SASL needs both")
	}
	_, err := s.mechanism()
	return err
}

// tlsConfig returns nil for plain text. Brokers are verified by the host names
// that they are dialled by.
func (s Security) tlsConfig() (*tls.Config, error) {
	if !s.TLS {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		text, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("kafka: read CAFile: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("kafka: read CAFile: %s holds no certificate", s.CAFile)
		}
	}
	if s.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("kafka: read CertFile, KeyFile: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// mechanism returns nil if there is none.
func (s Security) mechanism() (sasl.Mechanism, error) {
	algorithm := scram.SHA256
	switch s.SASL {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case "SCRAM-SHA-256":
	case "SCRAM-SHA-512":
		algorithm = scram.SHA512
	default:
		return nil, fmt.Errorf("kafka: check SASL: %q is not one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512", s.SASL)
	}
	m, err := scram.Mechanism(algorithm, s.User, s.Password)
	if err != nil {
		return nil, fmt.Errorf("kafka: check User, Password: %w", err)
	}
	return m, nil
}
