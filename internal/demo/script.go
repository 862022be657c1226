package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"videoqa/ingest"
)

// A scene is one clip of the demo, and what is asked about it.
type scene struct {
	File      string            `json:"file"`
	Camera    string            `json:"camera"`
	Start     ingest.Time       `json:"start"`
	Questions []ingest.Question `json:"questions"` // without ids and targets

	clip ingest.Clip
}

// readScript reads demo.json and writes its clips into folder, where the service
// may read them.
func readScript(files fs.FS, folder string) (scenes []scene, err error) {
	text, err := fs.ReadFile(files, "demo.json")
	if err != nil {
		return nil, fmt.Errorf("demo: read: %w", err)
	}
	if err := json.Unmarshal(text, &scenes); err != nil {
		return nil, fmt.Errorf("demo: read: %w", err)
	}
	if len(scenes) == 0 {
		return nil, errors.New("demo: read: demo.json holds no scene")
	}
	for i := range scenes {
		if err := scenes[i].prepare(files, folder); err != nil {
			return nil, fmt.Errorf("demo: read: scene %d: %w", i+1, err)
		}
	}
	return scenes, nil
}

func (s *scene) prepare(files fs.FS, folder string) error {
	video, err := fs.ReadFile(files, s.File)
	if err != nil {
		return err
	}
	path := filepath.Join(folder, filepath.Base(s.File))
	if err := os.WriteFile(path, video, 0o600); err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(s.File), filepath.Ext(s.File))
	s.clip = ingest.Clip{ID: name, URI: "file://" + path, Camera: s.Camera}
	if !s.Start.IsZero() {
		s.clip.Start = &s.Start
	}
	for i := range s.Questions {
		q := &s.Questions[i]
		q.ID, q.ClipID, q.Camera = fmt.Sprintf("%s-q%d", name, i+1), name, s.Camera
		if err := q.Validate(); err != nil {
			return err
		}
	}
	return s.clip.Validate()
}

// A publisher writes records, as any Kafka client may.
type publisher interface {
	Publish(ctx context.Context, messages ...ingest.Message) error
}

// announce publishes the scene's clip as a CloudEvent in binary mode.
func (s *scene) announce(ctx context.Context, to publisher) error {
	value, err := json.Marshal(s.clip)
	if err != nil {
		return err
	}
	return to.Publish(ctx, ingest.Message{Topic: ingest.TopicClips, Key: []byte(s.Camera), Value: value, Headers: []ingest.Header{
		{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte(s.clip.ID)}, {Key: "ce_source", Value: []byte("/demo")},
		{Key: "ce_type", Value: []byte(ingest.TypeClipCreated)}, {Key: "content-type", Value: []byte("application/json")},
	}})
}

// ask publishes questions as plain JSON.
func (s *scene) ask(ctx context.Context, to publisher, questions []ingest.Question) error {
	var messages []ingest.Message
	for _, q := range questions {
		value, err := json.Marshal(q)
		if err != nil {
			return err
		}
		messages = append(messages, ingest.Message{Topic: ingest.TopicQuestions, Key: []byte(s.Camera), Value: value})
	}
	return to.Publish(ctx, messages...)
}
