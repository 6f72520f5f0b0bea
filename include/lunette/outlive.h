/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * outlive - for a process that undoes what another one has stopped, should that one be killed.
 *
 * It must not die with it: who kills a control group kills all that is in it.
 */
#ifndef LUNETTE_OUTLIVE_H
#define LUNETTE_OUTLIVE_H

/**
 * outlive_others() - a session and a name of one's own, out of the control groups of who has
 * started us, and the last one to go when memory is short
 * @name: up to 15 characters
 *
 * Each of these is a safety more, where it can be had. May be called between fork() and exec().
 */
void outlive_others(const char *name);

#endif
