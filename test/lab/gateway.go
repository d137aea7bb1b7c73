//go:build integration

package lab

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Gateway is nginx: what a site's names point at. Its own /healthz does not depend on
// anything behind it.
type Gateway struct {
	Site    string
	Address string // what DNS carries
	URL     string
	proc    *proc
}

// nginxHead begins the configuration of every nginx; the first argument is its folder. One
// process: a worker would outlive a master that is killed.
const nginxHead = `daemon off;
master_process off;
worker_processes 1;
pid %[1]s/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
`

const nginxConf = nginxHead + `  default_type application/json;
  server {
    listen %[2]s:%[3]d;
    add_header X-Site %[4]s always;
    location = /healthz { return 200 '{"gateway":"%[4]s"}'; }
    location /monitoring/ {
      proxy_pass %[5]s/;
      proxy_set_header Host $host;
      proxy_connect_timeout 1s; proxy_read_timeout 2s; proxy_next_upstream off;
    }
    location / { return 404; }
  }
}
`

func newGateway(dir, site, address string, port int, monitoring string) (*Gateway, error) {
	d, err := serverDir(dir, site, "nginx")
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(d, "nginx.conf")
	if err := serverFile(conf, fmt.Sprintf(nginxConf, d, address, port, site, monitoring)); err != nil {
		return nil, err
	}
	g := &Gateway{Site: site, Address: address, URL: "http://" + net.JoinHostPort(address, strconv.Itoa(port))}
	g.proc = &proc{
		name: "nginx", dir: d, args: []string{"nginx", "-e", "stderr", "-p", d, "-c", conf},
		ready: func(ctx context.Context) error { return healthy(ctx, g.URL+"/healthz") },
	}
	return g, nil
}

// Start brings the gateway up after Kill.
func (g *Gateway) Start(ctx context.Context) error { return g.proc.start(ctx) }

// Kill ends the gateway at once.
func (g *Gateway) Kill() { g.proc.stop(syscall.SIGKILL) }

func (g *Gateway) close() { g.proc.stop(syscall.SIGTERM) }

func healthy(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	c := http.Client{Timeout: time.Second}
	a, err := c.Do(req)
	if err != nil {
		return err
	}
	_ = a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, a.Status)
	}
	return nil
}
