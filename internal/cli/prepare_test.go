package cli

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"videoqa/ingest/broker"
)

// startable is that of a machine on which serve could start.
func startable(t *testing.T, more ...string) []string {
	t.Helper()
	return append([]string{"HOME=" + t.TempDir(), "VIDEOQA_ONNXRUNTIME=" + os.Getenv("VIDEOQA_ONNXRUNTIME"), "VIDEOQA_OPS_LISTEN=127.0.0.1:0", "VIDEOQA_LISTEN=127.0.0.1:0"}, more...)
}

// A difference between the two would be found only when a service restarts.
func TestConfigCheckRefusesWhatServeRefusesWithoutAServer(t *testing.T) {
	file := write(t, "no certificate\n")
	for _, tc := range []struct{ name, settings, says string }{
		{"a broker's address with a scheme", "kafka_brokers: ['kafka://k:9092']\nsingle_process: true", "--kafka-brokers"},
		{"a broker's port that is none", "kafka_brokers: ['k:99999']\nsingle_process: true", `"99999" is not a port`},
		{"an authority of Kafka's that is missing", "kafka: {brokers: ['k:1'], tls: true, ca_file: /none/ca.pem}\nsingle_process: true", "/none/ca.pem"},
		{"a key of Kafka's that is missing", "kafka: {brokers: ['k:1'], tls: true, cert_file: /none/c.pem, key_file: /none/k.pem}\nsingle_process: true", "/none/c.pem"},
		{"an authority that is none", "kafka: {brokers: ['k:1'], tls: true, ca_file: " + file + "}\nsingle_process: true", "holds no certificate"},
		{"its own broker for everybody", "kafka_listen: 0.0.0.0:9092", "not a loopback address"},
		{"a store of another kind", "store_url: mysql://db/videoqa", "postgres://"},
		{"a store's URL that is none", "store_url: postgres://db:port/videoqa", "--store-url"},
		{"a store's authority that is missing", "store_url: postgres://db/v?sslmode=verify-full&sslrootcert=/none/ca.pem", "/none/ca.pem"},
		{"a Redis of another kind", "redis_url: http://cache:6379", "redis://"},
		{"a Redis's authority that is missing", "redis: {url: rediss://cache, ca: /none/ca.pem}", "/none/ca.pem"},
		{"a Redis's authority without TLS", "redis: {url: redis://cache, ca: " + file + "}", "rediss://"},
		{"a model that is not there", "model: org/name", "videoqa pull org/name"},
		{"a model's folder that is empty", "model: " + t.TempDir(), "config.json"},
		{"a device that is not there", "device: cuda", "cuda"},
		{"a root that is missing", "media_roots: [/none/clips]", "/none/clips"},
		{"a root that is a file", "media_roots: [" + file + "]", file},
		{"keys that are missing", "api_keys_file: /none/keys", "/none/keys"},
		{"keys that are none", "api_keys_file: " + file, file + ":1"},
		{"a data folder below a file", "data_dir: " + file + "/data", file},
		{"a spool below a folder that is missing", "spool_url: file:///none/srv/uploads", "/none/srv"},
		{"a spool that is a file", "spool_url: file://" + file, "not a folder"},
		{"a spool of another kind", "spool_url: http://host/uploads", "--spool-url"},
		{"an endpoint that is more than a host", "s3_endpoint: https://host/path", "--s3-endpoint"},
		{"an address without a port", "ops_listen: localhost", "--ops-listen"},
		{"an address of another machine", "ops_listen: 192.0.2.1:8081", "--ops-listen"},
		{"a port that is none", "listen: 127.0.0.1:http-and-more", "not a port"},
		{"a number of cores that is none", "threads: -1", "--threads"},
		{"two at once", "media_roots: [/none/clips]\nredis_url: http://cache", "/none/clips"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			settings := write(t, tc.settings+"\n")
			said := map[string]string{}
			for command, args := range map[string][]string{"check": {"config", "check", settings}, "serve": {"serve", "--config", settings}} {
				environ := startable(t)
				if strings.Contains(tc.settings, "listen: ") {
					environ = environ[:2]
				}
				environ[0] = "HOME=/none/home" // the same for both
				if !strings.Contains(tc.settings, "data_dir") {
					environ = append(environ, "VIDEOQA_DATA_DIR="+filepath.Join(filepath.Dir(settings), "data"))
				}
				environ = append(environ, "XDG_CACHE_HOME="+filepath.Join(filepath.Dir(settings), "cache"))
				a, _, errs := app(t, environ...)
				if status := a.run(t.Context(), args); status != misused || !strings.Contains(errs.String(), tc.says) {
					t.Errorf("%s: status %d, %q; want %d and %q", command, status, errs, misused, tc.says)
				}
				said[command] = errs.String()
			}
			if said["check"] != said["serve"] {
				t.Errorf("check says\n%sand serve\n%s", said["check"], said["serve"])
			}
		})
	}
}

func TestSettingsForAnotherMachineAreJudgedWithoutItsFiles(t *testing.T) {
	elsewhere := write(t, "kafka: {brokers: ['k:1'], tls: true, ca_file: /none/ca.pem}\nstore_url: postgres://db/v\nredis: {url: rediss://cache, ca: /none/ca.pem}\n"+
		"media_roots: [/none/clips]\napi_keys_file: /none/keys\nlisten: 192.0.2.1:80\nspool_url: file:///none/srv/uploads\nmodel: org/name\n")
	a, out, errs := app(t, "HOME=/none")
	if status := a.run(t.Context(), []string{"config", "check", elsewhere, "--no-files"}); status != 0 || !strings.HasPrefix(out.String(), "ok: ") {
		t.Errorf("status %d, %s", status, errs)
	}
	b, _, errs := app(t, "HOME=/none")
	if status := b.run(t.Context(), []string{"config", "check", write(t, "redis_url: http://cache\n"), "--no-files"}); status != misused || !strings.Contains(errs.String(), "redis://") {
		t.Errorf("a URL: status %d, %s", status, errs)
	}
}

func TestConfigCheckOnlineAsksEachServer(t *testing.T) {
	b, err := broker.Open(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	away, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away.Close()
	beside := "single_process: true\nkafka_brokers: [" + b.Addr() + "]\n"
	a, out, errs := app(t, startable(t)...)
	if status := a.run(t.Context(), []string{"config", "check", write(t, beside), "--online"}); status != 0 || !strings.Contains(out.String(), "\nkafka: answers\n") {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
	c, out, errs := app(t, startable(t)...)
	status := c.run(t.Context(), []string{"config", "check", "--online", write(t, beside+"redis_url: redis://me:tops3cret@"+away.Addr().String()+"\nstore_url: postgres://me:tops3cret@"+away.Addr().String()+"/v\n")})
	for _, want := range []string{"redis: ", "postgres: ", "refused"} {
		if status != failed || !strings.Contains(errs.String(), want) || strings.Contains(errs.String(), "tops3cret") || !strings.Contains(out.String(), "kafka: answers") {
			t.Errorf("status %d, %s%s; want %q", status, out, errs, want)
		}
	}
}

func TestTheExampleOfDeployIsTaken(t *testing.T) {
	text, err := os.ReadFile(deploy + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```yaml\n(kafka:\n.*?)```").FindStringSubmatch(string(text))
	if example == nil {
		t.Fatal("there is no example")
	}
	a, out, errs := app(t, startable(t)...)
	if status := a.run(t.Context(), []string{"config", "check", write(t, example[1])}); status != 0 || !strings.HasPrefix(out.String(), "ok: ") || errs.Len() > 0 {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
}
