package spool

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAFolderHasOneIdentityForAllThatSeeIt(t *testing.T) {
	dir := t.TempDir()
	ids := make([]string, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			f, err := Open(Config{Dir: dir})
			if err == nil {
				ids[i], err = f.Identity()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Errorf("one folder is %q", ids)
		}
	}
	other, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := other.Identity(); err != nil || id == ids[0] {
		t.Errorf("another is %q too (%v)", id, err)
	}
	f, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Put(t.Context(), strings.NewReader("one"), nil); err != nil {
		t.Fatal(err)
	}
	if used, err := f.Used(context.Background()); err != nil || used != 3 {
		t.Errorf("an upload of 3 bytes takes %d (%v)", used, err)
	}
	if n, err := f.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("%d files were swept (%v), want the upload", n, err)
	}
	if id, err := f.Identity(); err != nil || id != ids[0] {
		t.Errorf("afterwards it is %q (%v), before %q", id, err, ids[0])
	}
}
