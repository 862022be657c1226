package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

func (a *API) answer(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if ingest.CheckID("answer_id", id) != nil {
		return fmt.Errorf("api: find answer %.140q: no answer has such an id: %w", id, fault.NotFound)
	}
	o, found, err := a.cfg.Store.Answer(r.Context(), id)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("api: find answer %.140s: there is none: %w", id, fault.NotFound)
	}
	m, err := recordOf(o)
	if err != nil {
		return fmt.Errorf("api: read answer %s: %w", id, err)
	}
	return reply(w, http.StatusOK, json.RawMessage(m.Value))
}

// recordOf is the record of an outcome, with JSON as its value.
func recordOf(o store.Outcome) (m ingest.Message, err error) {
	m, err = ingest.ParseMessage(o.Message)
	if err == nil && !json.Valid(m.Value) {
		err = errors.New("its record is not JSON")
	}
	if err != nil {
		return m, fmt.Errorf("%w: %w", err, fault.Damaged)
	}
	return m, nil
}

// answers lists answers in the order in which they were stored. Of damaged ones it
// tells the questions.
func (a *API) answers(w http.ResponseWriter, r *http.Request) error {
	q, err := queryOf(r)
	if err != nil {
		return err
	}
	page, err := a.cfg.Store.Answers(r.Context(), q)
	if err != nil {
		return err
	}
	list := struct {
		Answers []json.RawMessage `json:"answers"`
		Damaged []string          `json:"damaged,omitempty"`
		Next    string            `json:"next,omitempty"`
	}{[]json.RawMessage{}, page.Damaged, page.Next}
	for _, o := range page.Outcomes {
		m, err := recordOf(o)
		if err != nil {
			list.Damaged = append(list.Damaged, o.QuestionID)
			continue
		}
		list.Answers = append(list.Answers, json.RawMessage(m.Value))
	}
	if len(list.Damaged) > 0 {
		a.cfg.Log.Error("stored answers are damaged and left out of a list", "questions", list.Damaged)
	}
	return reply(w, http.StatusOK, list)
}

// parametersOf are those of a request's query: only names that are known, each once.
func parametersOf(r *http.Request, known ...string) (url.Values, error) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("the query %.80q is not name=value&…, with %% and two hex digits for other bytes: %w", r.URL.RawQuery, fault.BadRequest)
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		switch {
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("unknown parameter %.40q; this takes %s: %w", name, strings.Join(slices.Sorted(slices.Values(known)), ", "), fault.BadRequest)
		case len(v[name]) > 1:
			return nil, fmt.Errorf("the parameter %s is given twice: %w", name, fault.BadRequest)
		}
	}
	return v, nil
}

func queryOf(r *http.Request) (q store.AnswerQuery, err error) {
	l, err := listingOf(r, "list answers")
	return store.AnswerQuery{Camera: l.camera, From: l.from, To: l.to, Cursor: l.cursor, Limit: l.limit}, err
}
