package answers

import "regexp"

// timing finds English questions about time: order, motion, change, duration. It
// looks for whole phrases, so that "next to", "leaves of a tree", "a movie" and "how
// long is the table" are not taken for any.
var timing = regexp.MustCompile(`(?i)\b(?:` +
	// motion
	`(?:which|what) (?:way|direction)|direction (?:is|does|do|are)|mov(?:e|es|ed|ing)|motions?|travel(?:s|l?ed|l?ing)?|going (?:to|from)|` +
	`com(?:e|es|ing)|came|arriv(?:e|es|ed|ing)|enter(?:s|ed|ing)?|exit(?:s|ed|ing)|depart(?:s|ed|ing)?|approach(?:es|ed|ing)?|leav(?:e|es|ing) (?:the|a|from|first|last|before|after)|` +
	`turn(?:s|ed|ing)|stops|stopped|stopping|(?:stay|stays|stand|stands|standing|keep|keeps|hold|holds) still|speed|fast(?:er|est)?|slow(?:er|est|ly|s)|quick(?:er|est|ly)|` +
	// change
	`happen(?:s|ed|ing)?|chang(?:e|es|ed|ing)|becom(?:e|es|ing)|became|disappear(?:s|ed|ing)?|vanish(?:es|ed|ing)?|start(?:s|ed|ing)?|begin(?:s|ning)?|began|ends|ended|finish(?:es|ed|ing)?|did|` +
	// order
	`(?:happens|appears|goes|moves|arrives|seen|shown) (?:first|last|next)|before|after(?:wards?)?|earlier|later|finally|eventually|previously|meanwhile|simultaneously|` +
	`at the same time|(?:which|what) (?:order|sequence)|(?:first|last|next) (?:in|of) the (?:video|clip|film|recording)|at the (?:start|end) of the (?:video|clip|film|scene|recording)|` +
	// duration and frequency
	`when|while|during|until|how (?:often|soon|quickly|slowly)|how many times|how long (?:does|do|did|has|have|had|will|until|before|after|was|were|ago)|again|repeatedly|twice|ever|always|never` +
	`)\b|\b(?:first|last|next|then|going|goes|go|at the start|at the end)\W*$`)

// untimely finds phrases with words of timing that are not about time.
var untimely = regexp.MustCompile(`(?i)\b(?:named after|look(?:s|ing|ed)? after|after all|(?:comes?|coming|came) (?:with|in (?:a|the) (?:box|colou?r))|going on|starting (?:line|grid)|` +
	`fast food|slow cooker|moving (?:box|boxes|van|company)|living room|change (?:machine|purse)|speed (?:limit|sign)|stop sign|when in)\b`)

// aboutTime reports whether a question asks for something that a single picture cannot
// show.
func aboutTime(question string) bool {
	return timing.MatchString(untimely.ReplaceAllString(question, " "))
}
