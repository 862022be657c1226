package fair

import "slices"

// A Queue holds waiting values by key. Keys take turns; within a key, values come out
// in the order in which they went in. It does not lock: its owner does.
type Queue[V comparable] struct {
	keys   []string // that have waiting values, the next one first
	values map[string][]V
}

// Keys returns how many keys have waiting values.
func (q *Queue[V]) Keys() int { return len(q.keys) }

// Add puts v at the end of key's values.
func (q *Queue[V]) Add(key string, v V) {
	if q.values == nil {
		q.values = map[string][]V{}
	}
	if len(q.values[key]) == 0 {
		q.keys = append(q.keys, key)
	}
	q.values[key] = append(q.values[key], v)
}

// Next takes out the first value of the first key that may go, and puts that key behind
// all others. It returns false if no key may go.
func (q *Queue[V]) Next(mayGo func(key string) bool) (v V, ok bool) {
	at := slices.IndexFunc(q.keys, mayGo)
	if at < 0 {
		return v, false
	}
	key := q.keys[at]
	v = q.values[key][0]
	q.keys = append(slices.Delete(q.keys, at, at+1), key)
	q.Remove(key, v)
	return v, true
}

// Remove takes v out, if it waits.
func (q *Queue[V]) Remove(key string, v V) {
	q.values[key] = slices.DeleteFunc(q.values[key], func(o V) bool { return o == v })
	if len(q.values[key]) == 0 {
		delete(q.values, key)
		q.keys = slices.DeleteFunc(q.keys, func(k string) bool { return k == key })
	}
}

// AnyKey lets every key go.
func AnyKey(string) bool { return true }
