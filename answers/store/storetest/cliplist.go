package storetest

import (
	"errors"
	"slices"
	"testing"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

func clipList(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	for i, c := range []ingest.Clip{
		{ID: "c-5", Camera: "x", Start: moment(0), End: moment(10)},
		{ID: "c-4", Camera: "x", Start: moment(10), End: moment(20)},
		{ID: "c-3", Camera: "y", Start: moment(5), End: moment(15)},
		{ID: "c-2", Camera: "x", Start: moment(20)}, // its end is not known yet
		{ID: "c-1", Camera: "x"},
		{ID: "c-0"},
		{ID: "c-9", Camera: "x", Start: moment(0), End: moment(10)},
	} {
		c.URI = "file:///" + c.ID
		must(t, s.PutClip(ctx, c, at(i)))
	}
	must(t, s.DeleteClip(ctx, "c-9", at(100)))
	must(t, s.CloseClip(ctx, ingest.ClosedClip{ID: "c-8", Camera: "x", End: moment(1)}, at(100))) // and never put
	for _, tc := range []struct {
		name string
		q    store.ClipQuery
		want []string
	}{
		{"all, those without a start last", store.ClipQuery{}, []string{"c-5", "c-3", "c-4", "c-2", "c-0", "c-1"}},
		{"of a camera", store.ClipQuery{Camera: "x"}, []string{"c-5", "c-4", "c-2", "c-1"}},
		{"from a time, one that still goes on too", store.ClipQuery{From: at(15)}, []string{"c-4", "c-2"}},
		{"to a time", store.ClipQuery{To: at(10)}, []string{"c-5", "c-3"}},
		{"in a range of a camera's time", store.ClipQuery{Camera: "x", From: at(5), To: at(11)}, []string{"c-5", "c-4"}},
		{"whose start or end is not known", store.ClipQuery{Camera: "x", Untimed: true}, []string{"c-2", "c-1"}},
		{"of a camera that there is not", store.ClipQuery{Camera: "z"}, nil},
	} {
		for _, limit := range []int{0, 1, 2} {
			var got []string
			for tc.q.Limit = limit; ; {
				page, err := s.ListClips(ctx, tc.q)
				must(t, err)
				if limit > 0 && len(page.Clips) > limit {
					t.Errorf("%s: a page of %d clips; want %d", tc.name, len(page.Clips), limit)
				}
				for _, c := range page.Clips {
					got = append(got, c.ID)
				}
				if tc.q.Cursor = page.Next; page.Next == "" {
					break
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%s, %d a page: %v, want %v", tc.name, limit, got, tc.want)
			}
		}
	}
	if page, err := s.ListClips(ctx, store.ClipQuery{Camera: "y"}); err != nil || len(page.Clips) != 1 || page.Clips[0].URI != "file:///c-3" || !page.Clips[0].Start.Equal(at(5)) || !page.Clips[0].End.Equal(at(15)) {
		t.Errorf("a clip is listed as %+v (%v)", page, err)
	}
	if _, err := s.ListClips(ctx, store.ClipQuery{Cursor: "x"}); !errors.Is(err, fault.BadRequest) {
		t.Errorf("a cursor that is none: %v", err)
	}
}
