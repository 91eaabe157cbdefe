package httpapi_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/certificate/certificatetest"
	"userorder/httpapi"
)

// startTLS serves an engine with an echo over TLS until stop is called. Client trusts it, and speaks HTTP/2 if h2.
func startTLS(t *testing.T, h2 bool) (address string, client *http.Client, stop func(), ended <-chan error) {
	authority := certificatetest.New(t)
	chain, key := authority.Issue(t, time.Hour, "127.0.0.1")
	engine := newEngine(t, httpapi.Config{})
	engine.POST("/echo", httpapi.Handle(func(c *gin.Context) error {
		body, err := io.ReadAll(c.Request.Body)
		if err != nil {
			return err
		}
		return httpapi.OK(c, httpapi.Text{ZH: "好", EN: "good"}, gin.H{"body": string(body), "protocol": c.Request.Proto})
	}))
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		result <- httpapi.Serve(ctx, httpapi.Bound(listener, httpapi.Bounds{Total: 1000}), engine, httpapi.ServeConfig{
			Log: silent, IdleTimeout: time.Minute,
			TLS: &tls.Config{Certificates: []tls.Certificate{certificatetest.Pair(t, chain, key)}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}},
		})
	}()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}, ForceAttemptHTTP2: h2}
	t.Cleanup(transport.CloseIdleConnections)
	return listener.Addr().String(), &http.Client{Transport: transport, Timeout: 20 * time.Second}, cancel, result
}

func TestServeOverTLSFinishesRequestsInFlightBeforeItStops(t *testing.T) {
	for protocol, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			address, client, stop, ended := startTLS(t, h2)
			first, err := client.Get("https://" + address + "/healthz")
			require.NoError(t, err)
			_ = first.Body.Close()
			body, rest := io.Pipe()
			type answer struct {
				text string
				err  error
			}
			answers := make(chan answer, 1)
			go func() {
				response, err := client.Post("https://"+address+"/echo", "text/plain", body)
				if err != nil {
					answers <- answer{err: err}
					return
				}
				text, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				answers <- answer{string(text), err}
			}()
			_, err = io.WriteString(rest, "first")
			require.NoError(t, err)
			time.Sleep(50 * time.Millisecond) // the server has begun to read
			stop()
			select {
			case err := <-ended:
				t.Fatalf("it stopped with a request in flight: %v", err)
			case <-time.After(time.Second):
			}
			_, err = io.WriteString(rest, "+last")
			require.NoError(t, err)
			require.NoError(t, rest.Close())
			got := <-answers
			require.NoError(t, got.err)
			require.Contains(t, got.text, "first+last")
			require.Contains(t, got.text, protocol)
			require.NoError(t, <-ended)
		})
	}
}

func TestServeOverTLSStopsAtOnceWithIdleConnections(t *testing.T) {
	for protocol, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			address, client, stop, ended := startTLS(t, h2)
			response, err := client.Get("https://" + address + "/healthz")
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			silentConn, err := net.Dial("tcp", address) // whose handshake never comes
			require.NoError(t, err)
			defer func() { _ = silentConn.Close() }()
			began := time.Now()
			stop()
			require.NoError(t, <-ended)
			require.Less(t, time.Since(began), 5*time.Second)
		})
	}
}

func TestPlainHTTPIsRefusedAtThePortOfTLS(t *testing.T) {
	t.Parallel()
	address, _, stop, ended := startTLS(t, false)
	response, err := http.Get("http://" + address + "/healthz")
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 400, response.StatusCode)
	require.True(t, strings.HasPrefix(string(text), "Client sent an HTTP request to an HTTPS server."), string(text))
	stop()
	require.NoError(t, <-ended)
}
