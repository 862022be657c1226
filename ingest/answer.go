package ingest

import "videoqa/temporal"

// An Answer is the one answer object of the command line, HTTP, Kafka and
// webhooks: the data of videoqa.answer.created.v1.
type Answer struct {
	ID         string     `json:"answer_id"`
	QuestionID string     `json:"question_id"`
	Camera     string     `json:"camera,omitempty"`
	Clips      []SeenClip `json:"clips"`
	Start      *Time      `json:"start,omitempty"` // only where the clip has a wall clock
	End        *Time      `json:"end,omitempty"`
	Question   string     `json:"question"`
	Kind       Kind       `json:"kind"`
	Text       string     `json:"answer"` // "" when abstained
	Score      float64    `json:"score"`  // probability of the whole answer, stop token included; over the choices for closed kinds
	Abstained  bool       `json:"abstained"`
	Evidence   []Evidence `json:"evidence"`
	Sampling   Sampling   `json:"sampling"`

	// UnknownFields are those of the question's event that were ignored, and whose names
	// are nearly those of fields that there are.
	UnknownFields []string `json:"unknown_fields,omitempty"`

	Model      Model    `json:"model"`
	Cache      CacheUse `json:"cache"`
	Cost       Cost     `json:"cost"`
	ProducedAt Time     `json:"produced_at"`
}

// A SeenClip is one clip that an answer was read from.
type SeenClip struct {
	ID     string `json:"clip_id"`
	Digest string `json:"digest"` // sha256 of the bytes that we read
	Start  *Time  `json:"start,omitempty"`
}

// Evidence is a moment that speaks for the answer.
type Evidence struct {
	ClipID string           `json:"clip_id"`
	PTS    temporal.Seconds `json:"pts"`
	Time   *Time            `json:"time,omitempty"`
	Score  float64          `json:"score"`
}

// Sampling is the receipt: which frames were looked at, and what was wrong.
type Sampling struct {
	Policy    string      `json:"policy"` // "uniform" or "grid"
	Requested int         `json:"requested"`
	Frames    []SeenFrame `json:"frames"`
	Notes     []Note      `json:"notes"`
}

// A SeenFrame is one frame that the model looked at.
type SeenFrame struct {
	ClipID string           `json:"clip_id"`
	PTS    temporal.Seconds `json:"pts"`
	Time   *Time            `json:"time,omitempty"`
}

// A Note says what an answer's reader should know. The list is in the schema, and may
// grow: a reader ignores notes that it does not know.
type Note string

// The notes.
const (
	Degraded      Note = "degraded"        // damaged frames were left out
	Incomplete    Note = "incomplete"      // the range was still being recorded
	FewerFrames   Note = "fewer-frames"    // the clip shows fewer than were asked for
	Cut           Note = "cut"             // the answer stopped at the step limit
	UnknownWords  Note = "unknown-words"   // the question holds words the model has never seen
	QuestionCut   Note = "question-cut"    // only the question's last tokens fit
	NoToneMapping Note = "no-tone-mapping" // HDR or BT.2020 colours, converted by matrix only
	ClockJump     Note = "clock-jump"      // the file's clock restarts or jumps; pts go on without the jump
	FirstPicture  Note = "first-picture"   // an animated picture, of which the first was looked at
	UnknownField  Note = "unknown-field"   // the question has fields that may be misspelt: Answer.UnknownFields
	// OutOfDistribution: the pictures are unlike those that the model was trained on, so
	// it abstained.
	OutOfDistribution Note = "out-of-distribution"
	NoTime            Note = "no-time" // the question is about time, and one picture was looked at
)

// Notes lists every note.
func Notes() []Note {
	return []Note{Degraded, Incomplete, FewerFrames, Cut, UnknownWords, QuestionCut, NoToneMapping, ClockJump, FirstPicture, UnknownField, OutOfDistribution, NoTime}
}

// Model says what answered. It may grow: readers have to ignore fields that they do
// not know.
type Model struct {
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	Precision  string `json:"precision"`
	Preprocess string `json:"preprocess"` // "hub" or "original"
	Device     string `json:"device"`
	// Demonstration says that the model only shows how the program works: it cannot
	// answer about real footage. It is left out where it is false.
	Demonstration bool `json:"demonstration,omitempty"`
}

// CacheUse says what had to be computed for the answer. It may grow, as Model may.
type CacheUse struct {
	FramesHit  int    `json:"frames_hit"`
	FramesMiss int    `json:"frames_miss"`
	Prefix     string `json:"prefix"` // "hit" or "miss"
}

// Cost is the time spent by stage, in milliseconds of wall clock. It may grow, as Model
// may. What questions asked together share is reported whole in each of their answers.
type Cost struct {
	QueueMS    float64 `json:"queue_ms"`
	FetchMS    float64 `json:"fetch_ms"`
	DecodeMS   float64 `json:"decode_ms"`
	EncodeMS   float64 `json:"encode_ms"`
	PrefixMS   float64 `json:"prefix_ms"`
	GenerateMS float64 `json:"generate_ms"`
}
