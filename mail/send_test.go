package mail

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// secured returns a server with a certificate for host, and the pool that trusts it.
func secured(t *testing.T, domain string) (*mailServer, *x509.CertPool) {
	t.Helper()
	certificate, pool := certificate(t)
	return serve(t, func(s *mailServer) { s.TLSConfig, s.Domain = certificate, domain }), pool
}

func TestAMailArrives(t *testing.T) {
	server := serve(t, nil)
	cfg, log := configOf(t, "smtp://"+server.address, server.address)
	cfg.dial = nil // as in production
	q := start(t, cfg, quick())
	require.True(t, add(q, &Message{To: "ann@mail.example", Subject: "订单已创建", Text: "您好：\n.\n您的订单 #1 已创建。\n"}))
	waitFor(t, q, 0)
	require.Len(t, server.all(), 1)
	got := server.all()[0]
	require.Equal(t, [3]string{"", "no-reply@shop.example", "ann@mail.example"}, [3]string{got.login, got.from, got.to})
	_, subject, text := read(t, got.raw)
	require.Equal(t, "订单已创建", subject)
	require.Equal(t, "您好：\n.\n您的订单 #1 已创建。\n", text)
	require.Equal(t, Stats{Sent: 1}, q.Stats())
	require.Empty(t, log.String())
	require.Contains(t, server.wire.String(), "EHLO shop.example\r\n")
}

func TestALoginWorksOverEveryKindOfConnection(t *testing.T) {
	plain := serve(t, func(s *mailServer) { s.AllowInsecureAuth = true })
	startTLS, startTLSPool := secured(t, "")
	implicit, implicitPool := secured(t, "implicit")
	for name, test := range map[string]struct {
		url    string
		server *mailServer
		pool   *x509.CertPool
	}{
		"plain on a loopback host": {"smtp://shop:hunter2@127.0.0.1", plain, nil},
		"STARTTLS":                 {"smtp://shop:hunter2@" + host, startTLS, startTLSPool},
		"implicit TLS":             {"smtps://shop:hunter2@" + host, implicit, implicitPool},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, log := configOf(t, test.url, test.server.address)
			cfg.roots = test.pool
			require.Equal(t, Stats{Sent: 1}, sendOne(t, cfg, quick()), log)
			require.Len(t, test.server.all(), 1)
			require.Equal(t, "shop:hunter2", test.server.all()[0].login)
			require.Empty(t, log.String())
			if test.pool != nil {
				require.NotContains(t, test.server.wire.String(), "AUTH", "it was sent in the clear")
			}
		})
	}
}

func TestNothingIsSentOverAConnectionThatCannotBeTrusted(t *testing.T) {
	startTLS, _ := secured(t, "")
	implicit, _ := secured(t, "implicit")
	wrongName, pool := secured(t, "")
	without := serve(t, func(s *mailServer) { s.AllowInsecureAuth = true })
	for name, test := range map[string]struct {
		scheme, host, reason string
		server               *mailServer
		pool                 *x509.CertPool
	}{
		"STARTTLS with an unknown certificate":     {"smtp", host, "certificate signed by unknown authority", startTLS, nil},
		"implicit TLS with an unknown certificate": {"smtps", host, "certificate signed by unknown authority", implicit, nil},
		"a certificate for another host":           {"smtp", "h.example", "not h.example", wrongName, pool},
		"no STARTTLS":                              {"smtp", host, "the server does not offer STARTTLS", without, nil},
		"implicit TLS with a server without TLS":   {"smtps", host, "the server does not speak TLS", without, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, log := configOf(t, test.scheme+"://shop:hunter2@"+test.host, test.server.address)
			cfg.roots = test.pool
			require.Equal(t, Stats{Failed: 1}, sendOne(t, cfg, quick()))
			require.Contains(t, log.String(), test.reason)
			require.Contains(t, log.String(), `msg="mail given up"`)
			require.Contains(t, log.String(), "tries=4")
			requireDiscreet(t, log)
			require.Empty(t, test.server.all())
			for _, word := range []string{"AUTH", "MAIL", "RCPT", "DATA", "ann", "hunter2"} {
				require.NotContains(t, test.server.wire.String(), word)
			}
		})
	}
}

func TestAWrongPasswordIsNotTriedAgain(t *testing.T) {
	server := serve(t, func(s *mailServer) { s.AllowInsecureAuth = true })
	cfg, log := configOf(t, "smtp://shop:hunter22@localhost", server.address)
	require.Equal(t, Stats{Failed: 1}, sendOne(t, cfg, quick()))
	require.Contains(t, log.String(), `level=WARN msg="mail refused" status=535 enhanced_status=5.7.8 tries=1`)
	requireDiscreet(t, log)
	require.Equal(t, 1, strings.Count(server.wire.String(), "AUTH"))
}

func TestALoginThatTheServerDoesNotOfferIsGivenUp(t *testing.T) {
	address, _ := script(t, "220 hi\r\n", map[string]string{"EHLO": "250 hi", "QUIT": "221 bye"})
	cfg, log := configOf(t, "smtp://shop:hunter2@localhost", address)
	require.Equal(t, Stats{Failed: 1}, sendOne(t, cfg, quick()))
	require.Contains(t, log.String(), `reason="the server does not offer a known AUTH mechanism"`)
	requireDiscreet(t, log)
}

func TestAnAddressInUTF8NeedsAServerThatKnowsIt(t *testing.T) {
	server := serve(t, func(s *mailServer) { s.EnableSMTPUTF8 = true })
	cfg, log := configOf(t, "smtp://localhost", server.address)
	q := start(t, cfg, quick())
	for _, to := range []string{"用户@例子.广告", "ann@mail.example"} {
		require.True(t, add(q, &Message{To: to, Subject: "x"}))
		waitFor(t, q, 0)
	}
	require.Equal(t, Stats{Sent: 2}, q.Stats(), log)
	require.Equal(t, "用户@例子.广告", server.all()[0].to)
	require.Equal(t, "no-reply@shop.example SMTPUTF8", server.all()[0].from)
	require.Equal(t, "no-reply@shop.example", server.all()[1].from, "SMTPUTF8 keeps servers from passing on what needs none")
}

func TestASenderInUTF8CanSend(t *testing.T) {
	server := serve(t, func(s *mailServer) { s.EnableSMTPUTF8 = true })
	cfg, log := configOf(t, "smtp://localhost", server.address)
	cfg.From = netmail.Address{Name: "商店", Address: "通知@例子.广告"}
	require.Equal(t, Stats{Sent: 1}, sendOne(t, cfg, quick()), log)
	require.Equal(t, "通知@例子.广告 SMTPUTF8", server.all()[0].from)
}

func TestAServerGetsNoCommandsFromAnAddress(t *testing.T) {
	server := serve(t, nil)
	cfg, _ := configOf(t, "smtp://localhost", server.address)
	q := start(t, cfg, quick())
	add(q, &Message{To: "\"ann> ORCPT=rfc822;eve@mail.example\"@mail.example", Subject: "x"})
	add(q, &Message{To: "ann@mail.example>\r\nRCPT TO:<eve@mail.example", Subject: "x"})
	waitFor(t, q, 0)
	require.Contains(t, server.wire.String(), "RCPT TO:<\"ann> ORCPT=rfc822;eve@mail.example\"@mail.example>\r\n")
	require.NotContains(t, server.wire.String(), "RCPT TO:<eve")
}

func TestAConnectionIsClosedAfterEveryTry(t *testing.T) {
	open := make(chan net.Conn, 10)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("220 hi\r\n"))
			go play(conn, "", map[string]string{"EHLO": "250 hi"})
			open <- conn
		}
	}()
	cfg, _ := configOf(t, "smtp://"+host, listener.Addr().String())
	require.Equal(t, Stats{Failed: 1}, sendOne(t, cfg, quick()))
	require.Len(t, open, 4)
	for range 4 {
		conn := <-open
		require.Eventually(t, func() bool { _, err := conn.Write([]byte("x")); return err != nil }, 5*time.Second, 10*time.Millisecond)
		_ = conn.Close()
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	certificate, pool := certificate(t)
	certificate.MaxVersion = tls.VersionTLS11
	server := serve(t, func(s *mailServer) { s.TLSConfig = certificate })
	cfg, log := configOf(t, "smtp://shop:hunter2@"+host, server.address)
	cfg.roots = pool
	require.Equal(t, Stats{Failed: 1}, sendOne(t, cfg, quick()), log)
	require.NotContains(t, server.wire.String(), "AUTH")
}

var _ smtp.AuthSession = (*session)(nil)
