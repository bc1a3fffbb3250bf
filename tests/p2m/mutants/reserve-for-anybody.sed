# SPDX-License-Identifier: MIT
# What is set aside for one is taken by another.
s/else if ( paging->p2m_free_pages == paging->p2m_reserved_pages )/else if ( !paging->p2m_free_pages )/
