package api

import (
	"fmt"
	"net/http"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// clips lists clips by their start. Of damaged ones it names the ids.
func (a *API) clips(w http.ResponseWriter, r *http.Request) error {
	l, err := listingOf(r, "list clips", "untimed")
	if err != nil {
		return err
	}
	q := store.ClipQuery{Camera: l.camera, From: l.from, To: l.to, Cursor: l.cursor, Limit: l.limit}
	switch text := r.URL.Query().Get("untimed"); text {
	case "", "false":
	case "true":
		q.Untimed = true
	default:
		return fmt.Errorf("api: list clips: untimed %.40q is neither true nor false: %w", text, fault.BadRequest)
	}
	page, err := a.cfg.Store.ListClips(r.Context(), q)
	if err != nil {
		return err
	}
	for i, c := range page.Clips {
		page.Clips[i] = withoutPassword(c)
	}
	if len(page.Damaged) > 0 {
		a.cfg.Log.Error("clips are damaged and left out of a list", "clips", page.Damaged)
	}
	return reply(w, http.StatusOK, struct {
		Clips   []ingest.Clip `json:"clips"`
		Damaged []string      `json:"damaged,omitempty"`
		Next    string        `json:"next,omitempty"`
	}{append([]ingest.Clip{}, page.Clips...), page.Damaged, page.Next})
}
