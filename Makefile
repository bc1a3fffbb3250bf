# SPDX-License-Identifier: MIT
# The commands of the project; each is a script under testbed/ that can be run by itself.
.DEFAULT_GOAL := help
.PHONY: help fetch run test soak hosts fuzz proofs bench shell build clean clean-cache xen-branch

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20
	@echo
	@echo '  tests/run.sh SUITE and testbed/system-tests.sh NAME run a part of the tests'
	@echo
	@echo '  XEN_SOURCE=PLACE  a Xen tree: a clone, a tarball, a folder, or the URL of one; needed once,'
	@echo '                    where nothing else has it; PLACE#REV takes another commit of a clone'
	@sed -n 's/^default /  XEN=RELEASE       the release of Xen that is built; without it /p' testbed/config/xen-releases
	@echo '  STAGES="STAGE..." make test: of style unit mediator daemon fuzz proofs system bench; all without'
	@echo '  REQUIRE_XEN=1     make test: without Xen the tests that need it fail, and are not skipped'

fetch: ## fetch everything that all the others need, Xen included; they need no network then
	@testbed/fetch.sh

run: ## build what is missing, boot a guest from a mediated disk, print a summary (out/run/)
	@testbed/run.sh

test: ## run all tests, on the host and on the emulated machine, or those of STAGES (out/test/)
	@testbed/test.sh $(STAGES)

soak: ## run for an hour what "make test" does a little of, then "hosts" (out/soak/)
	@testbed/soak.sh

hosts: ## do "make run" and "make test" on a bare Debian 12 and 13 (root; hours; out/hosts/)
	@testbed/hosts.sh

fuzz: ## fuzz the core for FUZZ_SECONDS (3600) per fuzzer
	@testbed/host-packages.sh
	@$(MAKE) --no-print-directory -C tests/fuzz fuzz

proofs: ## prove parts of the core, within bounds (tests/proofs/)
	@testbed/host-packages.sh
	@tests/run.sh proofs

xen-branch: ## make a git branch of the Xen series, to be read or posted (out/xen-branch/xen.git)
	@tests/xen-branch.sh

bench: ## measure: out/bench/report.html, results.json; QUICK=1 (or BRIEF=1) shows that it works
	@QUICK=$(QUICK) BRIEF=$(BRIEF) testbed/bench/run.sh

shell: ## boot with the devices up and give an interactive dom0 on this terminal
	@testbed/shell.sh

build: ## build everything a boot takes; out/build/ points at the results
	@testbed/build.sh

clean: ## remove out/; the cache of builds outside the checkout stays
	rm -rf out

clean-cache: ## remove the cache of builds too, but for imported Xen sources
	@testbed/clean-cache.sh
