package fault

// An Explanation says what a kind of error means and what to do about it.
type Explanation struct{ Name, Cause, Remedy string }

// Explanations has one for each of [Names], in that order. docs/errors.md shows them.
func Explanations() []Explanation {
	return []Explanation{
		{"damaged-record",
			"What the store kept is not what was written: a disk or a hand changed it.",
			"Ask again under another `question_id`; delete a damaged clip and register it again. Look at the store's disk, and go back to a backup if there is more of it."},
		{"bad-event",
			"The record is not the event that its topic and type say: it is not JSON, a required field is missing, or a value is over a limit. `reason` names the field.",
			"Correct the event by its schema in ingest/schema and send it again. It may keep its id: nothing was stored under it."},
		{"bad-id",
			"An id is not 1 to 128 letters, digits, dots, underscores, colons and hyphens that begin with a letter or a digit. `reason` names the field.",
			"Send the event again with another id."},
		{"unknown-schema",
			"This program does not know the event's type, or that major version of it.",
			"Send a type that asyncapi.yaml has, or run a version of videoqa that knows it."},
		{"conflict",
			"The `question_id` was used before for another request, and keeps the outcome of that one.",
			"Send the question under a new `question_id`. What is sent again has to be sent unchanged."},
		{"too-large",
			"The media, the event or the range is over a limit, which `reason` names.",
			"Make it smaller, or raise the setting that `reason` names, as `--media-max-bytes`; then `videoqa dlq replay`."},
		{"digest-mismatch",
			"The media's bytes are not those whose `digest` the event announced.",
			"Announce the digest of the bytes that are there, or none. Look for a transfer that was cut, or a file that was replaced."},
		{"refused-uri",
			"The service may not read that address. `reason` names the rule and its setting.",
			"Change the address, or the setting: `--media-roots` for files; `--media-http`, `--media-networks` and `--media-ports` for the network; `--s3-endpoint` and `--s3-prefixes` for buckets. Then `videoqa dlq replay`."},
		{"bad-video",
			"The media cannot be decoded, or are no video or picture of a kind that is read.",
			"Look at the file with ffprobe. If it was still being written, it may be whole now: `videoqa dlq replay`."},
		{"bad-model",
			"The files of the model cannot be used.",
			"Fetch the checkpoint again with `videoqa pull`, or copy it again."},
		{"bad-request",
			"What was asked for cannot be done, such as more frames than the model can tell apart, or choices with words that it cannot spell.",
			"Change the question as `reason` says and send it under a new `question_id`."},
		{"unknown-model",
			"The question names a `model` that the service does not have. `reason` names those that it has.",
			"Ask one of those, or leave `model` away; or start the service with that model too: `--model` may be given several times."},
		{"unknown-clip",
			"No event registered that `clip_id` before the deadline, or within `--work-wait`; or the clip was deleted.",
			"Register the clip under that very `clip_id`, on vqa.clips.v1 or by POST /v1/clips; then `videoqa dlq replay`."},
		{"no-footage",
			"No clip of the camera shows anything of the range, or it was not known in time that the recording had come to the range's end. `reason` says what is missing.",
			"Register clips with `camera`, `start` and `end`, or end a recording by a videoqa.clip.closed.v1 event or POST /v1/clips/{clip_id}/close; then `videoqa dlq replay`."},
		{"not-found",
			"Something that was asked for by its name does not exist.",
			"Look for a misspelt name."},
		{"crashed-worker",
			"The process ended twice while it worked on this and on nothing else.",
			"Keep the media and report it: they show a bug of a decoder. `videoqa dlq replay` grants two more attempts."},
		{"deadline",
			"The question's own `deadline` was over before it could be answered.",
			"Give a later deadline, or none; start more workers if many questions are late. `videoqa dlq replay` has it answered whatever the time."},
		{"overload",
			"More questions waited than `--work-queue` allows, and this one says `on_overload: drop`.",
			"Start more workers, raise `--work-queue`, or leave `on_overload` away; then `videoqa dlq replay`."},
		{"unreachable-uri",
			"The address may be read and could not be: no such file, a host that does not answer, another status than 200, or an upload that this process does not see.",
			"Put the media there, then `videoqa dlq replay`. For uploads, give all processes one `--spool-url`."},
		{"unavailable",
			"The store, the broker or the model was down.",
			"See /health/ready and the log. Questions wait until it is back; what is a dead letter nevertheless: `videoqa dlq replay`."},
		{"cancelled",
			"The work was called off, because the asker went away or the process was stopped.",
			"Ask again, or `videoqa dlq replay`."},
		{"timeout",
			"The work took longer than `--work-patience` or `--media-timeout` allows.",
			"Raise the setting, or ask about less footage; then `videoqa dlq replay`."},
		{"internal",
			"A bug of videoqa, or something that no other kind describes.",
			"Report it, with what `videoqa dlq show` prints and the log; then `videoqa dlq replay`."},
	}
}

// Explain returns the explanation of a verdict's name; false: there is no such name.
func Explain(name string) (Explanation, bool) {
	for _, e := range Explanations() {
		if e.Name == name {
			return e, true
		}
	}
	return Explanation{}, false
}
