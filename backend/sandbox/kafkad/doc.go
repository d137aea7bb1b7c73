// Package kafkad is the Kafka of one sandbox site: an in-process cluster that
// speaks the real protocol (kfake) and advertises addresses of the caller's
// choice, so that a fault proxy stands in front of every broker and no client
// walks round it after the first metadata answer.
//
// It does not: replicate between brokers, lag inside the in-sync set, enforce
// quotas, authenticate, or create topics by itself. Breaking connections is the
// business of the proxy; only the fencing of producers is done here.
//
// It may be imported by backend/sandbox and by the tests of the sandbox's
// servers. It imports nothing of dutyops.
package kafkad
