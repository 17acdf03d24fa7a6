# The two commands of a new user are `make demo` and `make test`; `make help` lists the rest.
# Every path is relative, so that a clone may lie in a folder whose name has a space in it.

PYTHON ?= python3.11
JAVA ?= java
BACKBONE ?= fruitnet
BACKBONES ?= fruitnet,mobilenet_v2
COMPONENTS ?= 0.95
IMAGES ?= samples/images
STATE ?= .local-aws/up
# paths reach a shell as the environment's words, whatever quotes and dollars are in them
export IMAGES_PATH := $(value IMAGES)
export WEIGHTS_PATH := $(value WEIGHTS)
export STATE_PATH := $(value STATE)
export PYTHON
# uv leaves compiling to the first import; without bytecode every start of a process would compile again
unexport PYTHONDONTWRITEBYTECODE
export AWS_EC2_METADATA_DISABLED = true
export SAM_CLI_TELEMETRY = 0

DEVELOPMENT = .venv/development/bin/python
UV = sh tools/uv.sh
UV_OPTIONS = --quiet --require-hashes
# Environments are set up side by side, in a make of its own; everything else runs in the order in which it is named.
SIDE_BY_SIDE = --silent --jobs=4 SETTING_UP=1
ifndef SETTING_UP
.NOTPARALLEL:
endif

.PHONY: help
help:  ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: preflight
preflight:
	@sh tools/preflight.sh "$(PYTHON)" "$(JAVA)"

# uv sets up every environment; where the PATH has none, pip installs the pinned one, once.
.PHONY: uv
uv: $(if $(SETTING_UP),,preflight)
	$(if $(SETTING_UP),,@sh tools/get_uv.sh "$(PYTHON)")

# An environment is as new as its lock: it is made again, from nothing, when the lock changes.
.venv/%/.complete: requirements/%.txt | uv
	@echo "setting up the environment '$*' (once)"
	@rm -rf .venv/$* && $(UV) venv --quiet --python "$(PYTHON)" .venv/$*
	@sh tools/with-progress.sh "installing $*" $(UV) pip sync $(UV_OPTIONS) --python .venv/$*/bin/python requirements/$*.txt
	@touch $@

# pyspark is built from its source: with the build tools of the lock, not with whatever is newest today. Its wheel is
# unpacked at once, so compressing it (470 MB) would only take time.
.venv/spark/.complete: requirements/spark.txt tools/fetch_jars.py requirements/jars.sha256 | uv
	@echo "setting up the environment 'spark' (once)"
	@rm -rf .venv/spark && $(UV) venv --quiet --python "$(PYTHON)" .venv/spark
	@grep -A2 -E '^(setuptools|wheel|packaging)==' requirements/spark.txt | grep -E '==|hash' > .venv/spark/build-tools.txt
	@$(UV) pip sync $(UV_OPTIONS) --python .venv/spark/bin/python .venv/spark/build-tools.txt
	@sh tools/with-progress.sh "installing spark" $(UV) pip sync $(UV_OPTIONS) --no-build-isolation --config-settings=--build-option=--compression=stored --python .venv/spark/bin/python requirements/spark.txt
	@sh tools/with-progress.sh "fetching Iceberg" .venv/spark/bin/python tools/fetch_jars.py .venv/spark/jars requirements/jars.sha256
	@touch $@

# Spark's own packages serve the development environment too: one Spark, the one that runs the jobs.
.venv/development/.with-spark: .venv/development/.complete .venv/spark/.complete
	@$(DEVELOPMENT) tools/link_packages.py
	@touch $@

.build/.deps: requirements/job.txt requirements/functions.txt tools/build.py tools/installation.py .venv/development/.complete
	@sh tools/with-progress.sh "packing the job's packages (once)" $(DEVELOPMENT) tools/build.py deps
	@touch $@

FOR_SETUP = .venv/development/.with-spark .venv/sam/.complete .build/.deps
FOR_TEST = .venv/backbones/.complete .venv/emulator/.complete

.PHONY: setup
setup: uv  ## the environments of demo, up and test, once
	@$(MAKE) $(SIDE_BY_SIDE) $(FOR_SETUP)

.PHONY: setup-test
setup-test: uv
	@$(MAKE) $(SIDE_BY_SIDE) $(FOR_SETUP) $(FOR_TEST)

# those that the template allows; BACKBONE is checked before TensorFlow is installed
KNOWN_BACKBONES = $(shell sed -n '/^  BackboneName:/,/AllowedValues/s/.*AllowedValues: \[\(.*\)\]/\1/p' template.yaml | tr -d ,)
.PHONY: known-backbone
known-backbone:
	$(if $(filter $(BACKBONE),$(KNOWN_BACKBONES)),,$(error BACKBONE is '$(BACKBONE)'; it may be one of $(KNOWN_BACKBONES)))
	@:

# fruitnet lies in the repository; every other backbone is exported once
.PHONY: backbone
backbone: $(if $(filter-out fruitnet,$(BACKBONE)),backbones/exported/$(BACKBONE).tflite)

backbones/exported/%.tflite: | .venv/backbones/.complete
	@.venv/backbones/bin/python backbones/export.py $* $(if $(WEIGHTS),--weights "$$WEIGHTS_PATH")

.PHONY: demo
demo: known-backbone setup backbone  ## the main job, end to end: IMAGES=folder BACKBONE=name WEIGHTS=file COMPONENTS=100|0.95 KEEP=1
	@$(DEVELOPMENT) -m demo --images "$$IMAGES_PATH" --backbone "$(BACKBONE)" --components "$(COMPONENTS)" --out demo-out $(if $(KEEP),--keep)

.PHONY: up
up: known-backbone setup backbone  ## start the embedded AWS and deploy into it; what it holds survives
	@$(DEVELOPMENT) -m demo.up --state "$$STATE_PATH" --backbone "$(BACKBONE)" --components "$(COMPONENTS)"

.PHONY: down
down:  ## stop the embedded AWS
	@$(DEVELOPMENT) -m embedded_aws down --state "$$STATE_PATH"

PROCESSES = --numprocesses auto --maxprocesses 4
SIDE_BY_SIDE_TESTS = $(PROCESSES) --dist loadfile --no-loadscope-reorder

.PHONY: test
test: setup-test  ## every test
	@$(DEVELOPMENT) -m pytest $(SIDE_BY_SIDE_TESTS) $(PYTEST)
	@.venv/backbones/bin/python -m pytest $(PROCESSES) --dist worksteal tests/backbones

.PHONY: test-unit
test-unit: setup  ## the tests that need neither Spark nor a server
	@$(DEVELOPMENT) -m pytest $(SIDE_BY_SIDE_TESTS) tests/model tests/unit $(PYTEST)

.PHONY: schedules
schedules: setup  ## the model of the queue and its lanes through N random schedules (10,000 unless told otherwise)
	@SCHEDULES=$(or $(N),10000) $(DEVELOPMENT) -m pytest $(SIDE_BY_SIDE_TESTS) tests/model/test_queue_model.py $(PYTEST)

.PHONY: coverage
coverage: setup  ## which branches of functions, job and command line no test takes: TESTS="tests/model tests/unit"
	@$(DEVELOPMENT) -m coverage erase
	@$(DEVELOPMENT) -m pytest $(SIDE_BY_SIDE_TESTS) --cov --cov-report=term $(or $(TESTS),tests/model tests/unit tests/integration) $(PYTEST)

.PHONY: lint
lint: setup  ## ruff, mypy, import-linter, sam validate --lint, checkov
	@$(DEVELOPMENT) -m ruff check .
	@$(DEVELOPMENT) -m ruff format --check .
	@$(DEVELOPMENT) -m mypy contract functions emr_job embedded_aws demo cli benchmarks
	@PYTHONPATH=contract:functions:emr_job:cli:. .venv/development/bin/lint-imports --no-cache --no-logo
	@.venv/sam/bin/python -m samcli validate --lint
	@$(MAKE) --no-print-directory scan

.PHONY: scan
scan: .venv/scan/.complete  ## checkov over the template; what it may not find fault with has its reason beside it
	@.venv/scan/bin/python .venv/scan/bin/checkov --framework cloudformation --file template.yaml --skip-download --compact --quiet

UV_COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --generate-hashes --no-strip-extras --python-version 3.11

.PHONY: lock
lock: uv  ## pin the newest versions of everything
	@$(UV_COMPILE) --upgrade --universal requirements/functions.in -o requirements/functions.txt
	@for name in uv job spark development backbones sam scan benchmarks peers emulator; do $(UV_COMPILE) --upgrade requirements/$$name.in -o requirements/$$name.txt; done
	@for name in identify express; do $(subst 3.11,3.13,$(UV_COMPILE)) --upgrade --python-platform x86_64-manylinux_2_28 requirements/$$name.in -o requirements/$$name.txt || exit 1; done

FUNCTION ?= IngestFunction
EVENT ?= events/ingest-s3-put.json
HOST ?= 127.0.0.1

.PHONY: local
local: setup  ## sam local invoke: FUNCTION=IngestFunction EVENT=events/ingest-s3-put.json, or ALL=1 (needs Docker; on Linux HOST=172.17.0.1)
	@$(DEVELOPMENT) -m demo.invoke $(if $(ALL),--all,$(or $(PAIRS),$(FUNCTION)=$(EVENT))) --host $(HOST) --sam-arguments="$(SAM_LOCAL_ARGS)"

# with TensorFlow for the Spark + Keras baseline; Spark's own packages are shared, as with the development environment
.venv/benchmarks/.with-spark: .venv/benchmarks/.complete .venv/spark/.complete
	@.venv/benchmarks/bin/python tools/link_packages.py
	@touch $@

BENCH_IMAGES = $(if $(filter file,$(origin IMAGES)),,--images "$$IMAGES_PATH")

.PHONY: setup-bench
setup-bench: setup .venv/benchmarks/.with-spark .venv/peers/.complete

.PHONY: bench
bench: setup-bench  ## measure, beside what a user would pick instead: QUICK=1 ROWS=refit,ingest IMAGES=tar WEIGHTS=file
	@PYTHONPATH=contract:functions:emr_job .venv/benchmarks/bin/python -m benchmarks --rows "$(ROWS)" $(if $(QUICK),--quick) $(BENCH_IMAGES) $(if $(WEIGHTS),--weights "$$WEIGHTS_PATH") $(if $(filter file,$(origin BACKBONE)),,--backbone "$(BACKBONE)")

comma := ,
.PHONY: known-backbones
known-backbones:
	$(foreach name,$(subst $(comma), ,$(BACKBONES)),$(if $(filter $(name),$(KNOWN_BACKBONES)),,$(error BACKBONES has '$(name)'; it may have $(KNOWN_BACKBONES))))
	@:

.PHONY: compare
compare: known-backbones setup .venv/benchmarks/.with-spark  ## compare networks on your images: IMAGES=folder BACKBONES=fruitnet,mobilenet_v2 WEIGHTS=name=file
	@PYTHONPATH=contract:functions:emr_job .venv/benchmarks/bin/python -m benchmarks.compare "$$IMAGES_PATH" --backbones "$(BACKBONES)" --weights "$$WEIGHTS_PATH"

.PHONY: bench-server
bench-server: .venv/benchmarks/.with-spark  ## build the S3 server that the benchmarks run against, once; needs Go
	@PYTHONPATH=contract:functions:emr_job .venv/benchmarks/bin/python -m benchmarks.gateway

.PHONY: smoke
smoke: .venv/development/.complete  ## check a deployed stack, for a few cents: STACK=pomona REGION=eu-west-3 YES=1
	@$(DEVELOPMENT) tools/smoke.py --stack "$(or $(STACK),pomona)" $(if $(REGION),--region "$(REGION)") $(if $(YES),--yes)

.PHONY: bench-pages
bench-pages: .venv/benchmarks/.with-spark  ## docs/performance.md, cost.md, scale.md and models.md from what was measured
	@for page in report cost scale models; do PYTHONPATH=contract:functions:emr_job .venv/benchmarks/bin/python -m benchmarks.$$page || exit 1; done

.PHONY: clean
clean:  ## remove everything that was built or installed here
	@rm -rf .venv .build .aws-sam .local-aws demo-out .coverage .coverage.*

# What `sam build` calls (Metadata: BuildMethod: makefile), from this folder.
BUILD = $(firstword $(wildcard .venv/development/bin/python) $(shell command -v $(PYTHON)) python3) tools/build.py

.PHONY: build-IngestFunction build-AdvanceFunction build-RefitFunction build-MaintainFunction build-PublishFunction build-StorageFunction build-IdentifyFunction build-ExpressFunction
build-IngestFunction:
	@$(BUILD) function ingest "$(ARTIFACTS_DIR)"
build-AdvanceFunction:
	@$(BUILD) function advance "$(ARTIFACTS_DIR)"
build-RefitFunction:
	@$(BUILD) function refit "$(ARTIFACTS_DIR)"
build-MaintainFunction:
	@$(BUILD) function maintain "$(ARTIFACTS_DIR)"
build-IdentifyFunction:
	@$(BUILD) identify "$(ARTIFACTS_DIR)"
build-ExpressFunction:
	@$(BUILD) express "$(ARTIFACTS_DIR)"
build-PublishFunction:
	@$(BUILD) publish "$(ARTIFACTS_DIR)"
build-StorageFunction:
	@$(BUILD) function storage "$(ARTIFACTS_DIR)"
