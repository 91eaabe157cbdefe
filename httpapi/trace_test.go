package httpapi_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

func TestTheTraceOfARequestIsInItsLine(t *testing.T) {
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, test := range []struct{ name, header, want string }{
		{"as the specification has it", "00-" + id + "-" + parent + "-01", id},
		{"not sampled", "00-" + id + "-" + parent + "-00", id},
		{"of a later version", "cc-" + id + "-" + parent + "-01-what-the-future-holds", id},
		{"absent", "", ""},
		{"all zeros", "00-" + strings.Repeat("0", 32) + "-" + parent + "-01", ""},
		{"in upper case", "00-" + strings.ToUpper(id) + "-" + parent + "-01", ""},
		{"cut off", "00-" + id, ""},
		{"an attempt to forge a line", "00-" + id + "\nlevel=ERROR-" + parent + "-01", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
			r := httpapitest.Request("GET /nothing", "", "")
			if test.header != "" {
				r.Header.Set("Traceparent", test.header)
			}
			serve(t, engine, r)
			if test.want == "" {
				require.NotContains(t, log.String(), "trace=")
			} else {
				require.Contains(t, log.String(), " trace="+test.want+" ")
			}
		})
	}
}
