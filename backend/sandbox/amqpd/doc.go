// Package amqpd is a small message broker for the sandbox: the part of AMQP
// 0-9-1 and of RabbitMQ's management API that DutyOps' probes and the
// sandbox's own jobs use, in one process and in memory.
//
// It does: PLAIN logins, channels, queues (declare, passive declare, bind,
// unbind, purge, delete), the default exchange, direct and fanout exchanges,
// publishing with confirms and mandatory returns, get, consume, ack, nack,
// reject and requeue, prefetch, heartbeats, x-max-length with drop-head, and a
// resource alarm that blocks publishers. The management API answers overview,
// nodes, health checks and queues, read only.
//
// It does not: write to disk, cluster, route topics or headers, run
// transactions, know virtual hosts other than "/", expire messages or check
// permissions beyond the password.
//
// It imports nothing of DutyOps; only backend/sandbox and tests may import it.
package amqpd
