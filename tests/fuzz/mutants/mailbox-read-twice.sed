# SPDX-License-Identifier: MIT
# What is asked for is read again after the mailbox was copied.
# file: svq_mailbox.c
# found by: mailbox
s/switch ( m.request )/switch ( dev->mailbox->request )/
