# kz: the only interface. `make` lists the targets; CI calls the same ones.
# Everything is built once: tests, demo and the tests' image share the `fast` build, bench and size the release.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.DEFAULT_GOAL := help

TARGET := x86_64-unknown-linux-musl
IMAGE := kz:dev
# PROFILE=fast puts the tests' build into the image.
PROFILE := release
# Where the images for two architectures go.
OUTPUT = $(CARGO_TARGET_DIR)/kz-images/$(PROFILE)
# BASE=gcr.io/distroless/static-debian12:nonroot, where images can be pulled.
BASE := own
# Handed to the test runner: make e2e ARGS=quickstart
ARGS :=
# make fuzz: how long each target runs, which, and from which number it searches (none: another each time).
SECONDS := 60
SEED :=
# make dialects: how many values are generated, from that number or 1.
VALUES := 3000
FUZZ := $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))

# make features: which of Cargo.toml's, and whether with their tests.
UNIT :=
PROVIDERS := $(shell sed -n 's/^\(provider-[a-z0-9-]*\) = .*/\1/p' Cargo.toml)

# make demo-vault: which.
EXAMPLE := vault-entrypoint vault-init

export CARGO_TARGET_DIR ?= $(CURDIR)/target
export KZ_TOOLS ?= $(HOME)/.cache/kz
export KZ_COMMIT := $(shell git describe --always --dirty --abbrev=12 --exclude '*' 2> /dev/null || echo unknown)
# Debian's client: a newer one elsewhere on PATH may lack the builder. Looked up late, since setup installs both.
export DOCKER ?= $(shell test -x /usr/bin/docker && echo /usr/bin/docker || echo docker)
export COMPOSE ?= $(shell command -v docker-compose || echo $(DOCKER) compose)

LOCKED := $(if $(CI),--locked)
CARGO_FLAGS := --quiet $(LOCKED) --target $(TARGET)
FAST := $(CARGO_FLAGS) --profile fast
BINARY = $(CARGO_TARGET_DIR)/$(TARGET)/$(PROFILE)/kz

.PHONY: help setup setup-images generated build release image images images-here image-reproducible arm64 stand-ins demo demo-vault demo-aws demo-1password check test features dialects hostile e2e bench size fuzz advisories clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-20s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what the other targets need, and start a Docker engine where none answers
	@scripts/setup

build: ## the binary that tests and demo use: static, little optimised
	@cargo build $(FAST) --bin kz

release: ## the binary to ship: static, small, the same wherever it is built; takes minutes
	@scripts/compile $(TARGET) release $(LOCKED)

image: $(if $(filter fast,$(PROFILE)),build,release) ## kz:dev with the release binary; PROFILE=fast for the tests' one, BASE= for another base
	@docker/build $(BINARY) $(IMAGE) $(BASE)

images: setup-images images-here ## kz for amd64 and arm64 as one OCI index, without an engine, and its SPDX bill; PROFILE=fast is quicker

setup-images: setup ## what these, and no other targets, need beside: zig, an emulator, a validator
	@scripts/setup-images

images-here:
	@scripts/images $(PROFILE) $(OUTPUT)
	@tests/images/check $(PROFILE) $(OUTPUT)

image-reproducible: setup-images ## builds the images twice, in different places, and compares all digests; builds for long
	@scripts/image-reproducible $(PROFILE) $(CARGO_TARGET_DIR)/reproducible

arm64: setup-images ## the arm64 binary, emulated: its version, the quickstart, and tests; ARGS= for others of tests/it
	@$(MAKE) --no-print-directory stand-ins
	@scripts/arm64 $(PROFILE) $(ARGS)

stand-ins: ## the vendors' images that tests and demo need, from Debian packages, where they cannot be pulled
	@tests/e2e/stand-ins/build

demo: setup ## the quickstart on a real engine, step by step (kz:dev becomes the fast build)
	@$(MAKE) --no-print-directory image PROFILE=fast
	@$(MAKE) --no-print-directory stand-ins
	@scripts/demo

demo-vault: setup ## the Compose examples with a Vault, likewise; EXAMPLE=vault-init for one
	@$(MAKE) --no-print-directory image PROFILE=fast
	@$(MAKE) --no-print-directory stand-ins
	@for example in $(EXAMPLE); do scripts/demo-backend $$example; done

demo-aws: ## the Compose example with AWS, likewise
	@$(MAKE) --no-print-directory demo-vault EXAMPLE=aws-init

demo-1password: ## the Compose example with a Connect server, likewise
	@$(MAKE) --no-print-directory demo-vault EXAMPLE=onepassword-connect

check: ## formatting, lints, dependency rules
	@cargo fmt --check --all
	@cargo fmt --check --manifest-path fuzz/Cargo.toml
	@# By name too: `--all-targets` leaves out what is `test = false`, as the bench is.
	@cargo clippy $(FAST) --all-targets --test '*' -- -D warnings
	@cargo clippy $(FAST) --package kz-fakes -- -D warnings
	@cargo deny --log-level error check bans licenses sources

test: setup check ## everything: check, unit and integration tests, each provider alone, dialects, the hostile suite, then e2e
	@cargo test $(FAST) --lib --bins --test it $(ARGS)
	@$(MAKE) --no-print-directory features
	@$(MAKE) --no-print-directory dialects
	@$(MAKE) --no-print-directory hostile ARGS=
	@$(MAKE) --no-print-directory e2e

features: ## each provider alone builds without a warning; UNIT=yes runs its tests too (minutes for each)
	@for provider in $(PROVIDERS); do \
		echo "$$provider alone"; \
		cargo clippy $(FAST) --lib --bins --no-default-features --features "$$provider" -- -D warnings; \
		if [ -n "$(UNIT)" ]; then cargo test $(FAST) --lib --no-default-features --features "$$provider"; fi; \
	done

dialects: ## what kz writes is read back by the programs it is for, as a table; VALUES=100000 generates more, SEED=2 others
	@VALUES=$(VALUES) SEED=$(or $(SEED),1) cargo test $(FAST) --test dialects

hostile: ## attacks on a volume that kz exports into, as a table; ARGS='link' for some rows (as root; changes sysctls and restores them)
	@cargo test $(FAST) --test hostile -- $(ARGS)

e2e: ## the image on a real engine (kz:dev becomes the fast build)
	@$(MAKE) --no-print-directory image PROFILE=fast
	@$(MAKE) --no-print-directory stand-ins
	@cargo test $(FAST) --test e2e $(ARGS)
	@scripts/with-protected-symlinks cargo test $(FAST) --test e2e -- examples:: quickstart kubernetes --skip never

generated: ## rewrite schema/ and man/ from the code; the tests compare them
	@KZ_WRITE_GENERATED=1 cargo test $(FAST) --test it committed

bench: release ## what `kz run` and reading from Vault cost, beside the budgets
	@scripts/bench $(CARGO_TARGET_DIR)/$(TARGET)/release/kz
	@KZ_BINARY=$(CARGO_TARGET_DIR)/$(TARGET)/release/kz cargo test $(FAST) --test bench

size: image ## what the release binary and the image weigh, beside the budgets, and each provider (builds for minutes)
	@scripts/size $(BINARY) $(IMAGE) $(TARGET) release $(LOCKED)

fuzz: setup ## every fuzz target for SECONDS=60; FUZZ=config for one
	@SEED=$(SEED) scripts/fuzz $(SECONDS) $(FUZZ)

advisories: ## known vulnerabilities in the dependencies (needs the network)
	@cargo deny --log-level error check advisories

clean: ## remove what was built, images too, and what a killed test or demo left
	@cargo clean
	@scripts/clean
