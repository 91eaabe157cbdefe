package mail

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// send tries to send a message, and blocks until that has succeeded or failed or ctx ends. It returns nil if the server
// has accepted the message, even if the session fails afterwards, and a *failure otherwise.
func (c *Config) send(ctx context.Context, message *gomail.Msg) error {
	options := c.options(ctx)
	if isASCII(c.From.Address) && isASCII(message.GetTo()[0].Address) {
		options = append(options, gomail.WithoutSMTPUTF8()) // a relay behind the server may not support it
	}
	client, err := gomail.NewClient(c.Server.host, options...)
	if err != nil {
		return failureOf(ctx, err)
	}
	err = client.DialAndSendWithContext(ctx, message)
	if err == nil || message.IsDelivered() {
		return nil
	}
	return failureOf(ctx, err)
}

// Check begins a session with the server, with TLS and its login as for a mail, and ends it without sending one. It blocks
// until ctx ends at most. The error has no text of the server.
func (c *Config) Check(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := gomail.NewClient(c.Server.host, c.options(ctx)...)
	if err == nil {
		err = client.DialWithContext(ctx)
	}
	if err != nil {
		f := failureOf(ctx, err)
		if f.status != 0 {
			return fmt.Errorf("%w with status %d", f, f.status)
		}
		return f
	}
	_ = client.Close() // which ends the session
	return nil
}

// options returns the options of go-mail for one try.
func (c *Config) options(ctx context.Context) []gomail.Option {
	connect := func(context.Context, string, string) (net.Conn, error) { return c.connect(ctx) }
	options := []gomail.Option{
		gomail.WithDialContextFunc(connect),
		gomail.WithTimeout(time.Hour), // never reached: the connection ends with ctx
		gomail.WithTLSConfig(c.tls()),
		gomail.WithTLSPolicy(gomail.TLSMandatory),
		gomail.WithHELO(domainOf(c.From)),
		gomail.WithoutNoop(),
		gomail.WithoutRset(),
	}
	plain := c.Server.isLoopback() && !c.Server.implicitTLS
	if plain {
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if c.Server.implicitTLS { // connect does the handshake
		options = append(options, gomail.WithSSL())
	}
	if c.Server.user != "" {
		options = append(options, login(plain))
		options = append(options, gomail.WithUsername(c.Server.user), gomail.WithPassword(c.Server.password))
	}
	return options
}

// login prefers PLAIN and LOGIN, which nearly all servers accept. The password is under TLS, or stays on this machine.
func login(plain bool) gomail.Option {
	if plain {
		return gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc)
	}
	return gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthPlain, gomail.SMTPAuthLogin)
}

// connect returns a connection that is closed when ctx ends: go-mail respects ctx only while it dials, and leaves the
// connection open if the session does not begin.
func (c *Config) connect(ctx context.Context) (net.Conn, error) {
	dial := c.dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, "tcp", c.Server.address())
	if err != nil {
		return nil, &connectError{err}
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	if !c.Server.implicitTLS {
		return conn, nil
	}
	secured := tls.Client(conn, c.tls())
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secured, nil
}

func (c *Config) tls() *tls.Config {
	return &tls.Config{ServerName: c.Server.host, RootCAs: c.roots, MinVersion: tls.VersionTLS12}
}
