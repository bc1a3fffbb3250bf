# SPDX-License-Identifier: MIT
# The length is read again after it was checked.
# file: src/svq_split.c
s/^            err = svq_chain_add(dev, q, c);/            { err = svq_chain_add(dev, q, c); d->len = svq_read_once(src->len); }/
