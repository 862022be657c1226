package config_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"videoqa/internal/config"
)

// cluster is a small command line with a setting of each kind.
type cluster struct {
	Serve struct {
		Config  string          `env:"VIDEOQA_CONFIG"`
		Brokers []string        `name:"kafka-brokers" env:"VIDEOQA_KAFKA_BROKERS"`
		Group   string          `name:"kafka-group" env:"VIDEOQA_KAFKA_GROUP" default:"videoqa"`
		Wait    time.Duration   `env:"VIDEOQA_WAIT" default:"30s" reload:""`
		Slots   int             `env:"VIDEOQA_SLOTS" default:"2"`
		Device  string          `env:"VIDEOQA_DEVICE" default:"cpu" enum:"cpu,gpu"`
		Store   string          `name:"store-url" env:"VIDEOQA_STORE_URL"`
		Pass    string          `env:"VIDEOQA_PASS" secret:""`
		JSON    bool            `env:"VIDEOQA_JSON"`
		Roots   []string        `env:"VIDEOQA_ROOTS" verbatim:""`
		Pauses  []time.Duration `env:"VIDEOQA_PAUSES"`
		Ports   []uint16        `env:"VIDEOQA_PORTS"`
	} `cmd:""`
	Pull struct {
		Slots int `help:"No setting, only a flag."`
	} `cmd:""`
}

// read parses args with a file and an environment. wrong is what Read says.
func read(t *testing.T, text string, environ, args []string) (values map[string]string, origins map[string]string, parsed []config.Value, wrong string) {
	t.Helper()
	file := ""
	if text != "" {
		file = filepath.Join(t.TempDir(), "v.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parser, err := kong.New(&cluster{}, config.Verbatim()...)
	if err != nil {
		t.Fatal(err)
	}
	settings := config.Take(parser.Model.Node)
	traced, err := kong.Trace(parser, args)
	if err != nil || traced.Error != nil {
		t.Fatal(err, traced.Error)
	}
	sources, err := settings.Read(file, environ, traced.Flags())
	if err != nil {
		return nil, nil, nil, strings.ReplaceAll(err.Error(), filepath.Dir(file)+"/", "")
	}
	if err := kong.Resolvers(sources).Apply(parser); err != nil {
		t.Fatal(err)
	}
	context, err := parser.Parse(args)
	if err != nil {
		t.Fatal(err)
	}
	values, origins = map[string]string{}, map[string]string{}
	parsed = sources.Values(context)
	for _, v := range parsed {
		values[v.Name], origins[v.Name] = v.Shown, strings.ReplaceAll(v.Origin, filepath.Dir(file)+"/", "")
	}
	return values, origins, parsed, ""
}

func TestAFlagComesBeforeAVariableBeforeTheFileBeforeTheDefault(t *testing.T) {
	values, origins, _, wrong := read(t, "slots: 3\nwait: 1m\nkafka_group: file\n",
		[]string{"VIDEOQA_SLOTS=4", "VIDEOQA_WAIT=2m"}, []string{"serve", "--slots=5"})
	for name, want := range map[string][2]string{
		"slots": {"5", "flag"}, "wait": {"2m", "VIDEOQA_WAIT"}, "kafka_group": {"file", "v.yaml:3"}, "device": {"cpu", "default"},
	} {
		if got := [2]string{values[name], origins[name]}; got != want || wrong != "" {
			t.Errorf("%s is %q; want %q (%s)", name, got, want, wrong)
		}
	}
}

func TestKeysMayBeNestedAndListsMayBeWrittenEitherWay(t *testing.T) {
	for _, text := range []string{
		"kafka_brokers: [\"a:1\", \"b:2\"]\nkafka_group: g", "kafka:\n  brokers:\n  - a:1\n  - b:2\n  group: g", "kafka: {brokers: \"a:1,b:2\", group: g}",
		"store_url: &g g\nkafka: {brokers: \"a:1,b:2\", group: *g}",
	} {
		values, _, _, wrong := read(t, text, nil, []string{"serve"})
		if values["kafka_brokers"] != "['a:1', 'b:2']" || values["kafka_group"] != "g" || wrong != "" {
			t.Errorf("%s\ngives %q, %s", text, values, wrong)
		}
	}
}

func TestEmptyVariablesAndKeysLeaveTheDefault(t *testing.T) {
	values, origins, _, wrong := read(t, "wait:\ndevice: ~\n", []string{"VIDEOQA_SLOTS=", "VIDEOQA_KAFKA_BROKERS="}, []string{"serve"})
	if values["wait"] != "30s" || values["device"] != "cpu" || values["slots"] != "2" || values["kafka_brokers"] != "[]" || origins["slots"] != "default" || wrong != "" {
		t.Errorf("%q %q %s", values, origins, wrong)
	}
}

func TestEverythingThatIsWrongIsSaidWithItsPlace(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		environ    []string
		want       string
	}{
		{"an unknown key", "slots: 1\nslot: 2\n", nil, "v.yaml:2: slot: no such setting; the nearest is slots"},
		{"an unknown nested key", "kafka:\n  broker: a\n", nil, "v.yaml:2: kafka_broker: no such setting; the nearest is kafka_brokers"},
		{"an unknown mapping", "redis:\n  url: a\n", nil, "v.yaml:2: redis_url: no such setting; the nearest is store_url"},
		{"an unknown variable", "", []string{"VIDEOQA_SLOT=2"}, "VIDEOQA_SLOT: no such variable; the nearest is VIDEOQA_SLOTS"},
		{"a number that is none", "\n\nslots: many\n", nil, `v.yaml:3: slots: "many" is not a whole number`},
		{"a variable's number that is none", "", []string{"VIDEOQA_SLOTS=many"}, `VIDEOQA_SLOTS: "many" is not a whole number`},
		{"a time without a unit", "wait: 30\n", nil, `v.yaml:1: wait: "30" is not a time as 500ms, 10s, 1m30s or 24h`},
		{"a value that is not offered", "device: tpu\n", nil, `v.yaml:1: device: "tpu" is not one of cpu, gpu`},
		{"a mapping for a value", "slots: {a: 1}\n", nil, "v.yaml:1: slots: a mapping, not a value"},
		{"a list of lists", "kafka_brokers: [[a]]\n", nil, "v.yaml:1: kafka_brokers: an item is a list or a mapping, not one value"},
		{"a mapping that holds itself", "kafka: &k\n  group: g\n  kafka: *k\n", nil, "v.yaml:3: kafka_kafka: a mapping by reference, which may hold itself: write it out"},
		{"a setting given twice", "kafka_group: a\nkafka: {group: b}\n", nil, "v.yaml:2: kafka_group: is given twice, first at v.yaml:1"},
		{"a file in a file", "config: other.yaml\n", nil, "v.yaml:1: config: a file cannot name another"},
		{"two documents", "slots: 1\n---\nslots: 2\n", nil, "v.yaml:2: a second document; one file holds one"},
		{"a list of settings", "- slots\n", nil, "v.yaml:1: settings are written as KEY: VALUE"},
		{"broken YAML", "slots: 1\n  wait: 2\n", nil, "v.yaml:2: not YAML: mapping values are not allowed in this context"},
		{"two things", "slot: 1\nwat: 2s\n", []string{"VIDEOQA_X=1"}, "v.yaml:1: slot: no such setting; the nearest is slots\nv.yaml:2: wat: no such setting; the nearest is wait\nVIDEOQA_X: no such variable; the nearest is VIDEOQA_WAIT"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, _, wrong := read(t, tc.file, tc.environ, []string{"serve"}); wrong != tc.want {
				t.Errorf("%q and %q give\n%s\nwant\n%s", tc.file, tc.environ, wrong, tc.want)
			}
		})
	}
}

func FuzzAFileIsReadOrRefused(f *testing.F) {
	for _, seed := range []string{"slots: 3\n", "kafka: {brokers: [a, b], group: g}\n", "kafka: &k {kafka: *k}\n", "- a\n", "slots: 1\n---\nslots: 2\n", "a: !!binary x\n", "wait: ~\n", "{", "? a\n: b\n", "<<: {slots: 1}\n"} {
		f.Add(seed)
	}
	file := filepath.Join(f.TempDir(), "v.yaml")
	parser, err := kong.New(&cluster{}, config.Verbatim()...)
	if err != nil {
		f.Fatal(err)
	}
	settings := config.Take(parser.Model.Node)
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := settings.Read(file, nil, nil)
		if err != nil && !strings.HasPrefix(err.Error(), file+":") {
			t.Errorf("%q is refused without a place: %v", text, err)
		}
	})
}

func TestAMissingFileIsNamed(t *testing.T) {
	parser, err := kong.New(&cluster{}, config.Verbatim()...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Take(parser.Model.Node).Read("nowhere.yaml", nil, nil); err == nil || !strings.Contains(err.Error(), "nowhere.yaml") {
		t.Errorf("%v", err)
	}
}

func TestVariablesOfOthersAreLeftAlone(t *testing.T) {
	environ := []string{
		"HOME=/x", "VIDEOQA_ONNXRUNTIME=/lib/x.so", "VIDEOQA_TEST_KAFKA=a:1", "VIDEOQA_PORT=tcp://10.0.0.7:80", "VIDEOQA_SERVICE_HOST=10.0.0.7",
		"VIDEOQA_PORT_80_TCP_ADDR=10.0.0.7", "VIDEOQA_API_SERVICE_PORT_HTTP=80", "VIDEOQA_API_PORT_80_TCP=tcp://10.0.0.7:80",
	}
	if _, _, _, wrong := read(t, "", environ, []string{"serve"}); wrong != "" {
		t.Error(wrong)
	}
	if _, _, _, wrong := read(t, "", []string{"VIDEOQA_SLOTS=many", "VIDEOQA_SLOT=1"}, []string{"pull"}); wrong != "" {
		t.Errorf("a command without settings: %s", wrong)
	}
}

func TestSecretsAreShownNowhere(t *testing.T) {
	text := "pass: tops3cret\nstore_url: postgres://u:tops3cret@db/v?sslmode=require&password=tops3cret\nkafka_brokers: ['kafka://u:tops3cret@k:1', 'k:2']\n"
	values, _, _, wrong := read(t, text, nil, []string{"serve"})
	for name, want := range map[string]string{
		"pass": "********", "store_url": "postgres://********@db/v?sslmode=require&password=********", "kafka_brokers": "['kafka://********@k:1', 'k:2']",
	} {
		if values[name] != want || wrong != "" {
			t.Errorf("%s is shown as %s; want %s (%s)", name, values[name], want, wrong)
		}
	}
	if values, _, _, _ := read(t, "", nil, []string{"serve"}); values["pass"] != `""` {
		t.Errorf("a secret that is not set is shown as %s", values["pass"])
	}
}

func TestChangedNamesWhatDiffersAlsoInAMaskedPart(t *testing.T) {
	_, _, before, _ := read(t, "store_url: postgres://u:one@db/v\nslots: 2\n", nil, []string{"serve"})
	_, _, now, _ := read(t, "store_url: postgres://u:two@db/v\nwait: 1m\n", nil, []string{"serve"})
	var names []string
	for _, v := range config.Changed(before, now) {
		names = append(names, v.Name)
		if v.Reload != (v.Name == "wait") {
			t.Errorf("%s: Reload is %v", v.Name, v.Reload)
		}
	}
	if want := []string{"wait", "store_url"}; !slices.Equal(names, want) {
		t.Errorf("changed: %q; want %q", names, want)
	}
}

func TestTimesAreShownAsTheyAreWritten(t *testing.T) {
	for _, want := range []string{"0s", "300ms", "30s", "10m", "1m30s", "168h", "1h30m", "1h0m5s"} {
		if values, _, _, wrong := read(t, "wait: "+want, nil, []string{"serve"}); values["wait"] != want || wrong != "" {
			t.Errorf("%s is shown as %s (%s)", want, values["wait"], wrong)
		}
	}
}

func TestHelpNamesTheVariable(t *testing.T) {
	parser, err := kong.New(&cluster{}, config.Verbatim()...)
	if err != nil {
		t.Fatal(err)
	}
	settings := config.Take(parser.Model.Node)
	for _, flag := range parser.Model.Children[0].Flags {
		if flag.Name == "slots" && settings.Help(flag.Value) != "($VIDEOQA_SLOTS)" {
			t.Errorf("help of --slots is %q", settings.Help(flag.Value))
		}
	}
}

// File names are bytes. What kong would do to them is to replace what is not UTF-8.
func TestTextIsTakenByteByByteWhereverItIsWritten(t *testing.T) {
	const name = "caf\xe9 \x01\u65e5"
	for _, tc := range []struct {
		file    string
		environ []string
		args    []string
	}{
		{args: []string{"serve", "--pass", name, "--roots", "/a,/b/" + name, "--kafka-group=" + name}},
		{environ: []string{"VIDEOQA_PASS=" + name, "VIDEOQA_ROOTS=/a,/b/" + name, "VIDEOQA_KAFKA_GROUP=" + name}, args: []string{"serve"}},
		{file: "pass: !!binary Y2Fm6SAB5pel\nroots: [/a, !!binary L2IvY2Fm6SAB5pel]\nkafka_group: !!binary Y2Fm6SAB5pel\n", args: []string{"serve"}},
	} {
		var into cluster
		parser, err := kong.New(&into, config.Verbatim()...)
		if err != nil {
			t.Fatal(err)
		}
		settings := config.Take(parser.Model.Node)
		file := ""
		if tc.file != "" {
			file = filepath.Join(t.TempDir(), "v.yaml")
			if err := os.WriteFile(file, []byte(tc.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		sources, err := settings.Read(file, tc.environ, parser.Model.Children[0].Flags)
		if err == nil {
			err = kong.Resolvers(sources).Apply(parser)
		}
		if err == nil {
			_, err = parser.Parse(tc.args)
		}
		if got := into.Serve; err != nil || got.Pass != name || got.Group != name || !slices.Equal(got.Roots, []string{"/a", "/b/" + name}) {
			t.Errorf("%q %q %q give %q, %q, %q, %v", tc.args, tc.environ, tc.file, got.Pass, got.Group, got.Roots, err)
		}
	}
}

// The file that shows what was set gives it again, byte by byte, and no password.
func TestWhatIsNotUTF8IsShownSoThatItCanBeReadAgainAndMasked(t *testing.T) {
	shown, _, _, wrong := read(t, "", []string{"VIDEOQA_ROOTS=/b/caf\xe9", "VIDEOQA_STORE_URL=postgres://u:tops\xe9cret@db/v"}, []string{"serve"})
	if wrong != "" || strings.Contains(shown["store_url"], base64.StdEncoding.EncodeToString([]byte("postgres://u:tops\xe9cret@db/v"))) {
		t.Errorf("the URL is shown as %s (%s)", shown["store_url"], wrong)
	}
	again, _, _, wrong := read(t, "roots: "+shown["roots"]+"\n", nil, []string{"serve"})
	if again["roots"] != shown["roots"] || !strings.Contains(shown["roots"], "!!binary") {
		t.Errorf("%s is read again as %s (%s)", shown["roots"], again["roots"], wrong)
	}
}

func TestItemsOfAListLoseTheSpacesAroundThem(t *testing.T) {
	var into cluster
	parser, err := kong.New(&into, config.Verbatim()...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse([]string{"serve", "--kafka-brokers", " a:1, b\\,c ,d,", "--roots", "/a ,/b", "--pauses", "1s, 2m", "--ports", "80, 443"})
	if got := into.Serve; err != nil || !slices.Equal(got.Brokers, []string{"a:1", "b,c", "d"}) || !slices.Equal(got.Roots, []string{"/a ", "/b"}) ||
		!slices.Equal(got.Pauses, []time.Duration{time.Second, 2 * time.Minute}) || !slices.Equal(got.Ports, []uint16{80, 443}) {
		t.Errorf("%q, %q, %v, %v, %v", got.Brokers, got.Roots, got.Pauses, got.Ports, err)
	}
	for _, wrong := range [][]string{{"--ports", "65536"}, {"--ports", "http"}, {"--pauses", "2"}} {
		if _, err := parser.Parse(append([]string{"serve"}, wrong...)); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}
