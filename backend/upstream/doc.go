// Package upstream moves what feeds the data platform: the switch of an upstream
// feed (mission A1, A4), and the Flink job that ingests its messages.
//
// It does not: decide when to move, touch Kafka or the stores, or keep state:
// every method looks at the world first and is idempotent.
//
// It may be imported by backend only. It imports backend/config.
package upstream
