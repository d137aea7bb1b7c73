package contract_test

import (
	"testing"

	"github.com/dutyops/dutyops/backend/sandbox/amqpd"
	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/test/contract"
)

// rabbit makes a broker with its management API, each behind a link.
func (c *component) rabbit(t *testing.T) error {
	pw := secret()
	s, err := amqpd.Start(amqpd.Options{Users: map[string]string{"duty": pw}})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := c.behind(t, s.ManagementURL()); err != nil {
		return err
	}
	management := c.line
	base := c.target.URL
	if err := c.behind(t, "tcp://"+s.Addr()); err != nil {
		return err
	}
	c.target.URL, c.more = base, []*link.Link{management}
	c.target.User, c.target.Password = "duty", func() (string, error) { return pw, nil }
	c.rotate = func(password string) error { s.SetPassword("duty", password); return nil }
	c.own[contract.DiskAlarm] = func(on bool) error { s.SetDiskAlarm(on); return nil }
	c.own[contract.MemoryAlarm] = func(on bool) error { s.SetMemoryAlarm(on); return nil }
	other, err := amqpd.Start(amqpd.Options{Name: "rabbit@other", Users: map[string]string{"duty": pw}})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = other.Close() })
	c.replacedWith(other.Addr(), hostOf(other.ManagementURL()))
	return nil
}
