package answers

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"videoqa/answers/features"
	"videoqa/frames"
	"videoqa/ingest"
)

// Every key and id of the service is made here. A key names all that decides its value, and nothing else: what is remembered
// under it is right for every caller that makes the same key, in this process or, of features, in another.

// planKey names what decides which prepared pictures of a clip are used.
func (j *job) planKey(s Subject) string {
	return features.Key(s.Digest, frames.Revision, strconv.Itoa(j.count), s.From.String(), s.To.String(), j.preparation())
}

// momentKey names the prepared picture that a clip shows at a time.
func (j *job) momentKey(digest string, at time.Duration) string {
	return features.Key(digest, frames.Revision, "at", at.String(), j.preparation())
}

// momentsKey names the decoding of some moments of a clip.
func momentsKey(digest string, at []time.Duration) string {
	return features.Key(digest, fmt.Sprint(at))
}

// preparation names how pictures are prepared.
func (j *job) preparation() string { return fmt.Sprintf("%+v", j.model.Vision().Preparation) }

// featureKey names the features of a prepared picture, by its digest.
func (j *job) featureKey(picture string) string {
	return features.Key(append(j.model.FeatureKey(), picture)...)
}

// featureKeys returns the keys of the features of the frames used.
func (j *job) featureKeys(v usedFrames) []string {
	keys := make([]string, len(v.frames))
	for i, l := range v.frames {
		keys[i] = j.featureKey(l.digest)
	}
	return keys
}

// prefixKey names the prefix of the frames used.
func (j *job) prefixKey(v usedFrames, still bool) (string, error) {
	parts, err := j.model.ContextKey(len(v.frames), !still)
	if err != nil {
		return "", err
	}
	return features.Key(append(parts, j.featureKeys(v)...)...), nil
}

// pictureDigest is that of a prepared picture: of its size and the bytes that the vision graph reads.
func pictureDigest(p frames.Picture) string {
	h := sha256.New()
	var size [16]byte
	binary.LittleEndian.PutUint64(size[:8], uint64(p.Width))
	binary.LittleEndian.PutUint64(size[8:], uint64(p.Height))
	h.Write(size[:])
	h.Write(p.Pix)
	return hex.EncodeToString(h.Sum(nil))
}

// questionID is the id of a question that has none: it follows from what is asked. Of footage, media is empty.
func questionID(media Subject, q ingest.Question) string {
	parts := []string{media.Digest, media.From.String(), media.To.String(), q.Text, string(q.AsKind()), strings.Join(q.Choices, "\n")}
	if q.Model != "" {
		parts = append(parts, q.Model)
	}
	return "q-" + features.Key(parts...)[:16]
}

// answerID follows from the question, from what answered it and how, and from the frames used: clip, time and picture of
// each frame.
func (j *job) answerID(a *ingest.Answer, q ingest.Question, media Subject, used []string) string {
	m := j.model.Description()
	return "a-" + features.Key(append([]string{
		a.QuestionID, q.RequestHash(), m.Digest, string(m.Precision), string(m.Preprocess), a.Sampling.Policy, strconv.Itoa(j.count),
		media.From.String(), media.To.String(), fmt.Sprint(j.s.cfg.MaxTokens, j.s.cfg.Beam, j.s.cfg.AbstainBelow),
	}, used...)...)[:32]
}
