package probes

import (
	"context"
	"time"

	"github.com/dutyops/dutyops/probes/guard"
	"github.com/dutyops/dutyops/probes/trust"
)

// Status is what one probe answer says. It has the words of failoverplan.State,
// without depending on it; "stale" is the monitor's to say, never a probe's.
type Status string

// Answers of a single probe. StatusUnknown is for "we could not ask" (no
// credentials, own network), not for "it did not answer".
const (
	StatusUp       Status = "up"
	StatusDegraded Status = "degraded"
	StatusDown     Status = "down"
	StatusUnknown  Status = "unknown"
)

// Result is one answer. Immutable; safe to share.
type Result struct {
	At      time.Time     `json:"at"`
	Status  Status        `json:"status"`
	Latency time.Duration `json:"-"`
	// Slow: all that is wrong is that the answer took longer than SlowAfter.
	Slow bool `json:"slow,omitempty"`
	// Detail is one short line for a person: "replica, 0.2 s behind", "connection refused".
	Detail string `json:"detail"`
	Facts  Facts  `json:"facts"`
	// Transcript is the conversation, line by line, filled when Status is not up:
	// what was asked, what came back, what was expected. Holds no secret.
	Transcript []string `json:"transcript,omitempty"`
}

// Facts are what the component said of itself. Pointers and maps are nil when
// the kind has no such fact or the answer did not hold it.
type Facts struct {
	Version string `json:"version,omitempty"`
	// Role: "primary", "replica", "standalone", "leader", ...
	Role     string `json:"role,omitempty"`
	ReadOnly *bool  `json:"read_only,omitempty"`
	// ReplicaOf is the source's address as the component knows it; ReplicaState is
	// "streaming", "stopped", "connecting" or "broken".
	ReplicaOf    string `json:"replica_of,omitempty"`
	ReplicaState string `json:"replica_state,omitempty"`
	// LagSeconds is what the component itself claims; nil when it does not know.
	LagSeconds *float64 `json:"lag_s,omitempty"`
	// Position is where the component's own data is: GTID set, replication offset.
	// SourcePosition is the newest position received from its source.
	Position       string `json:"position,omitempty"`
	SourcePosition string `json:"source_position,omitempty"`
	// Offsets: Kafka "topic/partition" -> end offset; Connect: source offset reached, per "connector:topic/partition".
	Offsets map[string]int64 `json:"offsets,omitempty"`
	// NewestAt is the time stamp of the newest record or document.
	NewestAt time.Time `json:"newest_at,omitzero"`
	// Heartbeats are the time stamps of the newest heartbeats of MirrorMaker, by topic: those
	// of HeartbeatsTopic were written here, those of HeartbeatsFrom came through a mirror.
	Heartbeats map[string]time.Time `json:"heartbeats,omitempty"`
	// Count: documents, queued messages, keys.
	Count *int64 `json:"count,omitempty"`
	// Parts: connector or job name -> state in the component's own word (RUNNING, PAUSED, FAILED ...).
	Parts map[string]string `json:"parts,omitempty"`
	// CertificateEnds is when the first of the certificates ends that the component and we
	// show each other; zero without TLS.
	CertificateEnds time.Time `json:"certificate_ends,omitzero"`
	// Clock is the component's own clock; nil when the protocol does not tell it.
	Clock *Clock `json:"clock,omitempty"`
	// Extra: anything else worth a line in the detail view.
	Extra map[string]string `json:"extra,omitempty"`
}

// Prober asks one target. Probe never panics, returns within ctx's deadline, and
// is safe for concurrent use. Errors are part of the Result: a probe that fails
// says so in Status, Detail and Transcript.
type Prober interface {
	Probe(ctx context.Context) Result
	// Close releases connections kept between probes.
	Close() error
}

// Secret reads a secret when it is needed, so a rotated password is seen without
// a restart. It must not be logged or put in a Result.
type Secret func() (string, error)

// Role is what the topology expects of a component at this moment.
type Role string

// Roles. RoleAny expects nothing beyond an answer.
const (
	RoleAny     Role = ""
	RoleSource  Role = "source"
	RoleReplica Role = "replica"
)

// Target is what a prober needs to know of the component it asks. Fields a kind
// does not use are ignored.
type Target struct {
	// Name is "site/platform/component", for messages.
	Name string
	// Kind: http, tcp, dns, mysql, elasticsearch, kafka, rabbitmq, redis, flink, kafka-connect.
	Kind string
	// Address is host:port (mysql, redis, tcp, dns, rabbitmq's AMQP port); URL is the
	// base URL (http, elasticsearch, flink, kafka-connect, rabbitmq's management API).
	Address string
	URL     string
	Brokers []string

	User     string
	Password Secret
	Database string
	// APIKey (elasticsearch) is sent instead of user and password.
	APIKey Secret
	// SASL (kafka) is the one mechanism to use: scram-sha-256, scram-sha-512 or plain. "" is
	// SCRAM; PLAIN only over TLS that checks the certificate, to brokers that offer no SCRAM.
	SASL string

	// TLS says how the server's certificate is checked and which one is shown to it. nil: an
	// https URL is checked against the host's own authorities; mysql, redis, kafka and
	// rabbitmq's AMQP are spoken without TLS. With it they are never spoken without; tcp and
	// dns ignore it.
	TLS *trust.Settings

	// http: ExpectStatus (0 = any 2xx), ExpectBody (substring).
	ExpectStatus int
	ExpectBody   string
	HostHeader   string
	// dns: the question and, when set, the values expected.
	Query  string
	QType  string
	Expect []string
	// kafka: topics whose end offsets and newest time stamps are read.
	Topics []string
	// kafka: topics that MirrorMaker's heartbeats are looked for in; they need not be there. It is
	// asked at each probe, as the names are those that the mirrors have for their sources. nil:
	// none.
	Heartbeats func() []string
	// kafka-connect: connectors to look at; empty = all.
	Connectors []string
	// flink: the ingest job, which must be RUNNING when Role says RoleSource.
	Job string
	// Role tells what is expected of the component now; roles swap at a failover, so it
	// is asked at each probe. nil = RoleAny. A source that is read-only (mysql, redis,
	// elasticsearch with a write block) or whose job does not run (flink) is down; a
	// replica that does not follow (mysql, redis) is degraded.
	Role func() Role
	// elasticsearch: Index whose count and newest TimeField are read. YellowOK keeps a
	// yellow cluster "up" (a single node is yellow for ever).
	Index     string
	TimeField string
	YellowOK  bool
	// rabbitmq: queue to look at with its depth.
	Queue string
	// SlowAfter: an answer slower than this is degraded; 0 = never.
	SlowAfter time.Duration
	// CertificateWarning: a certificate that ends sooner is degraded; 0 = never.
	CertificateWarning time.Duration

	// trust is made of TLS by New; meter counts what the target's connections bring in.
	trust *trust.Client
	meter *guard.Meter
}
