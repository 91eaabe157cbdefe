package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// attrs are those of the line of a request, and further ones.
func attrs(method, path string, status int, took time.Duration, further ...slog.Attr) []slog.Attr {
	return append([]slog.Attr{
		slog.String("method", method), slog.String("path", path), slog.String("route", "/order/query/:orderid"), slog.Int("status", status),
		slog.Duration("took", took), slog.String("client", "2001:db8::1"), slog.String("request", "NB5SWQ3JNZTWK4TFMFZWK4RAON"),
	}, further...)
}

// onTerminal returns the line of a request, without colours.
func onTerminal(level slog.Level, noColor bool, attrs []slog.Attr) string {
	var log bytes.Buffer
	slog.New(newTerminalHandler(LogConfig{NoColor: noColor}, &log)).LogAttrs(context.Background(), level, "request", attrs...)
	return strings.TrimSuffix(colour.ReplaceAllString(log.String(), ""), "\n")
}

func TestTheLineOfARequestOnATerminalFitsItsColumns(t *testing.T) {
	user := slog.Int64("user", 7)
	long := slog.String("error", strings.Repeat("a long error ", 20))
	for _, test := range []struct {
		name  string
		level slog.Level
		attrs []slog.Attr
		want  string // after the time
	}{
		{"a success", slog.LevelInfo, attrs("POST", "/order/create", 200, 1234*time.Microsecond, user, slog.Int64("order", 41)),
			"INF POST   /order/create          200  1.23ms user=7 id=NB5SWQ3J order=41"},
		{"nobody", slog.LevelInfo, attrs("GET", "/healthz", 200, 98765*time.Nanosecond), "INF GET    /healthz               200    99µs id=NB5SWQ3J"},
		{"a slow one", slog.LevelInfo, attrs("OPTIONS", "/", 204, 61234*time.Millisecond), "INF OPTIONS /                      204 1m1.23s id=NB5SWQ3J"},
		{"a long path", slog.LevelInfo, attrs("DELETE", "/"+strings.Repeat("abcdefghi/", 9), 404, 20*time.Millisecond, user),
			"INF DELETE /abcdefghi/abcdefghi/abcdefghi/abcdefghi… 404    20ms user=7 id=NB5SWQ3J"},
		{"a refusal", slog.LevelWarn, attrs("POST", "/user/login", 429, time.Millisecond, slog.Int("code", 429), slog.String("limit", "logins"),
			slog.String("error", "too many requests, try again later")), ` error="too many requests, try again …"`},
		{"an error that needs the padding of the path", slog.LevelInfo, attrs("GET", "/order/query/99", 200, 1234*time.Microsecond, user,
			slog.Int("code", 1), slog.String("error", "no such order")), `INF GET    /order/query/99     200  1.23ms user=7 id=NB5SWQ3J error="no such order"`},
		{"an error that needs none of it", slog.LevelInfo, attrs("GET", "/order/query/99", 200, 1234*time.Microsecond, user,
			slog.String("error", "not yours")), `INF GET    /order/query/99        200  1.23ms user=7 id=NB5SWQ3J error="not yours"`},
		{"a long error", slog.LevelInfo, attrs("POST", "/user/login", 200, time.Millisecond, slog.Int("code", 1), long), `id=NB5SWQ3J error="a long error a long error a l…"`},
		{"the largest user", slog.LevelInfo, attrs("GET", "/user/sessions/"+strings.Repeat("9", 24), 200, time.Minute, slog.Int64("user", math.MaxInt64), long), "…"},
		{"a method of a client's own", slog.LevelWarn, attrs(strings.Repeat("BREW", 50), "/", 405, time.Second), "WRN BREWBR… /"},
		{"Chinese", slog.LevelInfo, attrs("GET", strings.Repeat("订单", 40), 200, time.Second, slog.String("error", strings.Repeat("订单", 40))), "订单… 200      1s id="},
		{"what a terminal would obey", slog.LevelInfo, attrs(hostile, hostile, 200, time.Second, slog.String("error", hostile)), `[31m`},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, noColor := range []bool{true, false} {
				line := onTerminal(test.level, noColor, test.attrs)
				require.LessOrEqual(t, width(line), columns, line)
				require.Contains(t, line, test.want)
				require.NotRegexp(t, `[[:cntrl:]]|\x{7f}|[\x{80}-\x{9f}]`, line)
			}
		})
	}
}

func TestWhatExplainsAFailureOfOursIsNotCut(t *testing.T) {
	cause := errors.New(strings.Repeat("a long error ", 20))
	line := onTerminal(slog.LevelError, true, attrs("GET", "/"+strings.Repeat("x", 200), 500, time.Second, slog.Any("error", cause), slog.String("stack", "goroutine 1:\nmain")))
	require.Contains(t, line, ` error="`+cause.Error()+`" stack="goroutine 1:\nmain"`)
	require.Contains(t, line, "xxx… 500      1s id=NB5SWQ3J error=")
}

func TestWhatIsNoTerminalGetsAllOfARequest(t *testing.T) {
	path := "/" + strings.Repeat("x", 200)
	for _, asJSON := range []bool{false, true} {
		var log bytes.Buffer
		NewLogger(LogConfig{JSON: asJSON}, &log).LogAttrs(t.Context(), slog.LevelInfo, "request", attrs("GET", path, 200, time.Second)...)
		for _, text := range []string{"request", path, "/order/query/:orderid", "2001:db8::1", "NB5SWQ3JNZTWK4TFMFZWK4RAON"} {
			require.Contains(t, log.String(), text)
		}
	}
}

func TestOnlyTheLineOfARequestIsShortened(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(newTerminalHandler(LogConfig{NoColor: true}, &log)).With("job", "backup").WithGroup("of")
	logger.Info("request", "body", strings.Repeat("x", 200))
	logger.Error("job failed", "error", strings.Repeat("x", 200))
	require.Contains(t, log.String(), " request   job=backup of.body="+strings.Repeat("x", 200)+"\n")
	require.Contains(t, log.String(), " job failed job=backup of.error="+strings.Repeat("x", 200)+"\n")
}
