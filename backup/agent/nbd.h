/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nbd - serves a blk to one client, read-only, over two streams.
 *
 * The proxy reads a software snapshot in this way, through the same ssh that runs the agent.
 */
#ifndef AGENT_NBD_H
#define AGENT_NBD_H

#include "lunette/blk.h"

/**
 * nbd_serve() - speak NBD until the client has enough
 * @in: requests come from it
 * @out: replies go to it
 * @blk: what every export name shows
 *
 * A request that cannot be served gets an error; a client that breaks the protocol is left.
 *
 * Return: 0 when the client went; -EPROTO; -ENOMEM; negative errno of the streams.
 */
int nbd_serve(int in, int out, struct blk *blk, struct error *err);

#endif
