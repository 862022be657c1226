package serve

import (
	"context"
	"fmt"
)

// lonelyAfter is in how many beats after each other another member has to be seen: one
// that was killed stays in the group until its session is over.
const lonelyAfter = 3

// A group can count its members; [kafka.Client] can.
type group interface {
	Members(ctx context.Context) (int, error)
}

// lonelyIn says who else is in the group of a process that is to be the only one: where
// each keeps outcomes by itself, no store tells them of each other.
func lonelyIn(g group, name string) func(ctx context.Context) error {
	seen := 0
	return func(ctx context.Context) error {
		n, err := g.Members(ctx)
		switch {
		case err != nil: // readiness says what is wrong
			return nil
		case n <= 1:
			seen = 0
			return nil
		}
		if seen++; seen < lonelyAfter {
			return nil
		}
		return fmt.Errorf("--single-process is said, and group %s has %d members: the others keep outcomes where this process does not see them, so that a question asked here may never have one; give all one --store-url, or another --kafka-group", name, n)
	}
}
