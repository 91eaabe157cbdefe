package order

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
)

func TestProduct(t *testing.T) {
	for typed, want := range map[string]string{
		"product1": "product1", "  product1\t\n": "product1", "一部手机": "一部手机", "a  b": "a  b", "😀": "😀",
		"\u3000full width space\u00a0": "full width space", "<b>&amp;</b>": "<b>&amp;</b>", "'; DROP TABLE orders; --": "'; DROP TABLE orders; --",
		strings.Repeat("品", 200): strings.Repeat("品", 200), " " + strings.Repeat("a", 200) + " ": strings.Repeat("a", 200),
		"": "", "  ": "", "\u3000": "", "a\nb": "", "a\tb": "", "a\x7fb": "", "a\u0085b": "", "a\x1b[31m": "",
		strings.Repeat("品", 201): "",
	} {
		var p product
		err := p.UnmarshalText([]byte(typed))
		require.Equal(t, want, string(p), "%q", typed)
		if want == "" {
			require.ErrorIs(t, err, textProduct, "%q", typed)
		} else {
			require.NoError(t, err, "%q", typed)
		}
	}
}

func TestAnOrderIsWrittenAsTheTutorialHasIt(t *testing.T) {
	o := order{
		ID: 1, UserID: 1<<63 - 1, Product: "product1", Price: 10000, Status: statusCreated,
		CreatedAt: httpapi.Timestamp{Time: time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.FixedZone("", 3600))},
		UpdatedAt: httpapi.Timestamp{Time: time.Date(2026, 1, 2, 2, 4, 6, 0, time.UTC)}, Version: 3, Metadata: `{"size":"M"}`,
	}
	const want = `{"id":"1","userid":"9223372036854775807","product":"product1","price":100.0,` +
		`"status":"created","created_at":"2026-01-02T02:04:05.600Z",` +
		`"updated_at":"2026-01-02T02:04:06.000Z","version":3,"metadata":{"size":"M"}}`
	require.Equal(t, want, string(o.AppendJSON(nil)), "clients may depend on the exact text") //nolint:testifylint // JSONEq is too weak for that
}
