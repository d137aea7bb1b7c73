package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	_ "github.com/go-sql-driver/mysql" // the client of letIn

	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
	"github.com/dutyops/dutyops/backend/sandbox/redisd"
	"github.com/dutyops/dutyops/backend/sandbox/searchd"
)

// simulatedKinds are those that serve has a server for.
var simulatedKinds = []string{"http", "tcp", "redis", "mysql", "elasticsearch"}

// addresses of the simulated servers, by kind.
type addresses map[string]string

// account of the simulated databases. Nobody else can reach them: they listen on loopback
// for as long as the measurement lasts.
const account = "scale"

// serve runs one server of each kind that stands for all targets of it, prints where they
// are, and ends with ctx.
func serve(ctx context.Context) (err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	web := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"status":"ok"}`)
	})}
	go func() { _ = web.Serve(l) }()
	redis, err := redisd.Start(redisd.Options{Name: account})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, redis.Close()) }()
	store, err := mysqld.Start(mysqld.Options{ServerID: 1, Domain: 1, Users: map[string]mysqld.Account{
		account: {Password: account}, "root": {Password: account, ReadOnlyAdmin: true},
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := letIn(ctx, store.Addr()); err != nil {
		return err
	}
	search, err := searchd.Start(searchd.Options{Name: account, ClusterName: account})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, search.Close()) }()
	at := addresses{
		"http": "http://" + l.Addr().String() + "/health", "tcp": l.Addr().String(),
		"redis": redis.Addr(), "mysql": store.Addr(), "elasticsearch": search.URL(),
	}
	if err := json.NewEncoder(os.Stdout).Encode(at); err != nil {
		return err
	}
	<-ctx.Done()
	return web.Close()
}

// letIn lets as many connections into the database as there may be targets.
func letIn(ctx context.Context, addr string) (err error) {
	db, err := sql.Open("mysql", fmt.Sprintf("root:%s@tcp(%s)/", account, addr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, "SET GLOBAL max_connections = 100000")
	return err
}
