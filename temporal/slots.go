package temporal

import "fmt"

// Slots returns which temporal embedding each of a clip's frames gets, in time
// order: frame i gets embedding i. A slot equal to embeddings means none, which
// is what a single image gets, also from a model made for video.
//
// It is an error if there are no frames, if an image has more than one, or if a
// video has more frames than embeddings; a model without any sees one frame.
func Slots(frames, embeddings int, video bool) ([]int64, error) {
	most := 1
	if video {
		most = max(1, embeddings)
	}
	if frames < 1 || frames > most {
		return nil, fmt.Errorf("temporal: choose slots for %d frames: the model tells %d apart", frames, most)
	}
	slots := make([]int64, frames)
	for i := range slots {
		slots[i] = int64(embeddings)
		if video && embeddings > 0 {
			slots[i] = int64(i)
		}
	}
	return slots, nil
}
