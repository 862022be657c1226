package fault

import (
	"context"
	"fmt"
	"time"
)

// An Overrun is the cause of a context that ends because work took longer than it
// may, by a setting of the operator's, and not because its asker wants no more:
//
//	ctx, cancel := context.WithTimeoutCause(ctx, limit, fault.Overrun{limit, "--work-patience"})
//	…
//	var over fault.Overrun
//	if errors.As(context.Cause(ctx), &over) { … }
//
// By itself it is judged as a timeout, which is tried again. Who finds that the work
// would take as long again wraps [TooLarge] with it.
type Overrun struct {
	Limit   time.Duration
	Setting string // that the limit comes from
}

func (o Overrun) Error() string { return fmt.Sprintf("longer than %v (%s)", o.Limit, o.Setting) }

// Unwrap makes an Overrun what ctx.Err says of its context.
func (o Overrun) Unwrap() error { return context.DeadlineExceeded }
