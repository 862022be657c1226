package gitvideo

import (
	"math"

	"videoqa/internal/checkpoint"
)

// inDistribution is the probability that a clip's pictures are like those that the
// model was trained on, by the checkpoint's detector; 1 if it has none.
func inDistribution(d *checkpoint.Detector, frames []pictureTokens) float64 {
	if d == nil {
		return 1
	}
	var sum float64
	for _, f := range frames {
		sum += float64(detect(d, f))
	}
	return 1 / (1 + math.Exp(-sum/float64(len(frames))))
}

// detect is the detector's z of one picture.
func detect(d *checkpoint.Detector, f pictureTokens) float32 {
	n := d.Token.Out
	pooled, token := make([]float32, 2*n), make([]float32, n)
	mean, most := pooled[:n], pooled[n:]
	for i := range f.Tokens {
		perceive(d.Token, f.Data[i*f.Width:][:f.Width], token)
		for k, t := range token {
			t = max(0, t)
			mean[k] += t / float32(f.Tokens)
			most[k] = max(most[k], t) // which begins at 0, as small as t can be
		}
	}
	hidden, z := make([]float32, d.Pooled.Out), make([]float32, 1)
	perceive(d.Pooled, pooled, hidden)
	for k, h := range hidden {
		hidden[k] = max(0, h)
	}
	perceive(d.Output, hidden, z)
	return z[0]
}

// perceive sets out to the layer's sums over in.
func perceive(l checkpoint.Layer, in, out []float32) {
	for o := range out {
		sum := l.Bias[o]
		for i, w := range l.Weight[o*l.In:][:l.In] {
			sum += w * in[i]
		}
		out[o] = sum
	}
}
