/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * streams - a program that was started without its standard streams.
 *
 * Whoever closes 0, 1 or 2 before he starts us has the next file that is opened get that number:
 * what we print would go into a disk, a repository or a session.
 */
#ifndef LUNETTE_STREAMS_H
#define LUNETTE_STREAMS_H

/**
 * streams_fill() - put /dev/null where a standard stream is closed; to be called before anything is
 * opened
 *
 * Reading what was closed finds the end, what is complained is lost, and writing to a standard
 * output that is not there still fails: a report that nobody can have got was not given.
 *
 * Ends the program when there is no /dev/null: nothing could be told to anybody.
 */
void streams_fill(void);

#endif
