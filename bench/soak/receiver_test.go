package soak

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReceiverCountsEventsOnceAndKnowsTheirOrder(t *testing.T) {
	r := &Receiver{versions: map[string]int{}}
	take := func(event int, order string, version int, status string) error {
		return r.take(fmt.Sprint("evt_", event), fmt.Appendf(nil, `{"data":{"id":%q,"version":%d,"status":%q}}`, order, version, status))
	}
	require.NoError(t, take(1000, "1", 1, "created"))
	require.NoError(t, take(2, "2", 1, "created"))
	require.NoError(t, take(1001, "1", 2, "paid"))
	require.NoError(t, take(1000, "1", 1, "created"), "an event may come again")
	require.NoError(t, take(3, "2", 2, "cancelled"))
	require.NoError(t, take(2, "2", 1, "created"))
	require.ErrorContains(t, take(1003, "1", 4, "completed"), "version 4 of order 1 follows version 2")
	require.Error(t, take(-1, "1", 1, "created"))
	_, distinct := r.counts()
	require.Equal(t, 5, distinct)
	require.Empty(t, r.versions, "it keeps orders that are closed")
}

func TestReceiverVerifiesSignatures(t *testing.T) {
	r := &Receiver{secret: []byte("012345678901234567890123")}
	const body = `{"type":"order.paid","timestamp":"2026-01-02T03:04:05.678Z","data":{"id":"57","userid":"1","product":"product1","price":100.0,"status":"paid","created_at":"2026-01-01T09:00:00.000Z","updated_at":"2026-01-02T03:04:05.678Z","version":2}}`
	header := http.Header{"Webhook-Id": {"evt_12"}, "Webhook-Timestamp": {"1767323046"}, "Webhook-Signature": {"v1,7NayHbKEA4It+2e4YkoAdw0Qz6FSPSaWygl/6zhCW3o="}}
	require.NoError(t, r.verify(header, []byte(body)), "the example of docs/webhooks.md")
	require.Error(t, r.verify(header, []byte(body+" ")))
}
