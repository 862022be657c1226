package store

import "fmt"

// A ClaimRow is all that the row of a claim holds, but for when it was claimed.
type ClaimRow struct {
	Name, Content string
	StoredSum     []byte // the checksum as it is stored
}

// ClaimColumns are the columns of [ClaimRow.Into].
const ClaimColumns = "name, content, checksum"

// Into is where a row's columns go.
func (r *ClaimRow) Into() []any {
	return []any{textInto(&r.Name), textInto(&r.Content), blob{&r.StoredSum}}
}

// Checksum is what a row with this content has to carry.
func (r *ClaimRow) Checksum() []byte { return checksum("claims", r.Name, r.Content) }

// Check returns [fault.Damaged] if the row is not what was written.
func (r *ClaimRow) Check() error {
	return check(fmt.Sprintf("the claim %.140q", r.Name), r.StoredSum, r.Checksum())
}
