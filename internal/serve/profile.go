package serve

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"videoqa/answers/api"
	"videoqa/ingest/media/spool"
)

// A profile is what a serving process tells the others that share its store: what has
// to be alike, lest questions are lost or answered otherwise by whichever process
// comes first. It holds no secrets.
type profile struct {
	Host    string            `json:"host"`
	PID     int               `json:"pid"`
	Role    string            `json:"role"`
	Group   string            `json:"group"`
	Single  bool              `json:"single"`   // it says that it is the only one
	Brokers []string          `json:"brokers"`  // none: one of its own
	Uploads string            `json:"uploads"`  // names where it keeps and looks for uploads; "": not known, of who only checks settings
	Takes   bool              `json:"takes"`    // uploads, over HTTP
	ClockMS int64             `json:"clock_ms"` // its clock, less the store's
	Alike   map[string]string `json:"alike"`    // settings by their flags
}

// works reports whether p answers questions.
func (p profile) works() bool { return p.Role != roleAPI }

// name is what p is called in messages.
func (p profile) name() string { return fmt.Sprintf("%s (process %d, role %s)", p.Host, p.PID, p.Role) }

// Settings that have to be alike, by who has them.
var (
	alikeOfWorkers = []string{
		"media_roots", "media_http", "media_ports", "media_networks", "media_max_bytes", "media_timeout", "s3_endpoint", "s3_region", "s3_prefixes",
		"device", "beam", "max_tokens", "abstain_below", "work_wait", "work_retries", "work_patience",
	}
	alikeOfAskers = []string{"spool_quota"}
	alikeOfAll    = []string{"preprocess", "store_retention", "spool_max_bytes", "spool_max_duration"}
)

// profile is that of the process that serves with s; models are what answers.
func (s *Settings) profile(p *Process, models []api.Model, kept uploads) (own profile, err error) {
	own = s.profileBut(p)
	own.answersBy(models)
	if own.Host, err = os.Hostname(); err != nil {
		own.Host = "a host without a name"
	}
	own.Uploads, err = s.spoolName(kept)
	return own, err
}

// answersBy notes what answers.
func (p *profile) answersBy(models []api.Model) {
	var named, precisions []string
	for _, m := range models {
		named, precisions = append(named, m.Name+" "+m.Digest), append(precisions, m.Precision)
	}
	p.Alike["--model"] = strings.Join(named, ", ")
	if p.works() {
		p.Alike["--precision"] = strings.Join(precisions, ", ") // as it was decided for this machine
	}
}

// profileBut is the part of a profile that needs neither the model nor the uploads.
func (s *Settings) profileBut(p *Process) profile {
	return profile{
		PID: os.Getpid(), Role: s.Role, Group: s.Kafka.Group, Single: s.Single, Brokers: s.Kafka.Brokers,
		Takes: s.servesHTTP() && s.UploadsApart() == nil, Alike: s.alike(p),
	}
}

func (s *Settings) servesHTTP() bool { return s.Role != roleWorker && s.Listen != "" }

// alike are the settings that other processes are to have too.
func (s *Settings) alike(p *Process) map[string]string {
	wanted := slices.Clone(alikeOfAll)
	if s.Role != roleAPI {
		wanted = append(wanted, alikeOfWorkers...)
	}
	if s.servesHTTP() {
		wanted = append(wanted, alikeOfAskers...)
	}
	alike := map[string]string{}
	for _, v := range p.Values {
		if slices.Contains(wanted, v.Name) {
			alike["--"+strings.ReplaceAll(v.Name, "_", "-")] = v.Shown
		}
	}
	return alike
}

// spoolName names where uploads are, alike for all processes that see the same.
func (s *Settings) spoolName(kept uploads) (string, error) {
	if folder, is := kept.(*spool.Folder); is {
		id, err := folder.Identity()
		return "folder " + id, err
	}
	at, err := spoolPlace(s.Spool.URL, s.DataDir)
	return s.bucketName(at), err
}

func (s *Settings) bucketName(at place) string {
	return strings.Join([]string{"bucket", s.S3.Endpoint, at.bucket, at.prefix}, " ")
}

// A Finding is something that processes which share a store have to have alike, and
// have not.
type Finding struct{ Part, Text string }

// The parts that are degraded by findings.
const (
	partUploads = "uploads"
	partPeers   = "peers"
)

const mostClockApart = 2 * time.Second

// findings compares a process with the others.
func findings(own profile, others []profile) (all []Finding) {
	add := func(part, format string, args ...any) { all = append(all, Finding{part, fmt.Sprintf(format, args...)}) }
	for _, other := range others {
		if (own.Takes && other.works() || own.works() && other.Takes) && own.Uploads != "" && own.Uploads != other.Uploads {
			add(partUploads, "this process and %s keep uploads in different places, so that a question about one may come to a process that does not see it: give all one --spool-url, as file:///srv/uploads of a folder that all see, or s3://bucket/prefix", other.name())
		}
		if apart := time.Duration(own.ClockMS-other.ClockMS) * time.Millisecond; apart.Abs() > mostClockApart {
			add(partPeers, "the clock of this process is %v %s that of %s: leases and deadlines need them to agree within %v; keep them by NTP", apart.Abs().Round(100*time.Millisecond), map[bool]string{true: "before", false: "behind"}[apart > 0], other.name(), mostClockApart)
		}
		switch {
		case len(own.Brokers) == 0 || len(other.Brokers) == 0:
			add(partPeers, "this process and %s share a store and no broker: what waits in the store may be answered on the other one's topics; give both one --kafka-brokers", other.name())
		case !slices.ContainsFunc(own.Brokers, func(b string) bool { return slices.Contains(other.Brokers, b) }):
			add(partPeers, "--kafka-brokers %v have none in common with those of %s, %v, which shares the store", own.Brokers, other.name(), other.Brokers)
		}
		if own.Single && other.works() {
			add(partPeers, "--single-process is said, and %s serves from the same store", other.name())
		}
		if own.Group != other.Group {
			continue // for another end
		}
		for _, flag := range slices.Sorted(maps.Keys(own.Alike)) {
			if theirs, has := other.Alike[flag]; has && theirs != own.Alike[flag] {
				add(partPeers, "%s is %s here and %s at %s: a question is answered by whichever comes first", flag, own.Alike[flag], theirs, other.name())
			}
		}
	}
	return all
}

// UploadsApart says why uploads are refused from the start: other processes may read
// the questions about them, and not see them.
func (s *Settings) UploadsApart() error {
	if !s.servesHTTP() || len(s.Kafka.Brokers) == 0 || s.Single || s.Spool.URL != "" {
		return nil
	}
	return fmt.Errorf("uploads are refused: this process would keep them in its data folder, and other processes of group %s, which may be given the questions about them, do not see that; give all one --spool-url, as file:///srv/uploads of a folder that all see, or s3://bucket/prefix; or say --single-process if this is the only one", s.Kafka.Group)
}
