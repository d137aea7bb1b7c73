package searchd

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// doc is one version of a document. Never changed after it was made.
type doc struct {
	id           string
	source       json.RawMessage
	version, seq int64
}

// index is guarded by Server.mu; building a column counts as writing.
type index struct {
	name, uuid string
	created    time.Time
	docs       map[string]*doc
	// graves keep the versions of deleted documents, for external versioning.
	graves   map[string]int64
	maxSeq   int64
	writes   int64
	bytes    int64
	keep     int               // documents; 0 is all
	settings map[string]string // flat, with the prefix "index."
	mappings map[string]any
	columns  map[string]*column
}

func newIndex(name string, o Options) *index {
	ix := &index{
		name: name, uuid: uuid(), created: time.Now(), keep: o.KeepDocs,
		docs: map[string]*doc{}, graves: map[string]int64{}, maxSeq: -1,
		settings: map[string]string{
			"index.number_of_shards": "1", "index.number_of_replicas": strconv.Itoa(o.Replicas),
		},
		mappings: map[string]any{}, columns: map[string]*column{},
	}
	ix.columns[seqField] = &column{vals: map[*doc]key{}}
	return ix
}

// seqs is every document in order of writing.
func (ix *index) seqs() *column { return ix.columns[seqField] }

func (ix *index) replicas() int {
	n, _ := strconv.Atoi(ix.settings["index.number_of_replicas"]) // checked when it was set
	return n
}

func (ix *index) status() string {
	if ix.replicas() > 0 {
		return "yellow" // a single node has nowhere to put them
	}
	return "green"
}

// blocked is the error a write meets, or nil.
func (ix *index) blocked(nodeReadOnly bool) *apiError {
	says := func(status int, text string) *apiError {
		return &apiError{
			status: status, kind: "cluster_block_exception", index: ix.name,
			reason: fmt.Sprintf("index [%s] blocked by: [%s];", ix.name, text),
		}
	}
	switch {
	case ix.settings["index.blocks.write"] == "true":
		return says(http.StatusForbidden, "FORBIDDEN/8/index write (api)")
	case ix.settings["index.blocks.read_only"] == "true":
		return says(http.StatusForbidden, "FORBIDDEN/5/index read-only (api)")
	case nodeReadOnly, ix.settings["index.blocks.read_only_allow_delete"] == "true":
		return says(http.StatusTooManyRequests,
			"TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block")
	}
	return nil
}

// write is what a change of one document asks for.
type write struct {
	create      bool
	version     int64
	versionType string // "", internal, external, external_gte
	ifSeq       *int64
}

// check compares the wish with what is there and gives the new version.
func (ix *index) check(id string, o write) (int64, *apiError) {
	old := ix.docs[id]
	current, grave := ix.graves[id]
	if old != nil {
		current = old.version
	}
	conflict := func(format string, args ...any) *apiError {
		return &apiError{
			status: http.StatusConflict, kind: "version_conflict_engine_exception", index: ix.name,
			reason: fmt.Sprintf("[%s]: version conflict, ", id) + fmt.Sprintf(format, args...),
		}
	}
	if o.create && old != nil {
		return 0, conflict("document already exists (current version [%d])", old.version)
	}
	if o.ifSeq != nil && (old == nil || old.seq != *o.ifSeq) {
		return 0, conflict("required seqNo [%d], primary term [1], but no document was found or it has another", *o.ifSeq)
	}
	exists := old != nil || grave
	switch o.versionType {
	case "", "internal":
		return current + 1, nil
	case "external", "external_gt":
		if exists && current >= o.version {
			return 0, conflict("current version [%d] is higher or equal to the one provided [%d]", current, o.version)
		}
	case "external_gte":
		if exists && current > o.version {
			return 0, conflict("current version [%d] is higher than the one provided [%d]", current, o.version)
		}
	default:
		return 0, badRequest("illegal_argument_exception", "No version type match [%s]", o.versionType)
	}
	return o.version, nil
}

// put stores a document; created says it was not there before.
func (ix *index) put(id string, source json.RawMessage, o write) (d *doc, created bool, _ *apiError) {
	if !json.Valid(source) || len(source) == 0 || source[0] != '{' {
		return nil, false, badRequest("document_parsing_exception", "failed to parse: expected a JSON object")
	}
	v, err := ix.check(id, o)
	if err != nil {
		return nil, false, err
	}
	old := ix.docs[id]
	ix.maxSeq++
	d = &doc{id: id, source: source, version: v, seq: ix.maxSeq}
	ix.drop(old)
	delete(ix.graves, id)
	ix.docs[id] = d
	ix.writes++
	ix.bytes += int64(len(source))
	ix.fill(d)
	if ix.keep > 0 && len(ix.docs) > ix.keep {
		oldest := ix.seqs().entries[0].d
		ix.drop(oldest)
		delete(ix.docs, oldest.id)
	}
	return d, old == nil, nil
}

// remove deletes a document; found says it was there.
func (ix *index) remove(id string, o write) (version, seq int64, found bool, _ *apiError) {
	v, err := ix.check(id, o)
	if err != nil {
		return 0, 0, false, err
	}
	old := ix.docs[id]
	ix.drop(old)
	delete(ix.docs, id)
	ix.graves[id] = v
	ix.maxSeq++
	ix.writes++
	return v, ix.maxSeq, old != nil, nil
}

// drop takes a version of a document out of the columns.
func (ix *index) drop(d *doc) {
	if d == nil {
		return
	}
	ix.bytes -= int64(len(d.source))
	for _, c := range ix.columns {
		c.remove(d)
	}
}

// fill puts a new version of a document into the columns.
func (ix *index) fill(d *doc) {
	var fields map[string]any
	for name, c := range ix.columns {
		if fields == nil && !strings.HasPrefix(name, "_") {
			fields = d.fields()
		}
		c.add(d, d.key(name, fields))
	}
}

// column gives the values of a field in order, building them at the first use.
func (ix *index) column(field string) *column {
	c := ix.columns[field]
	if c == nil {
		c = &column{vals: make(map[*doc]key, len(ix.docs))}
		for _, e := range ix.seqs().entries {
			c.append(e.d, e.d.key(field, e.d.fields()))
		}
		c.sort()
		ix.columns[field] = c
	}
	return c
}

func (d *doc) fields() map[string]any {
	var m map[string]any
	_ = json.Unmarshal(d.source, &m) // it was checked when it was stored
	return m
}

// ensure gives an index, made when missing, as writes do.
func (s *Server) ensure(name string) (*index, *apiError) {
	if ix := s.indices[name]; ix != nil {
		return ix, nil
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	ix := newIndex(name, s.o)
	s.indices[name] = ix
	return ix, nil
}

func checkName(name string) *apiError {
	if name == "" || name != strings.ToLower(name) || strings.ContainsAny(name, ` "*\<|,>/?#:`) ||
		strings.ContainsAny(name[:1], "-_+") || name == "." || name == ".." {
		return &apiError{
			status: http.StatusBadRequest, kind: "invalid_index_name_exception", index: name,
			reason: fmt.Sprintf("Invalid index name [%s], must be lowercase and without special characters", name),
		}
	}
	return nil
}

// find resolves a name, a list or a pattern. A plain name that is missing is an
// error; a pattern without a match is an empty list.
func (s *Server) find(expr string) ([]*index, *apiError) {
	if expr == "_all" || expr == "" {
		expr = "*"
	}
	var found []*index
	for part := range strings.SplitSeq(expr, ",") {
		if ix := s.indices[part]; ix != nil {
			found = append(found, ix)
			continue
		}
		if !strings.Contains(part, "*") {
			return nil, &apiError{
				status: http.StatusNotFound, kind: "index_not_found_exception", index: part,
				reason: fmt.Sprintf("no such index [%s]", part),
			}
		}
		for _, name := range slices.Sorted(maps.Keys(s.indices)) {
			if ok, err := path.Match(part, name); err == nil && ok {
				found = append(found, s.indices[name])
			}
		}
	}
	return found, nil
}
