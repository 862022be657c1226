package serve

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"videoqa/answers/api"
	"videoqa/internal/fault"
	"videoqa/internal/modelflags"
)

func TestAProcessThatOnlyServesHTTPTellsOfTheSameModel(t *testing.T) {
	p := &Process{Machine: modelflags.Machine{Getenv: os.Getenv}}
	s := Settings{List: modelflags.List{Running: modelflags.Running{Precision: "auto", Device: "cpu", Preprocess: "hub"}}}
	told, err := s.modelsOf(p)
	if err != nil {
		t.Fatal(err)
	}
	opened, unload, err := s.open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer unload()
	if want := []api.Model{servedModel(opened[0].Description(), opened[0].Vision())}; !reflect.DeepEqual(told, want) {
		t.Errorf("told is %+v; the model is %+v", told, want)
	}
}

func TestEachModelOfAListHasItsName(t *testing.T) {
	list := modelflags.List{Model: []string{"", "small=" + modelflags.BuiltIn, "/models/a=b", "microsoft/git-base", "vqa=/srv/models/git"}, Running: modelflags.Running{Precision: "fp32"}}
	var got []string
	for _, f := range list.Each() {
		got = append(got, f.Name+"|"+f.Model+"|"+f.Precision)
	}
	want := []string{"||fp32", "small|" + modelflags.BuiltIn + "|fp32", "|/models/a=b|fp32", "|microsoft/git-base|fp32", "vqa|/srv/models/git|fp32"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the list is %q; want %q", got, want)
	}
	if one := (modelflags.List{}).Each(); len(one) != 1 || one[0].Model != "" {
		t.Errorf("no model is %+v; want the one that is built in", one)
	}
}

func TestTwoModelsOfOneNameAreRefused(t *testing.T) {
	p := &Process{Machine: modelflags.Machine{Getenv: os.Getenv}}
	s := Settings{List: modelflags.List{Model: []string{modelflags.BuiltIn, modelflags.BuiltIn}, Running: modelflags.Running{Precision: "auto", Device: "cpu", Preprocess: "hub"}}}
	if err := s.prepareModels(p); !errors.Is(err, fault.BadRequest) || !strings.Contains(err.Error(), "--model NAME=") {
		t.Errorf("two models of one name: %v", err)
	}
	s.Model[1] = "other=" + modelflags.BuiltIn
	if err := s.prepareModels(p); err != nil {
		t.Errorf("with names of their own: %v", err)
	}
}
