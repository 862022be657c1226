package answers

import "testing"

func TestQuestionsAboutTimeAreKnown(t *testing.T) {
	for _, question := range []string{
		"which way does the train move?", "Which way is the car going?", "what direction is the man walking in?", "In which direction does it turn?",
		"what comes first?", "what comes last?", "who leaves the room last?", "what does she do first?", "Which one arrives first?", "what is shown first in the video?",
		"what happens next?", "what does the man do next", "what happened before the crash?", "what did he do after he sat down?", "is the dog moving?", "does the boat move?",
		"does anything move", "when does the light turn green?", "how long does the man wait?", "how fast is the car?", "how many times does he jump?", "does it stay still?",
		"where is the bus going?", "did the woman fall?", "does the colour change?", "who enters the shop?", "what is at the end of the video?", "in what order do they appear?",
		"is she walking while talking?", "does the cat disappear?", "WHAT COMES FIRST", "where does the dog go?", "has the door started to open?",
	} {
		if !aboutTime(question) {
			t.Errorf("%q is not taken for a question about time", question)
		}
	}
	for _, question := range []string{
		"", "what is this?", "where is the dog?", "how many entries are there?", "is there a dog?", "what color is the background?", "what is next to the dog?",
		"are there leaves on the tree?", "is there a movie poster?", "how long is the table?", "what is the man doing?", "is there a stop sign?", "who is in the first row?",
		"what is the last name on the sign?", "is this fast food?", "what is going on?", "what time is it on the clock?", "is the man standing?", "is there a bus stop?",
		"what is at the end of the street?", "who was the street named after?", "is it a still life?", "what is on the wall?", "is the woman happy?", "what does the sign say?",
		"is there a motorcycle?", "what is the speed limit?", "is there a Christmas card in the income column?",
	} {
		if aboutTime(question) {
			t.Errorf("%q is taken for a question about time", question)
		}
	}
}
