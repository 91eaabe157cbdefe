package load

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

// countdown sends left requests and rejects a response with status 418.
type countdown struct{ left int }

func (c *countdown) Next(r *fasthttp.Request) bool {
	c.left--
	r.SetRequestURI("/asked")
	return c.left >= 0
}

func (*countdown) Check(r *fasthttp.Response) error {
	if r.StatusCode() == http.StatusTeapot {
		return errors.New("a teapot")
	}
	return nil
}

func serve(t *testing.T, handler http.HandlerFunc) (address string) {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestRunCountsRequestsAfterTheWarmUp(t *testing.T) {
	var asked, warm atomic.Int64
	address := serve(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	scripts := []Script{&countdown{left: 1000}, &countdown{left: 1000}}
	result, err := Load{
		Address: address, Scripts: scripts, Warmup: time.Millisecond, For: time.Minute,
		Begin: func() error { warm.Store(asked.Load()); return nil },
	}.Run(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2000, asked.Load())
	require.EqualValues(t, asked.Load()-warm.Load(), result.Requests)
	require.Positive(t, result.Rate)
	require.GreaterOrEqual(t, result.P999, result.P50)
}

func TestAWrongResponseFailsTheRun(t *testing.T) {
	var asked atomic.Int64
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 500 {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	_, err := Load{Address: address, Scripts: []Script{&countdown{left: 1000}, &countdown{left: 1000}}, For: time.Minute}.Run(t.Context())
	require.EqualError(t, err, "GET /asked: a teapot")
}

func TestARefusedConnectionFailsTheRun(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	_, err = Load{Address: listener.Addr().String(), Scripts: []Script{&countdown{left: 1}}, For: time.Minute}.Run(t.Context())
	require.ErrorContains(t, err, "refused")
}

func TestClientsReconnectWhenTheServerClosesConnections(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	result, err := Load{Address: address, Scripts: []Script{&countdown{left: 50}}, For: time.Minute}.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, 50, result.Requests)
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	upTo := func(n int) (values []time.Duration) {
		for i := range n {
			values = append(values, time.Duration(i+1))
		}
		return values
	}
	for _, test := range []struct {
		values            []time.Duration
		thousandths, want int
	}{
		{nil, 500, 0},
		{upTo(1), 500, 1},
		{upTo(1), 999, 1},
		{upTo(4), 500, 2},
		{upTo(5), 500, 3},
		{upTo(100), 990, 99},
		{upTo(100), 999, 100},
		{upTo(1000), 999, 999},
		{upTo(10_000), 999, 9990},
		{upTo(10), 0, 1},
		{upTo(10), 1000, 10},
	} {
		require.EqualValues(t, test.want, Percentile(test.values, test.thousandths), "%d of %d", test.thousandths, len(test.values))
	}
}

func TestLimitedScriptsSendANumberOfRequestsTogether(t *testing.T) {
	var asked atomic.Int64
	address := serve(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	script := Limit(func(int) Script { return &countdown{left: 1000} }, 150)
	result, err := Load{Address: address, Scripts: []Script{script(0), script(1), script(2)}, For: time.Minute}.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, 150, result.Requests)
	require.EqualValues(t, 150, asked.Load())
}
