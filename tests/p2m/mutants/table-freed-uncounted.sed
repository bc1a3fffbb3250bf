# SPDX-License-Identifier: MIT
# Tables that are freed are not counted: users go on with those that they know.
s/^    p2m->tables_freed++;$/    ;/
