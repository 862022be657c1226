package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"videoqa/internal/trace"
)

const columns = 120

var letters = map[string]byte{trace.Decode: 'd', trace.Encode: 'e', trace.Prefix: 'p', trace.Generate: 'g'}

// A timeline is what was done for the clips, and how busy the cores were meanwhile.
type timeline struct {
	clips   []clip
	samples []sample
	cores   int
}

// ends are the first question's time and the last answer's.
func (t timeline) ends() (from, to time.Time) {
	from, to = t.clips[0].asked, t.clips[0].answered
	for _, c := range t.clips {
		if c.asked.Before(from) {
			from = c.asked
		}
		if c.answered.After(to) {
			to = c.answered
		}
	}
	return from, to
}

func (t timeline) print(w io.Writer) {
	from, to := t.ends()
	width := to.Sub(from) / columns
	for i, c := range t.clips {
		fmt.Fprintf(w, "clip %-2d  %s\n", i+1, c.row(from, width))
	}
	fmt.Fprintf(w, "busy     %s\n", t.row(from, width, func(s sample) float64 { return s.busy }))
	fmt.Fprintf(w, "idle     %s\n\n", t.row(from, width, func(s sample) float64 { return s.idle }))
	fmt.Fprintf(w, "a column is %d ms: d decode, e encode, p prefix, g generate, . asked and waiting; busy and idle: tenths of %d cores, * from 95 %% on\n", width.Milliseconds(), t.cores)
	t.summary(w, from, to)
}

// row is the clip's line: each stage has its letter, once at least.
func (c clip) row(from time.Time, width time.Duration) string {
	row := []byte(strings.Repeat(" ", columns+4))
	column := func(at time.Time) int { return min(int(at.Sub(from)/width), columns-1) }
	for i := column(c.asked); i <= column(c.answered); i++ {
		row[i] = '.'
	}
	next := 0
	for _, s := range c.spans {
		letter, known := letters[s.stage]
		if !known {
			continue
		}
		first := max(column(s.from), next)
		next = first + 1
		for i := first; i <= max(first, column(s.to)); i++ {
			row[i] = letter
		}
	}
	return strings.TrimRight(string(row), " ")
}

// row has the mean of each column's samples.
func (t timeline) row(from time.Time, width time.Duration, cores func(sample) float64) string {
	var row strings.Builder
	for i := range columns {
		begin, end := from.Add(time.Duration(i)*width), from.Add(time.Duration(i+1)*width)
		used, over := 0.0, 0.0
		for _, s := range t.samples {
			part := min(s.to.Sub(from), end.Sub(from)) - max(s.from.Sub(from), begin.Sub(from))
			if part > 0 {
				used, over = used+cores(s)*part.Seconds(), over+part.Seconds()
			}
		}
		switch share := used / over / float64(t.cores); {
		case share >= .95:
			row.WriteByte('*')
		default:
			row.WriteByte('0' + byte(share*10))
		}
	}
	return row.String()
}

// at are the letters of what is done at a time, each once, in the stages' order.
func (t timeline) at(when time.Time) string {
	found := map[string]bool{}
	for _, c := range t.clips {
		for _, s := range c.spans {
			if letter, known := letters[s.stage]; known && !when.Before(s.from) && when.Before(s.to) {
				found[string(letter)] = true
			}
		}
	}
	var doing string
	for _, letter := range []string{"d", "e", "p", "g"} {
		if found[letter] {
			doing += letter
		}
	}
	return doing
}

// summary says how much of the cores was idle, and what was being done then.
func (t timeline) summary(w io.Writer, from, to time.Time) {
	var busy, idle, all float64 // seconds of cores
	var slack time.Duration     // in which half a core or more was idle
	by := map[string]float64{}
	for _, s := range t.samples {
		if s.to.Before(from) || s.from.After(to) {
			continue
		}
		took := s.to.Sub(s.from)
		busy, idle, all = busy+s.busy*took.Seconds(), idle+s.idle*took.Seconds(), all+float64(t.cores)*took.Seconds()
		by[t.at(s.from.Add(took/2))] += s.idle * took.Seconds()
		if s.idle >= .5 {
			slack += took
		}
	}
	length := to.Sub(from)
	fmt.Fprintf(w, "%.2f s, %.2f clips a second; of %d cores' time %.1f %% was busy here, %.1f %% with other processes, and %.1f %% idle\n",
		length.Seconds(), float64(len(t.clips))/length.Seconds(), t.cores, 100*busy/all, 100*(all-busy-idle)/all, 100*idle/all)
	fmt.Fprintf(w, "half a core or more was idle in %.1f %% of the time\n", 100*slack.Seconds()/length.Seconds())
	var parts []string
	for _, doing := range slices.SortedFunc(maps.Keys(by), func(a, b string) int { return int(1e6 * (by[b] - by[a])) }) {
		parts = append(parts, fmt.Sprintf("%s %.0f ms", strings.Join(strings.Split(doing, ""), "+"), 1e3*by[doing]))
	}
	fmt.Fprintf(w, "idle of a core, by what was being done: %s\n", strings.Join(parts, ", "))
	beside, decoding := t.beside()
	fmt.Fprintf(w, "of %d ms in which a clip was decoded, another was encoded or read in %d ms\n", decoding.Milliseconds(), beside.Milliseconds())
}

// beside is for how long clips were decoded, and how much of it beside the encoding
// or reading of others.
func (t timeline) beside() (beside, decoding time.Duration) {
	const step = time.Millisecond
	from, to := t.ends()
	for at := from; at.Before(to); at = at.Add(step) {
		if doing := t.at(at); strings.HasPrefix(doing, "d") {
			decoding += step
			if strings.ContainsAny(doing, "ep") {
				beside += step
			}
		}
	}
	return beside, decoding
}
