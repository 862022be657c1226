package serve

import (
	"context"
	"encoding/json"
	"time"

	"videoqa/answers/store"
	"videoqa/answers/store/postgres"
	"videoqa/ingest/media/spool"
	"videoqa/internal/config"
)

// Beside compares a process that would serve with these settings with those that serve from
// the same store, as it would itself: found is what has to be alike and is not, n how many
// serve. It changes nothing in the store. Without files, what only this machine's files tell
// is left out: the model and a folder of uploads.
func (s *Settings) Beside(ctx context.Context, p *Process, files bool) (found []Finding, n int, err error) {
	own := s.profileBut(p)
	if files {
		models, err := s.modelsOf(p)
		if err != nil {
			return nil, 0, err
		}
		own.answersBy(models)
	}
	if own.Uploads, err = s.spoolNameBefore(p, files); err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, serverPatience)
	defer cancel()
	all, now, err := postgres.Serving(ctx, s.Store.URL, beatWithin)
	if err != nil {
		return nil, 0, err
	}
	own.ClockMS = time.Since(now).Milliseconds() // the server told its time last but for one small reply
	return findings(own, profilesOf(all)), len(all), nil
}

// spoolNameBefore is what spoolName will be, without making anything; "": it cannot be known.
func (s *Settings) spoolNameBefore(p *Process, files bool) (name string, err error) {
	dir := s.DataDir
	if dir == "" && s.Spool.URL == "" {
		if dir, err = config.DataDir(p.Getenv); err != nil {
			return "", err
		}
	}
	at, err := spoolPlace(s.Spool.URL, dir)
	switch {
	case err != nil:
		return "", err
	case at.bucket != "":
		return s.bucketName(at), nil
	case !files:
		return "", nil
	}
	id, err := spool.IdentityOf(at.dir)
	if id == "" {
		id = "that is not made yet"
	}
	return "folder " + id, err
}

// profilesOf reads what processes told of themselves.
func profilesOf(all []store.Process) (profiles []profile) {
	for _, one := range all {
		var p profile
		if json.Unmarshal([]byte(one.Settings), &p) == nil { // else of a version to come
			profiles = append(profiles, p)
		}
	}
	return profiles
}
