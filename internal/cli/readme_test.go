package cli

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"videoqa/ingest"
	"videoqa/ingest/kafka"
)

const house = "../../"

// The pages whose commands are run, in this order, as one text.
var pages = []string{"README.md", "docs/serving.md"}

// A reader does what the pages say, in a folder of its own, on ports of its own.
type reader struct {
	t       *testing.T
	folder  string
	environ []string
	instead []string // old, new: what of the commands is another here
}

func newReader(t *testing.T) *reader {
	t.Helper()
	for _, tool := range []string{"curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the pages' commands need %s: sudo apt-get install %s", tool, tool)
		}
	}
	clients, err := exec.Command(house+"deploy/venv.sh", "examples", house+"examples/requirements.txt").Output()
	if err != nil {
		t.Fatalf("the Python of the examples: %v", err)
	}
	r := &reader{t: t, folder: t.TempDir()}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r.write("bin/videoqa", "#!/bin/sh\nVIDEOQA_TEST_PROGRAM=1 exec '"+program+"' \"$@\"\n")
	for _, name := range []string{"go.mod", "go.sum", "examples/kafka_client.py", "examples/http_client.py", "examples/go/main.go"} {
		text, err := os.ReadFile(house + name)
		if err != nil {
			t.Fatal(err)
		}
		r.write(name, string(text))
	}
	testdata, err := filepath.Abs(house + "testdata")
	if err == nil {
		err = os.Symlink(testdata, filepath.Join(r.folder, "testdata"))
	}
	goCache, goErr := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil || goErr != nil {
		t.Fatal(err, goErr)
	}
	path := filepath.Join(strings.TrimSpace(string(clients)), "bin") + ":" + os.Getenv("PATH")
	r.environ = append(os.Environ(), "PATH="+path, "GOCACHE="+strings.TrimSpace(string(goCache)), "XDG_CACHE_HOME="+r.folder+"/cache", "XDG_DATA_HOME="+r.folder+"/data",
		"HF_HOME="+r.folder+"/hf", "VIDEOQA_KAFKA_LISTEN=127.0.0.1:0", "VIDEOQA_LISTEN=127.0.0.1:0", "VIDEOQA_OPS_LISTEN=127.0.0.1:0")
	r.instead = []string{"/tmp/clips", r.folder + "/clips", "--listen :8080", "--listen :0"}
	return r
}

func (r *reader) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reader) command(ctx context.Context, script string) *exec.Cmd {
	c := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", strings.NewReplacer(r.instead...).Replace(script))
	c.Dir, c.Env = r.folder, r.environ
	return c
}

// run runs a block to its end.
func (r *reader) run(script string) string {
	r.t.Helper()
	var said bytes.Buffer
	c := r.command(r.t.Context(), script)
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		r.t.Errorf("%s\nends with %v, and says\n%s%s", script, err, out, &said)
	}
	return string(out)
}

// serve runs a block that goes on serving, until the test ends.
func (r *reader) serve(script string) (stop func()) {
	r.t.Helper()
	log, said := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	c := r.command(ctx, strings.Replace(script, "bin/videoqa serve", "exec bin/videoqa serve", 1))
	c.Stderr, c.Cancel = said, func() error { return c.Process.Signal(os.Interrupt) }
	if err := c.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		c.Wait()
		said.Close()
		close(ended)
	}()
	stop = sync.OnceFunc(func() {
		go io.Copy(io.Discard, log)
		cancel()
		<-ended
	})
	r.t.Cleanup(stop)
	var text strings.Builder
	for lines := bufio.NewScanner(log); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if found := addresses.FindStringSubmatch(lines.Text()); found != nil {
			r.instead = append(r.instead, "127.0.0.1:9092", found[1], "127.0.0.1:8080", found[2])
			go io.Copy(io.Discard, log)
			return stop
		}
	}
	r.t.Fatalf("%s\nends with\n%s", script, &text)
	return stop
}

// broker is the address that was put in place of the pages'.
func (r *reader) broker() string { return r.instead[slices.Index(r.instead, "127.0.0.1:9092")+1] }

var tableRow = regexp.MustCompile("(?m)^\\| `(vqa\\.[a-z]+\\.v1)` \\|[^|]*\\| `(\\{.*\\})` \\|$")

// publish publishes the table's clips and questions as they stand, and returns the
// answer that comes.
func (r *reader) publish(text string) (answer string) {
	r.t.Helper()
	client, err := kafka.New(kafka.Config{Brokers: []string{r.broker()}, Group: "readme"})
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	rows := 0
	for _, row := range tableRow.FindAllStringSubmatch(text, -1) {
		if topic := row[1]; topic == ingest.TopicClips || topic == ingest.TopicQuestions {
			value := strings.NewReplacer(r.instead...).Replace(row[2])
			if err := client.Publish(r.t.Context(), ingest.Message{Topic: topic, Key: []byte("dock-3"), Value: []byte(value)}); err != nil {
				r.t.Fatal(err)
			}
			rows++
		}
	}
	if rows != 2 {
		r.t.Fatalf("%d events are in the table; want a clip and a question", rows)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	var once sync.Once
	err = client.Consume(ctx, []string{ingest.TopicAnswers, ingest.TopicDeadLetters}, func(_ context.Context, d *ingest.Delivery) {
		once.Do(func() { answer = string(d.Value); cancel() })
		d.Done()
	})
	if err != nil || answer == "" {
		r.t.Fatalf("the table's question has no outcome: %v", err)
	}
	return answer
}

// transcript runs a command that is shown with what it prints: "$ command", then
// lines. Each of these has to be printed, in this order. Lines that tell how long
// something took differ from run to run and are left out, and … stands for more lines.
func (r *reader) transcript(text string) {
	r.t.Helper()
	command, shown, _ := strings.Cut(strings.TrimPrefix(text, "$ "), "\n")
	out := r.run(command)
	rest := strings.Split(out, "\n")
	for _, line := range strings.Split(shown, "\n") {
		if strings.Contains(line, " ms: ") || line == "…" {
			continue
		}
		at := slices.Index(rest, line)
		if at < 0 {
			r.t.Errorf("%s\nprints\n%s\nwithout the line %q, or not in the order shown", command, out, line)
			return
		}
		rest = rest[at+1:]
	}
}

// blocks are the indented scripts and transcripts of a text.
func blocks(text string) (all []string) {
	for _, paragraph := range strings.Split(text, "\n\n") {
		lines := strings.Split(strings.Trim(paragraph, "\n"), "\n")
		if slices.ContainsFunc(lines, func(line string) bool { return !strings.HasPrefix(line, "    ") }) {
			continue
		}
		script := strings.ReplaceAll("\n"+strings.Join(lines, "\n"), "\n    ", "\n")
		all = append(all, strings.TrimPrefix(script, "\n"))
	}
	return all
}

// Every command and every event of the pages does what is said of it: a new block
// runs here by itself, or says below why it cannot.
func TestWhatTheREADMESaysWorksAsItStands(t *testing.T) {
	var text string
	for _, page := range pages {
		read, err := os.ReadFile(house + page)
		if err != nil {
			t.Fatal(err)
		}
		text += string(read) + "\n\n"
	}
	r := newReader(t)
	stop, served, asked, shown := func() {}, 0, 0, 0
	for _, script := range blocks(text) {
		switch {
		case strings.HasPrefix(script, "$ "):
			r.transcript(script)
			shown++
		case strings.HasPrefix(script, "make "): // this runs within one of them
		case strings.Contains(script, " pull "): // there need not be a network
		case strings.Contains(strings.ToLower(script), "kafka-brokers") || strings.Contains(script, "KAFKA_BROKERS"): // there need not be servers
			r.run(strings.NewReplacer("bin/videoqa serve", "bin/videoqa config check --no-files", " --online", " --no-files").Replace(script))
		case strings.Contains(script, "bin/videoqa serve"):
			stop()
			stop = r.serve(script)
			if served++; served == 1 {
				if answer := r.publish(text); !strings.Contains(answer, `"question_id":"q-17"`) || !strings.Contains(answer, `"answer":"yes"`) {
					t.Errorf("the table's question is answered\n%s", answer)
				}
			}
		case strings.Contains(script, "curl "):
			out := r.run(script)
			if want := strings.Count(script, "curl "); strings.Count(out, `"status":"answered"`) != want || strings.Count(out, `"answer":"yes"`) != 1 {
				t.Errorf("%s\nprints\n%s\nwant %d answers", script, out, want)
			}
		case strings.Contains(script, "examples/"):
			if out := r.run(script); out != strings.Repeat("a dog\n", 3) {
				t.Errorf("%s\nprints\n%s", script, out)
			}
		default:
			asked++
			r.run(script)
		}
	}
	if served != 2 || asked < 2 || shown < 1 {
		t.Errorf("%d blocks serve, %d ask, %d show what comes back", served, asked, shown)
	}
}
