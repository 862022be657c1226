package gitvideo

import (
	"fmt"

	"videoqa/internal/fault"
	"videoqa/temporal"
)

// slots returns which temporal embedding each of a clip's pictures gets. It returns
// [fault.BadRequest] for more pictures than the model tells apart.
func (m *Model) slots(pictures int, video bool) ([]int64, error) {
	slots, err := temporal.Slots(pictures, m.spec.frames, video)
	if err != nil {
		return nil, fmt.Errorf("gitvideo: %w: %w", err, fault.BadRequest)
	}
	return slots, nil
}
