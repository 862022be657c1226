# videoqa: everything a checkout can be asked for. `make` alone lists it.
#
# Go needs C libraries that no Go module carries; deploy/deps.sh builds them once into the cache folder, and every target
# that runs go takes its variables from there. For plain go commands and editors: eval $(make env)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: sanitize help deps env build install dist dist-check demo test test-real faults rebalance fair soak scale stream-cost bench bench-answers bench-trace bench-serving bench-peers bench-device memory eval eval-outside parity check gofmt vet staticcheck vulncheck race house clean libraries deploy-check

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)
# The version is ours to state: Go's own stamp fails where git distrusts the folder's owner, as in containers.
LDFLAGS := -X main.version=$(VERSION)
WITH_LIBRARIES := eval "$$(deploy/deps.sh env)" &&
# ST1012 would have kinds of error begin with Err; ours read fault.BadVideo.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2 -checks inherit,-ST1012
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
# Two packages at a time: their C libraries run threads of their own.
GO_TEST := go test -p 2 -timeout 20m
SEED ?= 1
FILES ?= 1000
rebalance: MINUTES ?= 10
soak: MINUTES ?= 20
DEVICE ?= cuda
PREFIX ?= /usr/local
MODEL ?= git-base
BENCH_FOLDER := $$(deploy/cache.sh)/bench
STREAM_BENCH := go test ./internal/demo -run '^$$' -benchtime 5x -timeout 30m -bench Stream

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## build the C libraries into the cache folder, once
	@deploy/deps.sh

libraries:
	@deploy/deps.sh env >/dev/null

env: ## print the variables that go commands and editors need: eval $(make env)
	@deploy/deps.sh env

build: libraries ## bin/videoqa
	@mkdir -p bin
	$(WITH_LIBRARIES) go build -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/videoqa .
	@ln -sfn "$$(deploy/deps.sh where onnxruntime)/lib" bin/lib

install: build ## the program and the libraries that it loads, below PREFIX (/usr/local)
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/lib/videoqa"
	install -m 755 bin/videoqa "$(DESTDIR)$(PREFIX)/lib/videoqa/videoqa"
	rm -rf "$(DESTDIR)$(PREFIX)/lib/videoqa/lib"
	cp -RP --no-preserve=ownership "$$(deploy/deps.sh where onnxruntime)/lib" "$(DESTDIR)$(PREFIX)/lib/videoqa/lib"
	ln -sfn ../lib/videoqa/videoqa "$(DESTDIR)$(PREFIX)/bin/videoqa"

dist: libraries ## dist/videoqa-VERSION-linux-ARCH.tar.gz, which needs nothing else on Debian 12 or newer
	@VERSION='$(VERSION)' deploy/dist.sh

dist-check: dist ## unpack that archive on a bare Debian 12 and ask it a question
	@deploy/dist-check.sh dist/videoqa-$(VERSION)-linux-$$(go env GOARCH).tar.gz

demo: build ## questions on shipped clips, answered over an event stream
	@bin/videoqa demo

test: libraries ## all tests
	$(WITH_LIBRARIES) $(GO_TEST) ./...

# Servers of their own, each new and empty, that end with the command.
BESIDE_SERVERS := testdata/kafka/run.sh testdata/postgres/run.sh testdata/redis/run.sh

test-real: build ## the tests beside a real Kafka, PostgreSQL and Redis (needs Java 17 and mvn; the others come from apt)
	$(WITH_LIBRARIES) VIDEOQA_TEST_REAL=1 $(BESIDE_SERVERS) sh -c 'go test -p 1 -count=1 -timeout 20m ./ingest/kafka ./ingest/broker ./answers/... && go test -count=1 ./internal/cli -run WhatServesBeside'
	$(MAKE) faults
	$(MAKE) rebalance MINUTES=1

faults: build ## two workers through crashes and losses of their servers, and each outcome compared
	$(BESIDE_SERVERS) "$$(deploy/venv.sh faults testdata/faults/requirements.txt)/bin/python" testdata/faults/faults.py bin/videoqa

memory: libraries ## FILES (1000) damaged files made from SEED, sampled 20 times in memory of every content: pictures have to stay the same
	$(WITH_LIBRARIES) go test ./frames -count=1 -timeout 0 -v -run '^TestPicturesAreTheSameWhatever' -args -memory.files=$(FILES) -memory.runs=20 -memory.seed=$(SEED)

rebalance: build ## MINUTES (10) in which workers join and leave all the time, and every outcome on its topic as it is stored
	$(BESIDE_SERVERS) "$$(deploy/venv.sh faults testdata/faults/requirements.txt)/bin/python" testdata/faults/rebalance.py bin/videoqa --minutes $(MINUTES)

fair: build ## how long a camera waits while another floods their partition, in relation to alone
	$(BESIDE_SERVERS) "$$(deploy/venv.sh faults testdata/faults/requirements.txt)/bin/python" testdata/faults/fair.py bin/videoqa

soak: build ## MINUTES (20) of questions, corrupt clips, waits and rebalances; memory, goroutines and files have to stay flat
	$(BESIDE_SERVERS) "$$(deploy/venv.sh faults testdata/faults/requirements.txt)/bin/python" testdata/faults/soak.py bin/videoqa --minutes $(MINUTES)

scale: build ## answers per second by 1, 2 and 4 processes of one group
	$(BESIDE_SERVERS) "$$(deploy/venv.sh faults testdata/faults/requirements.txt)/bin/python" testdata/faults/scale.py bin/videoqa

stream-cost: libraries ## answers per second through Kafka and PostgreSQL beside the same questions asked directly, of two models
	$(WITH_LIBRARIES) $(BESIDE_SERVERS) $(STREAM_BENCH)
	checkpoint="$$("$$(deploy/venv.sh bench testdata/bench/requirements.txt)/bin/python" testdata/bench/bench.py "$(BENCH_FOLDER)" --checkpoint)"; \
	$(WITH_LIBRARIES) VIDEOQA_BENCH_MODEL="$$checkpoint" $(BESIDE_SERVERS) $(STREAM_BENCH)BesideCalls

bench: libraries ## time and memory of each stage, and a question beside transformers
	$(WITH_LIBRARIES) go test -p 1 -timeout 60m -run '^$$' -bench . -benchmem ./...
	$(MAKE) bench-answers

bench-answers: libraries ## questions of MODEL (git-base or git-large) beside transformers
	$(WITH_LIBRARIES) "$$(deploy/venv.sh bench testdata/bench/requirements.txt)/bin/python" testdata/bench/bench.py "$(BENCH_FOLDER)" --model $(MODEL) $(BENCH)

bench-trace: libraries ## what is done when for eight clips of four clients, and how busy the cores are, drawn as text
	@mkdir -p bin
	$(WITH_LIBRARIES) go build -buildvcs=false -o bin/trace ./testdata/bench/trace
	$(WITH_LIBRARIES) "$$(deploy/venv.sh bench testdata/bench/requirements.txt)/bin/python" testdata/bench/bench.py "$(BENCH_FOLDER)" --trace "$$PWD/bin/trace"

bench-serving: build ## start to first answer, memory, and a camera's hour, of a GIT-base
	"$$(deploy/venv.sh bench testdata/bench/requirements.txt)/bin/python" testdata/bench/serving.py "$$PWD/bin/videoqa" "$(BENCH_FOLDER)"

# VIDEOQA_ONNXRUNTIME is the caller's: an ONNX Runtime with CUDA lies elsewhere than ours.
bench-device: libraries ## a GIT-base on DEVICE (cuda) beside transformers and torch.compile, with the ONNX Runtime that VIDEOQA_ONNXRUNTIME names
	library="$${VIDEOQA_ONNXRUNTIME:-}"; $(WITH_LIBRARIES) VIDEOQA_ONNXRUNTIME="$${library:-$$VIDEOQA_ONNXRUNTIME}" \
	"$$(deploy/venv.sh bench testdata/bench/requirements.txt)/bin/python" testdata/bench/device.py "$(BENCH_FOLDER)" --device $(DEVICE) $(DEVICE_BENCH)

bench-peers: libraries ## sampling and resizing beside torchcodec, decord, PyAV, OpenCV and Pillow (PEERS=--quick: one round)
	@mkdir -p bin
	$(WITH_LIBRARIES) go build -buildvcs=false -o bin/sampler ./testdata/bench/sampler
	"$$(deploy/venv.sh peers testdata/bench/peers-requirements.txt)/bin/python" testdata/bench/peers.py "$(BENCH_FOLDER)/peers" --program bin/sampler $(PEERS)

eval: build ## exact match on 500 fresh clips made from SEED (default 1)
	"$$(deploy/venv.sh world testdata/world/requirements.txt)/bin/python" testdata/world/eval.py --seed $(SEED) --program bin/videoqa

eval-outside: build ## what the demonstration model says to pictures that are not of its world: drawings, and all pictures and videos in FOLDER (one or more)
	"$$(deploy/venv.sh world testdata/world/requirements.txt)/bin/python" testdata/world/eval_outside.py --program bin/videoqa $(FOLDER)

parity: libraries ## full-size checkpoints against transformers
	$(WITH_LIBRARIES) "$$(deploy/venv.sh parity testdata/parity/requirements.txt)/bin/python" testdata/parity/parity.py

check: gofmt vet staticcheck house race ## gofmt, vet, staticcheck, the rules of the house, the race detector

deploy-check: build ## the files of deploy, each by its own linter (fetches them as Go modules, about 1 GB with their caches)
	@deploy/check.sh bin/videoqa

gofmt:
	@bad=$$(gofmt -l .); \
	[[ -z $$bad ]] || { echo "gofmt would change:"; echo "$$bad"; exit 1; }

vet: libraries
	$(WITH_LIBRARIES) go vet ./...

staticcheck: libraries
	$(WITH_LIBRARIES) go run $(STATICCHECK) ./...

house: libraries
	$(WITH_LIBRARIES) go test -count=1 .

# Over all packages, so that no list can lack one with goroutines. With -short the test of
# interrupted workers takes every third interruption, and the kernels fewer shapes.
race: libraries
	$(WITH_LIBRARIES) $(GO_TEST) -race -short ./...

vulncheck: libraries ## known vulnerabilities in what the program calls (needs the internet: the database is at vuln.go.dev)
	@curl -fsS --max-time 20 -o /dev/null https://vuln.go.dev/index/db.json || { echo "vulncheck: cannot reach the database of vulnerabilities at https://vuln.go.dev: nothing was checked" >&2; exit 1; }
	$(WITH_LIBRARIES) go run $(GOVULNCHECK) ./...

# With -short the tests take fewer and smaller shapes; the C is compiled with -O1.
sanitize: libraries ## the tests of the kernels with AddressSanitizer and UndefinedBehaviorSanitizer, over every kernel set that the processor has
	$(WITH_LIBRARIES) CGO_CFLAGS="-g -O1 -fsanitize=undefined -fno-sanitize-recover=undefined" CGO_LDFLAGS=-fsanitize=undefined \
	go test -asan -short -count=1 -v ./internal/onnx/kernels | grep -v '^ *=== \|^ *--- PASS'

clean: ## remove bin and dist; the libraries in the cache folder stay
	rm -rf bin dist
