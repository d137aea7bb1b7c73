package sandbox

// addParts makes every target known, in the order in which they are listed.
func (s *Sandbox) addParts() {
	for _, st := range s.sites {
		s.reg.addPart(part{target: st.name, kinds: linkKinds})
		s.reg.addPart(part{target: st.target("gateway"), kinds: linkKinds})
		for _, platform := range []string{business, data} {
			s.reg.addPart(part{target: st.target(platform), kinds: linkKinds})
			if platform == business {
				for _, name := range st.subsystems() {
					s.reg.addPart(part{target: st.target(business, name), kinds: linkKinds})
				}
			}
			for _, c := range st.components() {
				if c.platform == platform {
					s.reg.addPart(part{target: st.target(c.key()), kinds: linkKinds, own: st.switches(c)})
				}
			}
		}
	}
	for _, f := range feedSpecs {
		s.reg.addPart(part{target: "upstream/" + f.name, kinds: linkKinds})
	}
	for _, a := range s.sites {
		for _, b := range s.sites {
			if a != b {
				s.reg.addPart(part{target: pathName(a.name, b.name), kinds: []string{KindDown, KindSlow, KindBlackhole}})
			}
		}
	}
	for _, p := range s.dnsParts() {
		s.reg.addPart(p)
	}
}

// pathName is the target that stands for what flows from one site to another:
// replication, mirroring and timed copies.
func pathName(from, to string) string { return "link/" + from + "-" + to }

// switches are the faults of a component that are not its link's.
func (st *site) switches(c componentSpec) switchable {
	void := func(f func(bool)) func(bool) error {
		return func(on bool) error { f(on); return nil }
	}
	switch c.kind {
	case "mysql":
		return st.mysqlSwitches(c.key())
	case "elasticsearch":
		return switchable{KindReadOnly: void(st.search[c.key()].SetReadOnly)}
	case "kafka":
		return switchable{KindReadOnly: void(st.kafka.SetReadOnly)}
	case "redis":
		return st.redisSwitches(c.key())
	case "rabbitmq":
		return switchable{KindDiskAlarm: void(st.rabbit.SetDiskAlarm)}
	case "flink":
		return switchable{KindJobFailed: func(on bool) error {
			if on {
				st.flink.FailJob()
			} else {
				st.flink.HealJob()
			}
			return nil
		}}
	case "kafka-connect":
		return st.connectSwitches()
	}
	return nil
}
