/* SPDX-License-Identifier: MIT */
/* Stand-in: the tests look at the option's name, and set it themselves. */
#define boolean_param(name, var) const char model_option_name[] = name
