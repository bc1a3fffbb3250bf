/* SPDX-License-Identifier: MIT */
#ifndef PAGES_H
#define PAGES_H

/* The grant that the backend VM is told of. */
#define GRANT_REF 20u

extern unsigned int backend_domain;

#endif
