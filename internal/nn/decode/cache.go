package decode

// masked is added to the score of a token that a row must not look at: far below any
// score, so that its weight is zero, and far from overflow.
const masked = -1e30

// A Cache holds the keys and values of the rows' own tokens, for a decoder whose graph
// takes them and returns them grown by a step. Each row's tokens are padded to the same
// width behind its prompt.
//
//	Past(i), Grown(i)  [heads, rows, width, head]  float32, i from 0 to tensors-1
//
// A step is: [Cache.Prompts] or [Cache.Tokens], a run of the graph that reads every
// Past and fills every Grown, [Cache.Grow].
type Cache struct {
	heads, head int

	rows  []row
	first int // columns that hold prompts; later ones hold one step each
	width int // columns of Past
	past  [][]float32
	spare [][]float32 // takes the next step's past, then changes places with past
	step  Step
}

// A row is one text.
type row struct {
	prompt int // length of its prompt, which fills the first columns up to there
	length int // tokens so far, which is the position of the next
}

// A Step is what a decoder reads next: rows of new tokens.
//
//	IDs, Positions  [Rows, Words]
//	Mask            [Rows, Words, Width+Words]  0 where a token may look at a token, else very negative
//	Wanted          [Rows]  which of the Rows*Words tokens' successors are wanted
type Step struct {
	Rows, Words, Width int
	IDs, Positions     []int64
	Mask               []float32
	Wanted             []int64
}

// NewCache returns an empty cache of so many tensors, keys and values of all layers.
func NewCache(tensors, heads, head int) *Cache {
	return &Cache{heads: heads, head: head, past: make([][]float32, tensors), spare: make([][]float32, tensors)}
}

// Prompts begins with a row for each prompt. Short prompts are padded behind their
// end, where no token of the row looks.
func (c *Cache) Prompts(prompts [][]int64) Step {
	for _, p := range prompts {
		c.rows = append(c.rows, row{len(p), len(p)})
		c.first = max(c.first, len(p))
	}
	rows, words := len(c.rows), c.first
	s := Step{
		Rows: rows, Words: words,
		IDs: make([]int64, rows*words), Positions: make([]int64, rows*words),
		Mask: make([]float32, rows*words*words), Wanted: make([]int64, rows),
	}
	for i, p := range prompts {
		copy(s.IDs[i*words:], p)
		s.Wanted[i] = int64(i*words + len(p) - 1)
		for k := range words {
			s.Positions[i*words+k] = int64(k)
			for later := k + 1; later < words; later++ {
				s.Mask[(i*words+k)*words+later] = masked
			}
		}
	}
	return c.begin(s)
}

// Tokens goes on with rows that each follow an earlier one, parents[i], by one token.
func (c *Cache) Tokens(parents []int, tokens []int64) Step {
	c.follow(parents)
	rows, width := len(tokens), c.width+1
	s := Step{
		Rows: rows, Words: 1, Width: c.width,
		IDs: tokens, Positions: make([]int64, rows), Mask: make([]float32, rows*width), Wanted: make([]int64, rows),
	}
	for i := range c.rows {
		r := &c.rows[i]
		for pad := r.prompt; pad < c.first; pad++ {
			s.Mask[i*width+pad] = masked
		}
		s.Positions[i], s.Wanted[i] = int64(r.length), int64(i)
		r.length++
	}
	return c.begin(s)
}

// begin makes room for what a step returns.
func (c *Cache) begin(s Step) Step {
	for i := range c.spare {
		c.spare[i] = Resize(c.spare[i], s.Rows*(s.Width+s.Words)*c.heads*c.head)
	}
	c.step = s
	return s
}

// Past is tensor i as the step reads it.
func (c *Cache) Past(i int) []float32 { return c.past[i] }

// Grown is where the step puts tensor i, Width+Words wide.
func (c *Cache) Grown(i int) []float32 { return c.spare[i] }

// Grow makes what the step has put into Grown the past of the next one.
func (c *Cache) Grow() {
	c.past, c.spare = c.spare, c.past
	c.width += c.step.Words
}

// follow makes the rows those that follow parents: rows that end are dropped, and
// one that branches is copied. Nothing is copied if every row goes on alone.
func (c *Cache) follow(parents []int) {
	same := len(parents) == len(c.rows)
	rows := make([]row, len(parents))
	for i, p := range parents {
		rows[i] = c.rows[p]
		same = same && i == p
	}
	if !same {
		for i := range c.past {
			c.spare[i] = Resize(c.spare[i], len(parents)*c.width*c.heads*c.head)
			c.gather(c.spare[i], c.past[i], parents)
		}
		c.past, c.spare = c.spare, c.past
	}
	c.rows = rows
}

// gather copies rows [heads, rows, width, head] by index.
func (c *Cache) gather(to, from []float32, parents []int) {
	n := c.width * c.head
	for h := range c.heads {
		for i, p := range parents {
			copy(to[(h*len(parents)+i)*n:][:n], from[(h*len(c.rows)+p)*n:][:n])
		}
	}
}

// Resize returns a slice of n values, buf's own memory if it is large enough.
func Resize(buf []float32, n int) []float32 {
	if cap(buf) < n {
		return make([]float32, n, n+n/4)
	}
	return buf[:n]
}
