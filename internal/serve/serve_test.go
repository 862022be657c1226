package serve

import (
	"os"
	"reflect"
	"testing"

	"videoqa/internal/modelflags"
)

func TestAProcessThatOnlyServesHTTPTellsOfTheSameModel(t *testing.T) {
	p := &Process{Machine: modelflags.Machine{Getenv: os.Getenv}}
	s := Settings{Flags: modelflags.Flags{Precision: "auto", Device: "cpu", Preprocess: "hub"}}
	told, err := s.modelOf(p)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Open(t.Context(), p.Machine)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if want := servedModel(m.Description(), m.Vision()); !reflect.DeepEqual(told, want) {
		t.Errorf("told is %+v; the model is %+v", told, want)
	}
}
