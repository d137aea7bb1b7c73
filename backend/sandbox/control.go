package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// controlServer answers for a sandbox at its control address: GET /users, /truth,
// /kinds, and GET, POST, DELETE /faults[/TARGET].
type controlServer struct {
	s   Control
	lis net.Listener
	srv *http.Server
	wg  sync.WaitGroup
}

func startControl(s Control, listen string) (*controlServer, error) {
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("control address %s: %w (is the port in use?)", listen, err)
	}
	c := &controlServer{s: s, lis: l}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users", answerWith(s.Users))
	mux.HandleFunc("GET /truth", answerWith(s.Truth))
	mux.HandleFunc("GET /kinds", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, map[string]any{"faults": s.Kinds()})
	})
	mux.HandleFunc("GET /faults", c.list)
	mux.HandleFunc("POST /faults", c.inject)
	mux.HandleFunc("DELETE /faults", c.heal)
	mux.HandleFunc("DELETE /faults/{target...}", c.heal)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, fmt.Sprintf("no such thing: %s %s", r.Method, r.URL.Path),
			"there are GET /users, GET /truth, GET /kinds, and GET, POST and DELETE /faults")
	})
	c.srv = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	c.wg.Go(func() { _ = c.srv.Serve(l) }) // always ErrServerClosed
	return c, nil
}

func (c *controlServer) url() string { return "http://" + c.lis.Addr().String() }

func (c *controlServer) close() error {
	err := c.srv.Close()
	c.wg.Wait()
	return err
}

func answerWith[T any](f func(context.Context) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r.Context())
		if err != nil {
			refuse(w, http.StatusInternalServerError, err.Error(), "look at the sandbox's log")
			return
		}
		answerJSON(w, http.StatusOK, v)
	}
}

func (c *controlServer) list(w http.ResponseWriter, r *http.Request) {
	active, err := c.s.Active(r.Context())
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error(), "look at the sandbox's log")
		return
	}
	answerJSON(w, http.StatusOK, map[string]any{"faults": active})
}

func (c *controlServer) inject(w http.ResponseWriter, r *http.Request) {
	var f Fault
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		refuse(w, http.StatusBadRequest, "the body is not a fault: "+err.Error(), `send {"target":"primary/data/kafka","kind":"down","for":"30s"}; for is optional`)
		return
	}
	if err := c.s.Inject(r.Context(), f); err != nil {
		refuseFault(w, err)
		return
	}
	c.list(w, r)
}

func (c *controlServer) heal(w http.ResponseWriter, r *http.Request) {
	if err := c.s.Heal(r.Context(), r.PathValue("target")); err != nil {
		refuseFault(w, err)
		return
	}
	c.list(w, r)
}

func refuseFault(w http.ResponseWriter, err error) {
	var u *UnknownError
	switch {
	case errors.As(err, &u) && u.What == "target":
		refuse(w, http.StatusNotFound, err.Error(), "name one of these targets")
	case errors.As(err, &u):
		refuse(w, http.StatusUnprocessableEntity, err.Error(), "name one of these kinds; GET /kinds tells what takes which")
	default:
		refuse(w, http.StatusBadRequest, err.Error(), "correct the request, or heal and try again")
	}
}

func refuse(w http.ResponseWriter, status int, text, hint string) {
	answerJSON(w, status, map[string]string{"error": text, "hint": hint})
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away: nobody left to tell
}
