package sqlite

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func somePage(random *rand.Rand) []byte {
	page := make([]byte, pageSize)
	for i := range contentSize / 2 { // and the rest is free, as in most pages
		page[i] = byte(random.Uint32())
	}
	sealPage(7, page)
	return page
}

func TestAPageWithAFewWrongBitsIsPutRight(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, tc := range []struct {
		name  string
		times int
		spoil func(page []byte)
	}{
		{"one bit", 200, func(page []byte) { page[random.IntN(pageSize)] ^= 1 << random.IntN(8) }},
		{"one byte", 50, func(page []byte) { page[random.IntN(pageSize)] ^= byte(1 + random.IntN(255)) }},
		{"two bits", 50, func(page []byte) {
			a := random.IntN(8 * pageSize)
			b := (a + 1 + random.IntN(8*pageSize-1)) % (8 * pageSize)
			page[a/8] ^= 1 << (a % 8)
			page[b/8] ^= 1 << (b % 8)
		}},
	} {
		for n := range tc.times {
			page := somePage(random)
			whole := bytes.Clone(page)
			tc.spoil(page)
			if pageFits(7, page) {
				t.Errorf("%s, %d: the damage is not noticed", tc.name, n)
			}
			if !mendPage(7, page) || !bytes.Equal(page, whole) {
				t.Errorf("%s, %d: it is not put right", tc.name, n)
			}
		}
	}
}

func TestWhatCannotBePutRightStaysAsItIs(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	for _, tc := range []struct {
		name  string
		spoil func(page []byte)
	}{
		{"three bits", func(page []byte) { page[9] ^= 1; page[1000] ^= 2; page[4000] ^= 64 }},
		{"a sector of zeros", func(page []byte) { clear(page[512:1024]) }},
		{"a sector of another page", func(page []byte) { copy(page[512:1024], somePage(random)) }},
		{"another page", func(page []byte) { copy(page, somePage(random)); sealPage(8, page) }},
	} {
		page := somePage(random)
		tc.spoil(page)
		spoilt := bytes.Clone(page)
		if pageFits(7, page) || mendPage(7, page) || !bytes.Equal(page, spoilt) {
			t.Errorf("%s counts as whole, or is changed", tc.name)
		}
	}
}

func BenchmarkPageSum(b *testing.B) {
	page := somePage(rand.New(rand.NewPCG(1, 1)))
	for b.Loop() {
		if !pageFits(7, page) {
			b.Fatal()
		}
	}
}
