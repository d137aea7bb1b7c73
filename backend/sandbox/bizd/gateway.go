package bizd

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"
)

// GatewayOptions configures a gateway.
type GatewayOptions struct {
	// Listen is host:port; "" = a free port on 127.0.0.1.
	Listen string
	// Site is what the X-Site header of every answer says.
	Site string
	// Routes are subsystem name -> base URL: /NAME/x goes to URL/x.
	Routes map[string]string
	Logger *slog.Logger
}

// Gateway is what DNS points at: it hands requests on to the subsystems. A
// subsystem that refuses gives 502, one that does not answer in time 503, one that
// this site does not have 404 with X-Not-Offered. /healthz speaks for the gateway
// process only. Safe for concurrent use.
type Gateway struct {
	*service
	transport *http.Transport
}

// NotOffered is the header of a 404 for a subsystem that the site does not have.
const NotOffered = "X-Not-Offered"

// StartGateway serves until Close.
func StartGateway(o GatewayOptions) (*Gateway, error) {
	s, err := newService("gateway", o.Listen)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{service: s, transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 300 * time.Millisecond}).DialContext,
		ResponseHeaderTimeout: 900 * time.Millisecond,
		MaxIdleConnsPerHost:   4, IdleConnTimeout: 30 * time.Second,
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "site": o.Site})
	})
	for name, to := range o.Routes {
		u, err := url.Parse(to)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("gateway %s: route %s: %w", o.Site, name, err), g.Close())
		}
		mux.Handle("/"+name+"/", http.StripPrefix("/"+name, g.proxy(name, u, o.Logger)))
	}
	for _, name := range []string{"monitoring", "scheduling"} {
		if _, ok := o.Routes[name]; !ok {
			mux.HandleFunc("/"+name+"/", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(NotOffered, name)
				writeJSON(w, http.StatusNotFound, map[string]string{"error": "this site does not offer " + name})
			})
		}
	}
	g.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Site", o.Site)
		mux.ServeHTTP(w, r)
	}))
	return g, nil
}

func (g *Gateway) proxy(name string, to *url.URL, l *slog.Logger) http.Handler {
	return &httputil.ReverseProxy{
		Transport: g.transport,
		ErrorLog:  log.New(slogWriter{l}, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.SetXForwarded()
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			status := http.StatusBadGateway
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
				status = http.StatusServiceUnavailable
			}
			writeJSON(w, status, map[string]string{"error": name + " does not answer"})
		},
	}
}

type slogWriter struct{ l *slog.Logger }

func (s slogWriter) Write(b []byte) (int, error) {
	s.l.Debug("gateway", "text", string(b))
	return len(b), nil
}

// Close stops the gateway at once.
func (g *Gateway) Close() error { return g.close(g.transport.CloseIdleConnections) }
