//go:build integration

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Rabbit is one RabbitMQ node with the management, federation and shovel plug-ins, and an
// epmd of its own.
type Rabbit struct {
	server
	// Address is host:port for AMQP; URL is the management interface.
	Address, URL string
	// Passwords by account: admin (administrator), probe (tag monitoring; may read all),
	// app (may do everything on the virtual host /).
	Passwords map[string]string

	epmd *proc
}

const rabbitConf = `listeners.tcp.1 = 127.0.0.1:%[1]d
management.tcp.ip = 127.0.0.1
management.tcp.port = %[2]d
vm_memory_high_watermark.absolute = 256MB
disk_free_limit.absolute = 50MB
management.load_definitions = %[3]s/definitions.json
log.console = true
log.console.level = warning
log.file = false
loopback_users = none
`

// NewRabbit prepares a node in dir with a durable queue per name.
func NewRabbit(ctx context.Context, dir, site string, queues ...string) (*Rabbit, error) {
	ports, err := loopbackPorts(ctx, 4)
	if err != nil {
		return nil, err
	}
	d, err := serverDir(dir, site+"-rabbitmq")
	if err != nil {
		return nil, err
	}
	// The wrapper in /usr/sbin insists on an account of its own; the script behind it does not.
	found, err := filepath.Glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server")
	if err != nil || len(found) == 0 {
		return nil, errors.New("RabbitMQ is not installed (test/lab/install.sh installs it)")
	}
	r := &Rabbit{Address: local(ports[0]), URL: "http://" + local(ports[1]), Passwords: map[string]string{}}
	for _, a := range []string{"admin", "probe", "app"} {
		r.Passwords[a] = secret()
	}
	defs, err := r.definitions(queues)
	if err != nil {
		return nil, err
	}
	for path, text := range map[string]string{
		"rabbitmq.conf": fmt.Sprintf(rabbitConf, ports[0], ports[1], d), "definitions.json": defs, ".erlang.cookie": secret(),
		"enabled_plugins": "[rabbitmq_management,rabbitmq_federation,rabbitmq_federation_management,rabbitmq_shovel,rabbitmq_shovel_management].\n",
	} {
		if err := serverFile(filepath.Join(d, path), text); err != nil {
			return nil, err
		}
	}
	epmd := fmt.Sprint("ERL_EPMD_PORT=", ports[3])
	r.epmd = &proc{
		name: "epmd", dir: d, args: []string{"epmd", "-address", "127.0.0.1", "-port", fmt.Sprint(ports[3])},
		ready: func(ctx context.Context) error { return run(ctx, d, "epmd", "-port", fmt.Sprint(ports[3]), "-names") },
	}
	r.server = server{Site: site, proc: &proc{
		name: "rabbitmq", dir: d, args: []string{found[len(found)-1]},
		env: []string{
			"RABBITMQ_NODENAME=" + site + "@localhost", "RABBITMQ_MNESIA_BASE=" + d + "/mnesia", "RABBITMQ_LOG_BASE=" + d + "/log",
			"RABBITMQ_CONFIG_FILE=" + d + "/rabbitmq.conf", "RABBITMQ_ENABLED_PLUGINS_FILE=" + d + "/enabled_plugins",
			fmt.Sprint("RABBITMQ_DIST_PORT=", ports[2]), "RABBITMQ_PID_FILE=" + d + "/pid", epmd, "ERL_EPMD_ADDRESS=127.0.0.1",
			"RABBITMQ_CONF_ENV_FILE=/dev/null",
			// Makes the script become the server instead of waiting for it, so that the server
			// dies with the lab.
			"RABBITMQ_ALLOW_INPUT=1",
			"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-noinput -start_epmd false +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
		},
		// The management interface is up before the node takes AMQP.
		ready: r.ready, listens: []string{r.Address},
	}}
	return r, nil
}

func (r *Rabbit) ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+"/api/health/checks/alarms", nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth("probe", r.Passwords["probe"])
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

// definitions are the accounts and queues that the node makes at its first start.
func (r *Rabbit) definitions(queues []string) (string, error) {
	type doc = map[string]any
	var users, rights, q []doc
	for _, a := range []struct{ name, tags, read, write, configure string }{
		{"admin", "administrator", ".*", ".*", ".*"}, {"probe", "monitoring", ".*", "", ""}, {"app", "", ".*", ".*", ".*"},
	} {
		users = append(users, doc{"name": a.name, "password": r.Passwords[a.name], "tags": a.tags})
		rights = append(rights, doc{"user": a.name, "vhost": "/", "configure": a.configure, "write": a.write, "read": a.read})
	}
	for _, name := range queues {
		q = append(q, doc{"name": name, "vhost": "/", "durable": true, "auto_delete": false, "arguments": doc{}})
	}
	b, err := json.Marshal(doc{"users": users, "vhosts": []doc{{"name": "/"}}, "permissions": rights, "queues": q})
	return string(b), err
}

// Start brings the node up. Its epmd is started with it and kept when the node is killed.
func (r *Rabbit) Start(ctx context.Context) error {
	if err := r.epmd.start(ctx); err != nil && !strings.Contains(err.Error(), "runs already") {
		return err
	}
	return r.server.Start(ctx)
}

// Stop ends the node and its epmd.
func (r *Rabbit) Stop() {
	r.server.Stop()
	r.epmd.stop(syscall.SIGTERM)
}

// Wipe throws away everything that the node has on disk; it must not run.
func (r *Rabbit) Wipe() error { return os.RemoveAll(filepath.Join(r.proc.dir, "mnesia")) }

// Shovel makes a dynamic shovel that moves the messages of a queue to the same queue at
// another node.
func (r *Rabbit) Shovel(ctx context.Context, queue string, to *Rabbit) error {
	uri := func(x *Rabbit) string { return "amqp://app:" + x.Passwords["app"] + "@" + x.Address }
	ask := map[string]any{"value": map[string]any{
		"src-protocol": "amqp091", "src-uri": uri(r), "src-queue": queue,
		"dest-protocol": "amqp091", "dest-uri": uri(to), "dest-queue": queue,
	}}
	return r.manage(ctx, http.MethodPut, "/api/parameters/shovel/%2F/"+queue, ask, nil)
}

// manage calls the management interface as the administrator.
func (r *Rabbit) manage(ctx context.Context, method, path string, in, out any) error {
	url := strings.Replace(r.URL, "http://", "http://admin:"+r.Passwords["admin"]+"@", 1)
	if err := sendJSON(ctx, method, url+path, in, out); err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), r.Passwords["admin"], "..."))
	}
	return nil
}
