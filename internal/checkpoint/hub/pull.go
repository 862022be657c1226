package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"videoqa/internal/fault"
)

// A pull is one Pull under way.
type pull struct {
	hub      Hub
	repo     Repo
	progress Progress
}

// run fetches the checkpoint file by file. The revision's reference is written
// last, so that until then offline use finds the older commit whole.
func (p *pull) run(ctx context.Context) (dir string, err error) {
	commit, files, err := p.list(ctx)
	if err != nil {
		return "", err
	}
	dir = filepath.Join(p.hub.folder(p.repo), "snapshots", commit)
	for _, file := range files {
		pointer := filepath.Join(dir, filepath.FromSlash(file))
		if _, err := os.Stat(pointer); err != nil {
			if err := p.file(ctx, commit, file, pointer); err != nil {
				return "", fmt.Errorf("fetch %s: %w", file, err)
			}
		}
		if file == configFile { // the first one
			if err := p.accept(pointer); err != nil {
				return "", err
			}
		}
	}
	return dir, p.hub.writeRef(p.repo, commit)
}

func (p *pull) accept(config string) error {
	if p.hub.Accept == nil {
		return nil
	}
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	return p.hub.Accept(text)
}

// maxListing bounds what the Hub may say about a repository.
const maxListing = 32 << 20

// list asks which commit the revision stands for and which of its files are
// needed.
func (p *pull) list(ctx context.Context) (commit string, files []string, err error) {
	address := fmt.Sprintf("%s/api/models/%s/revision/%s", p.hub.endpoint(), p.repo.Name, url.PathEscape(p.repo.Revision))
	resp, err := p.hub.send(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", nil, p.hub.advise(err, p.repo)
	}
	defer resp.Body.Close()
	var info struct {
		SHA      string
		Siblings []struct{ RFilename string }
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxListing)).Decode(&info); err != nil {
		return "", nil, fmt.Errorf("read the list of files: %w: %w", err, fault.UnreachableURI)
	}
	if !commitForm.MatchString(info.SHA) {
		return "", nil, fmt.Errorf("read the list of files: %q is not a commit; is %s a Hub?: %w", info.SHA, p.hub.endpoint(), fault.UnreachableURI)
	}
	all := make([]string, len(info.Siblings))
	for i, s := range info.Siblings {
		if !fs.ValidPath(s.RFilename) || s.RFilename == "." || strings.ContainsAny(s.RFilename, "\\\x00") {
			return "", nil, fmt.Errorf("read the list of files: %q would leave its folder: %w", s.RFilename, fault.RefusedURI)
		}
		all[i] = s.RFilename
	}
	files, err = p.hub.choose(all)
	return info.SHA, files, err
}

// file makes pointer a link to the blob of a file, which it fetches if need be.
func (p *pull) file(ctx context.Context, commit, file, pointer string) error {
	b, err := p.look(ctx, commit, file)
	if err != nil {
		return p.hub.advise(err, p.repo)
	}
	folder := p.hub.folder(p.repo)
	b.path = filepath.Join(folder, "blobs", b.etag)
	unlock, err := lock(ctx, filepath.Join(p.hub.CacheDir, ".locks", folderName(p.repo), b.etag+".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(b.path); err != nil { // not there, or another fetched it while we waited for the lock
		if err := p.fetch(ctx, b); err != nil {
			return err
		}
	}
	return link(b.path, pointer)
}

// A blob is the content of one file, known by its hash.
type blob struct {
	file    string
	address string
	etag    string // 64 digits: sha256; 40 digits: git's sha1
	size    int64
	path    string // in the cache
}

var etagForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// look asks for the hash and the size of a file. A large file's answer redirects
// to where its bytes lie and names them; redirects that do not, such as those of
// a renamed repository, are followed as long as they stay on the Hub.
func (p *pull) look(ctx context.Context, commit, file string) (*blob, error) {
	address := fmt.Sprintf("%s/%s/resolve/%s/%s", p.hub.endpoint(), p.repo.Name, commit, (&url.URL{Path: file}).EscapedPath())
	for range 5 {
		resp, err := p.hub.send(ctx, http.MethodHead, address, nil)
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
		if resp.StatusCode < 300 || resp.Header.Get("X-Linked-Etag") != "" {
			return blobOf(resp, file, address, commit)
		}
		next, err := resp.Location()
		if err != nil || origin(next) != p.hub.origin() {
			return nil, fmt.Errorf("the Hub redirects elsewhere without naming the file's hash: %w", fault.UnreachableURI)
		}
		address = next.String()
	}
	return nil, fmt.Errorf("the Hub redirects in circles: %w", fault.UnreachableURI)
}

// blobOf reads the headers that name a file's content.
func blobOf(resp *http.Response, file, address, commit string) (*blob, error) {
	first := func(names ...string) string {
		for _, n := range names {
			if v := resp.Header.Get(n); v != "" {
				return v
			}
		}
		return ""
	}
	if c := first("X-Repo-Commit"); c != commit {
		return nil, fmt.Errorf("the Hub answers with commit %q instead of %s: %w", c, commit, fault.UnreachableURI)
	}
	etag := strings.Trim(strings.TrimPrefix(first("X-Linked-Etag", "Etag"), "W/"), `"`)
	if !etagForm.MatchString(etag) {
		return nil, fmt.Errorf("its ETag %q is neither a sha256 nor a git sha1, so its bytes could not be checked: %w", etag, fault.UnreachableURI)
	}
	size, err := strconv.ParseInt(first("X-Linked-Size", "Content-Length"), 10, 64)
	if err != nil || size < 0 {
		return nil, fmt.Errorf("the Hub does not say how long it is: %w", fault.UnreachableURI)
	}
	return &blob{file: file, address: address, etag: etag, size: size}, nil
}
