package strictjson

import "strings"

// Near reports whether a name may be meant for another: it differs in case or underscores
// only, or in one or two letters (put in, left out, exchanged, or two that changed places),
// of more than two.
func Near(given, name string) bool {
	_, near := apart(given, name)
	return near
}

// apart counts the letters by which two names differ.
func apart(given, name string) (d int, near bool) {
	if given == name || len(given) > 2*len(name)+8 {
		return 0, false
	}
	a, b := []rune(plain(given)), []rune(plain(name))
	d = distance(a, b)
	return d, d <= 2 && d < min(len(a), len(b))
}

func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
}

// distance counts the least changes of one letter, and exchanges of two neighbours, that
// turn a into b (optimal string alignment).
func distance(a, b []rune) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
