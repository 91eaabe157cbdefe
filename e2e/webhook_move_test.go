//go:build unix

package e2e

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// withoutWebhooks is the last commit that sends no webhooks. It starts on a schema that has them.
const withoutWebhooks = "43d6bc14756c307fa05808f54fd88a02f80f7a4a"

// requireEmptied waits until nothing waits for the webhook of a service, and requires that the receiver has taken each event
// of the feed after the first ones once.
func (r *receiver) requireEmptied(t *testing.T, base, staff string, first int) {
	t.Helper()
	var q queue
	require.Eventually(t, func() bool {
		var err error
		send("POST", base+"/order/webhooks/retry", staff, "")
		q, err = queueAt(base, staff)
		return err == nil && q.Waiting == 0
	}, 20*time.Second, 20*time.Millisecond, "events wait for ever")
	feed := follower{token: staff}
	feed.catchUp(t, base)
	requireAllArrived(t, feed.events[first:], r.got(), nil)
	require.Len(t, r.taken(), len(feed.events)-first)
}

func TestANewProcessSendsOnWhatThePreviousReleaseWrites(t *testing.T) {
	t.Parallel()
	for name, commit := range map[string]string{"the previous release": previous, "the last one without webhooks": withoutWebhooks} {
		t.Run("beside "+name, func(t *testing.T) {
			t.Parallel()
			sendBeside(t, buildCommit(t, commit, "beside-"+commit[:7]))
		})
	}
	t.Run("a file that goes back and forth", func(t *testing.T) {
		t.Parallel()
		sendAfterReturn(t, buildCommit(t, withoutWebhooks, "before-webhooks"))
	})
}

// sendBeside starts this release, which sends webhooks, beside a replica of one that knows none.
func sendBeside(t *testing.T, binary string) {
	url, r := databasetest.Postgres(t), newReceiver(t)
	old := launch(t, t.TempDir(), exec.Command(binary), "DATABASE_URL="+url)
	token := login(t, old.url(t))
	earlier := []string{create(old.url(t), token, "before").Data.ID, create(old.url(t), token, "before, too").Data.ID}

	p := start(t, t.TempDir(), r.settings("DATABASE_URL="+url)...)
	staff := clerk(t, p.url(t), url)
	bases := []string{old.url(t), p.url(t)}
	for n := range 20 {
		require.True(t, create(bases[n%2], token, "of both").ok())
		id := create(bases[n%2], token, "of one, to be cancelled by the other").Data.ID
		require.True(t, send("DELETE", bases[(n+1)%2]+"/order/cancel/"+id, token, "").ok())
		id = create(bases[0], token, "of the old one, moved on by the new one").Data.ID
		require.True(t, moveOn(bases[1], staff, id, "paid").ok())
	}
	require.True(t, send("DELETE", bases[0]+"/order/cancel/"+earlier[0], token, "").ok())
	require.True(t, moveOn(bases[1], staff, earlier[1], "paid").ok())
	r.await(t, 20*5+2, 10*time.Second)
	r.requireEmptied(t, bases[1], staff, len(earlier))
	require.True(t, create(bases[0], token, "at the end").ok())
	r.await(t, 20*5+3, 2*time.Second)
}

// sendAfterReturn has a file written by this release, by one that knows no webhooks, and by this one again. Events wait all
// the while.
func sendAfterReturn(t *testing.T, binary string) {
	dir, r := t.TempDir(), newReceiver(t)
	p := start(t, dir, r.settings()...)
	base := p.url(t)
	token, staff := login(t, base), clerk(t, base, "sqlite:"+filepath.Join(dir, "data", "app.db"))
	taken := create(base, token, "taken").Data.ID
	r.await(t, 1, 5*time.Second)
	r.answering(refuse(http.StatusServiceUnavailable))
	refused := create(base, token, "refused").Data.ID
	require.Eventually(t, func() bool { return len(r.got()) == 2 }, 5*time.Second, time.Millisecond)
	unsent := create(base, token, "refused, too").Data.ID
	p.stop(t)

	old := launch(t, dir, exec.Command(binary))
	base = old.url(t)
	for _, id := range []string{taken, refused, unsent} {
		require.True(t, moveOn(base, staff, id, "paid").ok())
	}
	require.True(t, send("DELETE", base+"/order/cancel/"+create(base, token, "short").Data.ID, token, "").ok())
	old.stop(t)

	r.answering(take)
	p = start(t, dir, r.settings()...)
	base = p.url(t)
	require.True(t, moveOn(base, staff, refused, "shipped").ok())
	r.await(t, 9, 20*time.Second)
	r.requireEmptied(t, base, staff, 0)
}

func TestEventsThatWaitForAReceiverMoveFromAFileToPostgres(t *testing.T) {
	t.Parallel()
	dir, r := t.TempDir(), newReceiver(t)
	file := "sqlite:" + filepath.Join(dir, "data", "app.db")
	p := start(t, dir, r.settings()...)
	base := p.url(t)
	token, staff := login(t, base), clerk(t, base, file)
	write := func() {
		for _, path := range slices.Repeat(paths, 3) {
			id := create(base, token, "to be moved").Data.ID
			for _, status := range path {
				require.True(t, moveOn(base, staff, id, status).ok())
			}
		}
	}
	write()
	r.requireEmptied(t, base, staff, 0)
	before := r.taken()
	r.answering(refuse(http.StatusServiceUnavailable))
	write()
	require.True(t, moveOn(base, staff, "5", "shipped").ok()) // whose first events were taken
	waiting := len(before) + 1
	require.Eventually(t, func() bool {
		q, err := queueAt(base, staff)
		return err == nil && q.Waiting == waiting && q.LastError == "status 503"
	}, 10*time.Second, 10*time.Millisecond)
	p.stop(t)

	url := databasetest.Postgres(t)
	status, stdout, stderr := command(t, dir, "", []string{"migrate-data", "--from", file, "--to", url})
	require.Equal(t, 0, status, stderr)
	require.Regexp(t, `webhook_lanes: (\d+) of (\d+) rows\n`, stdout)
	p = start(t, dir, r.settings("DATABASE_URL="+url)...)
	base = p.url(t)
	q, err := queueAt(base, staff)
	require.NoError(t, err)
	require.Equal(t, []any{waiting, "status 503"}, []any{q.Waiting, q.LastError})
	r.answering(take)
	r.requireEmptied(t, base, staff, 0)
	write()
	r.requireEmptied(t, base, staff, 0)
}
