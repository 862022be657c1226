package hub

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	org    = "videoqa/tiny"
	first  = "1111111111111111111111111111111111111111"
	second = "2222222222222222222222222222222222222222"
	secret = "hf_secret"
)

// A server is a Hub in miniature, and a second host that holds the large files,
// as the real Hub's does. Fields other than files are set before the first
// request.
type server struct {
	*httptest.Server
	blobs *httptest.Server

	files map[string]map[string]string // commit -> name -> content
	refs  map[string]string            // branch, tag, refs/pr/N -> commit
	large map[string]bool              // these lie on the second host, by sha256
	token string                       // if set, who does not send it gets 401
	code  string                       // X-Error-Code of a 401
	cut   int                          // the first answer of a large file ends after so many bytes
	wrong map[string]string            // sent instead of the content
	busy  int                          // so many requests are answered with 503 first
	sized map[string]int64             // announced instead of the size
	whole bool                         // the second host ignores Range

	mu       sync.Mutex
	requests []string // method, path and range
	leaked   []string // tokens that reached the second host
}

// start makes a server with two commits of a tiny checkpoint.
func start(t *testing.T) *server {
	t.Helper()
	s := &server{
		files: map[string]map[string]string{first: checkpointFiles("one"), second: checkpointFiles("two")},
		refs:  map[string]string{"main": second, "v1.0": first, "refs/pr/1": first, "feature/x": first},
		large: map[string]bool{"model.safetensors": true, "pytorch_model.bin": true},
	}
	s.Server = httptest.NewServer(http.HandlerFunc(s.hub))
	s.blobs = httptest.NewServer(http.HandlerFunc(s.blob))
	t.Cleanup(s.Close)
	t.Cleanup(s.blobs.Close)
	return s
}

func checkpointFiles(version string) map[string]string {
	return map[string]string{
		"config.json": `{"model_type":"git"}`, "tokenizer.json": `{"version":"1.0"}`, "README.md": version,
		"model.safetensors": strings.Repeat(version, 100_000), "pytorch_model.bin": "a pickle", "runs/events.tfevents": "x",
	}
}

// hub is a client of s with its own cache.
func (s *server) client(t *testing.T) Hub {
	t.Helper()
	return Hub{CacheDir: t.TempDir(), Endpoint: s.URL, Token: secret, Sidecars: []string{"generation_config.json", "processor_config.json", "preprocessor_config.json", "videoqa.json", "detector.safetensors"}, pause: time.Millisecond}
}

func (s *server) note(r *http.Request) (refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, strings.TrimSpace(r.Method+" "+r.URL.EscapedPath()+" "+r.Header.Get("Range")))
	s.busy--
	return s.busy >= 0
}

// seen returns how many requests began with prefix.
func (s *server) seen(prefix string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

func fail(w http.ResponseWriter, status int, code string) {
	if code != "" {
		w.Header().Set("X-Error-Code", code)
	}
	w.WriteHeader(status)
}

// hub answers /api/models/…/revision/… and /…/resolve/….
func (s *server) hub(w http.ResponseWriter, r *http.Request) {
	if s.note(r) {
		fail(w, http.StatusServiceUnavailable, "")
		return
	}
	if s.token != "" && r.Header.Get("Authorization") != "Bearer "+s.token {
		fail(w, http.StatusUnauthorized, s.code)
		return
	}
	path := r.URL.EscapedPath()
	if strings.Contains(path, "/videoqa/former") { // it was renamed
		http.Redirect(w, r, strings.Replace(path, "/videoqa/former", "/"+org, 1), http.StatusTemporaryRedirect)
		return
	}
	if revision, ok := strings.CutPrefix(path, "/api/models/"+org+"/revision/"); ok {
		s.list(w, revision)
		return
	}
	if rest, ok := strings.CutPrefix(path, "/"+org+"/resolve/"); ok {
		s.resolve(w, r, rest)
		return
	}
	fail(w, http.StatusNotFound, "RepoNotFound")
}

// commit finds the commit that a path-escaped revision stands for.
func (s *server) commit(escaped string) (string, bool) {
	revision, err := url.PathUnescape(escaped)
	if err != nil {
		return "", false
	}
	if c, ok := s.refs[revision]; ok {
		return c, true
	}
	_, ok := s.files[revision]
	return revision, ok
}

func (s *server) list(w http.ResponseWriter, revision string) {
	commit, ok := s.commit(revision)
	if !ok {
		fail(w, http.StatusNotFound, "RevisionNotFound")
		return
	}
	siblings := []map[string]string{}
	for name := range s.files[commit] {
		siblings = append(siblings, map[string]string{"rfilename": name})
	}
	json.NewEncoder(w).Encode(map[string]any{"id": org, "modelId": org, "sha": commit, "siblings": siblings, "private": false, "tags": []string{}, "downloads": 0})
}

func (s *server) resolve(w http.ResponseWriter, r *http.Request, rest string) {
	revision, name, _ := strings.Cut(rest, "/")
	commit, ok := s.commit(revision)
	content, found := s.files[commit][name]
	if !ok || !found {
		fail(w, http.StatusNotFound, "EntryNotFound")
		return
	}
	w.Header().Set("X-Repo-Commit", commit)
	if !s.large[name] {
		w.Header().Set("Etag", `"`+gitSHA1(content)+`"`)
		http.ServeContent(w, r, name, time.Time{}, strings.NewReader(s.sent(name, content)))
		return
	}
	size := int64(len(content))
	if n, ok := s.sized[name]; ok {
		size = n
	}
	w.Header().Set("X-Linked-Etag", `"`+sha256Hex(content)+`"`)
	w.Header().Set("X-Linked-Size", strconv.FormatInt(size, 10))
	http.Redirect(w, r, s.blobs.URL+"/"+commit+"/"+name+"?signature=x", http.StatusFound)
}

func (s *server) sent(name, content string) string {
	if w, ok := s.wrong[name]; ok {
		return w
	}
	return content
}

// blob is the second host.
func (s *server) blob(w http.ResponseWriter, r *http.Request) {
	s.note(r)
	s.mu.Lock()
	if a := r.Header.Get("Authorization"); a != "" {
		s.leaked = append(s.leaked, a)
	}
	cut := s.cut
	s.cut = 0
	s.mu.Unlock()
	commit, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	content := s.sent(name, s.files[commit][name])
	if s.whole {
		r.Header.Del("Range")
	}
	if cut > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.Write([]byte(content[:cut]))
		panic(http.ErrAbortHandler) // the connection breaks
	}
	http.ServeContent(w, r, name, time.Time{}, strings.NewReader(content))
}

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func gitSHA1(s string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(s), s))
	return hex.EncodeToString(sum[:])
}
