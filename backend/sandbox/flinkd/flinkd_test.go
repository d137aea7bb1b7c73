package flinkd_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

func TestIngestWritesEverythingOnce(t *testing.T) {
	feeds := newFeeds(t, "primary")
	s := newSite(t, "primary", t.TempDir(), feeds)
	emit(feeds, 700) // more than one page
	id := s.runJob(t, `{}`)
	eventually(t, "1400 messages stored", func() bool { return len(s.mysql.messages()) == 1400 })
	onceEach(t, feeds, counted(s.mysql.messages()))

	var msgs []feedd.Message
	for _, r := range s.inKafka(t) {
		var m feedd.Message
		if err := json.Unmarshal(r.Value, &m); err != nil {
			t.Fatal(err)
		}
		if string(r.Key) != m.Flight || !r.Timestamp.Equal(m.At) {
			t.Fatalf("record key %q time %v of %+v", r.Key, r.Timestamp, m)
		}
		msgs = append(msgs, m)
	}
	onceEach(t, feeds, counted(msgs))
	if got := s.state(t, id); got != "RUNNING" || s.JobState() != "RUNNING" {
		t.Errorf("state %q and %q, want RUNNING", got, s.JobState())
	}
	eventually(t, "a checkpoint", func() bool {
		_, m := s.rest(t, "GET", "/jobs/"+id+"/checkpoints", "")
		latest, _ := m["latest"].(map[string]any)
		return latest["completed"] != nil
	})
	_, m := s.rest(t, "GET", "/overview", "")
	if m["jobs-running"] != 1.0 || m["slots-available"] != 1.0 || m["taskmanagers"] != 1.0 {
		t.Errorf("overview %v", m)
	}
	_, m = s.rest(t, "GET", "/jobs/overview", "")
	job, _ := m["jobs"].([]any)[0].(map[string]any)
	if job["jid"] != id || job["name"] != "ingest" || job["state"] != "RUNNING" || job["end-time"] != -1.0 {
		t.Errorf("jobs overview %v", job)
	}
}

func TestSavepointOnOneSiteContinuesOnTheOther(t *testing.T) {
	feeds, shared := newFeeds(t, "primary"), t.TempDir()
	a, b := newSite(t, "primary", shared, feeds), newSite(t, "standby", shared, feeds)
	emit(feeds, 300)
	id := a.runJob(t, `{}`)
	eventually(t, "some stored at the primary", func() bool { return len(a.mysql.messages()) > 0 })
	emit(feeds, 50) // most likely in flight at the stop
	op := a.stopJob(t, id, `{"drain":false}`)
	at, _ := op["location"].(string)
	if !strings.HasPrefix(at, "file://"+shared+"/savepoint-") {
		t.Fatalf("operation %v", op)
	}
	eventually(t, "FINISHED", func() bool { return a.state(t, id) == "FINISHED" })
	raw, err := os.ReadFile(filepath.Join(strings.TrimPrefix(at, "file://"), "_metadata"))
	if err != nil {
		t.Fatal(err)
	}
	var point map[string]int64
	if err := json.Unmarshal(raw, &point); err != nil || len(point) != 2 {
		t.Fatalf("savepoint %s: %v", raw, err)
	}
	attach(feeds, "standby")
	emit(feeds, 50)
	body, err := json.Marshal(map[string]string{"savepointPath": at})
	if err != nil {
		t.Fatal(err)
	}
	b.runJob(t, string(body))
	eventually(t, "all stored at the two sites together", func() bool {
		return len(a.mysql.messages())+len(b.mysql.messages()) >= 800
	})
	onceEach(t, feeds, counted(a.mysql.messages(), b.mysql.messages()))
	for _, m := range b.mysql.messages() {
		if m.Seq <= point[m.Feed] {
			t.Fatalf("%s came again, the savepoint was at %v", m.ID, point)
		}
	}
}

func TestWithoutSavepointItResumesFromTheStore(t *testing.T) {
	feeds := newFeeds(t, "standby")
	emit(feeds, 100)
	s := newSite(t, "standby", t.TempDir(), feeds)
	s.mysql.got = append(s.mysql.got, feeds[0].Sent()[:60]...) // came by replication
	s.mysql.setBroken(true)
	id := s.runJob(t, `{}`)
	eventually(t, "RESTARTING while the store does not say where it is", func() bool { return s.state(t, id) == "RESTARTING" })
	s.mysql.setBroken(false)
	eventually(t, "all stored", func() bool { return len(s.mysql.messages()) >= 200 })
	onceEach(t, feeds, counted(s.mysql.messages()))
	if n := len(s.inKafka(t)); n != 140 {
		t.Errorf("%d records produced, want the 140 that were not in the store", n)
	}
}

func TestDetachedFeedsAreWaitedFor(t *testing.T) {
	feeds := newFeeds(t, "primary")
	emit(feeds, 10)
	s := newSite(t, "standby", t.TempDir(), feeds)
	id := s.runJob(t, `{}`)
	eventually(t, "RUNNING", func() bool { return s.state(t, id) == "RUNNING" })
	eventually(t, "it runs on while it waits", func() bool {
		_, m := s.rest(t, "GET", "/jobs/"+id+"/checkpoints", "")
		counts, _ := m["counts"].(map[string]any)
		return counts["completed"] != 0.0
	})
	if n := len(s.mysql.messages()); n != 0 {
		t.Fatalf("%d messages although no feed is attached", n)
	}
	attach(feeds, "standby")
	eventually(t, "messages after the feeds were attached", func() bool { return len(s.mysql.messages()) == 20 })
	if _, m := s.rest(t, "GET", "/jobs/"+id+"/exceptions", ""); m["root-exception"] != nil {
		t.Errorf("waiting is not an exception: %v", m)
	}
}

func TestRequiredSinkFailureRestartsTheJob(t *testing.T) {
	feeds := newFeeds(t, "primary")
	s := newSite(t, "primary", t.TempDir(), feeds)
	id := s.runJob(t, `{}`)
	emit(feeds, 5)
	eventually(t, "first messages", func() bool { return len(s.mysql.messages()) == 10 })
	s.mysql.setBroken(true)
	emit(feeds, 5)
	eventually(t, "RESTARTING", func() bool { return s.state(t, id) == "RESTARTING" })
	if p := s.Positions(); p["airline"] != 5 || p["airport"] != 5 {
		t.Errorf("positions %v moved although the store failed", p)
	}
	_, m := s.rest(t, "GET", "/jobs/"+id+"/exceptions", "")
	if text, _ := m["root-exception"].(string); !strings.Contains(text, "the store is broken") {
		t.Errorf("root exception %q", text)
	}
	op := s.stopJob(t, id, `{}`)
	if op["failure-cause"] == nil || op["location"] != nil {
		t.Errorf("a savepoint of a job that does not run: %v", op)
	}
	s.mysql.setBroken(false)
	eventually(t, "RUNNING again", func() bool { return s.state(t, id) == "RUNNING" && len(s.mysql.messages()) >= 20 })
	onceEach(t, feeds, counted(s.mysql.messages()))
	if n := len(s.inKafka(t)); n != 20 {
		t.Errorf("%d records in Kafka, want 20: the batch was already there", n)
	}

	// Kafka is required too.
	s.kafka.SetReadOnly(true)
	emit(feeds, 5)
	eventually(t, "RESTARTING for Kafka", func() bool { return s.state(t, id) == "RESTARTING" })
	if n := len(s.mysql.messages()); n != 20 {
		t.Errorf("%d messages stored that Kafka does not have", n)
	}
	s.kafka.SetReadOnly(false)
	eventually(t, "all stored", func() bool { return len(s.mysql.messages()) == 30 })
	onceEach(t, feeds, counted(s.mysql.messages()))
}

func TestBestEffortSinkNeverHoldsTheJobUp(t *testing.T) {
	feeds := newFeeds(t, "primary")
	cache := &store{name: "cache", optional: true, broken: true}
	s := newSite(t, "primary", t.TempDir(), feeds, cache)
	emit(feeds, 20)
	id := s.runJob(t, `{}`)
	eventually(t, "stored in the required sink", func() bool { return len(s.mysql.messages()) == 40 })
	eventually(t, "a counted failure", func() bool {
		for _, c := range s.Counts() {
			if c.Name == "cache" {
				return c.Failed > 0 && c.Queued == 40 && c.LastError != "" && !c.Required
			}
		}
		return false
	})
	if got := s.state(t, id); got != "RUNNING" {
		t.Errorf("state %s", got)
	}
	_, m := s.rest(t, "GET", "/jobs/"+id+"/accumulators", "")
	if raw, err := json.Marshal(m); err != nil || !bytes.Contains(raw, []byte(`"cache.failed"`)) {
		t.Errorf("accumulators %s %v", raw, err)
	}
	cache.setBroken(false)
	eventually(t, "the cache catches up", func() bool { return len(cache.messages()) == 40 })
	onceEach(t, feeds, counted(cache.messages()))
}

func TestFailedJobStaysFailedUntilHealed(t *testing.T) {
	feeds := newFeeds(t, "primary")
	s := newSite(t, "primary", t.TempDir(), feeds)
	id := s.runJob(t, `{}`)
	emit(feeds, 5)
	eventually(t, "stored", func() bool { return len(s.mysql.messages()) == 10 })
	s.FailJob()
	if s.JobState() != "FAILED" || s.state(t, id) != "FAILED" {
		t.Fatalf("state %s", s.JobState())
	}
	emit(feeds, 5)
	if code, _ := s.rest(t, "PATCH", "/jobs/"+id+"?mode=cancel", ""); code != 409 {
		t.Errorf("cancel of a failed job: %d", code)
	}
	_, m := s.rest(t, "GET", "/overview", "")
	if m["jobs-failed"] != 1.0 || m["jobs-running"] != 0.0 {
		t.Errorf("overview %v", m)
	}
	s.HealJob()
	eventually(t, "the rest stored", func() bool { return len(s.mysql.messages()) == 20 })
	onceEach(t, feeds, counted(s.mysql.messages()))
	if s.JobState() != "RUNNING" || s.state(t, id) != "FAILED" {
		t.Errorf("new job %s, old job %s", s.JobState(), s.state(t, id))
	}
	s.HealJob() // nothing to heal
	if _, m := s.rest(t, "GET", "/jobs", ""); len(m["jobs"].([]any)) != 2 {
		t.Errorf("jobs %v", m)
	}
}

func TestCancel(t *testing.T) {
	feeds := newFeeds(t, "primary")
	s := newSite(t, "primary", t.TempDir(), feeds)
	id := s.runJob(t, `{}`)
	if code, _ := s.rest(t, "PATCH", "/jobs/"+id+"?mode=stop", ""); code != 400 {
		t.Errorf("a mode that is gone: %d", code)
	}
	if code, _ := s.rest(t, "PATCH", "/jobs/"+id+"?mode=cancel", ""); code != 202 {
		t.Fatalf("cancel: %d", code)
	}
	eventually(t, "CANCELED", func() bool { return s.state(t, id) == "CANCELED" })
	emit(feeds, 5)
	if code, _ := s.rest(t, "POST", "/jobs/"+id+"/stop", `{}`); code != 409 {
		t.Errorf("stop of a cancelled job: %d", code)
	}
	if code, _ := s.rest(t, "GET", "/jobs/"+strings.Repeat("0", 32), ""); code != 404 {
		t.Errorf("unknown job: %d", code)
	}
	if n := len(s.mysql.messages()); n != 0 {
		t.Errorf("%d messages after the cancel", n)
	}
}

func TestSavepointsStayInTheirFolder(t *testing.T) {
	feeds := newFeeds(t, "primary")
	dir := t.TempDir()
	s := newSite(t, "primary", filepath.Join(dir, "savepoints"), feeds)
	secret := filepath.Join(dir, "elsewhere")
	if err := os.WriteFile(secret, []byte(`{"airline":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{secret, filepath.Join(dir, "savepoints", "..", "elsewhere"), filepath.Join(dir, "savepoints", "none")} {
		body, err := json.Marshal(map[string]string{"savepointPath": path})
		if err != nil {
			t.Fatal(err)
		}
		id := s.runJob(t, string(body))
		eventually(t, "FAILED for "+path, func() bool { return s.state(t, id) == "FAILED" })
	}
	id := s.runJob(t, `{}`)
	eventually(t, "RUNNING", func() bool { return s.state(t, id) == "RUNNING" })
	body, err := json.Marshal(map[string]string{"targetDirectory": filepath.Join(dir, "out")})
	if err != nil {
		t.Fatal(err)
	}
	if op := s.stopJob(t, id, string(body)); op["failure-cause"] == nil {
		t.Errorf("savepoint outside: %v", op)
	}
	if s.state(t, id) != "RUNNING" {
		t.Error("the job must run on after a failed savepoint")
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("a folder was made outside")
	}
}

func TestJars(t *testing.T) {
	s := newSite(t, "primary", t.TempDir(), newFeeds(t, "primary"))
	if code, _ := s.rest(t, "POST", "/jars/other.jar/run", `{}`); code != 400 {
		t.Errorf("unknown jar: %d", code)
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("jarfile", "new.jar")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte("PK")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL()+"/jars/upload", &b)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var up struct{ Filename, Status string }
	if err := json.NewDecoder(resp.Body).Decode(&up); err != nil || up.Status != "success" {
		t.Fatalf("upload %+v %v", up, err)
	}
	_, m := s.rest(t, "GET", "/jars", "")
	files, _ := m["files"].([]any)
	if len(files) != 2 {
		t.Fatalf("jars %v", m)
	}
	id := filepath.Base(up.Filename)
	if code, _ := s.rest(t, "POST", "/jars/"+id+"/run", `{"jobId":"0123456789abcdef0123456789abcdef"}`); code != 200 {
		t.Errorf("run of the uploaded jar: %d", code)
	}
	if code, _ := s.rest(t, "POST", "/jars/"+id+"/run", `{"jobId":"0123456789abcdef0123456789abcdef"}`); code != 409 {
		t.Errorf("the same job id twice: %d", code)
	}
}
