package config

// nearest returns the name that takes the fewest changes of a letter to come to
// from what was written; the first of several.
func nearest(written string, names []string) (best string) {
	least := -1
	for _, name := range names {
		if d := distance(written, name); least < 0 || d < least {
			best, least = name, d
		}
	}
	return best
}

// distance is Levenshtein's: insertions, deletions and replacements of bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // from a's first i bytes to b's first j
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
