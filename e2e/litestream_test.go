//go:build linux

package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// buildLitestream compiles Litestream once, from the versions that the module in the folder litestream pins.
var buildLitestream = sync.OnceValue(func() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // SQLite and the clients of five clouds
	defer cancel()
	command := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(binaries, "litestream"),
		"github.com/benbjohnson/litestream/cmd/litestream")
	command.Dir = "litestream"
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
})

// machine is a service with Litestream beside it. It can be lost; its replica is elsewhere.
type machine struct {
	data, replica, config string   // a folder, a folder, a file
	restore               []string // the commands of deploy/litestream.yml
	settings              []string
	service, litestream   *program
}

// newMachine follows deploy/litestream.yml with paths that the test may write to. Its service also makes backups, which read for long. It
// starts nothing.
func newMachine(t *testing.T, backupEvery time.Duration) *machine {
	t.Helper()
	dir := t.TempDir()
	m := &machine{
		data: filepath.Join(dir, "machine"), replica: filepath.Join(dir, "elsewhere"), config: filepath.Join(dir, "litestream.yml"),
	}
	m.settings = []string{
		"DATABASE_URL=sqlite:" + filepath.Join(m.data, "app.db"), "TOKEN_TTL=24h", "JWT_SECRET=", "PATH=" + binaries + ":" + os.Getenv("PATH"),
		"BACKUP_DIR=" + filepath.Join(dir, "backups"), "BACKUP_EVERY=" + backupEvery.String(),
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "backups"), 0o700))
	text, err := os.ReadFile("../deploy/litestream.yml")
	require.NoError(t, err)
	example := strings.NewReplacer("/var/lib/userorder", m.data, "/etc/litestream.yml", m.config,
		"/mnt/replica/userorder", m.replica).Replace(string(text))
	require.NoError(t, os.WriteFile(m.config, []byte(example), 0o600))
	for _, command := range regexp.MustCompile(`(?m)^#   (.+)$`).FindAllStringSubmatch(example, -1) {
		m.restore = append(m.restore, command[1])
	}
	require.Len(t, m.restore, 4)
	require.Equal(t, "litestream replicate -config "+m.config, m.restore[0])
	m.restore = m.restore[1:]
	return m
}

func (m *machine) run(t *testing.T, command string) *program {
	t.Helper()
	return launch(t, filepath.Dir(m.data), exec.Command("sh", "-c", "exec "+command), m.settings[1:]...) // without DATABASE_URL
}

func (m *machine) serve(t *testing.T) (base string) {
	t.Helper()
	m.service = start(t, filepath.Dir(m.data), m.settings...)
	return m.service.url(t)
}

// replicate starts Litestream and waits until the replica has something.
func (m *machine) replicate(t *testing.T) {
	t.Helper()
	before := m.newestFile()
	m.litestream = m.run(t, "litestream replicate -config "+m.config)
	require.Eventually(t, func() bool { return m.newestFile().After(before) }, time.Minute, 20*time.Millisecond, "nothing is replicated")
}

// stop ends the service and then Litestream, which replicates the rest before it does.
func (m *machine) stop(t *testing.T) {
	t.Helper()
	m.service.stop(t)
	m.stopLitestream(t)
}

func (m *machine) stopLitestream(t *testing.T) {
	t.Helper()
	require.NoError(t, m.litestream.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, m.litestream.exit(t))
	m.requireNoErrors(t)
}

// restoreReplica removes the machine's files and restores the database as deploy/litestream.yml says.
func (m *machine) restoreReplica(t *testing.T) {
	t.Helper()
	require.NoError(t, os.RemoveAll(m.data))
	require.NoError(t, os.Mkdir(m.data, 0o700))
	began := time.Now()
	for _, command := range m.restore {
		p := m.run(t, command)
		select {
		case <-p.ended:
		case <-time.After(10 * time.Minute): // of an hour's orders
			require.FailNow(t, "it does not end", command)
		}
		require.True(t, p.ProcessState.Success(), "%s: %s%s", command, said(t, p.stdout), said(t, p.stderr))
	}
	t.Logf("restored in %v", time.Since(began).Round(time.Millisecond))
	requireWholeBackup(t, filepath.Join(m.data, "app.db"))
}

func (m *machine) requireNoErrors(t *testing.T) {
	t.Helper()
	for _, p := range []*program{m.service, m.litestream} {
		require.NotContains(t, said(t, p.stdout)+said(t, p.stderr), "level=ERROR")
	}
}

// newestFile returns when the last file of single transactions has come to the replica.
func (m *machine) newestFile() (newest time.Time) {
	_ = filepath.WalkDir(filepath.Join(m.replica, "ltx", "0"), func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // it is not there yet, or no longer
		}
		if info, err := entry.Info(); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
		return nil
	})
	return newest
}

func (m *machine) logSize() int64 {
	info, err := os.Stat(filepath.Join(m.data, "app.db-wal"))
	if err != nil {
		return 0
	}
	return info.Size()
}

// logSalt returns the number that the log has had since it began anew (https://www.sqlite.org/fileformat.html#the_wal_file_format).
func (m *machine) logSalt(t require.TestingT) []byte {
	log, err := os.Open(filepath.Join(m.data, "app.db-wal"))
	require.NoError(t, err)
	defer func() { _ = log.Close() }()
	salt := make([]byte, 8)
	_, err = log.ReadAt(salt, 16)
	require.NoError(t, err)
	return salt
}

// watch logs a line whenever interval has passed, until ctx ends, and returns the largest size of the log.
func (m *machine) watch(ctx context.Context, t *testing.T, interval time.Duration, o *orders) (largest int64) {
	t.Helper()
	began, acknowledged := time.Now(), o.acknowledged()
	last, since := began, acknowledged
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		over := false
		select {
		case <-ctx.Done():
			over = true
		case <-look.C:
		}
		size := m.logSize()
		largest = max(largest, size)
		if now := time.Now(); over || now.Sub(last) >= interval {
			lag, memory := "none", 0
			if m.litestream != nil {
				lag = now.Sub(m.newestFile()).Round(time.Millisecond).String()
				memory = residentMemory(t, m.litestream.Process.Pid)
			}
			count := o.acknowledged()
			t.Logf("%v: %d orders, %.0f/s; log %d MB, largest %d MB; newest file of the replica is %s old; memory: service %d MB, Litestream %d MB",
				now.Sub(began).Round(time.Second), count-acknowledged, float64(count-since)/now.Sub(last).Seconds(), size>>20, largest>>20, lag,
				residentMemory(t, m.service.Process.Pid)>>20, memory>>20)
			last, since = now, count
		}
		if over {
			return largest
		}
	}
}

// residentMemory returns the resident memory of a process, in bytes.
func residentMemory(t *testing.T, pid int) int {
	t.Helper()
	fields := strings.Fields(said(t, fmt.Sprintf("/proc/%d/statm", pid)))
	require.Greater(t, len(fields), 1)
	pages, err := strconv.Atoi(fields[1])
	require.NoError(t, err)
	return pages * os.Getpagesize()
}

// sentOrder is an order that a client has sent, with times since the first one. Those of what was not acknowledged are 0.
type sentOrder struct {
	id                     int64
	sent, acked, cancelled time.Duration
}

// orders is what clients have sent and what they were told. The number of an order is in its product.
type orders struct {
	began time.Time
	rate  int         // a second; 0: as many as possible
	lost  atomic.Bool // the machine is, so requests may fail

	mu       sync.Mutex
	sent     []sentOrder // by number
	acked    int
	failures []string
}

func (o *orders) acknowledged() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.acked
}

func (o *orders) now() time.Duration { return time.Since(o.began) }

// next returns the number of an order that is to be sent now, or false once ctx has ended.
func (o *orders) next(ctx context.Context, first int, began time.Time) (number int, ok bool) {
	o.mu.Lock()
	number = len(o.sent)
	o.sent = append(o.sent, sentOrder{})
	o.mu.Unlock()
	if o.rate > 0 {
		due := began.Add(time.Duration(number-first) * time.Second / time.Duration(o.rate))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
		}
	}
	return number, ctx.Err() == nil
}

// send creates orders, reads each and cancels one of ten, from many clients, until ctx ends or a request fails. It returns a function that
// waits for them.
func (o *orders) send(ctx context.Context, base, token string, clients int) (wait func()) {
	o.lost.Store(false)
	var group sync.WaitGroup
	first, began := len(o.sent), time.Now()
	for range clients {
		group.Go(func() {
			for {
				number, ok := o.next(ctx, first, began)
				if !ok || !o.sendOne(number, base, token) {
					return
				}
			}
		})
	}
	return group.Wait
}

func (o *orders) sendOne(number int, base, token string) (ok bool) {
	sent := o.now()
	o.record(number, func(order *sentOrder) { order.sent = sent })
	answer := create(base, token, fmt.Sprint("product ", number))
	if !answer.ok() {
		return o.fail(answer)
	}
	acked := o.now()
	o.record(number, func(order *sentOrder) {
		order.id, _ = strconv.ParseInt(answer.Data.ID, 10, 64)
		order.acked = acked
		o.acked++
	})
	if read := send("GET", base+"/order/query/"+answer.Data.ID, token, ""); !read.ok() {
		return o.fail(read)
	}
	if number%10 > 0 {
		return true
	}
	if answer = send("DELETE", base+"/order/cancel/"+answer.Data.ID, token, ""); !answer.ok() {
		return o.fail(answer)
	}
	cancelled := o.now()
	o.record(number, func(order *sentOrder) { order.cancelled = cancelled })
	return true
}

func (o *orders) record(number int, change func(*sentOrder)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&o.sent[number])
}

func (o *orders) fail(answer reply) bool {
	if !o.lost.Load() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.failures = append(o.failures, fmt.Sprint(answer.status, " ", answer.body))
	}
	return false
}

// checkRestored requires that the database has a prefix of what was acknowledged, and nothing that was not sent. It returns how many
// acknowledged orders are missing, and how much older than the last acknowledged order the newest restored one is.
func (o *orders) checkRestored(t *testing.T, path string) (missing int, lost time.Duration) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?immutable=1")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var orphans int
	require.NoError(t, db.QueryRow("SELECT count(*) FROM pragma_foreign_key_check").Scan(&orphans))
	require.Zero(t, orphans)
	rows, err := db.Query("SELECT id, product, status FROM orders ORDER BY id")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	found := map[int]string{}
	newest, last := int64(0), -1 // the highest id, and the number of its order
	for rows.Next() {
		var id int64
		var product, status string
		require.NoError(t, rows.Scan(&id, &product, &status))
		number, err := strconv.Atoi(strings.TrimPrefix(product, "product "))
		require.NoError(t, err)
		require.Less(t, number, len(o.sent), "nobody has sent order %d", id)
		if o.sent[number].acked > 0 {
			require.Equal(t, o.sent[number].id, id, "%s has the id of another", product)
		}
		if _, twice := found[number]; twice { // require.NotContains would look at all of them
			require.FailNow(t, "it is there twice", product)
		}
		found[number], newest, last = status, id, number
	}
	require.NoError(t, rows.Err())
	require.NotEmpty(t, found)

	lastAcked, newestAcked := time.Duration(0), time.Duration(0)
	for number, order := range o.sent {
		if order.acked == 0 {
			continue
		}
		lastAcked = max(lastAcked, order.acked)
		status, isThere := found[number]
		switch {
		case !isThere:
			require.Greater(t, order.id, newest, "order %d is missing in the middle", order.id)
			missing++
			o.sent[number] = sentOrder{} // its id is free again
			continue
		case order.cancelled > 0 && order.cancelled < o.sent[last].sent:
			require.Equal(t, "cancelled", status, "a cancellation before the newest order is missing")
		case number%10 > 0:
			require.Equal(t, "created", status)
		case status == "created":
			o.sent[number].cancelled = 0 // lost
		}
		newestAcked = max(newestAcked, order.acked)
	}
	return missing, lastAcked - newestAcked
}

// TestAReplicaOfLitestreamLacksNoMoreThanTheLastSeconds replicates a busy service for LITESTREAM_LOAD at LITESTREAM_RATE orders a
// second, by default some seconds at full load, and loses the machine several times.
func TestAReplicaOfLitestreamLacksNoMoreThanTheLastSeconds(t *testing.T) {
	slow(t)
	need(t, "Litestream, of which the modules could not be had", buildLitestream())
	duration, rate := 12*time.Second, 0
	if text := os.Getenv("LITESTREAM_LOAD"); text != "" {
		var err error
		duration, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	if text := os.Getenv("LITESTREAM_RATE"); text != "" {
		var err error
		rate, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	m, o := newMachine(t, max(10*time.Second, duration/6)), &orders{began: time.Now(), rate: rate}
	base := m.serve(t)
	t.Log("the service alone:")
	ctx, cancel := context.WithTimeout(t.Context(), min(3*time.Second, duration))
	wait := o.send(ctx, base, login(t, base), 64)
	m.watch(ctx, t, time.Minute, o)
	cancel()
	wait()

	m.replicate(t)
	wait = o.send(t.Context(), base, login(t, base), 64)
	t.Log("with Litestream:")
	ctx, cancel = context.WithTimeout(t.Context(), duration)
	largest := m.watch(ctx, t, min(time.Minute, duration/4), o)
	cancel()
	require.Less(t, largest, int64(1<<30))
	base = o.lose(t, m, wait)

	// Litestream is down until the service has begun its log anew, so that it cannot go on where it was.
	m.replicate(t)
	wait = o.send(t.Context(), base, login(t, base), 64)
	m.litestream.kill()
	before := m.logSalt(t)
	require.Eventually(t, func() bool { return !bytes.Equal(before, m.logSalt(t)) }, 3*time.Minute, 50*time.Millisecond,
		"the log never begins anew")
	m.replicate(t)
	ctx, cancel = context.WithTimeout(t.Context(), 3*time.Second)
	m.watch(ctx, t, time.Minute, o)
	cancel()
	base = o.lose(t, m, wait)

	// A move that is planned loses nothing.
	m.replicate(t)
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	o.send(ctx, base, login(t, base), 8)()
	cancel()
	m.stop(t)
	m.restoreReplica(t)
	missing, _ := o.checkRestored(t, filepath.Join(m.data, "app.db"))
	require.Zero(t, missing)
	require.Empty(t, o.failures)
}

// lose loses the machine while clients write, restores it and checks what is there. It returns the URL of the service on it. The function
// wait waits for the clients.
func (o *orders) lose(t *testing.T, m *machine, wait func()) (base string) {
	t.Helper()
	m.requireNoErrors(t)
	o.lost.Store(true)
	m.litestream.kill()
	m.service.kill()
	wait()
	require.Empty(t, o.failures)
	m.restoreReplica(t)
	missing, lost := o.checkRestored(t, filepath.Join(m.data, "app.db"))
	t.Logf("%d of %d orders are missing, the last %v", missing, o.acked, lost.Round(time.Millisecond))
	require.Less(t, lost, 15*time.Second)
	o.acked -= missing
	base = m.serve(t)
	report, _ := doctor(t, filepath.Dir(m.data), m.settings...)
	require.NotContains(t, report, "fault ", report)
	return base
}

// TestLitestreamMayStartFirstAndFollowsARestore starts Litestream while the file is still empty, as it is for a moment at the first start
// of a service, and restores a backup, which puts another file in the place of the one that Litestream knows.
func TestLitestreamMayStartFirstAndFollowsARestore(t *testing.T) {
	slow(t)
	t.Parallel()
	need(t, "Litestream, of which the modules could not be had", buildLitestream())
	m := newMachine(t, time.Hour)
	require.NoError(t, os.Mkdir(m.data, 0o700))
	file := filepath.Join(m.data, "app.db")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	m.replicate(t)
	base := m.serve(t)
	require.Contains(t, said(t, m.service.stdout), " database=new ")
	token := login(t, base)
	for n := range 20 {
		require.True(t, create(base, token, fmt.Sprint("product ", n)).ok())
	}
	dir, backup := filepath.Dir(m.data), filepath.Join(t.TempDir(), "backup.db")
	status, _, stderr := command(t, dir, "", []string{"backup", backup}, m.settings...)
	require.Zero(t, status, stderr)
	require.True(t, create(base, token, "after the backup").ok())
	m.service.stop(t)
	status, _, stderr = command(t, dir, "", []string{"restore", backup}, m.settings...)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "the database is being read by Litestream: stop that")
	m.stopLitestream(t)
	status, _, stderr = command(t, dir, "", []string{"restore", backup}, m.settings...)
	require.Zero(t, status, stderr)

	base = m.serve(t)
	m.replicate(t)
	token = login(t, base)
	require.True(t, create(base, token, "after the restore").ok())
	m.stop(t)
	want := contents(t, file)
	require.Contains(t, want, "after the restore")
	require.NotContains(t, want, "after the backup")
	m.restoreReplica(t)
	require.Equal(t, want, contents(t, file))
}

// contents returns all orders in a database that is closed.
func contents(t *testing.T, path string) (text string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?mode=ro")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.QueryRow("SELECT group_concat(id || ' ' || product || ' ' || created_at, char(10)) FROM orders").Scan(&text))
	return text
}
