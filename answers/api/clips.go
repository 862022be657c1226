package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/ingest/media"
	"videoqa/internal/fault"
)

// announced is the body of POST /v1/clips.
type announced struct {
	ID     string       `json:"clip_id,omitempty"`
	URI    string       `json:"uri,omitempty"`
	Camera string       `json:"camera,omitempty"`
	Start  *ingest.Time `json:"start,omitempty"`
	End    *ingest.Time `json:"end,omitempty"`
	Digest string       `json:"digest,omitempty" strict:"empty"`
}

// postClip registers a clip: its event is acknowledged, and the registry knows it,
// when the reply says 201.
func (a *API) postClip(w http.ResponseWriter, r *http.Request) error {
	var c ingest.Clip
	var at ingest.Time
	b, err := a.read(r, reading{"clip", checkClip, func(b body) (err error) {
		c, at, err = a.clipOf(r, b)
		return err
	}})
	if err != nil {
		return err
	}
	if err := a.measure(r.Context(), b, c); err != nil {
		b.release()
		return err
	}
	// From here on an event may name the upload, even if we are told that none does.
	if err := a.register(r, c, at); err != nil {
		return err
	}
	b.release()
	a.replaced(r.Context())
	w.Header().Set("Location", "/v1/clips/"+url.PathEscape(c.ID))
	return reply(w, http.StatusCreated, withoutPassword(c))
}

// measure refuses an upload about which no question could be answered, so that the client
// learns that when it registers it.
func (a *API) measure(ctx context.Context, b body, c ingest.Clip) error {
	m, can := a.cfg.Pictures.(Measurer)
	if b.upload == "" || !can {
		return nil
	}
	leave, err := a.measured.wait(ctx, "")
	if err != nil {
		return err
	}
	defer leave()
	if err := m.Measure(ctx, c); errors.Is(err, fault.TooLarge) {
		return fmt.Errorf("api: register clip: %w", err)
	}
	return nil
}

// replaced removes the upload that a clip may have named before. The clip is there
// already: what fails now is tried again at the next clearing.
func (a *API) replaced(ctx context.Context) {
	if a.keeper == nil {
		return
	}
	if err := a.keeper.Clear(context.WithoutCancel(ctx)); err != nil {
		a.cfg.Log.Warn("uploads that nothing uses are not removed yet", "error", err)
	}
}

// checkClip finds what is wrong with a clip's description, but for what the media
// that go with it will show.
func checkClip(text []byte, uploads bool) error {
	var in announced
	if err := decode(text, &in); err != nil {
		return err
	}
	b := body{json: text}
	if uploads {
		b.upload = cmp.Or(in.Digest, anyDigest)
		b.uri = ingest.UploadURI(b.upload)
	}
	_, err := in.clip(naming{base: "checked"}, b)
	return err
}

// clipOf is the clip that a request describes, and when that was: of a request that
// comes again, the first time, so that it does not bring back what was deleted since.
func (a *API) clipOf(r *http.Request, b body) (c ingest.Clip, at ingest.Time, err error) {
	var in announced
	if err := decode(b.json, &in); err != nil {
		return c, at, err
	}
	names, err := a.name(r, b)
	if err != nil {
		return c, at, err
	}
	c, err = in.clip(names, b)
	return c, ingest.NewTime(names.at), err
}

// register publishes a clip's event and puts it into the registry.
func (a *API) register(r *http.Request, c ingest.Clip, at ingest.Time) error {
	m, err := c.Message(a.cfg.Clips, a.cfg.Group, at)
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context()) // who goes away now leaves nothing half done
	if err := a.cfg.Stream.Publish(ctx, traced(m, r)); err != nil {
		return err
	}
	if err := a.cfg.Store.PutClip(ctx, c, at.Time); err != nil {
		return err
	}
	_, err = a.known(ctx, c.ID)
	return err
}

// withoutPassword returns c as a client may see it: the registry keeps the password of its
// URI.
func withoutPassword(c ingest.Clip) ingest.Clip {
	c.URI = media.WithoutPassword(c.URI)
	return c
}

// clip is the event's data.
func (in announced) clip(n naming, b body) (ingest.Clip, error) {
	c := ingest.Clip{ID: in.ID, URI: in.URI, Camera: in.Camera, Start: in.Start, End: in.End, Digest: in.Digest}
	if c.ID == "" {
		c.ID = n.clip()
	}
	switch {
	case b.upload != "" && c.URI != "":
		return c, fmt.Errorf("api: register clip: give an upload or a uri, not both: %w", fault.BadRequest)
	case b.upload != "" && c.Digest != "" && c.Digest != b.upload:
		return c, fmt.Errorf("api: register clip: the upload's bytes are %s: %w", b.upload, fault.DigestMismatch)
	case b.upload != "":
		c.URI, c.Digest = b.uri, b.upload
	}
	err := c.Validate()
	if err == nil {
		err = media.Check(c.URI)
	}
	if in.ID == "" && err != nil {
		err = fmt.Errorf("api: register clip: %w", nameless(err))
	}
	return c, err
}

// known returns a clip that is there.
func (a *API) known(ctx context.Context, id string) (ingest.Clip, error) {
	if ingest.CheckID("clip_id", id) != nil {
		return ingest.Clip{}, fmt.Errorf("api: find clip %.140q: no clip has such an id: %w", id, fault.UnknownClip)
	}
	c, state, err := a.cfg.Store.Clip(ctx, id)
	switch {
	case err != nil:
		return c, err
	case state == store.Unknown:
		return c, fmt.Errorf("api: find clip %.140s: nothing is known of it: %w", id, fault.UnknownClip)
	case state == store.Deleted:
		return c, fmt.Errorf("api: find clip %s: it was deleted: %w", id, fault.UnknownClip)
	}
	return c, nil
}

func (a *API) clip(w http.ResponseWriter, r *http.Request) error {
	c, err := a.known(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, withoutPassword(c))
}

// deleteClip erases a clip and what was answered from it. Deleting what is deleted,
// or was never there, is no error: it leaves a tombstone all the same.
func (a *API) deleteClip(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := ingest.CheckID("clip_id", id); err != nil {
		return err
	}
	c, _, err := a.cfg.Store.Clip(r.Context(), id)
	if err != nil && !damaged(err) { // which its deletion mends
		return err
	}
	d := ingest.DeletedClip{ID: id, Camera: c.Camera}
	if err := d.Validate(); err != nil {
		return err
	}
	at := ingest.NewTime(time.Now())
	m, err := d.Message(a.cfg.Clips, a.cfg.Group, at)
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context())
	if err := a.cfg.Stream.Publish(ctx, traced(m, r)); err != nil {
		return err
	}
	if err := a.cfg.Store.DeleteClip(ctx, id, at.Time); err != nil {
		return err
	}
	if a.keeper != nil {
		if err := a.keeper.ClearAll(ctx); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// frame replies with the picture that a clip shows at a time.
func (a *API) frame(w http.ResponseWriter, r *http.Request) error {
	name, isJPEG := strings.CutSuffix(r.PathValue("frame"), ".jpg")
	seconds, err := strconv.ParseFloat(name, 64)
	if !isJPEG || err != nil || !(seconds >= 0 && seconds <= 1e6) { // NaN is neither
		return fmt.Errorf("api: show frame: %.40q is not seconds and .jpg, as 4.2.jpg: %w", r.PathValue("frame"), fault.NotFound)
	}
	if a.cfg.Pictures == nil {
		return fmt.Errorf("api: show frame: frames are not shown here: %w", fault.NotFound)
	}
	c, err := a.known(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	leave, err := a.enter(a.shown, "pictures")
	if err != nil {
		return err
	}
	defer leave()
	// Half a microsecond more: pts have six digits, and a frame's own time shows that frame.
	picture, err := a.cfg.Pictures.JPEG(r.Context(), c, time.Duration(seconds*1e9)+500)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Content-Length", strconv.Itoa(len(picture)))
	_, err = w.Write(picture)
	return gone(err)
}
