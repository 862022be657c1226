package bitstream

// units yields the NAL units of a packet, none of them empty.
func (c *Classifier) units(data []byte) func(func([]byte) bool) {
	if c.prefix == 0 {
		return startCodeUnits(data)
	}
	return func(yield func([]byte) bool) {
		for len(data) > c.prefix {
			n := 0
			for _, b := range data[:c.prefix] {
				n = n<<8 | int(b)
			}
			data = data[c.prefix:]
			n = min(n, len(data))
			if n > 0 && !yield(data[:n]) {
				return
			}
			data = data[n:]
		}
	}
}

func startCodeUnits(data []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		begin := -1
		for i := 0; i+2 < len(data); i++ {
			if data[i+2] > 1 {
				i += 2
				continue
			}
			if data[i] != 0 || data[i+1] != 0 || data[i+2] != 1 {
				continue
			}
			if begin >= 0 && i > begin && !yield(data[begin:i]) {
				return
			}
			begin, i = i+3, i+2
		}
		if begin >= 0 && begin < len(data) {
			yield(data[begin:])
		}
	}
}
