package mail

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCloseCutsOffAServerThatHangs(t *testing.T) {
	t.Parallel()
	silent, hits := script(t, "", nil)
	cfg, log := configOf(t, "smtp://localhost", silent)
	q := NewQueue(cfg) // as in production
	for range 10 {
		require.True(t, add(q, hello()))
	}
	require.Eventually(t, func() bool { return hits() == senders }, 5*time.Second, time.Millisecond)
	begin := time.Now()
	q.Close()
	require.InDelta(t, 2*time.Second, time.Since(begin), float64(time.Second))
	require.Equal(t, 1, strings.Count(log.String(), "\n"), log)
	require.Contains(t, log.String(), `level=WARN msg="mails not sent at shutdown" count=10`)
	requireDiscreet(t, log)
	require.False(t, add(q, hello()))
	q.Close() // a second time
	require.Equal(t, 1, strings.Count(log.String(), "\n"))
}

func TestCloseEndsTheContextOfAWrite(t *testing.T) {
	cfg, log := configOf(t, "smtp://localhost", "")
	pace := quick()
	pace.cutOff = 10 * time.Second
	q := newQueue(cfg, pace)
	entered := make(chan struct{})
	q.Add(func(ctx context.Context) (*Message, error) { close(entered); <-ctx.Done(); return nil, ctx.Err() })
	<-entered
	begin := time.Now()
	q.Close()
	require.Less(t, time.Since(begin), 5*time.Second)
	require.Equal(t, 1, strings.Count(log.String(), "\n"), log)
	require.Contains(t, log.String(), "count=1")
}

func TestCloseLeavesAWriteBehindThatIgnoresItsContext(t *testing.T) {
	t.Parallel()
	cfg, log := configOf(t, "smtp://localhost", "")
	q := NewQueue(cfg)
	release, entered := make(chan struct{}), make(chan struct{})
	defer close(release)
	q.Add(func(context.Context) (*Message, error) { close(entered); <-release; return hello(), nil })
	<-entered
	begin := time.Now()
	q.Close()
	require.Less(t, time.Since(begin), 3*time.Second)
	require.Contains(t, log.String(), "count=1")
}

func TestCloseLetsMailsUnderWayFinish(t *testing.T) {
	server := serve(t, nil)
	cfg, log := configOf(t, "smtp://localhost", server.address)
	pace := quick()
	pace.grace = 5 * time.Second
	q := start(t, cfg, pace)
	entered, release := make(chan struct{}, senders), make(chan struct{})
	for range senders + 3 {
		q.Add(func(context.Context) (*Message, error) { entered <- struct{}{}; <-release; return hello(), nil })
	}
	for range senders {
		<-entered
	}
	closed := make(chan struct{})
	go func() { q.Close(); close(closed) }()
	require.Eventually(t, func() bool { return !add(q, hello()) }, 5*time.Second, time.Millisecond)
	waiting := q.Stats().Waiting
	close(release)
	<-closed
	require.Len(t, server.all(), senders, "what waited was not sent, what was under way was")
	require.Equal(t, Stats{Sent: senders, Waiting: waiting - senders}, q.Stats())
	require.Contains(t, log.String(), "mails not sent")
}

func TestCloseWithoutMailsSaysNothing(t *testing.T) {
	cfg, log := configOf(t, "smtp://localhost", "")
	q := NewQueue(cfg)
	begin := time.Now()
	q.Close()
	require.Less(t, time.Since(begin), time.Second)
	require.Empty(t, log.String())
}

func TestARetryThatComesDueAfterCloseIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, log := configOf(t, "smtp://localhost", "")
		var tries atomic.Int32
		cfg.dial = func(context.Context, string, string) (net.Conn, error) { tries.Add(1); return nil, errors.New("away") }
		q := NewQueue(cfg)
		require.True(t, add(q, hello()))
		time.Sleep(time.Second)
		begin := time.Now()
		q.Close()
		require.Equal(t, begin, time.Now(), "it waits for the retry")
		time.Sleep(time.Hour)
		require.Equal(t, int32(1), tries.Load())
		require.Contains(t, log.String(), "count=1")
	})
}
