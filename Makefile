# `make run` and `make test` need Go and nothing else. `make tools` fetches what the other targets need, by exact version.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

DATA   ?= ./habeas-data
LISTEN ?= 127.0.0.1:8080

TOOLS := $(CURDIR)/.tools
AWS_TOOLS := $(TOOLS)/aws
AXE   := axe-core@4.14.1

# Tests of the running system bring libraries of their own and live in modules of their own.
MODULES := infra/cdk $(filter-out test/tools,$(patsubst %/go.mod,%,$(wildcard test/*/go.mod)))
FOLDERS := connectors events functions infra shared test

.PHONY: run
run: ## start the demo on LISTEN with its data in DATA, without limits on how often one may ask
	HABEAS_RATE_LIMITS=off go run ./infra/habeas serve --demo --data "$(DATA)" --listen "$(LISTEN)"

.PHONY: test
test: ## vet and test; needs only Go
	go vet ./...
	go test ./...

.PHONY: test-all
test-all: test race ## also the race detector, and every test of the running system
	@for module in $(MODULES); do \
		echo "== $$module"; \
		$(MAKE) --no-print-directory test-module MODULE=$$module; \
	done

# The detector needs a C compiler, which is why it is not part of `make test`.
.PHONY: race
race: $(TOOLS)/system
	CGO_ENABLED=1 go test -race -short -timeout 20m ./...

.PHONY: test-module
test-module: $(TOOLS)/system $(TOOLS)/node_modules/axe-core/axe.min.js $(TOOLS)/corpora/fetched $(if $(filter test/aws infra/cdk,$(MODULE)),$(AWS_TOOLS)/fetched)
	cd $(MODULE) && $(if $(filter infra/cdk,$(MODULE)),$(CDK_BUILD)) go vet ./... && $(if $(filter infra/cdk,$(MODULE)),$(CDK_BUILD)) AXE="$(TOOLS)/node_modules/axe-core/axe.min.js" AWS_TOOLS="$(AWS_TOOLS)" go test -count=1 -timeout 45m ./...

.PHONY: test-aws
test-aws: ## the same system on emulators of AWS
	@$(MAKE) --no-print-directory test-module MODULE=test/aws

# The stacks. STAGE is a file in infra/cdk/stages, or the path of one elsewhere; credentials come from the environment.
STAGE     ?= dev
STAGEFILE := $(if $(filter %.yaml,$(STAGE)),$(abspath $(STAGE)),$(CURDIR)/infra/cdk/stages/$(STAGE).yaml)
CDK       := $(AWS_TOOLS)/npm/node_modules/.bin/cdk
# The bindings of the CDK are large: compiled without optimisation they take a fraction of the time.
CDK_BUILD := JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=1 GOFLAGS='"-gcflags=github.com/aws/aws-cdk-go/...=-N -l"'
setting    = $(shell sed -n 's/^$(1):[[:space:]]*\([A-Za-z0-9_-]*\).*/\1/p' $(STAGEFILE))

.PHONY: lambdas
lambdas: ## build and pack every Lambda for STAGE
	cd infra/cdk && go run ./cmd/pack -max 30 -arch $(or $(call setting,architecture),arm64)

.PHONY: synth
synth: lambdas $(AWS_TOOLS)/npm/fetched ## make the templates of STAGE in infra/cdk/cdk.out
	cd infra/cdk && $(CDK_BUILD) $(CDK) synth --quiet -c stage=$(STAGEFILE)

.PHONY: diff
diff: lambdas $(AWS_TOOLS)/npm/fetched ## show what a deployment of STAGE would change
	cd infra/cdk && $(CDK_BUILD) $(CDK) diff -c stage=$(STAGEFILE)

# In production every change of permissions is shown and asked for. The edge is in us-east-1, which is bootstrapped with the rest.
.PHONY: deploy
deploy: synth ## deploy STAGE
	cd infra/cdk && $(CDK) bootstrap --app cdk.out
	cd infra/cdk && $(CDK) deploy --app cdk.out --all --require-approval $(if $(filter true,$(call setting,production)),broadening,never)
	cd infra/cdk && go run ./cmd/settle -stage $(STAGEFILE)

# Keys and data of a stage in production are kept and protected; README of infra/cdk says how they go.
.PHONY: destroy
destroy: synth ## remove STAGE, unless cases are open
	go run ./infra/habeas stage open-cases --stage $(STAGEFILE)
	cd infra/cdk && $(CDK) destroy --app cdk.out --all

.PHONY: bench
bench: ## measure: start, one case, a thousand cases, one large person, the clockwork over a million open cases
	go test -run '^$$' -bench . ./test/bench
	go test -run '^$$' -bench Sweep -benchtime 20x -timeout 30m ./functions
	go test -run '^$$' -bench Load ./shared/policy
	go run ./test/bench

.PHONY: bench-servers
bench-servers: $(TOOLS)/system ## the same on PostgreSQL
	cd test/servers && go test -run '^$$' -bench Product -benchtime 1x -timeout 30m ./product

.PHONY: bench-aws
bench-aws: $(AWS_TOOLS)/fetched ## measure: size and start of every Lambda, what a case and a month cost; writes infra/figures
	cd test/aws && AWS_TOOLS="$(AWS_TOOLS)" go test -count=1 -run '^$$' -bench . -benchtime 1x -timeout 60m ./bench

# The tool copies the module for each worker, so it is given a copy that has no more than the packages it changes and those they need.
GREMLINS := v0.6.0
MUTATE   := $(TOOLS)/mutate
.PHONY: mutate
mutate: $(TOOLS)/gremlins/$(GREMLINS)/gremlins ## change shared/clock in small ways and see whether its tests notice; see its MUTATION.md
	rm -rf $(MUTATE) && mkdir -p $(MUTATE)/shared
	cp go.mod go.sum $(MUTATE) && cp -r $(addprefix shared/,clock policy dsar fault) $(MUTATE)/shared
	cd $(MUTATE) && GOFLAGS='-vet=off -ldflags=-w' $< unleash ./shared/clock --timeout-coefficient 20

$(TOOLS)/gremlins/$(GREMLINS)/gremlins:
	GOBIN=$(@D) go install github.com/go-gremlins/gremlins/cmd/gremlins@$(GREMLINS)

.PHONY: lint
lint: $(TOOLS)/bin/golangci-lint ## golangci-lint with .golangci.yml, in every module
	$(TOOLS)/bin/golangci-lint run ./...
	@for module in $(MODULES); do \
		echo "== $$module"; \
		(cd $$module && $(CDK_BUILD) $(TOOLS)/bin/golangci-lint run --config $(CURDIR)/.golangci.yml ./...); \
	done

.PHONY: fmt
fmt: $(TOOLS)/bin/gofumpt ## gofumpt every Go file
	$(TOOLS)/bin/gofumpt -l -w $(FOLDERS)

.PHONY: tools
tools: $(TOOLS)/bin/golangci-lint $(TOOLS)/bin/gofumpt $(TOOLS)/system $(TOOLS)/node_modules/axe-core/axe.min.js $(TOOLS)/corpora/fetched $(AWS_TOOLS)/fetched ## fetch what lint and test-all need

# Both tools are built from the versions in test/tools/go.mod and again only when those change.
$(TOOLS)/bin/golangci-lint $(TOOLS)/bin/gofumpt &: test/tools/go.mod test/tools/go.sum
	mkdir -p $(TOOLS)/bin
	go build -C test/tools -o $(TOOLS)/bin/ tool
	touch $(TOOLS)/bin/golangci-lint $(TOOLS)/bin/gofumpt

$(TOOLS)/node_modules/axe-core/axe.min.js: Makefile $(TOOLS)/system
	npm install --prefix $(TOOLS) --no-save --no-package-lock --no-audit --no-fund $(AXE)
	touch $@

# Data maps of others that tests read: by exact version and hash, unpacked by nobody, and never run.
.PHONY: corpora
corpora: $(TOOLS)/corpora/fetched ## fetch the data maps of others that test-all reads

$(TOOLS)/corpora/fetched: test/servers/fides/requirements.txt
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --dest $(TOOLS)/corpora -r $<
	touch $@

# What stands in for AWS (test/aws/emulator), and the CDK: each by the versions in test/aws/tools, again only when those change.
$(AWS_TOOLS)/fetched: $(addprefix $(AWS_TOOLS)/,ministack/fetched moto/fetched dynamodb/fetched npm/fetched bin/versitygw)
	touch $@

$(AWS_TOOLS)/ministack/fetched $(AWS_TOOLS)/moto/fetched: $(AWS_TOOLS)/%/fetched: test/aws/tools/%.txt | $(TOOLS)/system
	python3 -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	touch $@

$(AWS_TOOLS)/dynamodb/fetched: test/aws/tools/pom.xml | $(TOOLS)/system
	rm -rf $(@D)
	mvn --quiet --batch-mode --file $< dependency:copy-dependencies -DoutputDirectory=$(@D) -DincludeScope=runtime
	touch $@

$(AWS_TOOLS)/npm/fetched: test/aws/tools/package.json test/aws/tools/package-lock.json | $(TOOLS)/system
	mkdir -p $(@D)
	cp $^ $(@D)
	npm ci --prefix $(@D) --no-audit --no-fund
	touch $@

$(AWS_TOOLS)/bin/versitygw: test/aws/tools/go.mod test/aws/tools/go.sum
	mkdir -p $(@D)
	go build -C test/aws/tools -o $(@D)/ tool
	touch $@

# A browser, a C compiler, npm, Java, Python and PostgreSQL come from Debian: installed when this runs as root and they are missing.
$(TOOLS)/system: Makefile
	@mkdir -p $(TOOLS)
	@missing=(); \
	command -v chromium >/dev/null || missing+=(chromium); \
	command -v gcc >/dev/null || missing+=(gcc libc6-dev); \
	command -v npm >/dev/null || missing+=(npm); \
	command -v java >/dev/null || missing+=(default-jre-headless); \
	command -v mvn >/dev/null || missing+=(maven); \
	python3 -c 'import ensurepip, pip, venv' 2>/dev/null || missing+=(python3-pip python3-venv); \
	command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql); \
	if (($${#missing[@]})); then \
		if [[ $$(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then \
			echo "please install: $${missing[*]}" >&2; exit 1; \
		fi; \
		apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}"; \
	fi
	@touch $@

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
