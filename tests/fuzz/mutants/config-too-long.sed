# SPDX-License-Identifier: MIT
# A configuration space longer than the mailbox.
# file: svq_mailbox.c
# found by: mailbox
s/if ( m->config_len > VSH_CONFIG_SIZE )/if ( 0 )/
