package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/sleep"
)

// asking is the body of POST /v1/questions: what all its questions are about, and
// what is asked.
type asking struct {
	ClipID     string       `json:"clip_id,omitempty"`
	URI        string       `json:"uri,omitempty"`
	Camera     string       `json:"camera,omitempty"`
	Start      *ingest.Time `json:"start,omitempty"`
	End        *ingest.Time `json:"end,omitempty"`
	Deadline   *ingest.Time `json:"deadline,omitempty"`
	OnOverload string       `json:"on_overload,omitempty"`
	Questions  []struct {
		ID      string      `json:"question_id,omitempty"`
		Text    string      `json:"question" strict:"required,empty"`
		Kind    ingest.Kind `json:"kind,omitempty"`
		Choices []string    `json:"choices,omitempty"`
		Frames  int         `json:"frames,omitempty"`
		Model   string      `json:"model,omitempty"`
	} `json:"questions" strict:"required"`
}

// questions are the events' data; those without an id are named.
func (a asking) questions(n naming) ([]ingest.Question, error) {
	if len(a.Questions) == 0 || len(a.Questions) > ingest.MaxQuestions {
		return nil, fmt.Errorf("api: ask: there are %d questions; there have to be from 1 to %d: %w", len(a.Questions), ingest.MaxQuestions, fault.BadRequest)
	}
	if err := (ingest.Question{ClipID: a.ClipID, URI: a.URI, Camera: a.Camera, Start: a.Start, End: a.End}).ValidateTarget(); err != nil {
		return nil, fmt.Errorf("api: ask: %w", nameless(err))
	}
	list, ids := make([]ingest.Question, len(a.Questions)), map[string]bool{}
	for i, q := range a.Questions {
		named := q.ID != ""
		if !named {
			q.ID = n.question(i)
		}
		list[i] = ingest.Question{
			ID: q.ID, Text: q.Text, Kind: q.Kind, Choices: q.Choices, Frames: q.Frames, Model: q.Model,
			ClipID: a.ClipID, URI: a.URI, Camera: a.Camera, Start: a.Start, End: a.End, Deadline: a.Deadline, OnOverload: a.OnOverload,
		}
		if err := list[i].Validate(); err != nil {
			if !named {
				err = nameless(err)
			}
			return nil, fmt.Errorf("api: ask: questions[%d]: %w", i, err)
		}
		if ids[q.ID] {
			return nil, fmt.Errorf("api: ask: questions[%d]: question_id %s is given twice: %w", i, q.ID, fault.BadRequest)
		}
		ids[q.ID] = true
	}
	return list, nil
}

// nameless is what is wrong with something that its asker gave no id.
func nameless(err error) error {
	var wrong *ingest.FieldError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s: %w", wrong.What, wrong.Kind)
	}
	return err
}

// A Result is what became of one question.
type Result struct {
	QuestionID string          `json:"question_id"`
	Status     string          `json:"status"` // waiting, answered, dead or erased
	Answer     json.RawMessage `json:"answer,omitempty"`
	Problem    *Problem        `json:"problem,omitempty"`
	Waiting    *ingest.Waiting `json:"waiting,omitempty"` // why, of one that waits and is asked after by its id
}

// ask takes questions, and waits for their outcomes unless it is asked not to.
func (a *API) ask(w http.ResponseWriter, r *http.Request) error {
	peek, err := a.enter(a.waiting, "requests") // lest a body is read in vain
	if err != nil {
		return err
	}
	peek()
	var questions []ingest.Question
	b, err := a.read(r, reading{"request", checkQuestions, func(b body) (err error) {
		questions, err = a.questionsOf(r, b)
		return err
	}})
	if err != nil {
		return err
	}
	defer b.release()
	leave, err := a.enter(a.waiting, "requests") // not before: a body may come slowly
	if err != nil {
		return err
	}
	defer leave()
	words, stop := a.listen(r, questions) // before they can be answered
	defer stop()
	if err := a.publishQuestions(r, questions); err != nil {
		return err
	}
	b.release() // its questions use the upload now
	wait, async := preference(r.Header.Values("Prefer"), a.cfg.Wait)
	if wantsEvents(r) && !async {
		return a.stream(w, r, questions, words, wait)
	}
	return a.await(w, r, questions, wait, async)
}

// checkQuestions finds what is wrong with questions.
func checkQuestions(text []byte, uploads bool) error {
	b := body{json: text}
	if uploads {
		b.upload, b.uri = anyDigest, ingest.UploadURI(anyDigest)
	}
	in, err := b.asking()
	if err != nil {
		return err
	}
	_, err = in.questions(naming{base: "checked"})
	return err
}

// questionsOf are the questions that a request asks.
func (a *API) questionsOf(r *http.Request, b body) ([]ingest.Question, error) {
	in, err := b.asking()
	if err != nil {
		return nil, err
	}
	names, err := a.name(r, b)
	if err != nil {
		return nil, err
	}
	return in.questions(names)
}

// asking is what a body asks, about its upload if it has one.
func (b body) asking() (in asking, err error) {
	if err := decode(b.json, &in); err != nil {
		return in, err
	}
	if b.upload == "" {
		return in, nil
	}
	if in.URI != "" || in.ClipID != "" {
		return in, fmt.Errorf("api: ask: give an upload, a clip_id or a uri, one of them: %w", fault.BadRequest)
	}
	in.URI = b.uri
	return in, nil
}

// publishQuestions is where questions are accepted.
func (a *API) publishQuestions(r *http.Request, questions []ingest.Question) error {
	at, messages := ingest.NewTime(time.Now()), make([]ingest.Message, len(questions))
	for i, q := range questions {
		m, err := q.Message(a.cfg.Asked, a.cfg.Group, at)
		if err != nil {
			return err
		}
		messages[i] = traced(m, r)
		if err := a.accepted(r.Context(), q.ID); err != nil {
			return err
		}
	}
	if err := a.useUpload(r.Context(), questions); err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context()) // who goes away now must not leave half of it published
	if err := a.cfg.Stream.Publish(ctx, messages...); err != nil {
		return errors.Join(err, a.refused(ctx, questions))
	}
	return nil
}

// useUpload notes that questions, all about one thing, use an upload if that is
// one, before a worker can have settled them.
func (a *API) useUpload(ctx context.Context, questions []ingest.Question) error {
	uri := questions[0].URI
	if _, is := ingest.UploadDigest(uri); !is || a.keeper == nil {
		return nil
	}
	users := make([]string, len(questions))
	for i, q := range questions {
		users[i] = store.QuestionUser(q.ID, q.RequestHash())
	}
	return a.keeper.Use(ctx, uri, users...)
}

// traced has an event continue a request's trace.
func traced(m ingest.Message, r *http.Request) ingest.Message {
	for _, name := range []string{"traceparent", "tracestate"} {
		if v := r.Header.Get(name); v != "" && traceID(r) != "" && len(v) <= 512 {
			m.Headers = append(m.Headers, ingest.Header{Key: name, Value: []byte(v)})
		}
	}
	return m
}

// await replies with the outcomes, once there is one of each, or else with where
// they will be.
func (a *API) await(w http.ResponseWriter, r *http.Request, questions []ingest.Question, wait time.Duration, async bool) error {
	if async {
		w.Header().Set("Preference-Applied", "respond-async")
	}
	results := unknown(questions)
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	left := len(questions)
	for began := time.Now(); left > 0 && !async; {
		if err := a.look(ctx, questions, results, &left); err != nil && ctx.Err() == nil {
			return err
		}
		if left > 0 && sleep.For(ctx, a.untilNextLook(began)) != nil {
			break
		}
	}
	if r.Context().Err() != nil {
		return nil // nobody listens any more; the questions go on
	}
	status := statusOf(results)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(busyFor))
	}
	if left > 0 {
		w.Header().Set("Location", "/v1/questions/"+url.PathEscape(questions[0].ID))
		status = http.StatusAccepted
	}
	return reply(w, status, struct {
		Results []Result `json:"results"`
	}{results})
}

// unknown are the results of questions before the store was looked at.
func unknown(questions []ingest.Question) []Result {
	results := make([]Result, len(questions))
	for i, q := range questions {
		results[i] = Result{QuestionID: q.ID, Status: string(store.Waiting)}
	}
	return results
}

// untilNextLook is how long to wait before the store is looked at again. The longer it
// took, the less it matters that a reply is a tenth of that later.
func (a *API) untilNextLook(began time.Time) time.Duration {
	return min(max(a.cfg.lookEach, time.Since(began)/10), 500*time.Millisecond)
}

// statusOf is 200 if any question was answered or still waits; else that of the problems
// if they are alike, and 207 if they are not.
func statusOf(results []Result) (status int) {
	for _, r := range results {
		switch {
		case r.Problem == nil:
			return http.StatusOK
		case status == 0:
			status = r.Problem.Status
		case status != r.Problem.Status:
			status = http.StatusMultiStatus
		}
	}
	return status
}

// preference reads what an asker prefers (RFC 7240): not to wait at all, or not
// longer than so many seconds.
func preference(values []string, most time.Duration) (wait time.Duration, async bool) {
	wait = most
	for _, p := range strings.Split(strings.Join(values, ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch {
		case strings.EqualFold(name, "respond-async"):
			async = true
		case strings.EqualFold(name, "wait"):
			if s, err := strconv.Atoi(strings.Trim(value, `"`)); err == nil && s >= 0 {
				wait = min(most, time.Duration(s)*time.Second)
			}
		}
	}
	return wait, async
}

// look reads the outcomes that are not known yet.
func (a *API) look(ctx context.Context, questions []ingest.Question, results []Result, left *int) error {
	for i, q := range questions {
		if results[i].Status != string(store.Waiting) {
			continue
		}
		o, found, err := a.cfg.Store.Outcome(ctx, q.ID)
		switch {
		case damaged(err):
			results[i] = a.damagedResult(q.ID, err)
		case err != nil:
			return err
		case !found:
			continue
		case o.Request != q.RequestHash():
			conflict, _ := problemOf(fmt.Errorf("api: ask %s: this question_id was asked before with another request: %w", q.ID, fault.Conflict))
			results[i] = Result{QuestionID: q.ID, Status: string(store.Dead), Problem: &conflict}
		default:
			if results[i], err = resultOf(o); damaged(err) {
				results[i] = a.damagedResult(q.ID, err)
			} else if err != nil {
				return err
			}
		}
		if results[i].Status != string(store.Waiting) {
			*left--
		}
	}
	return nil
}

// damaged reports whether err is about one record, and not about the whole store.
func damaged(err error) bool {
	return errors.Is(err, fault.Damaged) && !errors.Is(err, fault.Unavailable)
}

// damagedResult is what is said of a question whose stored outcome is damaged.
func (a *API) damagedResult(id string, err error) Result {
	a.cfg.Log.Error("a stored outcome is damaged", "question", id, "error", err)
	p, _ := problemOf(err)
	p.Question = id
	return Result{QuestionID: id, Status: string(store.Dead), Problem: &p}
}

// resultOf is what an outcome says.
func resultOf(o store.Outcome) (r Result, err error) {
	r = Result{QuestionID: o.QuestionID, Status: string(o.State)}
	switch o.State {
	case store.Waiting:
		return r, nil
	case store.Erased:
		p, _ := problemOf(errErased)
		r.Problem = &p
		return r, nil
	}
	m, err := recordOf(o)
	if err != nil {
		return r, fmt.Errorf("api: read outcome of %s: %w", o.QuestionID, err)
	}
	if o.State == store.Answered {
		r.Answer = m.Value
		return r, nil
	}
	var d ingest.DeadLetter
	if err := json.Unmarshal(m.Value, &d); err != nil {
		return r, fmt.Errorf("api: read outcome of %s: %w: %w", o.QuestionID, err, fault.Damaged)
	}
	p := problemOfLetter(d)
	r.Problem = &p
	return r, nil
}

var errErased = refusal{http.StatusGone, "erased", 0, errors.New("api: its clip was deleted, and its answer with it")}

// question replies with the outcome of a question: the answer, the problem, or
// that it waits.
func (a *API) question(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if ingest.CheckID("question_id", id) != nil {
		return fmt.Errorf("api: find question %.140q: no question has such an id: %w", id, fault.NotFound)
	}
	o, found, err := a.cfg.Store.Outcome(r.Context(), id)
	var accepted string
	if err == nil && !found {
		o = store.Outcome{QuestionID: id, State: store.Waiting}
		accepted, found, err = a.cfg.Store.Claimed(r.Context(), "question "+id)
	}
	var result Result
	if err == nil && found {
		result, err = resultOf(o)
	}
	switch {
	case damaged(err):
		result = a.damagedResult(id, err)
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("api: find question %.140s: nothing is known of it: %w", id, fault.NotFound)
	}
	if result.Problem != nil {
		result.Problem.TraceID = traceID(r)
		if result.Problem.Status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", strconv.Itoa(busyFor))
		}
		writeProblem(w, *result.Problem)
		return nil
	}
	if o.State == store.Waiting {
		if result.Waiting, err = a.whyWaiting(r.Context(), id, accepted); err != nil {
			return err
		}
	}
	return reply(w, http.StatusOK, result)
}
