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

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// talkative is an answer as servers give it: it repeats the address.
func talkative(code int, enhanced smtp.EnhancedCode) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: "<ann@mail.example>: Hello 42 is unknown"}
}

func TestARefusedMailIsNotTriedAgain(t *testing.T) {
	server := serve(t, func(s *mailServer) {
		s.refuse = func(int) error { return talkative(550, smtp.EnhancedCode{5, 1, 1}) }
	})
	cfg, log := configOf(t, "smtp://localhost", server.address)
	require.Equal(t, Stats{Failed: 1}, sendOne(t, cfg, quick()))
	require.Equal(t, 1, strings.Count(log.String(), "\n"), log)
	require.Contains(t, log.String(), `level=WARN msg="mail refused" status=550 enhanced_status=5.1.1 tries=1`)
	requireDiscreet(t, log)
	require.Equal(t, 1, server.rcpts)
}

func TestAMailThatIsRefusedForNowIsTriedAgain(t *testing.T) {
	server := serve(t, func(s *mailServer) {
		s.refuse = func(rcpt int) error {
			if rcpt < 3 {
				return talkative(451, smtp.EnhancedCode{4, 7, 1})
			}
			return nil
		}
	})
	cfg, log := configOf(t, "smtp://localhost", server.address)
	var written atomic.Int32
	q := start(t, cfg, quick())
	q.Add(func(context.Context) (*Message, error) { written.Add(1); return hello(), nil })
	waitFor(t, q, 0)
	require.Equal(t, Stats{Sent: 1}, q.Stats())
	require.Equal(t, int32(1), written.Load())
	require.Len(t, server.all(), 1)
	require.Empty(t, log.String())
}

func TestAMailIsGivenUpAfterFourTries(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	busy, _ := script(t, "451 4.3.2 <ann@mail.example> Hello 42\r\n", nil)
	gone, _ := script(t, "421 not now, ann@mail.example\r\n", nil)
	other, _ := script(t, "HTTP/1.1 400 ann@mail.example\r\n", nil)
	silent, _ := script(t, "", nil)
	stuck, _ := script(t, "220 hi\r\n", map[string]string{"EHLO": "250 hi"})
	mute, _ := script(t, "220 hi\r\n", map[string]string{"EHLO": "250 hi", "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go"})
	rude, _ := script(t, "220 hi\r\n", map[string]string{"EHLO": "250 hi", "MAIL": hangUp})
	const noAnswer = `reason="the server does not answer in time"`
	for name, test := range map[string]struct {
		address, want string
		try           time.Duration
	}{
		"by a server that is away":              {closed.Addr().String(), `reason="cannot connect: dial tcp 127.0.0.1`, time.Second},
		"by a server that is busy":              {busy, "status=451 enhanced_status=4.3.2", time.Second},
		"by a server without enhanced codes":    {gone, "status=421 tries", time.Second},
		"by a server of another protocol":       {other, `reason="the connection broke before the session began"`, time.Second},
		"by a server that never says a word":    {silent, noAnswer, 50 * time.Millisecond},
		"by a server that falls silent on MAIL": {stuck, noAnswer, 50 * time.Millisecond},
		"by a server that falls silent on DATA": {mute, noAnswer, 50 * time.Millisecond},
		"by a server that hangs up on MAIL":     {rude, `reason="the connection broke: sending SMTP MAIL FROM command"`, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, log := configOf(t, "smtp://localhost", test.address)
			pace := quick()
			pace.try = test.try
			require.Equal(t, Stats{Failed: 1}, sendOne(t, cfg, pace))
			require.Equal(t, 1, strings.Count(log.String(), "\n"), log)
			require.Contains(t, log.String(), `level=WARN msg="mail given up"`)
			require.Contains(t, log.String(), test.want)
			require.Contains(t, log.String(), "tries=4")
			requireDiscreet(t, log)
		})
	}
}

func TestPausesGrowAndDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, log := configOf(t, "smtp://localhost", "")
		var tries []time.Duration
		begin := time.Now()
		cfg.dial = func(context.Context, string, string) (net.Conn, error) {
			tries = append(tries, time.Since(begin))
			return nil, errors.New("away")
		}
		q := NewQueue(cfg)
		defer q.Close()
		require.True(t, add(q, hello()))
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, tries, 4)
		for i, pause := range []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute} {
			require.InDelta(t, pause, tries[i+1]-tries[i], float64(pause/5))
		}
		require.Contains(t, log.String(), `msg="mail given up" reason="cannot connect: away" tries=4`)
	})
}

func TestATryEndsAfter20Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, _ := configOf(t, "smtp://localhost", "")
		begin := time.Now()
		var took time.Duration
		cfg.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			took = time.Since(begin)
			return nil, ctx.Err()
		}
		q := NewQueue(cfg)
		defer q.Close()
		q.Add(func(context.Context) (*Message, error) { time.Sleep(5 * time.Second); return hello(), nil })
		time.Sleep(25 * time.Second)
		synctest.Wait()
		require.Equal(t, 20*time.Second, took, "together with write")
	})
}

// TestAMailThatWasTakenIsSent: servers are known that drop the connection as soon as they have taken a mail.
func TestAMailThatWasTakenIsSent(t *testing.T) {
	address, hits := script(t, "220 hi\r\n", map[string]string{
		"EHLO": "250 hi", "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", ".": "250 taken", "QUIT": "500 what",
	})
	cfg, log := configOf(t, "smtp://localhost", address)
	require.Equal(t, Stats{Sent: 1}, sendOne(t, cfg, quick()))
	require.Equal(t, 1, hits())
	require.Empty(t, log.String())
}

func TestAllTriesOfAMailHaveOneMessageID(t *testing.T) {
	server := serve(t, nil)
	cfg, _ := configOf(t, "smtp://localhost", server.address)
	m, err := compose(cfg.From, hello())
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, cfg.send(t.Context(), m))
	}
	require.Equal(t, server.all()[0], server.all()[1])
}

func TestWhatWriteDoes(t *testing.T) {
	server := serve(t, nil)
	for name, test := range map[string]struct {
		write func(context.Context) (*Message, error)
		want  Stats
		log   string
	}{
		"nothing to send": {func(context.Context) (*Message, error) { return nil, nil }, Stats{}, ""},
		"an error": {
			func(context.Context) (*Message, error) { return nil, errors.New("no disk") }, Stats{Failed: 1},
			`level=ERROR msg="mail not written" error="no disk"`,
		},
		"a panic": {
			func(context.Context) (*Message, error) { panic("a bug") }, Stats{Failed: 1},
			`level=ERROR msg="mail panicked" error="panic: a bug" stack=`,
		},
		"a message to nobody": {
			func(context.Context) (*Message, error) {
				return &Message{To: "ann@mail.example, eve@mail.example"}, nil
			}, Stats{Failed: 1},
			`level=WARN msg="mail refused" reason="the recipient is not an address" tries=0`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, log := configOf(t, "smtp://localhost", server.address)
			q := start(t, cfg, quick())
			for range senders + 1 {
				require.True(t, q.Add(test.write))
			}
			require.True(t, add(q, hello()), "the senders go on")
			waitFor(t, q, 0)
			require.Equal(t, Stats{Sent: 1, Failed: test.want.Failed * (senders + 1)}, q.Stats())
			require.Contains(t, log.String(), test.log)
			require.NotContains(t, log.String(), "mail.example")
			if name == "a panic" {
				require.Contains(t, log.String(), "queue_test.go", "the stack is not that of write")
			}
		})
	}
}

func TestAFullQueueRefusesMails(t *testing.T) {
	silent, _ := script(t, "", nil)
	cfg, log := configOf(t, "smtp://localhost", silent)
	q := start(t, cfg, quick())
	for n := range maxWaiting {
		require.True(t, add(q, hello()), n)
	}
	begin := time.Now()
	require.False(t, add(q, hello()))
	require.Less(t, time.Since(begin), time.Second)
	require.Equal(t, Stats{Waiting: maxWaiting}, q.Stats())
	q.Close()
	require.Contains(t, log.String(), "count=1000")
	requireDiscreet(t, log)
}

func TestMailsThatWaitForARetryKeepTheirPlace(t *testing.T) {
	cfg, log := configOf(t, "smtp://localhost", "")
	cfg.dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("away") }
	pace := quick()
	pace.retries = []time.Duration{time.Hour}
	q := start(t, cfg, pace)
	for range maxWaiting {
		require.True(t, add(q, hello()))
	}
	require.Eventually(t, func() bool { return len(q.entries) == 0 }, 5*time.Second, time.Millisecond)
	require.False(t, add(q, hello()))
	begin := time.Now()
	q.Close()
	require.Less(t, time.Since(begin), time.Second, "it waits for retries")
	require.Contains(t, log.String(), "count=1000")
}
