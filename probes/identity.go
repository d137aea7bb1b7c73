package probes

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Identity is what a component was recognised by when it last answered. It can be kept
// as JSON. The zero value knows nothing.
type Identity struct {
	// IDs are those of Facts.Extra that idMeanings lists for the kind.
	IDs map[string]string `json:"ids,omitempty"`
	// Position is kept of databases, whose history only grows.
	Position string `json:"position,omitempty"`
	// Role: what changes at a replica may just be its source's.
	Role string `json:"role,omitempty"`
}

// Change is one sign that another server answers than before, or the same one without
// what it had.
type Change struct {
	// What is the id's name in Facts.Extra ("server_uuid"), or "position".
	What string `json:"what"`
	Was  string `json:"was"`
	Is   string `json:"is"`
	// Means says in a sentence what that tells.
	Means string `json:"means"`
	// Lost is false when it was only restarted.
	Lost bool `json:"lost"`
}

// idMeaning is what it means when an id changes.
type idMeaning struct {
	means string
	lost  bool
}

const (
	otherServer   = "another server answers under this address, or it was set up anew"
	madeAnew      = "it was removed and made anew: what it held is gone"
	onlyRestarted = "it was restarted"
)

// idMeanings: the ids of each kind, by name or, ending in "*", by how it begins.
var idMeanings = map[string]map[string]idMeaning{
	"mysql":         {"server_uuid": {otherServer, true}, "server_id": {otherServer, true}, startedAt: {onlyRestarted, false}},
	"redis":         {RedisHistory: {"it began a history of its own: it was restarted without its data, replaced, or emptied", true}, "run_id": {onlyRestarted, false}},
	"kafka":         {"cluster_id": {otherServer, true}, topicID + "*": {madeAnew, true}},
	"kafka-connect": {"kafka_cluster": {"the workers belong to another Kafka cluster", true}},
	"elasticsearch": {"cluster_uuid": {otherServer, true}, "index_uuid": {madeAnew, true}},
	"rabbitmq":      {"cluster_name": {otherServer, true}, startedAt + "*": {onlyRestarted + ", or replaced: RabbitMQ does not tell which", false}},
	"flink":         {"job_id": {"another run of the ingest job: what it had not put into a savepoint or checkpoint was read again, or not at all", false}},
}

// startedAt is how times of a start begin in Facts.Extra. They are reckoned from how long
// it has been up, and so differ a little from answer to answer.
const startedAt = "started"

// startedApart is how far two such times are apart when there were two starts.
const startedApart = 5 * time.Second

// sameStart says whether both are the same start.
func sameStart(was, is string) bool {
	a, err1 := time.Parse(time.RFC3339, was)
	b, err2 := time.Parse(time.RFC3339, is)
	return err1 == nil && err2 == nil && b.Sub(a).Abs() <= startedApart
}

// positionKey in Facts.Extra is positionNone when a database told that it has no history
// at all, which is not the same as telling nothing.
const (
	positionKey  = "position"
	positionNone = "nothing written yet"
)

// topicID is how the ids of Kafka's topics begin in Facts.Extra.
const topicID = "topic_id "

// idMeaningOf finds what a fact's change means.
func idMeaningOf(kind, key string) (idMeaning, bool) {
	for name, m := range idMeanings[kind] {
		if prefix, any := strings.CutSuffix(name, "*"); name == key || any && strings.HasPrefix(key, prefix) {
			return m, true
		}
	}
	return idMeaning{}, false
}

// Recognise compares what a component says now with what was remembered of it, and
// returns what to remember from now on. An answer without an id says nothing about it,
// so the remembered one is kept.
func (i Identity) Recognise(kind string, f Facts) (Identity, []Change) {
	next := Identity{IDs: map[string]string{}, Position: i.Position, Role: f.Role}
	maps.Copy(next.IDs, i.IDs)
	var out []Change
	for _, key := range slices.Sorted(maps.Keys(f.Extra)) {
		m, ok := idMeaningOf(kind, key)
		if !ok {
			continue
		}
		was, is := i.IDs[key], f.Extra[key]
		next.IDs[key] = is
		if was != "" && strings.HasPrefix(key, startedAt) && sameStart(was, is) {
			next.IDs[key] = was // or a little at a time would never be noticed
			continue
		}
		if was == "" || was == is || kind == "redis" && key == RedisHistory && i.sameHistory(f, was) {
			continue
		}
		out = append(out, Change{What: key, Was: was, Is: is, Means: m.means, Lost: m.lost})
	}
	if kind == "mysql" && (f.Position != "" || f.Extra[positionKey] == positionNone) {
		next.Position = f.Position
		n, err := Missing(f.Position, i.Position)
		switch {
		case err != nil && !readable(f.Position):
			next.Position = i.Position // what cannot be read says nothing
		case err != nil && readable(i.Position):
			out = append(out, Change{
				What: "position", Was: i.Position, Is: f.Position, Lost: true,
				Means: "its transactions are numbered in the way of the other family: another server answers under this address",
			})
		case n > 0:
			out = append(out, Change{
				What: "position", Was: i.Position, Is: f.Position, Lost: true,
				Means: fmt.Sprintf("%d transactions that it had are not there any more: it was replaced, or restored from a copy", n),
			})
		}
	}
	return next, out
}

func readable(position string) bool {
	_, err := ParseGTID(position)
	return err == nil
}

// WithoutRuns forgets the ids that change with every start, such as a job's: whoever has
// just started it knows that it did.
func (i Identity) WithoutRuns(kind string) Identity {
	i.IDs = maps.Clone(i.IDs)
	maps.DeleteFunc(i.IDs, func(key, _ string) bool {
		m, ok := idMeaningOf(kind, key)
		return ok && !m.lost
	})
	return i
}

// sameHistory: a replica takes over its source's history, and one that is promoted
// begins a new one that goes on from the old (replid2).
func (i Identity) sameHistory(f Facts, was string) bool {
	return f.Role == "replica" || i.Role == "replica" || f.Extra[redisFormer] == was
}
