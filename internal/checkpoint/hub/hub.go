// Package hub fetches checkpoints from the Hugging Face Hub into the cache that
// Python's huggingface_hub keeps, and finds those that are there already.
//
//	h := hub.Environment(os.Getenv)                             // HF_HOME, HF_TOKEN, HF_ENDPOINT, …
//	dir, err := h.Pull(ctx, "microsoft/git-base-coco@main", nil) // fetches what is missing
//	dir, err = h.Find("microsoft/git-base-coco")                // no network
//
// Protocol, layout and locks are those of huggingface_hub 0.36, so that either
// finds what the other fetched, and both may run at once:
//
//	models--org--name/blobs/<etag>           the bytes, named by sha256 (LFS) or by git's sha1
//	models--org--name/refs/<revision>        the commit that a branch, tag or refs/pr/N stood for
//	models--org--name/snapshots/<commit>/f   a relative link to the blob of file f
//	.locks/models--org--name/<etag>.lock     held by flock while a blob is written
//
// A blob is put in its place only after its bytes have been hashed and found to
// be those of its name. The token goes to the endpoint it is meant for and to no
// other host, whatever redirects say. Only config.json, the tokenizer, the weights and the
// files that the caller names are fetched, and safetensors rather than a pickle where both
// are there.
package hub

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"videoqa/internal/fault"
)

// A Hub is one endpoint and one cache. CacheDir is needed; the rest of its zero
// value is fine.
type Hub struct {
	CacheDir string       // the folder that holds models--…
	Endpoint string       // empty: https://huggingface.co
	Token    string       // empty: anonymous
	Offline  bool         // never use the network
	Sidecars []string     // files to fetch where they are there, besides config.json, the tokenizer and the weights
	Client   *http.Client // empty: one of our own; its CheckRedirect is not used

	// Accept returns why a checkpoint with this config.json is not wanted. A Pull fetches
	// nothing more of it then. nil: all are wanted.
	Accept func(configJSON []byte) error

	pause    time.Duration // before the second attempt, doubled before each later one; 0: a second
	progress Progress      // of the Pull that runs
}

// DefaultEndpoint is the Hub itself.
const DefaultEndpoint = "https://huggingface.co"

// Environment reads the variables of huggingface_hub, by getenv, with its rules:
// HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub; HF_TOKEN, else
// the token that "hf auth login" stored; HF_ENDPOINT; HF_HUB_OFFLINE. Where
// XDG_CACHE_HOME is set, ~/.cache is that folder, also if it is relative, which
// huggingface_hub does not ignore: its files have to be found where it puts them.
func Environment(getenv func(string) string) Hub {
	first := func(names ...string) string {
		for _, name := range names {
			if v := strings.TrimSpace(getenv(name)); v != "" {
				return v
			}
		}
		return ""
	}
	path := func(otherwise string, names ...string) string {
		if v := first(names...); v != "" {
			return expand(v, getenv)
		}
		return otherwise
	}
	cache := path(filepath.Join(getenv("HOME"), ".cache"), "XDG_CACHE_HOME")
	home := path(filepath.Join(cache, "huggingface"), "HF_HOME")
	h := Hub{
		CacheDir: path(filepath.Join(home, "hub"), "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"),
		Endpoint: strings.TrimRight(first("HF_ENDPOINT"), "/"),
		Offline:  truth(first("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")),
	}
	if !truth(first("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
		h.Token = first("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
		if h.Token == "" {
			h.Token = readToken(path(filepath.Join(home, "token"), "HF_TOKEN_PATH"))
		}
	}
	return h
}

// readToken returns what "hf auth login" stored; no file means no token.
func readToken(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// expand replaces a leading ~ and variables, as Python's expanduser and
// expandvars do.
func expand(path string, getenv func(string) string) string {
	if path == "~" || strings.HasPrefix(path, "~/") {
		path = getenv("HOME") + path[1:]
	}
	return os.Expand(path, getenv)
}

// truth reads a switch as huggingface_hub does.
func truth(v string) bool {
	switch strings.ToUpper(v) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

// endpoint returns the Hub's address without a final slash.
func (h Hub) endpoint() string {
	if h.Endpoint == "" {
		return DefaultEndpoint
	}
	return strings.TrimRight(h.Endpoint, "/")
}

// A Repo is a repository at a revision: a branch, a tag, refs/pr/N or a commit.
type Repo struct {
	Name     string // org/name
	Revision string // main if none was given
}

// String is how a user writes r.
func (r Repo) String() string {
	if r.Revision == "main" {
		return r.Name
	}
	return r.Name + "@" + r.Revision
}

var (
	nameForm     = regexp.MustCompile(`^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}$`)
	revisionForm = regexp.MustCompile(`^[A-Za-z0-9_][\w.+-]*(/[A-Za-z0-9_][\w.+-]*)*$`)
	commitForm   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// ParseRepo reads org/name[@revision], and nothing that would leave its folder in
// the cache. Errors are [fault.BadRequest].
func ParseRepo(text string) (Repo, error) {
	name, revision, given := strings.Cut(text, "@")
	if !given {
		revision = "main"
	}
	if !nameForm.MatchString(name) || strings.Contains(name, "--") || strings.Contains(name, "..") {
		return Repo{}, fmt.Errorf("hub: read name %q: want org/name or org/name@revision: %w", text, fault.BadRequest)
	}
	if !revisionForm.MatchString(revision) || strings.Contains(revision, "..") {
		return Repo{}, fmt.Errorf("hub: read name %q: %q is not a revision: %w", text, revision, fault.BadRequest)
	}
	return Repo{name, revision}, nil
}

// Pull makes sure that the checkpoint name, org/name[@revision], lies whole in the
// cache, and returns its snapshot's folder. What is there already is not fetched
// again, and what an earlier Pull left unfinished is taken up where it stopped.
// A nil progress shows nothing.
//
// It returns [fault.NotFound] if there is no such repository, revision or
// checkpoint, [fault.RefusedURI] if the Hub does not let this token in,
// [fault.DigestMismatch] if the bytes are not those that were announced,
// [fault.UnreachableURI] if the Hub cannot be reached, and [fault.Unavailable] if
// the disk is full. When ctx ends it stops, and the next Pull goes on.
func (h Hub) Pull(ctx context.Context, name string, progress Progress) (dir string, err error) {
	repo, err := ParseRepo(name)
	if err != nil {
		return "", err
	}
	dir, whole := h.snapshot(repo)
	if whole && commitForm.MatchString(repo.Revision) {
		return dir, nil // a commit never changes
	}
	if h.Offline {
		if whole {
			return dir, nil
		}
		return "", fmt.Errorf("hub: pull %s: it is not in %s and HF_HUB_OFFLINE forbids fetching it: %w", repo, h.CacheDir, fault.NotFound)
	}
	if progress == nil {
		progress = silent{}
	}
	h.Client, h.progress = h.client(), progress // of this Pull alone
	defer h.Client.CloseIdleConnections()
	dir, err = (&pull{hub: h, repo: repo, progress: progress}).run(ctx)
	if err != nil {
		return "", fmt.Errorf("hub: pull %s: %w", repo, err)
	}
	return dir, nil
}

// Find returns the folder of the checkpoint name without using the network: name
// itself if it is a folder, else the snapshot of org/name[@revision] in the cache.
// It returns [fault.NotFound] with the command that would fetch it.
func (h Hub) Find(name string) (dir string, err error) {
	if st, err := os.Stat(name); err == nil && st.IsDir() {
		return name, nil
	}
	repo, err := ParseRepo(name)
	if err != nil {
		return "", fmt.Errorf("hub: find model %s: it is neither a folder nor a name like microsoft/git-base-coco: %w", name, fault.NotFound)
	}
	dir, whole := h.snapshot(repo)
	switch {
	case whole:
		return dir, nil
	case dir != "":
		return "", fmt.Errorf("hub: find model %s: only part of it was fetched; go on with: videoqa pull %s: %w", name, repo, fault.NotFound)
	}
	return "", fmt.Errorf("hub: find model %s: it is not in %s; fetch it with: videoqa pull %s: %w", name, h.CacheDir, repo, fault.NotFound)
}

// Progress is told how a Pull goes on, by one goroutine at a time.
type Progress interface {
	// Failed tells that a request failed, and will be made again after a pause.
	Failed(err error, attempt, of int, pause time.Duration)
	Start(file string, size, have int64) // have bytes of it lie there already
	Advance(file string, n int64)        // n more bytes came; negative if some must be fetched again
	Done(file string)                    // it lies in its place
}

type silent struct{}

func (silent) Failed(error, int, int, time.Duration) {}

func (silent) Start(string, int64, int64) {}
func (silent) Advance(string, int64)      {}
func (silent) Done(string)                {}
