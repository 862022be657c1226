package api_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"videoqa/ingest"
	"videoqa/ingest/media/bucket"
	"videoqa/ingest/media/spool"
	"videoqa/internal/eventually"
	"videoqa/internal/fault"
)

// eachSpool runs a test on a house with either kind of spool.
func eachSpool(t *testing.T, do func(h *house)) {
	t.Run("folder", func(t *testing.T) { do(newHouse(t)) })
	t.Run("remote", func(t *testing.T) {
		backend := s3mem.New()
		if err := backend.CreateBucket("media"); err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(gofakes3.New(backend).Server())
		t.Cleanup(server.Close)
		client, err := bucket.New(bucket.Config{Endpoint: server.URL, AccessKey: "id", SecretKey: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		far, err := spool.NewRemote(spool.RemoteConfig{Client: client, Bucket: "media", Prefix: "spool", Dir: t.TempDir(), MaxBytes: 1 << 16})
		if err != nil {
			t.Fatal(err)
		}
		do(newHouseWith(t, far))
	})
}

// upload posts a form, and wants it taken.
func (h *house) upload(path, as, description, content string) *call {
	h.t.Helper()
	return h.uploadFor(map[string]int{"clip": 201, "request": 200}[as], path, as, description, content)
}

// uploadFor posts a form, and wants a status.
func (h *house) uploadFor(status int, path, as, description, content string) *call {
	h.t.Helper()
	body, kind := form(h.t, as, description, content)
	return h.want(&call{method: "POST", path: path, body: body, kind: kind}, status)
}

// has reports whether the spool has some bytes.
func (h *house) has(content string) bool {
	h.t.Helper()
	file, err := h.spool.Get(h.t.Context(), digestOf(content))
	if errors.Is(err, fault.Unavailable) { // it went while it was being read
		file, err = h.spool.Get(h.t.Context(), digestOf(content))
	}
	if err != nil && !errors.Is(err, fault.NotFound) {
		h.t.Fatal(err)
	}
	if err == nil {
		file.Close()
	}
	return err == nil
}

func (h *house) wantKept(when, content string) {
	h.t.Helper()
	if !h.has(content) {
		h.t.Errorf("%s, the upload of %s is gone", when, content)
	}
}

func (h *house) wantGone(when, content string) {
	h.t.Helper()
	if h.has(content) {
		h.t.Errorf("%s, the upload of %s is still there", when, content)
	}
}

// wantGoneSoon waits for another process to remove some bytes.
func (h *house) wantGoneSoon(when, content string) {
	h.t.Helper()
	eventually.True(h.t, when+", the upload of "+content+" goes", func() bool { return !h.has(content) })
}

func TestAnUploadGoesWithItsClipWhoeverDeletesThat(t *testing.T) {
	eachSpool(t, func(h *house) {
		h.upload("/v1/clips", "clip", `{"clip_id":"c-1"}`, "a hen")
		h.upload("/v1/clips", "clip", `{"clip_id":"c-2"}`, "a cow")
		m, err := ingest.DeletedClip{ID: "c-1"}.Message(ingest.TopicClips, "someone", ingest.NewTime(time.Now()))
		if err == nil {
			err = h.client.Publish(h.t.Context(), m)
		}
		if err != nil {
			h.t.Fatal(err)
		}
		h.wantGoneSoon("after an event deleted its clip", "a hen")
		h.want(&call{method: "DELETE", path: "/v1/clips/c-1"}, 204)
		h.wantKept("after another clip was deleted", "a cow")
		h.want(&call{method: "DELETE", path: "/v1/clips/c-2"}, 204)
		h.wantGone("after a request deleted its clip", "a cow")
	})
}

func TestAnUploadGoesWhenItsClipNamesAnother(t *testing.T) {
	eachSpool(t, func(h *house) {
		h.upload("/v1/clips", "clip", `{"clip_id":"c-1"}`, "a hen")
		h.upload("/v1/clips", "clip", `{"clip_id":"c-2"}`, "a hen")
		h.upload("/v1/clips", "clip", `{"clip_id":"c-1"}`, "a cow")
		h.wantKept("while another clip has it", "a hen")
		h.upload("/v1/clips", "clip", `{"clip_id":"c-2"}`, "a cow")
		h.wantGoneSoon("when both clips were uploaded anew", "a hen")
		h.want(&call{method: "POST", path: "/v1/clips", body: object{"clip_id": "c-1", "uri": h.file("1", "a dog")}}, 201)
		h.wantKept("while one clip has it", "a cow")
		h.want(&call{method: "DELETE", path: "/v1/clips/c-2"}, 204)
		h.wantGone("when one clip has a URI and the other is deleted", "a cow")
	})
}

func TestAnUploadThatWasAskedAboutGoesWithTheClipOfItsAnswer(t *testing.T) {
	eachSpool(t, func(h *house) {
		h.upload("/v1/questions", "request", `{"questions":[{"question_id":"q-1","question":"what is it?"}]}`, "a hen")
		h.wantKept("after its question was answered", "a hen")
		c := h.want(&call{method: "GET", path: "/v1/questions/q-1"}, 200)
		id := ingest.NamelessClip(digestOf("a hen"))
		h.want(c, 200, id)
		h.want(&call{method: "DELETE", path: "/v1/clips/" + id}, 204)
		h.want(&call{method: "GET", path: "/v1/questions/q-1"}, 410)
		h.wantGone("after the clip of its answer was deleted", "a hen")
		// Asked again, it is about a deleted clip: nothing of it stays.
		h.uploadFor(404, "/v1/questions", "request", `{"questions":[{"question_id":"q-2","question":"what is it?"}]}`, "a hen")
		h.wantGoneSoon("after it was asked about in vain", "a hen")
	})
}

func TestAnUploadStaysWhileAQuestionWaits(t *testing.T) {
	h := newHouse(t)
	release := h.holdAsker()
	body, kind := form(t, "request", `{"questions":[{"question_id":"q-1","question":"what is it?"},{"question_id":"q-2","question":"where is it?"}]}`, "a hen")
	h.want(&call{method: "POST", path: "/v1/questions", body: body, kind: kind, header: map[string]string{"Prefer": "respond-async"}}, 202)
	h.upload("/v1/clips", "clip", `{"clip_id":"c-1"}`, "a hen")
	h.want(&call{method: "DELETE", path: "/v1/clips/c-1"}, 204)
	h.wantKept("while questions wait that brought it, too", "a hen")
	release()
	c := h.want(&call{method: "POST", path: "/v1/questions", body: body, kind: kind}, 200)
	if got := fmt.Sprint(answersIn(t, c)); got != "[q-1: answered a hen q-2: answered a hen]" {
		t.Error(got)
	}
	h.want(&call{method: "DELETE", path: "/v1/clips/" + ingest.NamelessClip(digestOf("a hen"))}, 204)
	h.wantGoneSoon("when nothing needs it any more", "a hen")
}

// What is in the spool is what somebody may still ask for: a question that could not
// be answered may be replayed, and one that is a conflict is nobody's.
func TestAnUploadOfAConflictGoes(t *testing.T) {
	h := newHouse(t)
	h.uploadFor(422, "/v1/questions", "request", `{"questions":[{"question_id":"q-1","question":"what is it?"}]}`, "broken")
	h.uploadFor(409, "/v1/questions", "request", `{"questions":[{"question_id":"q-1","question":"what is it?"}]}`, "a cow")
	h.wantGoneSoon("when its question was asked before about another", "a cow")
	h.wantKept("when its question is dead", "broken")
	h.want(&call{method: "DELETE", path: "/v1/clips/" + ingest.NamelessClip(digestOf("broken"))}, 204)
	h.wantGone("when its clip was deleted", "broken")
}

func TestADeletionThatCannotRemoveTheUploadIsNotDone(t *testing.T) {
	h := newHouse(t)
	h.upload("/v1/clips", "clip", `{"clip_id":"c-1"}`, "a hen")
	h.spool.stuck.Store(true)
	h.want(&call{method: "DELETE", path: "/v1/clips/c-1"}, 503, "unavailable")
	h.wantKept("while the disk is read-only", "a hen")
	h.spool.stuck.Store(false)
	h.want(&call{method: "DELETE", path: "/v1/clips/c-1"}, 204)
	h.wantGone("when it is not", "a hen")
}

// A form that is refused leaves nothing in the spool, and what is wrong with its
// JSON is said before its media are read.
func TestWhatIsRefusedLeavesNoUpload(t *testing.T) {
	h := newHouse(t)
	again := map[string]string{"Idempotency-Key": "k-1"}
	body, kind := form(t, "clip", `{"clip_id":"c-1"}`, "a hen")
	h.want(&call{method: "POST", path: "/v1/clips", body: body, kind: kind, header: again}, 201)
	for _, tc := range []struct {
		path, as, description string
		header                map[string]string
		status                int
		says                  string
		unread                bool // without its media
	}{
		{"/v1/clips", "clip", `{not json`, nil, 400, "bad-request", true},
		{"/v1/clips", "clip", `{"clip_id":"c/2"}`, nil, 400, "bad-id", true},
		{"/v1/clips", "clip", `{"digest":"sha256:12"}`, nil, 400, "digest", true},
		{"/v1/clips", "clip", `{"uri":"file:///a"}`, nil, 400, "an upload or a uri, not both", true},
		{"/v1/clips", "clip", `{"clip_id":"c-2","digest":"` + digestOf("another") + `"}`, nil, 422, "digest-mismatch", false},
		{"/v1/clips", "clip", `{"clip_id":"c-2"}`, again, 422, "idempotency-key-reused", false},
		{"/v1/questions", "request", `{"questions":[]}`, nil, 400, "from 1 to 64", true},
		{"/v1/questions", "request", `{"questions":[{"question_id":"q/1","question":"what?"}]}`, nil, 400, "bad-id", true},
		{"/v1/questions", "request", `{"clip_id":"c-1","questions":[{"question":"what?"}]}`, nil, 400, "an upload, a clip_id or a uri, one of them", true},
	} {
		body, kind := form(t, tc.as, tc.description, "a cow")
		h.want(&call{method: "POST", path: tc.path, body: body, kind: kind, header: tc.header}, tc.status, tc.says)
		if h.has("a cow") {
			t.Errorf("%s, refused with %d, stays in the spool", tc.description, tc.status)
		}
		if tc.unread {
			cut := strings.Index(body, "a cow")
			h.want(&call{method: "POST", path: tc.path, body: body[:cut], kind: kind, header: tc.header}, tc.status, tc.says)
		}
	}
	if n, err := h.spool.Used(t.Context()); err != nil || n != int64(len("a hen")) {
		t.Errorf("%d bytes are in the spool (%v); want only those that were taken", n, err)
	}
	// What another clip has does not go because somebody's form was refused.
	body, kind = form(t, "clip", `{"clip_id":"c-2","digest":"`+digestOf("another")+`"}`, "a hen")
	h.want(&call{method: "POST", path: "/v1/clips", body: body, kind: kind}, 422)
	h.wantKept("after a refusal of the same bytes", "a hen")
}

// Of many that bring the same bytes, some are refused: those that are taken have
// their media.
func TestTheSameBytesAreTakenAndRefusedAtOnce(t *testing.T) {
	h := newHouse(t)
	cfg := h.cfg
	cfg.Uploads = 8
	h.url = h.serve(cfg)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for turn := range 5 {
				id, digest := fmt.Sprint("c-", i), ""
				if (i+turn)%2 == 0 {
					digest = digestOf("another")
				}
				body, kind := form(t, "clip", fmt.Sprintf(`{"clip_id":%q,"digest":%q}`, id, digest), "a hen")
				c := h.do(&call{method: "POST", path: "/v1/clips", body: body, kind: kind, wrong: true})
				if want := map[bool]int{true: 201, false: 422}[digest == ""]; c.status != want {
					t.Errorf("%d %s; want %d", c.status, c.reply, want)
				}
				if c.status != 201 {
					continue
				}
				if !h.has("a hen") {
					t.Errorf("clip %s has no media", id)
				}
				if c := h.do(&call{method: "DELETE", path: "/v1/clips/" + id}); c.status != 204 {
					t.Errorf("%d %s", c.status, c.reply)
				}
			}
		})
	}
	group.Wait()
	h.wantGoneSoon("after all were deleted", "a hen")
}

func TestAFormsJSONIsNotSaidToBeSomethingElse(t *testing.T) {
	h := newHouse(t)
	for _, partType := range []string{
		"text/xml", "text/html", "image/png", "video/mp4", "application/xml", "multipart/mixed; boundary=b", "application/x-www-form-urlencoded", "application/json-seq", "nonsense;",
		"application/json; charset=utf-16", "application/json; charset=iso-8859-1", "text/plain; charset=utf-16", "application/octet-stream; charset=ebcdic",
	} {
		for path, as := range map[string]string{"/v1/clips": "clip", "/v1/questions": "request"} {
			body, kind := formOf(t, as, partType, `{"questions":[{"question":"what is it?"}]}`, "a hen")
			h.want(&call{method: "POST", path: path, body: body, kind: kind}, 415, "unsupported-media-type")
		}
	}
}

// The name says which part is JSON. Clients give it the type of any text, or of any file.
func TestAFormsJSONMayHaveTheTypeThatItsClientGivesIt(t *testing.T) {
	h := newHouse(t)
	for client, partType := range map[string]string{
		"requests.post(data=…), curl -F with a value": "", "one that knows": `Application/JSON; charset="utf-8"`, "aiohttp": "text/plain; charset=utf-8", "Spring": "text/plain;charset=UTF-8",
		"curl -F of a .txt file": "text/plain", "Apache HttpClient": "text/plain; charset=ISO-8859-1", "curl -F of a .json file": "application/octet-stream", "text that is ASCII": "text/plain; charset=us-ascii",
	} {
		t.Run(client, func(t *testing.T) {
			body, kind := formOf(t, "clip", partType, `{"clip_id":"c-1"}`, "a hen")
			h.want(&call{method: "POST", path: "/v1/clips", body: body, kind: kind}, 201)
			body, kind = formOf(t, "request", partType, `{"questions":[{"question":"what is it?"}]}`, "a hen")
			h.want(&call{method: "POST", path: "/v1/questions", body: body, kind: kind}, 200, "a hen")
		})
	}
	body, kind := formOf(t, "request", "text/plain; charset=ISO-8859-1", "{\"questions\":[{\"question\":\"caf\xe9?\"}]}", "a hen")
	h.want(&call{method: "POST", path: "/v1/questions", body: body, kind: kind}, 415, "UTF-8")
	body, kind = formOf(t, "request", "text/plain", "{\"questions\":[{\"question\":\"caf\xe9?\"}]}", "a hen")
	h.want(&call{method: "POST", path: "/v1/questions", body: body, kind: kind}, 400, "not UTF-8")
}
