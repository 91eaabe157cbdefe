//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// requireEventsSince checks that base tells of all orders of ledgers, and others, what customers did with them: with each
// release, before, during and after an upgrade.
func requireEventsSince(t *testing.T, base, staff string, others int, ledgers ...*ledger) (feed []orderEvent) {
	t.Helper()
	orders, feed := requireEvents(t, base, staff)
	for _, e := range feed {
		require.Equal(t, []string{"customer", e.Order.UserID}, []string{e.By, e.UserID}, "event %v", e)
	}
	status := map[string]string{}
	for _, o := range orders {
		status[o.ID] = o.Status
	}
	for _, l := range ledgers {
		others += len(l.orders)
		for id := range l.orders {
			want := "created"
			if l.cancelled[id] {
				want = "cancelled"
			}
			require.Equal(t, want, status[id], "order %s", id)
		}
	}
	require.Len(t, orders, others)
	return feed
}

// follow polls the feed until over is closed. It returns a function that waits for that.
func (f *follower) follow(t *testing.T, base string, over <-chan struct{}) (wait func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-over:
				return
			case <-time.After(5 * time.Millisecond):
			}
			if _, err := f.poll(base); err != nil {
				t.Errorf("a reader of the feed: %v", err)
				return
			}
		}
	}()
	return func() { <-ended }
}

// upgradeAndReturn has a file written by the previous release, by this one, by one that knows no events but opens the file
// all the same, and by this one again.
func upgradeAndReturn(t *testing.T, binary string) {
	dir := t.TempDir()
	url := "sqlite:" + filepath.Join(dir, "data", "app.db")
	base := ""
	run := func(binary string) *program {
		p := launch(t, dir, exec.Command(binary))
		base = p.url(t)
		return p
	}
	write := func(l *ledger, client string) {
		for n := range 10 {
			require.True(t, l.write(t, base, client, n))
		}
	}
	cancel := func(l *ledger, ids ...string) {
		for _, id := range ids {
			require.True(t, send("DELETE", base+"/order/cancel/"+id, l.token, "").ok())
			l.cancelled[id] = true
		}
	}
	current, err := build()
	require.NoError(t, err)

	p := run(binary)
	l := newLedger(login(t, base))
	write(l, "the previous release")
	p.stop(t)
	p = run(current)
	staff := clerk(t, base, url)
	before := requireEventsSince(t, base, staff, 0, l)
	write(l, "this release")
	cancel(l, "5")
	p.stop(t)

	p = launch(t, dir, exec.Command(binary))
	require.Equal(t, 1, p.exit(t))
	require.Contains(t, said(t, p.stderr), "newer than this program")
	p = run(buildCommit(t, withoutEvents, "without-events"))
	write(l, "a release without events")
	cancel(l, "4", "14") // an order of the previous release, and one of this one
	p.stop(t)

	p = run(current)
	write(l, "this release again")
	cancel(l, "24") // of the one without events
	feed := requireEventsSince(t, base, staff, 0, l)
	require.Equal(t, before, feed[:len(before)], "the feed begins with what it began with")
	p.stop(t)
	requireWhole(t, filepath.Join(dir, "data", "app.db"))
}

// told is what a service tells of its orders.
type told struct {
	feed, orders string
	histories    map[string]string
}

func tell(t *testing.T, base, staff string) told {
	t.Helper()
	orders, feed := requireEvents(t, base, staff)
	tale := told{fmt.Sprint(feed), fmt.Sprint(orders), map[string]string{}}
	for _, o := range orders {
		tale.histories[o.ID] = send("GET", base+"/order/history/"+o.ID, staff, "").body
	}
	return tale
}

// moveThereAndBack moves orders of both releases from a file to PostgreSQL, and from there to another file.
func moveThereAndBack(t *testing.T, binary string) {
	dir := t.TempDir()
	url := "sqlite:" + filepath.Join(dir, "data", "app.db")
	p := launch(t, dir, exec.Command(binary))
	l := newLedger(login(t, p.url(t)))
	for n := range 10 {
		require.True(t, l.write(t, p.url(t), "the previous release", n))
	}
	p.stop(t)
	p = start(t, dir)
	base := p.url(t)
	staff := clerk(t, base, url)
	require.True(t, moveOn(base, staff, "2", "paid").ok()) // an order of the previous release
	require.True(t, send("DELETE", base+"/order/cancel/3", l.token, "").ok())
	var keys []*wish
	for n := range 3 * len(paths) {
		w := newWish(l.token, n)
		answered, _ := w.ask(t, base)
		require.True(t, answered)
		keys = append(keys, w)
		for _, status := range paths[n%len(paths)] {
			answer := sendWith(http.DefaultClient, nil, "POST", base+"/order/status/"+w.answer.Data.ID, staff,
				fmt.Sprintf(`{"status":%q,"note":"第 %d 单\n\"%s\""}`, status, n, status))
			require.True(t, answer.ok(), answer.body)
		}
	}
	want := tell(t, base, staff)
	statuses := map[string]int{}
	for _, o := range listed(t, base, staff, "&userid=all") {
		statuses[o.Status]++
	}
	require.Len(t, statuses, 5)
	p.stop(t)

	targets := []string{databasetest.Postgres(t), databasetest.SQLite(t)}
	for n, target := range targets {
		status, _, stderr := command(t, dir, "", []string{"migrate-data", "--from", url, "--to", target})
		require.Equal(t, 0, status, stderr)
		p = start(t, dir, "DATABASE_URL="+target)
		base, url = p.url(t), target
		require.Equal(t, want, tell(t, base, staff), "move %d", n+1)
		for _, w := range keys { // each is replayed, or ask fails
			answered, _ := w.ask(t, base)
			require.True(t, answered)
		}
		w := newWish(l.token, len(keys))
		answered, found := w.ask(t, base)
		require.True(t, answered && !found)
		require.True(t, moveOn(base, staff, w.answer.Data.ID, "paid").ok())
		require.True(t, send("DELETE", base+"/order/cancel/"+[]string{"4", "5"}[n], l.token, "").ok())
		keys = append(keys, w)
		after := tell(t, base, staff)
		require.Equal(t, want.feed[:len(want.feed)-1], after.feed[:len(want.feed)-1], "the feed goes on")
		want = after
		p.stop(t)
	}
}
