# SPDX-License-Identifier: MIT
# A CPU that loads a p2m does not say so.
/^static void p2m_begin_load/,/^}/s/cpumask_set_cpu(cpu, \&p2m->tlb_cpus);/{ }/
