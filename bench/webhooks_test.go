package main

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"userorder/bench/contender"
	"userorder/bench/work"
)

// hookWith returns a webhook with a number of orders, whose receiver says how many events it has taken.
func hookWith(t *testing.T, orders int, taken func() int64) *webhook {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strconv.FormatInt(taken(), 10)))
	}))
	t.Cleanup(server.Close)
	h := &webhook{receiver: &contender.Server{Address: server.Listener.Addr().String()}}
	response := &fasthttp.Response{}
	response.SetBodyString(`{"code":0,"data":{"id":"1"}}`)
	for range orders {
		require.NoError(t, work.Create(nil, &h.made)(0).Check(response))
	}
	return h
}

func TestArriveWaitsForTheEventOfEachOrder(t *testing.T) {
	var asked atomic.Int64
	h := hookWith(t, 3, func() int64 { return asked.Add(1) })
	require.NoError(t, h.arrive(t.Context()))
	require.EqualValues(t, 3, asked.Load())
}

func TestMoreEventsThanOrdersFailTheRow(t *testing.T) {
	h := hookWith(t, 3, func() int64 { return 4 })
	require.EqualError(t, h.arrive(t.Context()), "4 events arrived of 3 orders")
}
