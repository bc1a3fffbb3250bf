# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The hypervisor as one would ship it, for benchmarks: without assertions and debug checks.
source "$TESTBED/stages/hypervisor.sh"
stage_inputs=(testbed/config/xen-release.config testbed/stages/hypervisor.sh)
variant=-release
