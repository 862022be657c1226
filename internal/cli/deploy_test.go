package cli

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"videoqa/ingest"
	"videoqa/internal/config"
)

const deploy = "../../deploy/"

// expressions returns the PromQL of the dashboard, the rules and the chart.
func expressions(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(deploy + "grafana/videoqa.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	for _, name := range []string{"prometheus/alerts.yml", "prometheus/alerts_test.yml", "helm/videoqa/templates/worker-autoscaling.yaml", "README.md"} {
		text, err := os.ReadFile(deploy + name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}

func TestDashboardAndAlertsNameOnlyWhatMetricsHas(t *testing.T) {
	p := launch(t, "--data-dir", filepath.Join(t.TempDir(), "data"))
	p.quiet()
	_, uri := clipURI(t)
	p.outcome(ingest.Question{ID: "q-1", Text: "what is it?", URI: uri}) // so that it has read a partition
	_, scrape := p.get("/metrics")
	exported := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(scrape, -1) {
		exported[found[1]] = true
	}
	name := regexp.MustCompile(`\b(vqa|go|process)_[a-z0-9_]+[a-z0-9]\b`)
	part := regexp.MustCompile(`_(bucket|sum|count)$`)
	used := 0
	for _, e := range expressions(t) {
		for _, metric := range name.FindAllString(e, -1) {
			if strings.HasSuffix(metric, "_") || strings.Contains(e, metric+"{hits") || strings.Contains(e, metric+"_{") {
				continue // of several, in the text
			}
			if used++; !exported[metric] && !exported[part.ReplaceAllString(metric, "")] {
				t.Errorf("%s is not among the metrics", metric)
			}
		}
	}
	if used < 60 {
		t.Errorf("only %d names were looked at", used)
	}
}

// An alert that was never seen to fire may be one that cannot.
func TestEachAlertIsSeenToFireAndToBeSilent(t *testing.T) {
	var rules struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	var tests struct {
		Tests []struct {
			Cases []struct {
				Alert string `yaml:"alertname"`
				Fires []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	for name, into := range map[string]any{"alerts.yml": &rules, "alerts_test.yml": &tests} {
		text, err := os.ReadFile(deploy + "prometheus/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]map[bool]bool{}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			seen[rule.Alert] = map[bool]bool{}
		}
	}
	for _, test := range tests.Tests {
		for _, c := range test.Cases {
			if seen[c.Alert] == nil {
				t.Fatalf("%q is tested, and is no alert", c.Alert)
			}
			seen[c.Alert][len(c.Fires) > 0] = true
		}
	}
	for alert, how := range seen {
		if !how[true] || !how[false] {
			t.Errorf("%s is seen to fire: %v, to be silent: %v", alert, how[true], how[false])
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d alerts were looked at", len(seen))
	}
}

func TestDeploymentsGiveOnlyVariablesThatExist(t *testing.T) {
	parser, err := kong.New(&Commands{}, kong.Vars{"kinds": "", "precisions": "auto"})
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"VIDEOQA_ONNXRUNTIME"}
	for _, s := range config.Take(parser.Model.Node).All() {
		known = append(known, s.Variable)
	}
	variable := regexp.MustCompile(`\bVIDEOQA_[A-Z0-9_]*[A-Z0-9]\b`)
	used := 0
	err = filepath.WalkDir(deploy, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range variable.FindAllString(string(text), -1) {
			if strings.HasSuffix(path, "README.md") && strings.HasSuffix(name, "_SERVICE_HOST") {
				continue // Kubernetes' own
			}
			if used++; !slices.Contains(known, name) {
				t.Errorf("%s gives %s, which is no setting", path, name)
			}
		}
		return err
	})
	if err != nil || used < 20 {
		t.Errorf("%v, %d variables were looked at", err, used)
	}
}
