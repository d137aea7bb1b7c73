package sandbox

import (
	"strings"

	"github.com/dutyops/dutyops/backend/sandbox/amqpd"
	"github.com/dutyops/dutyops/backend/sandbox/redisd"
)

func (st *site) startRedis(c componentSpec) error {
	a := account{}
	var err error
	if a.password, a.file, err = st.s.folder.secret(st.name + "-" + c.name); err != nil {
		return err
	}
	srv, err := redisd.Start(redisd.Options{Password: a.password})
	if err != nil {
		return err
	}
	st.s.onClose(srv.Close)
	l, err := st.door(c.key(), srv.Addr())
	if err != nil {
		return err
	}
	st.s.mu.Lock()
	st.redis[c.key()] = srv
	st.s.mu.Unlock()
	st.reach(c.key(), access{FileComponent: FileComponent{Kind: c.kind, Address: l.Addr(), PasswordFile: a.file}, probe: a})
	return nil
}

func (st *site) redisSwitches(key string) switchable {
	srv := st.redis[key]
	return switchable{
		KindReadOnly: func(on bool) error { srv.SetReadOnly(on); return nil },
		KindLagging: func(on bool) error {
			srv.SetLag(0)
			if on {
				srv.SetLag(lagBy)
			}
			return nil
		},
	}
}

func (st *site) startRabbit(c componentSpec) error {
	a := account{user: "dutyops"}
	var err error
	if a.password, a.file, err = st.s.folder.secret(st.name + "-" + c.name); err != nil {
		return err
	}
	srv, err := amqpd.Start(amqpd.Options{Name: "rabbit@" + st.name, Users: map[string]string{a.user: a.password}})
	if err != nil {
		return err
	}
	st.s.onClose(srv.Close)
	st.rabbit = srv
	if err := declareQueue(srv.Addr(), a); err != nil {
		return err
	}
	l, err := st.door(c.key(), srv.Addr())
	if err != nil {
		return err
	}
	m, err := st.s.link(strings.TrimPrefix(srv.ManagementURL(), "http://"), st.target(c.key()))
	if err != nil {
		return err
	}
	st.reach(c.key(), access{
		FileComponent: FileComponent{Kind: c.kind, Address: l.Addr(), URL: "http://" + m.Addr(), User: a.user, PasswordFile: a.file},
		probe:         a,
	})
	return nil
}
