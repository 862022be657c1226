package hub

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"videoqa/internal/fault"
)

// pulled pulls name and fails the test if that fails.
func pulled(t *testing.T, h Hub, name string) string {
	t.Helper()
	dir, err := h.Pull(t.Context(), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func content(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPullLaysFilesOutAsPythonDoes(t *testing.T) {
	s := start(t)
	h := s.client(t)
	dir := pulled(t, h, org)
	folder := filepath.Join(h.CacheDir, "models--videoqa--tiny")
	if want := filepath.Join(folder, "snapshots", second); dir != want {
		t.Errorf("Pull = %s; want %s", dir, want)
	}
	for name, etag := range map[string]string{
		"config.json":       gitSHA1(s.files[second]["config.json"]),
		"model.safetensors": sha256Hex(s.files[second]["model.safetensors"]),
	} {
		if content(t, dir, name) != s.files[second][name] {
			t.Errorf("%s has other bytes", name)
		}
		if target, err := os.Readlink(filepath.Join(dir, name)); err != nil || target != "../../blobs/"+etag {
			t.Errorf("%s is a link to %s, %v; want ../../blobs/%s", name, target, err, etag)
		}
		if _, err := os.Stat(filepath.Join(h.CacheDir, ".locks", "models--videoqa--tiny", etag+".lock")); err != nil {
			t.Errorf("the lock of %s: %v", name, err)
		}
	}
	if got := content(t, folder, "refs/main"); got != second {
		t.Errorf("refs/main is %q; want %q", got, second)
	}
	for _, name := range []string{"pytorch_model.bin", "README.md", "runs"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was fetched though no checkpoint needs it: %v", name, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(folder, "blobs", "*.incomplete")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestPullFetchesImageSettingsFromEitherFile(t *testing.T) {
	s := start(t)
	settings := map[string]string{"processor_config.json": `{"image_processor":{}}`, "preprocessor_config.json": "{}", "videoqa.json": `{"version":1}`, "detector.safetensors": "a detector"}
	for name, text := range settings {
		s.files[second][name] = text
	}
	dir := pulled(t, s.client(t), org)
	for name, text := range settings {
		if content(t, dir, name) != text {
			t.Errorf("%s has other bytes", name)
		}
	}
}

func TestAnyRevisionCanBePulled(t *testing.T) {
	for _, tc := range []struct{ revision, commit, ref string }{
		{"", second, "main"}, {"@main", second, "main"}, {"@v1.0", first, "v1.0"}, {"@feature/x", first, "feature/x"},
		{"@refs/pr/1", first, "refs/pr/1"}, {"@" + first, first, ""},
	} {
		t.Run(strings.TrimPrefix(tc.revision, "@"), func(t *testing.T) {
			s := start(t)
			h := s.client(t)
			dir := pulled(t, h, org+tc.revision)
			if filepath.Base(dir) != tc.commit || content(t, dir, "model.safetensors") != s.files[tc.commit]["model.safetensors"] {
				t.Errorf("Pull = %s; want commit %s", dir, tc.commit)
			}
			if tc.ref != "" && content(t, h.folder(Repo{Name: org}), "refs/"+tc.ref) != tc.commit {
				t.Errorf("refs/%s does not hold %s", tc.ref, tc.commit)
			}
			h.Offline = true
			if found, err := h.Find(org + tc.revision); err != nil || found != dir {
				t.Errorf("Find = %s, %v; want %s", found, err, dir)
			}
			if again := pulled(t, h, org+tc.revision); again != dir {
				t.Errorf("Pull offline = %s; want %s", again, dir)
			}
		})
	}
}

func TestARenamedRepositoryIsFollowed(t *testing.T) {
	s := start(t)
	s.token = secret
	h := s.client(t)
	dir := pulled(t, h, "videoqa/former")
	if content(t, dir, "model.safetensors") != s.files[second]["model.safetensors"] || !strings.Contains(dir, "models--videoqa--former") {
		t.Errorf("Pull = %s, or other bytes there", dir)
	}
}

func TestWhatIsThereIsNotFetchedAgain(t *testing.T) {
	s := start(t)
	h := s.client(t)
	pulled(t, h, org+"@v1.0")
	pulled(t, h, org+"@v1.0")
	pulled(t, h, org) // shares config.json and tokenizer.json with v1.0
	if n := s.seen("GET /videoqa/tiny/resolve/" + first + "/model.safetensors"); n != 1 {
		t.Errorf("model.safetensors of v1.0 was fetched %d times; want once", n)
	}
	if n := s.seen("GET /videoqa/tiny/resolve/" + second + "/config.json"); n != 0 {
		t.Errorf("config.json was fetched again though its blob was there")
	}
	before := s.seen("")
	pulled(t, h, org+"@"+first)
	if after := s.seen(""); after != before {
		t.Errorf("a commit that lies there whole took %d requests; want none", after-before)
	}
}

func TestACutConnectionIsResumed(t *testing.T) {
	s := start(t)
	s.cut = 70_000
	dir := pulled(t, s.client(t), org)
	if content(t, dir, "model.safetensors") != s.files[second]["model.safetensors"] {
		t.Error("model.safetensors has other bytes")
	}
	if s.seen("GET /"+second+"/model.safetensors bytes=") != 1 {
		t.Errorf("requests were %q; want one with a Range", s.requests)
	}
}

func TestAnEarlierPullIsResumed(t *testing.T) {
	for _, tc := range []struct {
		name  string
		left  string // the incomplete file
		whole bool   // the server ignores Range
		asks  string // a request that must be made
	}{
		{"half the file", strings.Repeat("two", 50_000), false, " bytes=150000-"},
		{"half the file, from a server without ranges", strings.Repeat("two", 50_000), true, " bytes=150000-"},
		{"all of the file", strings.Repeat("two", 100_000), false, ""},
		{"half of another file", strings.Repeat("one", 50_000), false, ""},
		{"more than the file", strings.Repeat("two", 200_000), false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			s.whole = tc.whole
			h := s.client(t)
			blobs := filepath.Join(h.folder(Repo{Name: org}), "blobs")
			if err := os.MkdirAll(blobs, 0o755); err != nil {
				t.Fatal(err)
			}
			incomplete := filepath.Join(blobs, sha256Hex(s.files[second]["model.safetensors"])+".incomplete")
			if err := os.WriteFile(incomplete, []byte(tc.left), 0o644); err != nil {
				t.Fatal(err)
			}
			dir := pulled(t, h, org)
			if content(t, dir, "model.safetensors") != s.files[second]["model.safetensors"] {
				t.Error("model.safetensors has other bytes")
			}
			if tc.asks != "" && s.seen("GET /"+second+"/model.safetensors"+tc.asks) != 1 {
				t.Errorf("requests were %q; want %q", s.requests, tc.asks)
			}
			if _, err := os.Stat(incomplete); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the incomplete file is still there: %v", err)
			}
		})
	}
}

func TestWrongBytesNeverBecomeABlob(t *testing.T) {
	for _, name := range []string{"model.safetensors", "config.json"} {
		for what, wrong := range map[string]string{"other bytes of the same length": "x", "more bytes than announced": "longer"} {
			t.Run(name+", "+what, func(t *testing.T) {
				s := start(t)
				right := s.files[second][name]
				s.wrong = map[string]string{name: strings.Repeat("x", len(right))}
				if wrong == "longer" {
					if name == "config.json" {
						return // the Hub announces a small file's length with the very bytes
					}
					s.wrong[name] = right + "x"
				}
				h := s.client(t)
				_, err := h.Pull(t.Context(), org, nil)
				if !errors.Is(err, fault.DigestMismatch) || !strings.Contains(err.Error(), name) {
					t.Errorf("Pull = %v; want a %v that names %s", err, fault.DigestMismatch, name)
				}
				if _, err := h.Find(org); !errors.Is(err, fault.NotFound) {
					t.Errorf("Find = %v; want %v", err, fault.NotFound)
				}
				s.wrong = nil
				pulled(t, h, org) // and the next one mends it
			})
		}
	}
}

func TestTheTokenStaysOnTheHub(t *testing.T) {
	s := start(t)
	s.token = secret
	pulled(t, s.client(t), org)
	if len(s.leaked) != 0 {
		t.Errorf("the second host got %q", s.leaked)
	}
	if s.seen("GET /"+second+"/model.safetensors") != 1 {
		t.Errorf("requests were %q; want one to the second host", s.requests)
	}
}

func TestATokenIsNotSentToASubdomain(t *testing.T) {
	h := Hub{Endpoint: "https://hub.example", Token: secret}
	for address, keeps := range map[string]bool{
		"https://hub.example/x": true, "https://hub.example:443/x": true, "https://HUB.example/x": true,
		"https://cdn.hub.example/x": false, "https://hub.example:8443/x": false, "https://hub.example.evil/x": false,
	} {
		req, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+secret)
		via, err := http.NewRequest(http.MethodGet, "https://hub.example/a", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.client().CheckRedirect(req, []*http.Request{via}); err != nil || (req.Header.Get("Authorization") != "") != keeps {
			t.Errorf("redirect to %s: token %q, %v; want it kept: %v", address, req.Header.Get("Authorization"), err, keeps)
		}
	}
	plain, err := http.NewRequest(http.MethodGet, "http://hub.example/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	via, err := http.NewRequest(http.MethodGet, "https://hub.example/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.client().CheckRedirect(plain, []*http.Request{via}); !errors.Is(err, errDowngrade) {
		t.Errorf("redirect to plain http: %v; want %v", err, errDowngrade)
	}
}

func TestABusyHubIsAskedAgain(t *testing.T) {
	s := start(t)
	s.busy = 4
	pulled(t, s.client(t), org)
	s.busy = 1000
	if _, err := s.client(t).Pull(t.Context(), org, nil); !errors.Is(err, fault.UnreachableURI) || !strings.Contains(err.Error(), "503") {
		t.Errorf("Pull = %v; want %v with 503", err, fault.UnreachableURI)
	}
}

func TestRetryAfterIsObeyedUpToAMinute(t *testing.T) {
	for _, tc := range []struct {
		attempt int
		after   time.Duration
		want    time.Duration
	}{{1, 0, time.Second}, {3, 0, 4 * time.Second}, {1, 7 * time.Second, 7 * time.Second}, {3, 2 * time.Second, 4 * time.Second}, {9, 0, time.Minute}} {
		if got := (Hub{}).backoff(tc.attempt, &statusError{after: tc.after}); got != tc.want {
			t.Errorf("backoff(%d, Retry-After %v) = %v; want %v", tc.attempt, tc.after, got, tc.want)
		}
	}
}

func TestOnlyWhatMayPassIsTriedAgain(t *testing.T) {
	for status, again := range map[int]bool{429: true, 500: true, 502: true, 503: true, 504: true, 408: true, 400: false, 401: false, 403: false, 404: false, 416: false} {
		if got := passing(t.Context(), &statusError{code: status}); got != again {
			t.Errorf("a status of %d is tried again: %v; want %v", status, got, again)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if passing(ended, fault.UnreachableURI) {
		t.Error("a request is tried again though its context has ended")
	}
}

func TestARefusalSaysWhatToDo(t *testing.T) {
	for _, tc := range []struct {
		name, code, token, model string
		kind                     error
		says                     string
	}{
		{"gated", "GatedRepo", "", org, fault.RefusedURI, "accept its conditions at "},
		{"gated for this token", "GatedRepo", secret, org, fault.RefusedURI, "the token that was sent may not read it"},
		{"private or not there", "RepoNotFound", "", org, fault.NotFound, "set HF_TOKEN"},
		{"private or not there, without a reason", "", "", org, fault.NotFound, "set HF_TOKEN"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			s.token, s.code = "another", tc.code
			h := s.client(t)
			h.Token = tc.token
			_, err := h.Pull(t.Context(), tc.model, nil)
			if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("Pull = %v; want a %v that says %q", err, tc.kind, tc.says)
			}
		})
	}
	s := start(t)
	for name, says := range map[string]string{org + "@nope": "no revision nope", "videoqa/none": "no such repository"} {
		if _, err := s.client(t).Pull(t.Context(), name, nil); !errors.Is(err, fault.NotFound) || !strings.Contains(err.Error(), says) {
			t.Errorf("Pull(%s) = %v; want a %v that says %q", name, err, fault.NotFound, says)
		}
	}
}

func TestOfflineNothingIsAsked(t *testing.T) {
	s := start(t)
	h := s.client(t)
	h.Offline = true
	if _, err := h.Pull(t.Context(), org, nil); !errors.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "HF_HUB_OFFLINE") {
		t.Errorf("Pull = %v; want a %v that names HF_HUB_OFFLINE", err, fault.NotFound)
	}
	if n := s.seen(""); n != 0 {
		t.Errorf("%d requests were made offline", n)
	}
}

func TestAnUnfinishedPullIsNotFound(t *testing.T) {
	s := start(t)
	h := s.client(t)
	dir := pulled(t, h, org)
	if err := os.Remove(filepath.Join(dir, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Find(org); !errors.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "videoqa pull "+org) {
		t.Errorf("Find = %v; want a %v that names the command", err, fault.NotFound)
	}
	pulled(t, h, org)
	if _, err := h.Find(org); err != nil {
		t.Errorf("Find = %v after the pull went on", err)
	}
}

func TestFindTakesAFolderAsItIs(t *testing.T) {
	dir := t.TempDir()
	if got, err := (Hub{CacheDir: t.TempDir()}).Find(dir); err != nil || got != dir {
		t.Errorf("Find(%s) = %s, %v", dir, got, err)
	}
}

func TestANameThatLeavesTheCacheIsRefused(t *testing.T) {
	for _, name := range []string{"", "git-base", "a/b/c", "../b", "a/..", "a/b@../../x", "a/b@/x", "a/b@", "a/b@x//y", "a--b/c", "a/b@x/../y", "a/b@.x"} {
		if _, err := ParseRepo(name); !errors.Is(err, fault.BadRequest) {
			t.Errorf("ParseRepo(%q) = %v; want %v", name, err, fault.BadRequest)
		}
	}
}

func TestAHostileListingIsRefused(t *testing.T) {
	for _, name := range []string{"../../../etc/passwd", "/etc/passwd", "a/../../b", `..\x`, "", "a//b"} {
		s := start(t)
		s.files[second][name] = "x"
		if _, err := s.client(t).Pull(t.Context(), org, nil); !errors.Is(err, fault.RefusedURI) {
			t.Errorf("Pull with a file %q = %v; want %v", name, err, fault.RefusedURI)
		}
	}
}

func TestARepositoryThatIsNoCheckpointIsNamedSo(t *testing.T) {
	for gone, says := range map[string]string{"config.json": "no config.json", "tokenizer.json": "neither tokenizer.json", "model.safetensors": ""} {
		s := start(t)
		delete(s.files[second], gone)
		_, err := s.client(t).Pull(t.Context(), org, nil)
		if says == "" && err != nil || says != "" && (!errors.Is(err, fault.NotFound) || !strings.Contains(err.Error(), says)) {
			t.Errorf("Pull without %s = %v; want %q", gone, err, says)
		}
	}
}

func TestACheckpointThatIsNotWantedIsNotFetchedBeyondItsConfig(t *testing.T) {
	s := start(t)
	h := s.client(t)
	unwanted := errors.New("unwanted")
	h.Accept = func(config []byte) error {
		if string(config) != s.files[second]["config.json"] {
			t.Errorf("asked about %s", config)
		}
		return unwanted
	}
	for range 2 { // also when its config.json is there already
		if _, err := h.Pull(t.Context(), org, nil); !errors.Is(err, unwanted) {
			t.Errorf("Pull = %v; want %v", err, unwanted)
		}
	}
	for _, r := range s.requests {
		if strings.Contains(r, "/resolve/") && !strings.Contains(r, "config.json") {
			t.Errorf("%s was requested", r)
		}
	}
}

func TestAllShardsAreFetchedAndNeeded(t *testing.T) {
	s := start(t)
	delete(s.files[second], "model.safetensors")
	for _, name := range []string{"model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"} {
		s.files[second][name] = name
	}
	h := s.client(t)
	dir := pulled(t, h, org)
	if content(t, dir, "model-00002-of-00002.safetensors") == "" {
		t.Error("the second shard is empty")
	}
	if err := os.Remove(filepath.Join(dir, "model-00001-of-00002.safetensors")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Find(org); !errors.Is(err, fault.NotFound) {
		t.Errorf("Find without a shard = %v; want %v", err, fault.NotFound)
	}
}

func TestAFullDiskIsReportedBeforeItIsFull(t *testing.T) {
	s := start(t)
	s.sized = map[string]int64{"model.safetensors": 1 << 60}
	_, err := s.client(t).Pull(t.Context(), org, nil)
	if !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("Pull = %v; want a %v that says the disk is full", err, fault.Unavailable)
	}
}

func TestADiskThatFillsUpIsReported(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	d := &download{pull: &pull{progress: silent{}}, blob: &blob{size: 3}, file: full}
	if err := d.copy(t.Context(), strings.NewReader("two"), func(error) {}); !errors.Is(err, fault.Unavailable) {
		t.Errorf("copy to a full disk = %v; want %v", err, fault.Unavailable)
	}
}

func TestAnUnreachableHubIsNamedWithoutItsSignedAddress(t *testing.T) {
	s := start(t)
	s.blobs.Close()
	_, err := s.client(t).Pull(t.Context(), org, nil)
	if !errors.Is(err, fault.UnreachableURI) || strings.Contains(err.Error(), "signature") || !strings.Contains(err.Error(), "model.safetensors") {
		t.Errorf("Pull = %v; want a %v that names the file and no signed address", err, fault.UnreachableURI)
	}
}

func TestManyPullsAtOnceFetchABlobOnce(t *testing.T) {
	s := start(t)
	h := s.client(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := h.Pull(t.Context(), org, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := s.seen("GET /" + second + "/model.safetensors"); n != 1 {
		t.Errorf("model.safetensors was fetched %d times; want once", n)
	}
}

func TestALockThatAnotherHoldsIsWaitedFor(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.lock")
	unlock, err := lock(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lock(ctx, name); !errors.Is(err, context.Canceled) {
		t.Errorf("lock = %v while another holds it; want %v", err, context.Canceled)
	}
	unlock()
	again, err := lock(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestACancelledPullGoesOnLater(t *testing.T) {
	s := start(t)
	h := s.client(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := h.Pull(ctx, org, stopper{cancel})
	if !errors.Is(err, context.Canceled) || errors.Is(err, fault.UnreachableURI) {
		t.Errorf("Pull = %v; want %v alone", err, context.Canceled)
	}
	pulled(t, h, org)
}

// stopper ends a context as soon as bytes of the weights arrive.
type stopper struct{ cancel func() }

func (stopper) Failed(error, int, int, time.Duration) {}
func (stopper) Start(string, int64, int64)            {}
func (s stopper) Advance(file string, _ int64) {
	if file == "model.safetensors" {
		s.cancel()
	}
}
func (stopper) Done(string) {}

// counter adds up what a Progress is told.
type counter map[string]int64

func (c counter) Failed(error, int, int, time.Duration) { c["failed"]++ }
func (c counter) Start(file string, size, have int64)   { c[file] = have - size }
func (c counter) Advance(file string, n int64)          { c[file] += n }
func (c counter) Done(file string)                      { c["done"]++ }

func TestProgressAddsUp(t *testing.T) {
	s := start(t)
	s.cut = 1000
	c := counter{}
	if _, err := s.client(t).Pull(t.Context(), org, c); err != nil {
		t.Fatal(err)
	}
	for file, missing := range c {
		if file != "done" && file != "failed" && missing != 0 {
			t.Errorf("%s: %d bytes do not add up", file, missing)
		}
	}
	if c["done"] != 3 {
		t.Errorf("%d files are done; want 3", c["done"])
	}
}

func TestTheEnvironmentIsPythons(t *testing.T) {
	home := t.TempDir()
	for name, content := range map[string]string{".cache/huggingface/token": "hf_stored\n", "elsewhere/token": "hf_other"} {
		file := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		env  map[string]string
		want Hub
	}{
		{"nothing set", nil, Hub{CacheDir: home + "/.cache/huggingface/hub", Token: "hf_stored"}},
		{"XDG_CACHE_HOME", map[string]string{"XDG_CACHE_HOME": "/x"}, Hub{CacheDir: "/x/huggingface/hub"}},
		{"a relative XDG_CACHE_HOME, which Python takes", map[string]string{"XDG_CACHE_HOME": "x"}, Hub{CacheDir: "x/huggingface/hub"}},
		{"HF_HOME with a tilde", map[string]string{"HF_HOME": "~/elsewhere"}, Hub{CacheDir: home + "/elsewhere/hub", Token: "hf_other"}},
		{"HF_HUB_CACHE wins", map[string]string{"HF_HOME": "/h", "HF_HUB_CACHE": "$HOME/c"}, Hub{CacheDir: home + "/c"}},
		{"HF_TOKEN wins over the file", map[string]string{"HF_TOKEN": " hf_env\n"}, Hub{CacheDir: home + "/.cache/huggingface/hub", Token: "hf_env"}},
		{"no implicit token", map[string]string{"HF_TOKEN": "hf_env", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}, Hub{CacheDir: home + "/.cache/huggingface/hub"}},
		{"endpoint and offline", map[string]string{"HF_ENDPOINT": "https://mirror.example/", "HF_HUB_OFFLINE": "yes", "HF_HOME": "/h"},
			Hub{CacheDir: "/h/hub", Endpoint: "https://mirror.example", Offline: true}},
		{"offline 0 is online", map[string]string{"HF_HUB_OFFLINE": "0", "HF_HOME": "/h"}, Hub{CacheDir: "/h/hub"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Environment(func(name string) string {
				if name == "HOME" {
					return home
				}
				return tc.env[name]
			})
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("Environment = %+v; want %+v", got, tc.want)
			}
		})
	}
}

func TestEachFailureThatIsTriedAgainIsTold(t *testing.T) {
	s := start(t)
	s.busy = 2
	c := counter{}
	if _, err := s.client(t).Pull(t.Context(), org, c); err != nil || c["failed"] != 2 {
		t.Errorf("%d failures are told of, %v; want 2", c["failed"], err)
	}
}
