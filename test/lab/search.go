//go:build integration

package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
)

// Search is one node of OpenSearch or Elasticsearch, a cluster of its own.
type Search struct {
	server
	// URL of its HTTP interface; it asks for no password.
	URL string
}

// Search engines by the part that they are made from.
const (
	OpenSearch2    = "opensearch2"
	OpenSearch3    = "opensearch3"
	Elasticsearch7 = "elasticsearch7"
)

const searchConf = `node.name: %[1]s
cluster.name: %[1]s
network.host: 127.0.0.1
http.port: %[2]d
transport.port: %[3]d
discovery.type: single-node
cluster.routing.allocation.disk.threshold_enabled: false
node.store.allow_mmap: false
node.processors: 1
%[4]s: ["127.0.0.1:*"]
`

// NewSearch prepares a node of the engine in dir; any other on loopback may be copied from.
func NewSearch(ctx context.Context, dir, site, engine string) (*Search, error) {
	part, err := Build(ctx, engine)
	if err != nil {
		return nil, err
	}
	ports, err := loopbackPorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	d, err := serverDir(dir, site+"-"+engine)
	if err != nil {
		return nil, err
	}
	if _, err := serverDir(d, "config"); err != nil {
		return nil, err
	}
	class, file, allow := "OpenSearchNode", "opensearch.yml", "reindex.remote.allowlist"
	if engine == Elasticsearch7 {
		class, file, allow = "ElasticsearchNode", "elasticsearch.yml", "reindex.remote.whitelist"
	}
	if err := serverFile(filepath.Join(d, "config", file), fmt.Sprintf(searchConf, site+"-"+engine, ports[0], ports[1], allow)); err != nil {
		return nil, err
	}
	flag, err := log4j(d)
	if err != nil {
		return nil, err
	}
	s := &Search{URL: "http://" + local(ports[0])}
	s.server = server{Site: site, proc: &proc{
		name: engine, dir: d, args: part.command(384, []string{flag}, class, d),
		ready: func(ctx context.Context) error {
			return healthy(ctx, s.URL+"/_cluster/health?wait_for_status=green&timeout=900ms")
		},
	}}
	return s, nil
}

// Believe lets a node that has not been started yet copy from remotes over TLS whose
// certificates an authority (PEM) has signed.
func (s *Search) Believe(ca []byte) error {
	d := filepath.Join(s.proc.dir, "config")
	file := "opensearch.yml"
	if s.proc.name == Elasticsearch7 {
		file = "elasticsearch.yml"
	}
	return errors.Join(serverFile(filepath.Join(d, "reindex-ca.pem"), string(ca)),
		appendTo(filepath.Join(d, file), "reindex.ssl.certificate_authorities: [\"reindex-ca.pem\"]\n"))
}

// CreateIndex makes an index without copies: with one, a single node is yellow for ever.
// The mapping may be nil.
func (s *Search) CreateIndex(ctx context.Context, name string, mapping map[string]any) error {
	ask := map[string]any{"settings": map[string]any{"number_of_shards": 1, "number_of_replicas": 0}}
	if mapping != nil {
		ask["mappings"] = mapping
	}
	return sendJSON(ctx, http.MethodPut, s.URL+"/"+name, ask, nil)
}

// holds says why the index has no documents yet, "" when it has.
func (s *Search) holds(index string) func(context.Context) string {
	return func(ctx context.Context) string {
		var answer struct {
			Count int64 `json:"count"`
		}
		if err := sendJSON(ctx, http.MethodGet, s.URL+"/"+index+"/_count", nil, &answer); err != nil {
			return err.Error()
		}
		if answer.Count == 0 {
			return "no documents"
		}
		return ""
	}
}
