# The two commands of a new user are `make demo` and `make test`; `make help` lists the rest.
# Every path is relative, so that a clone may lie in a folder whose name has a space in it.

PYTHON ?= python3.11
JAVA ?= java
BACKBONE ?= fruitnet
export PYTHONDONTWRITEBYTECODE = 1
export AWS_EC2_METADATA_DISABLED = true
export SAM_CLI_TELEMETRY = 0

ENVIRONMENTS = development spark sam backbones
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps

.PHONY: help
help:  ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: preflight
preflight:
	@sh tools/preflight.sh "$(PYTHON)" "$(JAVA)"

# An environment is as new as its lock: it is made again, from nothing, when the lock changes.
.venv/%/.complete: requirements/%.txt | preflight
	@echo "setting up the environment '$*' (once; takes a minute or two)"
	@rm -rf .venv/$* && $(PYTHON) -m venv .venv/$*
	@sh tools/with-progress.sh "installing $*" .venv/$*/bin/python $(PIP_INSTALL) -r requirements/$*.txt
	@touch $@

# pyspark is built from its source: with the build tools of the lock, not with whatever is newest today.
.venv/spark/.complete: requirements/spark.txt tools/fetch_jars.py requirements/jars.sha256 | preflight
	@echo "setting up the environment 'spark' (once; takes a minute or two)"
	@rm -rf .venv/spark && $(PYTHON) -m venv .venv/spark
	@grep -A2 -E '^(setuptools|wheel|packaging)==' requirements/spark.txt | grep -E '==|hash' > .venv/spark/build-tools.txt
	@.venv/spark/bin/python $(PIP_INSTALL) -r .venv/spark/build-tools.txt
	@sh tools/with-progress.sh "installing spark" .venv/spark/bin/python $(PIP_INSTALL) --no-build-isolation -r requirements/spark.txt
	@sh tools/with-progress.sh "fetching Iceberg" .venv/spark/bin/python tools/fetch_jars.py .venv/spark/jars requirements/jars.sha256
	@touch $@

# What `sam build` calls (Metadata: BuildMethod: makefile), from this folder.
BUILD = $(firstword $(wildcard .venv/development/bin/python) $(shell command -v $(PYTHON)) python3) tools/build.py

.PHONY: build-IngestFunction build-AdvanceFunction build-RefitFunction build-PublishFunction
build-IngestFunction:
	@$(BUILD) function ingest "$(ARTIFACTS_DIR)"
build-AdvanceFunction:
	@$(BUILD) function advance "$(ARTIFACTS_DIR)"
build-RefitFunction:
	@$(BUILD) function refit "$(ARTIFACTS_DIR)"
build-PublishFunction:
	@$(BUILD) publish "$(ARTIFACTS_DIR)"
