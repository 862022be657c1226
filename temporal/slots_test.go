package temporal_test

import (
	"slices"
	"testing"

	"videoqa/temporal"
)

func TestSlots(t *testing.T) {
	for _, tc := range []struct {
		name               string
		frames, embeddings int
		video              bool
		want               []int64
		fails              bool
	}{
		{"frames of a clip take the embeddings in time order", 6, 6, true, []int64{0, 1, 2, 3, 4, 5}, false},
		{"a short clip takes the first ones", 2, 6, true, []int64{0, 1}, false},
		{"an image gets none from a video model", 1, 6, false, []int64{6}, false},
		{"nor from an image model", 1, 0, false, []int64{0}, false},
		{"an image model sees one frame of a clip", 1, 0, true, []int64{0}, false},
		{"and no second", 2, 0, true, nil, true},
		{"a clip has no more frames than embeddings", 7, 6, true, nil, true},
		{"an image is one picture", 2, 6, false, nil, true},
		{"a clip without frames has no slots", 0, 6, true, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := temporal.Slots(tc.frames, tc.embeddings, tc.video)
			if (err != nil) != tc.fails || !slices.Equal(got, tc.want) {
				t.Errorf("Slots(%d, %d, %v) = %v, %v; want %v, failing %v", tc.frames, tc.embeddings, tc.video, got, err, tc.want, tc.fails)
			}
		})
	}
}
