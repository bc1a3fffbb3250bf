# SPDX-License-Identifier: MIT
# A buffer may end one byte after the end of RAM.
# file: svq_chain.c
# found by: driver
s/len <= bank->size - (addr - bank->base)/len <= bank->size - (addr - bank->base) + 1/
