#!/usr/bin/env bash
# Holds every file of deploy to its own linter, without a daemon, a cluster or root. usage: check.sh PROGRAM (make
# deploy-check builds it first). The linters are Go programs, built by version; Kubernetes' and the operators' schemas come
# in the Go modules of their makers. What could not be run is said at the end.
set -euo pipefail
program=$(realpath "${1:?usage: check.sh PROGRAM}")
cd "$(dirname "${BASH_SOURCE[0]}")"

kubernetes=1.37.2
operator=v0.85.0
keda=v2.21.0
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
unrun=()
step() { printf '\n== %s\n' "$*"; }

# The files and folders that containers' settings name are not on this machine.
elsewhere=$scratch/config-check
printf '#!/bin/bash\nexec %q "$@" --no-files\n' "$program" >"$elsewhere"
chmod +x "$elsewhere"

step "the linters"
export GOFLAGS=-buildvcs=false GOBIN=$scratch/bin
go install helm.sh/helm/v3/cmd/helm@v3.22.0
go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
go install github.com/prometheus/prometheus/cmd/promtool@v0.316.0
(cd check && go build -o "$GOBIN/check" .)
PATH=$GOBIN:$PATH
ls "$GOBIN"

step "compose.yaml and the Dockerfiles"
check compose "$elsewhere" compose.yaml
check dockerfile Dockerfile Dockerfile.cuda
unrun+=("the images are not built and compose.yaml is not started: that takes a Docker daemon")

step "Prometheus: configuration, rules and their tests"
(cd prometheus && promtool check config --lint=all prometheus.yml && promtool test rules alerts_test.yml)

step "Prometheus: what a running process tells"
"$program" serve --data-dir "$scratch/data" --kafka-listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 2>"$scratch/log" &
serving=$!
for _ in {1..100}; do
	ops=$(sed -n 's/.* ops=\([^ ]*\) .*/\1/p' "$scratch/log")
	[[ -z $ops ]] || break
	sleep 0.1
done
python3 -c 'import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1]).read())' "http://$ops/metrics" >"$scratch/metrics"
kill "$serving"
wait "$serving"
promtool check metrics <"$scratch/metrics"
echo "$(grep -c '^# TYPE' "$scratch/metrics") metrics"

step "Grafana: every expression of the dashboard, as promtool reads it"
python3 - >"$scratch/dashboard.yml" <<'PYTHON'
import json
rules = []
for panel in json.load(open("grafana/videoqa.json"))["panels"]:
    for target in panel.get("targets", []):
        expression = target["expr"].replace("$__rate_interval", "5m").replace("$job", ".*")
        rules.append({"record": f"panel:{panel['id']}:{target['refId'].lower()}", "expr": expression})
print(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
PYTHON
promtool check rules "$scratch/dashboard.yml"
unrun+=("the dashboard was not shown by a Grafana")

step "the Helm chart"
folder_of() { go mod download -json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])'; }
monitoring=$(folder_of "github.com/prometheus-operator/prometheus-operator@$operator")/example/prometheus-operator-crd
check schemas "$scratch/schemas" "$(folder_of "k8s.io/kubernetes@v$kubernetes")/api/openapi-spec/swagger.json" \
	"$monitoring"/monitoring.coreos.com_{servicemonitors,prometheusrules}.yaml \
	"$(folder_of "github.com/kedacore/keda/v2@$keda")/config/crd/bases/keda.sh_scaledobjects.yaml"
render() { # render VALUES-FILE OPTION…: the linked dashboard and rules are told of at length, so standard error is sifted
	helm template gate helm/videoqa --namespace gates --kube-version "$kubernetes" --values "$@" 2> >(grep -v 'found symbolic link' >&2)
}
for values in helm/videoqa/ci/*.yaml; do
	echo "-- $values"
	helm lint --strict --kube-version "$kubernetes" helm/videoqa --values "$values" 2>/dev/null
	render "$values" >"$scratch/rendered.yaml"
	kubeconform -strict -summary -schema-location "$scratch/schemas/{{.ResourceKind}}-{{.ResourceAPIVersion}}.json" "$scratch/rendered.yaml"
	# As each pod would run it: its variables, those of secrets as here, and the file of settings.
	VIDEOQA_STORE_URL=postgres://x VIDEOQA_REDIS_URL=redis://x VIDEOQA_S3_ACCESS_KEY=x VIDEOQA_S3_SECRET_KEY=x check pods "$elsewhere" "$scratch/rendered.yaml"
done

refused() { # refused WORDS OPTION…
	local words=$1
	shift
	if render helm/videoqa/ci/least-values.yaml "$@" >"$scratch/out" 2>&1 || ! grep -q "$words" "$scratch/out"; then
		echo "the chart should refuse $* with \"$words\":"
		cat "$scratch/out"
		return 1
	fi
	echo "refused: $*"
}
refused 'spool.url is not s3' --set api.enabled=true,api.keys.secret=k
refused 'spool.url is not s3' --set api.enabled=true,api.keys.secret=k,spool.url=/var/spool/videoqa
refused 'spool.url is not s3' --set api.enabled=true,api.keys.secret=k --set-json 'extraEnv=[{"name":"VIDEOQA_SPOOL_URL","value":"file:///srv/uploads"}]'
refused 'spool.url is not s3' --set api.enabled=true,api.keys.secret=k,spool.url=s3://bucket/spool --set-json 'extraEnv=[{"name":"VIDEOQA_SPOOL_URL","value":"file:///srv/uploads"}]'
refused 'config.s3.endpoint is empty' --set api.enabled=true,api.keys.secret=k,spool.url=s3://bucket/spool
refused 'config.s3.endpoint is empty' --set config.spool.url=s3://bucket/spool
refused 'api.keys.secret is empty' --set api.enabled=true,spool.url=s3://bucket/spool,config.s3.endpoint=https://s3.example
refused 'config.kafka.brokers is empty' --set config.kafka.brokers=null
refused 'no VIDEOQA_STORE_URL' --set secrets=null
refused 'autoscaling.kind is none of' --set worker.autoscaling.kind=vpa
refused 'neither lag nor answerAge' --set worker.autoscaling.kind=keda,worker.autoscaling.lag.enabled=false
taken() { # taken OPTION…: what is known only in the cluster, or said elsewhere, is not refused
	render helm/videoqa/ci/least-values.yaml --set api.enabled=true,api.keys.secret=k "$@" >"$scratch/out" 2>&1 || { cat "$scratch/out"; return 1; }
	echo "taken: $*"
}
taken --set-json 'extraEnv=[{"name":"VIDEOQA_SPOOL_URL","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]'
taken --set-json 'extraEnv=[{"name":"VIDEOQA_SPOOL_URL","value":"s3://bucket/spool"},{"name":"VIDEOQA_S3_ENDPOINT","value":"https://s3.example"}]'
taken --set config.spool.url=s3://bucket/spool,config.s3.endpoint=https://s3.example
unrun+=("the chart was not installed in a cluster")

step "systemd"
if command -v systemd-analyze >/dev/null; then
	sed "s|/opt/videoqa/videoqa|$program|" systemd/videoqa.service >"$scratch/videoqa.service"
	systemd-analyze verify "$scratch/videoqa.service"
	systemd-analyze security --offline=yes "$scratch/videoqa.service" | tail -n 1
	unrun+=("the unit was not started: that takes systemd as the first process")
else
	unrun+=("systemd-analyze is not here: the unit is not verified")
fi

printf '\nNot run:\n'
printf -- '- %s\n' "${unrun[@]}"
