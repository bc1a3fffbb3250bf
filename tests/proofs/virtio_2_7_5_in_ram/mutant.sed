# SPDX-License-Identifier: MIT
# A sum that wraps.
# file: src/svq_chain.c
s/len <= bank->size - (addr - bank->base)/addr + len <= bank->base + bank->size/
