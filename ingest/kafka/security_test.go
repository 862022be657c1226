package kafka_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoqa/ingest/kafka"
)

func TestSecurityNamesWhatIsWrong(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for field, s := range map[string]kafka.Security{
		"TLS":                     {CAFile: empty},
		"CertFile":                {TLS: true, KeyFile: empty},
		"KeyFile":                 {TLS: true, CertFile: empty, KeyFile: empty},
		"CAFile":                  {TLS: true, CAFile: empty},
		"PLAIN without TLS":       {SASL: "PLAIN", User: "u", Password: "p"},
		"Password":                {SASL: "SCRAM-SHA-256", User: "u"},
		"not one of PLAIN, SCRAM": {SASL: "GSSAPI", User: "u", Password: "p"},
		"SASL: it is off":         {User: "u"},
	} {
		if _, err := kafka.New(kafka.Config{Brokers: []string{"a:1"}, Group: "g", Security: s}); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("New with %+v: %v; want it to name %s", s, err, field)
		}
	}
}
