package layers

import (
	"math"
	"testing"
)

func TestPositionsOfTheSameGridStayAsTheyAre(t *testing.T) {
	from := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}
	for i, v := range interpolate(from, 3, 2, 3, 3) {
		if math.Abs(v-float64(from[i])) > 1e-12 {
			t.Errorf("position %d becomes %v; want %v", i, v, from[i])
		}
	}
}
