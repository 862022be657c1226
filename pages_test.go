package main_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var (
	pageLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	pageFence   = regexp.MustCompile("(?ms)^```.*?^```$")
	pageHeading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	pathSpan    = regexp.MustCompile("`([a-z]+/[A-Za-z0-9_/.*-]*)`")
	notInAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the names that GitHub gives to the headings of a page.
func anchors(text string) (all []string) {
	for _, heading := range pageHeading.FindAllStringSubmatch(pageFence.ReplaceAllString(text, ""), -1) {
		name := notInAnchor.ReplaceAllString(strings.ToLower(heading[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

// deadLinks lists the links of a page, which lies at name, that lead to no file or to no heading.
func deadLinks(house fs.FS, name string) (dead []string) {
	text, err := fs.ReadFile(house, name)
	if err != nil {
		return []string{err.Error()}
	}
	for _, link := range pageLink.FindAllStringSubmatch(pageFence.ReplaceAllString(string(text), ""), -1) {
		if strings.Contains(link[1], "://") {
			continue
		}
		file, anchor, _ := strings.Cut(link[1], "#")
		target := name
		if file != "" {
			target = path.Join(path.Dir(name), file)
		}
		if _, err := fs.Stat(house, target); err != nil {
			dead = append(dead, name+": "+link[1]+" leads to no file")
			continue
		}
		if anchor == "" {
			continue
		}
		if page, err := fs.ReadFile(house, target); err != nil || !slices.Contains(anchors(string(page)), anchor) {
			dead = append(dead, name+": "+link[1]+" leads to no heading")
		}
	}
	return dead
}

// deadPaths lists the files and folders that a page names from the root, as `frames/doc.go`, and that do not exist.
func deadPaths(house fs.FS, name string) (dead []string) {
	text, err := fs.ReadFile(house, name)
	if err != nil {
		return []string{err.Error()}
	}
	for _, span := range pathSpan.FindAllStringSubmatch(string(text), -1) {
		top, _, _ := strings.Cut(span[1], "/")
		if _, err := fs.Stat(house, top); err != nil {
			continue // an address, or a type of media
		}
		if found, err := fs.Glob(house, strings.TrimSuffix(span[1], "/")); err != nil || len(found) == 0 {
			dead = append(dead, name+": "+span[1]+" does not exist")
		}
	}
	return dead
}

// The changelog tells of the past, and the glossary of names that go.
func TestPathsThatPagesNameExist(t *testing.T) {
	house := os.DirFS(".")
	pages, err := fs.Glob(house, "docs/*.md")
	if err != nil || len(pages) < 3 {
		t.Fatal(pages, err)
	}
	for _, page := range append(pages, "README.md", "DESIGN.md", "CONTRIBUTING.md") {
		if page == "docs/glossary.md" {
			continue
		}
		for _, dead := range deadPaths(house, page) {
			t.Error(dead)
		}
	}
}

func TestDeadPathsAreFound(t *testing.T) {
	house := fstest.MapFS{
		"a.md":          {Data: []byte("`frames/doc.go` `frames/` `frames/gone.go` `frames/d*.go` `/v1/clips` `text/plain`")},
		"frames/doc.go": {},
	}
	if got, want := deadPaths(house, "a.md"), []string{"a.md: frames/gone.go does not exist"}; !slices.Equal(got, want) {
		t.Errorf("dead paths: %q; want %q", got, want)
	}
}

func TestLinksOfPagesLeadSomewhere(t *testing.T) {
	house := os.DirFS(".")
	pages, err := fs.Glob(house, "*.md")
	more, moreErr := fs.Glob(house, "docs/*.md")
	if err != nil || moreErr != nil || len(pages) < 3 || len(more) < 3 {
		t.Fatal(pages, more, err, moreErr)
	}
	for _, page := range append(append(pages, more...), "deploy/README.md", "testdata/world/README.md") {
		for _, dead := range deadLinks(house, page) {
			t.Error(dead)
		}
	}
}

func TestDeadLinksAreFound(t *testing.T) {
	house := fstest.MapFS{
		"a.md":      {Data: []byte("# A b\n[one](docs/b.md#c-d) [two](#a-b) [web](https://example.com/x)\n[three](docs/none.md) [four](docs/b.md#e)")},
		"docs/b.md": {Data: []byte("## C `d`\n```\n# e\n```\n")},
	}
	want := []string{"a.md: docs/none.md leads to no file", "a.md: docs/b.md#e leads to no heading"}
	if got := deadLinks(house, "a.md"); !slices.Equal(got, want) {
		t.Errorf("dead links: %q; want %q", got, want)
	}
}
