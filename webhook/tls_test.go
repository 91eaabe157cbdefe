package webhook

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/certificate/certificatetest"
)

// certify returns a certificate for an address that is valid until a time, and the pool that trusts it.
func certify(t *testing.T, address string, until time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	authority := certificatetest.New(t)
	chain, key := authority.IssueBetween(t, until.Add(-48*time.Hour), until, address, "hunter2.example")
	return certificatetest.Pair(t, chain, key), authority.Pool()
}

func TestOverTLSTheCertificateMustBeValid(t *testing.T) {
	soon, ago := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	for name, test := range map[string]struct {
		address string
		until   time.Time
		trusted bool
		change  func(*tls.Config)
		want    error
		proto   string
	}{
		"valid":                  {address: "127.0.0.1", until: soon, trusted: true, proto: "HTTP/2.0"},
		"valid, HTTP/1.1 alone":  {address: "127.0.0.1", until: soon, trusted: true, proto: "HTTP/1.1", change: func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }},
		"signed by itself":       {address: "127.0.0.1", until: soon, want: invalidIdentity},
		"expired":                {address: "127.0.0.1", until: ago, trusted: true, want: invalidIdentity},
		"of another host":        {address: "127.0.0.2", until: soon, trusted: true, want: invalidIdentity},
		"TLS 1.1":                {address: "127.0.0.1", until: soon, trusted: true, want: tlsFailed, change: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }},
		"TLS 1.2":                {address: "127.0.0.1", until: soon, trusted: true, proto: "HTTP/2.0", change: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }},
		"a certificate is asked": {address: "127.0.0.1", until: soon, trusted: true, want: tlsFailed, change: func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert; c.MaxVersion = tls.VersionTLS12 }},
	} {
		t.Run(name, func(t *testing.T) {
			certificate, pool := certify(t, test.address, test.until)
			proto := ""
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { proto = r.Proto }))
			server.EnableHTTP2 = true
			server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
			if test.change != nil {
				test.change(server.TLS)
			}
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			t.Cleanup(server.Close)
			client := clientOf(t, timeout)
			if test.trusted {
				client.secure.TLSClientConfig.RootCAs = pool
			}
			err := client.Send(t.Context(), at(t, server.URL), message)
			if test.want == nil {
				require.NoError(t, err)
			} else {
				require.Equal(t, test.want, err)
			}
			require.Equal(t, test.proto, proto)
		})
	}
}

// One connection serves all calls, so one that hangs must cost the others nothing.
func TestOverHTTP2ACallThatHangsLeavesTheOthersTheirConnection(t *testing.T) {
	t.Parallel()
	certificate, pool := certify(t, "127.0.0.1", time.Now().Add(time.Hour))
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Webhook-Id") {
		case "evt_hangs":
			<-r.Context().Done()
		case "evt_drips":
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "evt_breaks":
			panic(http.ErrAbortHandler)
		}
	}))
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	client := clientOf(t, impatient)
	client.secure.TLSClientConfig.RootCAs = pool
	to := at(t, server.URL)
	for id, want := range map[string]error{"evt_hangs": noAnswer, "evt_drips": nil, "evt_breaks": invalidAnswer} {
		for range 3 {
			err := client.Send(t.Context(), to, Message{id, message.Body})
			if want == nil {
				require.NoError(t, err, id)
			} else {
				require.Equal(t, want, err, id)
			}
			require.NoError(t, client.Send(t.Context(), to, message), id)
		}
	}
	require.EqualValues(t, 1, opened.Load())
}

func TestAReceiverThatSpeaksNoTLS(t *testing.T) {
	for name, test := range map[string]struct {
		handle func(net.Conn)
		want   Failure
	}{
		"HTTP": {answering("HTTP/1.1 400 Bad Request\r\n\r\n"), noAnswer}, // it waits for the rest of a request
		"a mail": {func(conn net.Conn) {
			_, _ = io.WriteString(conn, "220 hunter2 ESMTP\r\n")
			_, _ = io.Copy(io.Discard, conn)
		}, tlsFailed},
		"nothing": {func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, noAnswer},
		"a reset": {func(conn net.Conn) { readHello(conn); reset(conn) }, closed},
		"an end":  {readHello, closed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := strings.Replace(rawReceiver(t, test.handle), "http://", "https://u:hunter2@", 1)
			require.Equal(t, test.want, clientOf(t, impatient).Send(t.Context(), at(t, address), message))
		})
	}
}

// readHello reads the beginning of a handshake.
func readHello(conn net.Conn) { _, _ = conn.Read(make([]byte, 4<<10)) }

func TestAProxyIsForHTTPSAlone(t *testing.T) {
	var asked atomic.Int32
	status := http.StatusProxyAuthRequired
	address := rawReceiver(t, func(conn net.Conn) {
		asked.Add(1)
		if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil && r.Method == http.MethodConnect {
			_, _ = io.WriteString(conn, "HTTP/1.1 "+strconv.Itoa(status)+" hunter2\r\n\r\n")
		}
	})
	proxy, err := url.Parse(address)
	require.NoError(t, err)
	client := clientOf(t, timeout)
	require.NotNil(t, client.secure.Proxy)
	client.secure.Proxy = http.ProxyURL(proxy)
	require.Equal(t, Failure("proxy status 407"), client.Send(t.Context(), at(t, "https://shop.example"), message))
	require.EqualValues(t, 1, asked.Load())
	require.NoError(t, client.Send(t.Context(), at(t, receiver(t, func(http.ResponseWriter, *http.Request) {})), message))
	require.Nil(t, client.plain.Proxy)
	require.EqualValues(t, 1, asked.Load())

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	client.secure.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: listener.Addr().String()})
	require.Equal(t, proxyFailed, client.Send(t.Context(), at(t, "https://shop.example"), message))
}
