package webhook

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

func TestAFailureIsInOurWords(t *testing.T) {
	for name, test := range map[string]struct {
		handle func(net.Conn)
		want   Failure
	}{
		"it never answers":         {answering(""), noAnswer},
		"the header drips":         {dripping("HTTP/1.1 200 OK\r\nX: ", "x"), noAnswer},
		"the status line drips":    {dripping("HTTP/1.1 2", "0"), noAnswer},
		"it never gets to an end":  {dripping("", "HTTP/1.1 102 Processing\r\n\r\n"), noAnswer},
		"a reset at once":          {reset, closed},
		"a reset after the header": {func(conn net.Conn) { readRequest(conn); reset(conn) }, closed},
		"closed at once":           {func(net.Conn) {}, closed},
		"closed after the request": {readRequest, closed},
		"closed in the header":     {func(conn net.Conn) { readRequest(conn); _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: hunter2") }, closed},
		"closed in the status":     {func(conn net.Conn) { readRequest(conn); _, _ = io.WriteString(conn, "HTTP/1.1 20") }, invalidAnswer},
		"not HTTP":                 {answering("220 hunter2 ESMTP\r\n"), invalidAnswer},
		"an invalid header":        {answering("HTTP/1.1 200 OK\r\nhunter2\r\n\r\n"), invalidAnswer},
		"an invalid length":        {answering("HTTP/1.1 200 OK\r\nContent-Length: hunter2\r\n\r\n"), invalidAnswer},
		"an endless header":        {dripping("HTTP/1.1 200 OK\r\n", "X: "+strings.Repeat("hunter2", 10<<10)+"\r\n"), invalidAnswer},
		"an endless status line":   {dripping("HTTP/1.1 200 ", strings.Repeat("hunter2", 10<<10)), invalidAnswer},
		"a number for a status":    {answering("HTTP/1.1 999 hunter2\r\n\r\n"), "status 999"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := clientOf(t, impatient)
			if test.want == invalidAnswer {
				client = clientOf(t, timeout)
			}
			began := time.Now()
			err := client.Send(t.Context(), at(t, rawReceiver(t, test.handle)+"/?hunter2"), message)
			require.Equal(t, test.want, err)
			require.Less(t, time.Since(began), 5*time.Second)
		})
	}
}

// reset makes the system answer with a reset.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func TestAReceiverThatIsNotThere(t *testing.T) {
	client := clientOf(t, timeout)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	for _, scheme := range []string{"http://", "https://"} {
		require.Equal(t, refused, client.Send(t.Context(), at(t, scheme+listener.Addr().String()), message))
	}
	require.Equal(t, cannotConnect, client.Send(t.Context(), Endpoint{}, message))
}

// names serves DNS: each lookup of an IPv4 address gets the next of answers, several separated by spaces, the last one
// again and again. An empty answer says that there is no such name, and "broken" that the server fails.
func names(t *testing.T, answers ...string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var query dnsmessage.Message
			if query.Unpack(buffer[:n]) != nil || len(query.Questions) != 1 {
				continue
			}
			reply := dnsmessage.Message{Header: dnsmessage.Header{ID: query.ID, Response: true}, Questions: query.Questions}
			question := query.Questions[0]
			switch answer := answers[0]; {
			case answer == "broken":
				reply.RCode = dnsmessage.RCodeServerFailure
			case answer == "":
				reply.RCode = dnsmessage.RCodeNameError
			case question.Type == dnsmessage.TypeA:
				answers = answers[min(1, len(answers)-1):]
				for address := range strings.FieldsSeq(answer) {
					reply.Answers = append(reply.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET},
						Body:   &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()},
					})
				}
			}
			if packed, err := reply.Pack(); err == nil {
				_, _ = conn.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestANameIsJudgedByTheAddressOfEachConnection(t *testing.T) {
	var taken atomic.Int32
	server, err := url.Parse(receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		taken.Add(1)
		w.Header().Set("Connection", "close") // so that the name is looked up again
	}))
	require.NoError(t, err)
	for name, test := range map[string]struct {
		answers []string
		want    []error
	}{
		"loopback":                  {[]string{"127.0.0.1"}, []error{nil, nil}},
		"public":                    {[]string{"203.0.113.7"}, []error{notAllowed}},
		"a cloud's credentials":     {[]string{"169.254.169.254"}, []error{notAllowed}},
		"shared by a carrier":       {[]string{"100.64.0.1"}, []error{notAllowed}},
		"any":                       {[]string{"0.0.0.0"}, []error{notAllowed}},
		"public the second time":    {[]string{"127.0.0.1", "203.0.113.7"}, []error{nil, notAllowed}},
		"loopback the second time":  {[]string{"203.0.113.7", "127.0.0.1"}, []error{notAllowed, nil}},
		"both, of which one is let": {[]string{"203.0.113.7 127.0.0.1"}, []error{nil, nil}},
		"none":                      {[]string{""}, []error{hostNotFound}},
		"a server that fails":       {[]string{"broken"}, []error{lookupFailed}},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(timeout, names(t, test.answers...), []Secret{parsed(t, NewSecret())})
			t.Cleanup(client.Close)
			before := taken.Load()
			for _, want := range test.want {
				err := client.Send(t.Context(), at(t, "http://hooks.shop.example.:"+server.Port()), message)
				if want == nil {
					before++
					require.NoError(t, err)
				} else {
					require.Equal(t, want, err)
				}
			}
			require.Equal(t, before, taken.Load())
		})
	}
}
