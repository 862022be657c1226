package answers_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"videoqa/answers"
	"videoqa/ingest"
)

// unlike are pictures that are none of the small world.
func unlike(t *testing.T) map[string]answers.Subject {
	random := rand.New(rand.NewPCG(1, 2))
	wave := func(x float64) uint8 { return uint8(127.5 + 127.5*math.Sin(x)) }
	all := map[string]answers.Subject{}
	for name, at := range map[string]func(x, y float64) color.RGBA{
		"noise": func(_, _ float64) color.RGBA {
			return color.RGBA{uint8(random.IntN(256)), uint8(random.IntN(256)), uint8(random.IntN(256)), 255}
		},
		"grey noise": func(_, _ float64) color.RGBA { v := uint8(random.IntN(256)); return color.RGBA{v, v, v, 255} },
		"plain grey": func(_, _ float64) color.RGBA { return color.RGBA{128, 128, 128, 255} },
		"black":      func(_, _ float64) color.RGBA { return color.RGBA{0, 0, 0, 255} },
		"white":      func(_, _ float64) color.RGBA { return color.RGBA{255, 255, 255, 255} },
		"a gradient": func(x, y float64) color.RGBA { return color.RGBA{uint8(255 * x), uint8(255 * y), 90, 255} },
		"rings": func(x, y float64) color.RGBA {
			v := wave(60 * math.Hypot(x-.5, y-.5))
			return color.RGBA{v, 255 - v, v, 255}
		},
		"stripes": func(x, _ float64) color.RGBA { v := wave(90 * x); return color.RGBA{v, v, v, 255} },
		"waves": func(x, y float64) color.RGBA {
			return color.RGBA{wave(30*x + 9*math.Sin(8*y)), wave(20 * y), wave(25 * x * y), 255}
		},
	} {
		im := image.NewRGBA(image.Rect(0, 0, 160, 120))
		for y := range 120 {
			for x := range 160 {
				im.SetRGBA(x, y, at(float64(x)/160, float64(y)/120))
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, im); err != nil {
			t.Fatal(err)
		}
		all[name] = subjectOf(b.Bytes())
	}
	// Drawn by testdata/world/outside.py: text, faces, charts, screens and others.
	drawn, err := filepath.Glob("../testdata/world/outside/*.jpg")
	if err != nil || len(drawn) < 20 {
		t.Fatalf("there are %d drawings, %v", len(drawn), err)
	}
	for _, path := range append(drawn, "../testdata/clips/cfr.mp4", "../testdata/clips/rgb/cfr.mp4.png") {
		all[filepath.Base(path)] = subject(t, path[len("../testdata/"):])
	}
	return all
}

func TestTheDemonstrationModelAbstainsOutsideItsWorld(t *testing.T) {
	s := service(t, answers.Config{})
	for name, sub := range unlike(t) {
		for range 2 { // the second time from what is remembered
			for _, a := range ask(t, s, sub, everyKind...) {
				if a.Text != "" || !a.Abstained || a.Score >= 0.5 || !slices.Contains(a.Sampling.Notes, ingest.OutOfDistribution) {
					t.Errorf("%s: %s %q: %q with score %v, noted %v", name, a.Kind, a.Question, a.Text, a.Score, a.Sampling.Notes)
				}
			}
		}
	}
}

func TestTheDemonstrationModelAnswersInsideItsWorld(t *testing.T) {
	s := service(t, answers.Config{})
	for _, name := range []string{"yard.mp4", "airfield.mkv", "crossing.webm", "meadow.mp4", "portrait.mp4", "harbour.jpg"} {
		for _, a := range ask(t, s, subject(t, "world/demo/"+name), ingest.Question{Text: "how many things are there?", Kind: ingest.Count}, ingest.Question{Text: "what color is the background?"}) {
			if a.Text == "" || a.Abstained || a.Score < 0.5 || slices.Contains(a.Sampling.Notes, ingest.OutOfDistribution) {
				t.Errorf("%s: %q: %q with score %v, noted %v", name, a.Question, a.Text, a.Score, a.Sampling.Notes)
			}
		}
	}
}
