# SPDX-License-Identifier: MIT
# The references of dummies that go are not dropped.
s/^    if ( dropped )$/    if ( false )/
