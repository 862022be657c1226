package session

import (
	"errors"
	"sync"
	"testing"

	"videoqa/internal/onnx"
)

func TestOneFailureToOpenIsNotEveryonesFailure(t *testing.T) {
	p := &pool{limit: 2}
	begun, fail := make(chan struct{}), make(chan struct{})
	var first, second error
	var all sync.WaitGroup
	all.Go(func() {
		_, _, first = p.use("text", func() (*onnx.Session, error) {
			close(begun)
			<-fail
			return nil, errors.New("the first asker is gone")
		})
	})
	<-begun
	all.Go(func() {
		var done func()
		if _, done, second = p.use("text", func() (*onnx.Session, error) { return &onnx.Session{}, nil }); second == nil {
			done()
		}
	})
	close(fail)
	all.Wait()
	if first == nil || second != nil {
		t.Errorf("the first gets %v and the second %v; want only the first to fail", first, second)
	}
}
