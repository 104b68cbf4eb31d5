# Everyday commands. Each sets up what it needs first (.ci/setup), from nothing but python3, make and git.
.DEFAULT_GOAL := help
.PHONY: help demo test test-containers test-full-kernel lint check fmt image bench fuzz mutants schemas constraints clean

BIN := .venv/bin
.NOTPARALLEL:
# Tests with routers in containers run as root, and leave nothing in the checkout that its owner cannot remove.
IN_CONTAINERS = $(if $(filter 0,$(shell id -u)),,sudo -n --preserve-env=PATH,CI) env PYTHONDONTWRITEBYTECODE=1 \
  $(BIN)/python -m pytest -n auto --dist worksteal -p no:cacheprovider --runtime docker
# Those that `make test` runs: what a container is and leaves behind, every topology, other vendors' routers, faults, probes, secrets,
# and what takes nft or queues. The rest asks what routers decide, which is the same program's work: it takes ten minutes.
DIFFER_IN_CONTAINERS := $(patsubst %,tests/live/test_%.py,bfd bird capture containers exported failover frr gobgp image lan_flap \
  lifecycle main_job marked_packets nat packet_sizes probes queues runtimes source_admission topologies watch wires) \
  tests/live/test_cli.py::test_no_key_is_shown
# Debian keeps nft where an ordinary user's PATH does not lead.
export PATH := $(PATH):/usr/sbin:/sbin
# The tests run thousands of commands: what Python has compiled once, it shall keep.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 # \2/p' $(MAKEFILE_LIST) | awk -F ' # ' '{ printf "%-25s %s\n", $$1, $$2 }'

demo: ## Build a point-to-point circuit and test all that is expected of it
	@.ci/setup demo
	@$(BIN)/erlab test topologies/point_to_point_ethernet_layer2.yaml

test: ## Run every test, and the live ones that may differ there in containers; ARGS="-k failover" for some
	@.ci/setup test
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)
	$(if $(ARGS),,@$(IN_CONTAINERS) $(DIFFER_IN_CONTAINERS))

test-containers: ## Run all live tests with routers in Docker containers, as root (sudo); ARGS="-k failover" for some
	@.ci/setup test
	@$(IN_CONTAINERS) $(or $(ARGS),tests/live)

test-full-kernel: ## Run the tests of VLANs on a kernel that has VLAN devices, in an emulator; takes minutes
	@.ci/setup full_kernel
	@$(BIN)/python tests/full_kernel/run.py .full_kernel $(CURDIR)/$(BIN)/python tests/full_kernel/inside.py \
	  -v -p no:cacheprovider tests/live/test_vlans.py tests/full_kernel/kernel_vlans.py $(ARGS)

lint: ## Run the checkers: format, ruff, types, layers
	@.ci/setup test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## What CI runs: lint, then test

fmt: ## Format the code and fix what ruff can
	@.ci/setup test
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

image: ## Build the images of routers for containers, and list what is in them (build/*.cdx.json)
	@.ci/engine
	@.ci/image
	@for name in node peers; do .ci/sbom $$name; done

bench: ## Measure the lab
	@.ci/setup demo
	@$(BIN)/python benchmarks/whole_command.py $(ARGS)
	@$(BIN)/python benchmarks/policy_engine.py

fuzz: ## Throw malformed input at every parser; COUNT=100000 for more
	@.ci/setup test
	@for target in update mrt as_path_pattern as_path_text communities policy_file topology_file cases_file routes_file route_words; do \
	  $(BIN)/python tests/fuzz/fuzz.py $$target --count $(or $(COUNT),10000) --seed $$$$ || exit 1; done

mutants: ## Change the policy engine in a thousand ways, and list the changes that no test notices
	@.ci/setup test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check mutmut==3.8.1
	@$(BIN)/mutmut run >/dev/null; $(BIN)/mutmut results

schemas: ## Write the JSON Schemas of the files anew (docs/reference)
	@.ci/setup demo
	@$(BIN)/python -m lab.load.schema

constraints: ## Pin the newest version of every dependency anew (.ci/constraints.txt)
	@.ci/pin

clean: ## Remove everything that was made here, the environment included
	rm -rf .venv .full_kernel build *.egg-info .*_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
