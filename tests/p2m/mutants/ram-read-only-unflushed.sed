# SPDX-License-Identifier: MIT
# RAM becomes read-only without a flush.
/^void p2m_ram_protect/,/^}/s/^    if ( done )$/    if ( false )/
